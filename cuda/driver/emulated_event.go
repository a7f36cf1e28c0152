//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import "time"

// event is a mark in a stream: the time at which the work before it was done.
type event struct {
	context  *context
	timed    bool
	recorded int // times it was recorded
	done     int // of those, how many came to pass
	at       time.Time
	capture  *capture        // recorded into a capture: then only that sees it
	clock    map[*stream]int // what of the capture lies before it
}

func (o *event) owner() *context { return o.context }

func onEvent(h C.CUevent, call func(m *machine, e *event) Result) C.CUresult {
	return inContext(func(m *machine, _ *context) Result {
		e, ok := lookup[*event](m, number(h))
		if !ok {
			return m.badHandle("event", number(h))
		}
		return call(m, e)
	})
}

//export potion_emulated_cuEventCreate
func potion_emulated_cuEventCreate(out *C.CUevent, flags C.uint) C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		e := &event{context: c, timed: flags&C.CU_EVENT_DISABLE_TIMING == 0}
		*out = handlePointer[C.CUevent](m.add(e))
		return Success
	})
}

//export potion_emulated_cuEventDestroy_v2
func potion_emulated_cuEventDestroy_v2(h C.CUevent) C.CUresult {
	return onEvent(h, func(m *machine, _ *event) Result {
		delete(m.handles, number(h))
		return Success
	})
}

//export potion_emulated_cuEventRecord
func potion_emulated_cuEventRecord(h C.CUevent, hs C.CUstream) C.CUresult {
	return onStream(hs, func(m *machine, s *stream) Result {
		e, ok := lookup[*event](m, number(h))
		if !ok {
			return m.badHandle("event", number(h))
		}
		if e.context != s.context {
			return m.fail(InvalidHandle, "event and stream are of different contexts")
		}
		if s.capture != nil {
			e.capture, e.clock = s.capture, s.capture.before(s)
			return Success
		}
		e.capture = nil
		e.recorded++
		turn := e.recorded
		return m.submit(s, operation{kind: kindMark, run: func() error {
			e.done, e.at = turn, time.Now()
			return nil
		}})
	})
}

//export potion_emulated_cuEventSynchronize
func potion_emulated_cuEventSynchronize(h C.CUevent) C.CUresult {
	return onEvent(h, func(m *machine, e *event) Result {
		if e.capture != nil {
			return m.fail(907, "the event was recorded in a capture")
		}
		for e.done < e.recorded && len(e.context.queue) > 0 {
			if r := m.settle(e.context, 1); r != Success {
				return r
			}
		}
		return Success
	})
}

//export potion_emulated_cuEventQuery
func potion_emulated_cuEventQuery(h C.CUevent) C.CUresult {
	return onEvent(h, func(m *machine, e *event) Result {
		if e.capture != nil {
			return m.fail(907, "the event was recorded in a capture")
		}
		if e.done < e.recorded {
			if r := m.settle(e.context, 1); r != Success {
				return r
			}
		}
		if e.done < e.recorded {
			return NotReady
		}
		return Success
	})
}

// The times are the host's, when the emulator came to the events.
//
//export potion_emulated_cuEventElapsedTime
func potion_emulated_cuEventElapsedTime(ms *C.float, from, to C.CUevent) C.CUresult {
	return onEvent(from, func(m *machine, a *event) Result {
		b, ok := lookup[*event](m, number(to))
		switch {
		case !ok:
			return m.badHandle("event", number(to))
		case !a.timed || !b.timed || a.recorded == 0 || b.recorded == 0 || a.capture != nil || b.capture != nil:
			return m.fail(InvalidHandle, "cuEventElapsedTime: both events must be timed and recorded")
		case a.done < a.recorded || b.done < b.recorded:
			return NotReady
		}
		*ms = C.float(float64(b.at.Sub(a.at)) / float64(time.Millisecond))
		return Success
	})
}

//export potion_emulated_cuStreamWaitEvent
func potion_emulated_cuStreamWaitEvent(hs C.CUstream, h C.CUevent, _ C.uint) C.CUresult {
	return onStream(hs, func(m *machine, s *stream) Result {
		e, ok := lookup[*event](m, number(h))
		switch {
		case !ok:
			return m.badHandle("event", number(h))
		case e.capture != nil:
			return m.join(s, e)
		case s.capture != nil:
			if e.recorded == 0 {
				return Success
			}
			s.capture.broken = true
			return m.fail(905, "a captured stream waits for an event that was recorded outside of the capture")
		case e.context == s.context:
			return m.submit(s, operation{kind: kindMark, run: func() error { return nil }})
		}
		for e.done < e.recorded && len(e.context.queue) > 0 { // of another device: wait here
			if r := m.settle(e.context, 1); r != Success {
				return r
			}
		}
		return Success
	})
}
