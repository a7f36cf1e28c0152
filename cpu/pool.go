package cpu

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// task is work over the items 0..n-1 that can be cut anywhere. An item is computed in
// the same way whoever does it, so that results do not depend on the number of threads.
type task interface {
	// run does the items [from, to). worker is 0 for the caller and 1.. for the pool's
	// own threads; no two parts run at the same time with the same number.
	run(worker, from, to int)
}

const (
	// partsPerWorker is into how many parts a task is cut for each worker. More than one,
	// so that a worker that the system takes off its core holds up a small part only.
	partsPerWorker = 8
	// A worker without work looks for some spinLooks times between pauses, and lets other
	// goroutines run spinRounds times, before it sleeps. It is longer than the caller's serial
	// work between two operations, and short enough to leave the core to others between two
	// tokens of a slow reader: about a tenth of a millisecond.
	spinRounds = 20
	spinLooks  = 100
)

// pool is a fixed set of goroutines that share the items of one task at a time with the
// caller. Running a task creates nothing: no goroutine, no channel, no allocation.
//
// The parts of a task are handed out by a ticket, one word that holds the serial number
// of the task, how many parts were taken and how many there are. Only who has taken a
// part reads the task's fields, and they change only after all parts are done; a worker
// that wakes too late finds no part left and touches nothing.
type pool struct {
	workers []*poolWorker // the goroutines besides the caller
	done    sync.WaitGroup
	closed  atomic.Bool

	task  task
	items int

	last    chan struct{} // wakes the caller
	failure atomic.Pointer[workerPanic]

	// What threads write while others look at it has cache lines of its own.
	_        [64]byte
	ticket   atomic.Uint64 // serial<<32 | taken<<16 | parts
	_        [64]byte
	finished atomic.Int32 // parts of the current task that are done
	waiting  atomic.Bool  // the caller sleeps until the last part is done
	_        [64]byte
}

// poolWorker is one goroutine of the pool.
type poolWorker struct {
	asleep atomic.Bool
	wake   chan struct{}
}

// workerPanic is a panic inside a part, carried to the caller.
type workerPanic struct {
	value any
	stack []byte
}

// newPool starts threads-1 goroutines; the caller of run is the last of the threads.
func newPool(threads int) *pool {
	p := &pool{last: make(chan struct{}, 1)}
	for range threads - 1 {
		p.workers = append(p.workers, &poolWorker{wake: make(chan struct{}, 1)})
	}
	p.done.Add(len(p.workers))
	for i, w := range p.workers {
		go p.loop(i+1, w)
	}
	return p
}

// threads is the number of threads that work on a task, the caller included.
func (p *pool) threads() int { return len(p.workers) + 1 }

// run does the items 0..n-1 of t and returns when all are done. No part is smaller than
// least items, so that small work stays with the caller. A panic in any part is raised
// again here, once no part is running any more.
func (p *pool) run(t task, n, least int) {
	parts := min(n/max(least, 1), p.threads()*partsPerWorker, 1<<16-1)
	if parts <= 1 || len(p.workers) == 0 {
		if n > 0 {
			t.run(0, 0, n)
		}
		return
	}
	p.task, p.items = t, n
	p.finished.Store(0)
	p.failure.Store(nil)
	serial := p.ticket.Load()>>32 + 1
	p.ticket.Store(serial<<32 | uint64(parts))
	for i, w := range p.workers {
		if i+1 < parts && w.asleep.Load() && w.asleep.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
	for p.takePart(0) {
	}
	p.await(int32(parts))
	p.task = nil
	if f := p.failure.Load(); f != nil {
		if f.stack == nil {
			panic(f.value)
		}
		panic(fmt.Sprintf("%v\n\nin a worker:\n%s", f.value, f.stack))
	}
}

// await returns when all parts are done: after a short spin it sleeps.
func (p *pool) await(parts int32) {
	for range spinRounds {
		for range spinLooks {
			if p.finished.Load() == parts {
				return
			}
			pause()
		}
		runtime.Gosched()
	}
	p.waiting.Store(true)
	if p.finished.Load() == parts && p.waiting.CompareAndSwap(true, false) {
		return
	}
	<-p.last
}

// takePart takes a part of the current task and does it. It returns false if none is
// left.
func (p *pool) takePart(worker int) bool {
	for {
		t := p.ticket.Load()
		taken, parts := int(t>>16&0xffff), int(t&0xffff)
		if taken >= parts {
			return false
		}
		if !p.ticket.CompareAndSwap(t, t+1<<16) {
			continue
		}
		p.doPart(worker, taken, parts)
		if p.finished.Add(1) == int32(parts) && p.waiting.CompareAndSwap(true, false) {
			p.last <- struct{}{}
		}
		return true
	}
}

func (p *pool) doPart(worker, part, parts int) {
	defer func() {
		if v := recover(); v != nil {
			f := &workerPanic{value: v}
			if worker > 0 {
				f.stack = debug.Stack()
			}
			p.failure.CompareAndSwap(nil, f)
		}
	}()
	p.task.run(worker, part*p.items/parts, (part+1)*p.items/parts)
}

// loop is the life of a worker.
func (p *pool) loop(id int, w *poolWorker) {
	defer p.done.Done()
	for !p.closed.Load() {
		if !p.spin(id) {
			p.sleep(w)
		}
	}
}

// spin does parts while there are any and returns false after a while without.
func (p *pool) spin(id int) bool {
	for range spinRounds {
		for range spinLooks {
			if p.takePart(id) {
				return true
			}
			pause()
		}
		runtime.Gosched()
	}
	return false
}

// sleep waits to be woken. The flag goes up before the last look at the ticket, and run
// sets the ticket before it looks at the flags: one of the two sees the other.
func (p *pool) sleep(w *poolWorker) {
	w.asleep.Store(true)
	t := p.ticket.Load()
	if (t>>16&0xffff < t&0xffff || p.closed.Load()) && w.asleep.CompareAndSwap(true, false) {
		return
	}
	<-w.wake
}

// close stops the workers and waits for them. Tasks run on the caller alone afterwards.
func (p *pool) close() {
	if p.closed.Swap(true) {
		return
	}
	for _, w := range p.workers {
		if w.asleep.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
	p.done.Wait()
}
