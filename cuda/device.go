//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/potion-engine/potion/cuda/driver"
)

// action is what a command asks for.
type action uint8

const (
	launch   action = iota
	upload          // bytes from pinned memory to address dst
	copying         // bytes from address src to address dst
	fill            // bytes at address dst: words of value, or any number of zero bytes
	mark            // an event
	call            // a function, which its caller waits for
	download        // bytes from address src to pinned memory; waits for all before it
	settle          // waits for all before it
)

// maxArguments is the most that a kernel of ours takes.
const maxArguments = 24

// command is one thing for the device's goroutine to do. Which fields count depends on
// the action.
type command struct {
	action
	kernel    *kernel
	extent    driver.Extent
	shared    uint32
	arguments int
	slots     [maxArguments]uint64

	dst, src uint64
	value    uint32
	host     unsafe.Pointer // pinned
	bytes    int64
	event    cu.Event
	function func() error
}

// batchLen is how many commands go to the device's goroutine at a time: enough that
// handing them over costs little for each, few enough that the device has work soon.
const batchLen = 32

type batch struct {
	commands [batchLen]command
	n        int
}

// device is the goroutine that owns a CUDA context, and what belongs to the context.
type device struct {
	number cu.Device
	name   string
	ctx    cu.CUContext
	stream cu.Stream
	full   chan *batch // to the goroutine
	empty  chan *batch // back from it
	done   chan error  // answers to commands that are waited for

	sequences sequences

	err  error // the first failure not yet told
	lost bool  // err stays for good
	told bool  // err of a lost device was told
}

// batches is how many go round: one that is filled, one that is worked on, one between.
const batches = 3

// start makes a context for a device on a thread of its own.
func start(number cu.Device, name string) (*device, error) {
	d := &device{
		number: number, name: name,
		full: make(chan *batch, batches), empty: make(chan *batch, batches), done: make(chan error, 1),
	}
	for range batches {
		d.empty <- new(batch)
	}
	go d.run()
	if err := <-d.done; err != nil {
		return nil, err
	}
	return d, nil
}

// run does commands until full is closed. The thread ends with it: nothing else may run
// on a thread that had this context.
func (d *device) run() {
	runtime.LockOSThread()
	err := d.open()
	d.done <- err
	if err != nil {
		return
	}
	for b := range d.full {
		for i := range b.n {
			d.do(&b.commands[i])
		}
		b.n = 0
		d.empty <- b
	}
	d.done <- d.close()
}

func (d *device) open() (err error) {
	if d.ctx, err = d.number.MakeContext(cu.SchedAuto); err != nil {
		return driver.Check("making a context", err)
	}
	if d.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return errors.Join(driver.Check("making a stream", err), d.ctx.Destroy())
	}
	d.sequences.off = !driver.GraphsSupported()
	return nil
}

// close destroys the context and with it memory, modules and streams. It returns a failure
// that nobody was told; what a lost device says to being destroyed adds nothing to it.
func (d *device) close() error {
	d.finish()
	if d.err == nil {
		d.attempt(&command{action: settle})
	}
	if d.err == nil {
		d.err = driver.Check("forgetting graphs", d.sequences.forgetAll())
	}
	err := driver.Check("destroying the context", d.ctx.Destroy())
	switch {
	case d.told:
		return nil
	case d.lost:
		return d.err
	}
	return errors.Join(d.err, err)
}

// do carries a command out, unless one before it failed, or holds it back until it is clear
// what it belongs to.
func (d *device) do(c *command) {
	if c.recordable() {
		d.take(c)
		return
	}
	d.finish()
	if c.action == call {
		err := c.function()
		c.function = nil
		d.done <- err
		return
	}
	d.attempt(c)
	if c.action == download || c.action == settle {
		d.done <- d.tell()
	}
}

// attempt executes a command, unless one before it failed, and keeps its failure.
func (d *device) attempt(c *command) {
	if d.err != nil {
		return
	}
	if err := d.execute(c); err != nil {
		d.keep(err)
	}
}

func (d *device) execute(c *command) error {
	switch c.action {
	case launch:
		if err := driver.Launch(c.kernel.function, &c.extent, c.shared, d.stream, c.slots[:c.arguments]); err != nil {
			return fmt.Errorf("%s: %w", c.kernel.Entry, err)
		}
	case upload:
		return driver.Check("cuMemcpyHtoDAsync", cu.MemcpyHtoDAsync(cu.DevicePtr(c.dst), c.host, c.bytes, d.stream))
	case copying:
		return driver.Check("cuMemcpyDtoDAsync", cu.MemcpyDtoDAsync(cu.DevicePtr(c.dst), cu.DevicePtr(c.src), c.bytes, d.stream))
	case fill:
		if c.bytes%4 != 0 {
			return driver.Check("cuMemsetD8Async", cu.MemsetD8Async(cu.DevicePtr(c.dst), byte(c.value), c.bytes, d.stream))
		}
		return driver.Check("cuMemsetD32Async", cu.MemsetD32Async(cu.DevicePtr(c.dst), uint(c.value), c.bytes/4, d.stream))
	case mark:
		return driver.Check("cuEventRecord", c.event.Record(d.stream))
	case download:
		if err := cu.MemcpyDtoHAsync(c.host, cu.DevicePtr(c.src), c.bytes, d.stream); err != nil {
			return driver.Check("cuMemcpyDtoHAsync", err)
		}
		return driver.Check("cuStreamSynchronize", d.stream.Synchronize())
	case settle:
		return driver.Check("cuStreamSynchronize", d.stream.Synchronize())
	}
	return nil
}

// keep notes a failure for whoever asks next.
func (d *device) keep(err error) {
	if r, ok := driver.ResultOf(err); ok && r.Lost() {
		d.lost = true
		err = fmt.Errorf("%s is lost to this process's context: %w; open it again or go on with the CPU", d, err)
	} else {
		err = fmt.Errorf("%s: %w", d, err)
	}
	d.err = err
}

// tell is the first failure, which is told once, or, of a lost device, for ever.
func (d *device) tell() error {
	err := d.err
	if d.lost {
		d.told = true
	} else {
		d.err = nil
	}
	return err
}

func (d *device) String() string {
	return fmt.Sprintf("cuda: device %d (%s)", int(d.number), d.name)
}

// queue is the caller's side of a device: the batch that it fills.
type queue struct {
	device *device
	batch  *batch
	closed bool
}

var errClosed = errors.New("cuda: the backend is closed")

// next is the place for another command. The caller sets all fields that count for its
// action.
func (q *queue) next(a action) *command {
	if q.batch.n == batchLen {
		q.flush()
	}
	c := &q.batch.commands[q.batch.n]
	q.batch.n++
	c.action = a
	return c
}

// flush hands the batch over.
func (q *queue) flush() {
	q.device.full <- q.batch
	q.batch = <-q.device.empty
}

// wait hands the batch over, whose last command answers, and returns the answer.
func (q *queue) wait() error {
	q.flush()
	return <-q.device.done
}

// do calls a function on the device's thread, after the commands before it.
func (q *queue) do(f func() error) error {
	if q.closed {
		return errClosed
	}
	q.next(call).function = f
	return q.wait()
}

// sync waits for everything queued.
func (q *queue) sync() error {
	if q.closed {
		return errClosed
	}
	q.next(settle)
	return q.wait()
}

// close ends the goroutine and destroys the context.
func (q *queue) close() error {
	if q.closed {
		return nil
	}
	q.flush()
	q.closed = true
	close(q.device.full)
	return <-q.device.done
}
