//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"fmt"

	"github.com/potion-engine/potion/cuda/driver"
)

// A program that generates text gives the device the same commands for token after token:
// only what lies at the addresses changes. The device's goroutine recognises that and hands
// such a sequence to the driver as one graph, which takes the processor a few microseconds
// instead of a few for every kernel.
//
// A sequence goes from a kernel to the next command that somebody waits for; the copies before
// it, which bring the step, are made at once. It is kept when it is first seen and recorded
// when it is seen again: while commands equal the beginning of a sequence that is known, they
// are held back; if the whole is equal, its graph runs, and if not, they run one by one.
// Either way the device does the same work in the same order.
const (
	// minLaunches is from how many kernels on a sequence is worth a graph.
	minLaunches = 8
	// maxCommands is the longest sequence that is kept: a step of a model of 500 layers.
	maxCommands = 8192
	// maxSequences is how many are known at a time: steps of one token, of as many as are
	// spoken with at once, with samplers and without.
	maxSequences = 8
)

// sequences are the sequences of a device that are known.
type sequences struct {
	off     bool      // the driver has no graphs, or failed to make one
	current []command // since the last command that was waited for
	held    bool      // current waits to be recognised
	long    bool      // current is longer than is kept
	among   [maxSequences]bool
	known   [maxSequences]sequence
	clock   uint64 // counts sequences
}

// sequence is commands that came one after another.
type sequence struct {
	commands []command
	graph    driver.GraphExec
	recorded bool
	used     uint64 // when it came last
}

// recordable says whether a graph can hold what the action asks for.
func (a action) recordable() bool {
	return a == launch || a == upload || a == copying || a == fill
}

// same says whether two commands that can be recorded ask for the same.
func (c *command) same(o *command) bool {
	if c.action != o.action {
		return false
	}
	switch c.action {
	case launch:
		if c.kernel != o.kernel || c.extent != o.extent || c.shared != o.shared || c.arguments != o.arguments {
			return false
		}
		for i := range c.arguments {
			if c.slots[i] != o.slots[i] {
				return false
			}
		}
		return true
	case upload:
		return c.dst == o.dst && c.host == o.host && c.bytes == o.bytes
	case copying:
		return c.dst == o.dst && c.src == o.src && c.bytes == o.bytes
	}
	return c.dst == o.dst && c.value == o.value && c.bytes == o.bytes
}

// take adds a command to the current sequence and does it, or holds it back.
func (d *device) take(c *command) {
	s := &d.sequences
	n := len(s.current)
	if s.off || s.long || n == 0 && c.action != launch {
		d.attempt(c)
		return
	}
	if n == maxCommands {
		d.release()
		s.long = true
		d.attempt(c)
		return
	}
	known := (n == 0 || s.held) && s.narrow(n, c)
	if !known {
		d.release()
	}
	s.held = known
	s.current = append(s.current, *c)
	if !s.held {
		d.attempt(c)
	}
}

// narrow leaves those sequences in among whose command n is c as well, and says whether
// there are any.
func (s *sequences) narrow(n int, c *command) bool {
	found := false
	for i := range s.known {
		k := &s.known[i]
		s.among[i] = (n == 0 || s.among[i]) && n < len(k.commands) && k.commands[n].same(c)
		found = found || s.among[i]
	}
	return found
}

// release does the commands that are held back.
func (d *device) release() {
	s := &d.sequences
	if s.held {
		s.held = false
		for i := range s.current {
			d.attempt(&s.current[i])
		}
	}
}

// finish ends the current sequence: it runs what is held back, as a graph if it is known.
func (d *device) finish() {
	s := &d.sequences
	if s.off || len(s.current) == 0 {
		s.current, s.long = s.current[:0], false
		return
	}
	s.clock++
	known := s.find()
	switch {
	case known != nil && d.err == nil:
		known.used = s.clock
		d.replay(known)
	case known == nil:
		d.release()
		if !s.long && worthGraph(s.current) {
			s.learn()
		}
	}
	s.current, s.held, s.long = s.current[:0], false, false
}

// find is the known sequence that the current one is, or nil.
func (s *sequences) find() *sequence {
	for i := range s.known {
		if s.held && s.among[i] && len(s.known[i].commands) == len(s.current) {
			return &s.known[i]
		}
	}
	return nil
}

func worthGraph(commands []command) bool {
	n := 0
	for i := range commands {
		if commands[i].action == launch {
			n++
		}
	}
	return n >= minLaunches
}

// learn keeps the current sequence instead of the one that came longest ago, of those
// without a graph if there are any.
func (s *sequences) learn() {
	oldest := &s.known[0]
	for i := range s.known {
		k := &s.known[i]
		if k.recorded == oldest.recorded && k.used < oldest.used || oldest.recorded && !k.recorded {
			oldest = k
		}
	}
	oldest.forget()
	oldest.commands = append(oldest.commands[:0], s.current...)
	oldest.used = s.clock
}

func (k *sequence) forget() error {
	k.commands = k.commands[:0]
	if !k.recorded {
		return nil
	}
	k.recorded = false
	return k.graph.Destroy()
}

// replay runs a known sequence as a graph, which it records if that was not done yet.
func (d *device) replay(k *sequence) {
	s := &d.sequences
	if !k.recorded {
		if err := d.record(k); err != nil {
			s.off = true // the driver's own reason is of no use to anybody: all goes on without
			d.release()
			return
		}
	}
	if err := k.graph.Launch(d.stream); err != nil {
		d.keep(fmt.Errorf("a step of %d commands: %w", len(k.commands), err))
	}
}

// record makes a graph of a sequence. Nothing of it runs.
func (d *device) record(k *sequence) error {
	if err := driver.BeginCapture(d.stream, driver.CaptureThreadLocal); err != nil {
		return err
	}
	var failed error
	for i := range k.commands {
		if failed = d.execute(&k.commands[i]); failed != nil {
			break
		}
	}
	g, err := driver.EndCapture(d.stream) // also after a failure: the stream must be free again
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	k.graph, err = g.Instantiate()
	k.recorded = err == nil
	return errors.Join(err, g.Destroy())
}

// forgetAll gives all graphs back.
func (s *sequences) forgetAll() error {
	for i := range s.known {
		if err := s.known[i].forget(); err != nil {
			return err
		}
	}
	return nil
}
