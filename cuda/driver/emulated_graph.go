//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import "maps"

// capture is a recording under way. Which operation may run beside which other
// is kept as a vector clock for each stream: how many operations of the
// recording, counted in the order of the calls, lie before its next one.
type capture struct {
	origin *stream
	mode   C.CUstreamCaptureMode
	ops    []operation
	clocks map[*stream]map[*stream]int // of each stream: what it has seen of the others
	last   map[*stream]int             // the number of its last operation
	broken bool
}

// graph is a finished recording, graphExec a copy that is ready to run.
type graph struct {
	context *context
	ops     []operation
}

func (o *graph) owner() *context { return o.context }

type graphExec struct{ graph }

// before is what an event recorded on s now would stand for.
func (g *capture) before(s *stream) map[*stream]int {
	clock := maps.Clone(g.clocks[s])
	clock[s] = g.last[s]
	return clock
}

// record appends an operation to the recording.
func (m *machine) record(s *stream, op operation) Result {
	g := s.capture
	if g.broken {
		return m.fail(CaptureInvalidated, "the capture was broken by an earlier call")
	}
	g.ops = append(g.ops, op)
	g.last[s] = len(g.ops)
	return Success
}

// join makes a stream wait for an event of a capture, which takes it in.
func (m *machine) join(s *stream, e *event) Result {
	g := e.capture
	if _, active := s.context.captures[g]; !active {
		return m.fail(CaptureUnmatched, "the event was recorded in a capture that has ended")
	}
	switch {
	case s.standard:
		g.broken = true
		return m.fail(CaptureImplicit, "the default stream cannot be captured")
	case s.capture == nil:
		s.capture, g.clocks[s] = g, map[*stream]int{}
	case s.capture != g:
		g.broken, s.capture.broken = true, true
		return m.fail(902, "an event joins two captures")
	}
	for other, n := range e.clock {
		g.clocks[s][other] = max(g.clocks[s][other], n)
	}
	return Success
}

// forbidden refuses calls that run at once while something is recorded, since a
// replay would not repeat them. Threads are not told apart.
func (m *machine) forbidden(c *context, call string) Result {
	for g := range c.captures {
		if g.mode != C.CU_STREAM_CAPTURE_MODE_RELAXED {
			g.broken = true
			return m.fail(CaptureUnsupported, "%s while a stream is captured", call)
		}
	}
	return Success
}

// implicit reports, and breaks, captures of streams that the default stream orders
// itself with: its work would have to be part of them.
func (c *context) implicit() bool {
	found := false
	for g := range c.captures {
		for s := range g.clocks {
			if !s.free {
				g.broken, found = true, true
			}
		}
	}
	return found
}

// dissolve ends a capture.
func (m *machine) dissolve(g *capture) {
	for s := range g.clocks {
		s.capture = nil
	}
	delete(g.origin.context.captures, g)
}

//export potion_emulated_cuStreamBeginCapture_v2
func potion_emulated_cuStreamBeginCapture_v2(h C.CUstream, mode C.CUstreamCaptureMode) C.CUresult {
	return onStream(h, func(m *machine, s *stream) Result {
		switch {
		case s.standard:
			return m.fail(CaptureUnsupported, "the default stream cannot be captured")
		case s.capture != nil:
			return m.fail(401, "the stream is being captured already")
		case mode > C.CU_STREAM_CAPTURE_MODE_RELAXED:
			return m.fail(InvalidValue, "capture mode %d", mode)
		}
		g := &capture{origin: s, mode: mode, clocks: map[*stream]map[*stream]int{s: {}}, last: map[*stream]int{}}
		s.capture, s.context.captures[g] = g, true
		return Success
	})
}

//export potion_emulated_cuStreamIsCapturing
func potion_emulated_cuStreamIsCapturing(h C.CUstream, status *C.CUstreamCaptureStatus) C.CUresult {
	return onStream(h, func(_ *machine, s *stream) Result {
		switch {
		case s.capture == nil:
			*status = C.CU_STREAM_CAPTURE_STATUS_NONE
		case s.capture.broken:
			*status = C.CU_STREAM_CAPTURE_STATUS_INVALIDATED
		default:
			*status = C.CU_STREAM_CAPTURE_STATUS_ACTIVE
		}
		return Success
	})
}

//export potion_emulated_cuStreamEndCapture
func potion_emulated_cuStreamEndCapture(h C.CUstream, out *C.CUgraph) C.CUresult {
	return onStream(h, func(m *machine, s *stream) Result {
		*out = nil
		g := s.capture
		switch {
		case g == nil:
			return m.fail(401, "the stream is not being captured")
		case g.origin != s:
			g.broken = true
			return m.fail(CaptureUnmatched, "the capture began on another stream")
		}
		m.dissolve(g)
		if g.broken {
			return m.fail(CaptureInvalidated, "the capture was broken by an earlier call")
		}
		for other, last := range g.last {
			if other != s && g.clocks[s][other] < last {
				return m.fail(CaptureUnjoined, "the stream that began the capture does not wait for the end of another one in it")
			}
		}
		*out = handlePointer[C.CUgraph](m.add(&graph{s.context, g.ops}))
		return Success
	})
}

//export potion_emulated_cuGraphCreate
func potion_emulated_cuGraphCreate(out *C.CUgraph, _ C.uint) C.CUresult {
	return inContext(func(m *machine, c *context) Result {
		*out = handlePointer[C.CUgraph](m.add(&graph{context: c}))
		return Success
	})
}

func onGraph(h C.CUgraph, call func(m *machine, g *graph) Result) C.CUresult {
	return inContext(func(m *machine, _ *context) Result {
		g, ok := lookup[*graph](m, number(h))
		if !ok {
			return m.badHandle("graph", number(h))
		}
		return call(m, g)
	})
}

//export potion_emulated_cuGraphDestroy
func potion_emulated_cuGraphDestroy(h C.CUgraph) C.CUresult {
	return onGraph(h, func(m *machine, _ *graph) Result {
		delete(m.handles, number(h))
		return Success
	})
}

// The nodes are counted, not listed: they have no handles here.
//
//export potion_emulated_cuGraphGetNodes
func potion_emulated_cuGraphGetNodes(h C.CUgraph, nodes *C.CUgraphNode, n *C.size_t) C.CUresult {
	return onGraph(h, func(m *machine, g *graph) Result {
		if nodes != nil {
			return m.fail(NotSupported, "cuGraphGetNodes gives the number of nodes only")
		}
		*n = C.size_t(len(g.ops))
		return Success
	})
}

//export potion_emulated_cuGraphInstantiate_v2
func potion_emulated_cuGraphInstantiate_v2(out *C.CUgraphExec, h C.CUgraph, node *C.CUgraphNode, log *C.char, size C.size_t) C.CUresult {
	return onGraph(h, func(m *machine, g *graph) Result {
		*out = handlePointer[C.CUgraphExec](m.add(&graphExec{*g}))
		return Success
	})
}

func onGraphExec(h C.CUgraphExec, call func(m *machine, e *graphExec) Result) C.CUresult {
	return inContext(func(m *machine, _ *context) Result {
		e, ok := lookup[*graphExec](m, number(h))
		if !ok {
			return m.badHandle("executable graph", number(h))
		}
		return call(m, e)
	})
}

//export potion_emulated_cuGraphLaunch
func potion_emulated_cuGraphLaunch(h C.CUgraphExec, hs C.CUstream) C.CUresult {
	return onStream(hs, func(m *machine, s *stream) Result {
		e, ok := lookup[*graphExec](m, number(h))
		if !ok {
			return m.badHandle("executable graph", number(h))
		}
		for _, op := range e.ops {
			if r := m.submit(s, op); r != Success {
				return r
			}
		}
		return Success
	})
}

//export potion_emulated_cuGraphUpload
func potion_emulated_cuGraphUpload(h C.CUgraphExec, _ C.CUstream) C.CUresult {
	return onGraphExec(h, func(*machine, *graphExec) Result { return Success })
}

//export potion_emulated_cuGraphExecUpdate
func potion_emulated_cuGraphExecUpdate(h C.CUgraphExec, hg C.CUgraph, _ *C.CUgraphNode, why *C.CUgraphExecUpdateResult) C.CUresult {
	return onGraphExec(h, func(m *machine, e *graphExec) Result {
		g, ok := lookup[*graph](m, number(hg))
		if !ok {
			return m.badHandle("graph", number(hg))
		}
		*why = C.CU_GRAPH_EXEC_UPDATE_SUCCESS
		if len(g.ops) != len(e.ops) {
			*why = C.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED
		} else {
			for i := range g.ops {
				if g.ops[i].kind != e.ops[i].kind {
					*why = C.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED
				}
			}
		}
		if *why != C.CU_GRAPH_EXEC_UPDATE_SUCCESS {
			return m.fail(GraphUpdateFailure, "the graph's operations differ from those that were instantiated")
		}
		e.ops = g.ops
		return Success
	})
}

//export potion_emulated_cuGraphExecDestroy
func potion_emulated_cuGraphExecDestroy(h C.CUgraphExec) C.CUresult {
	return onGraphExec(h, func(m *machine, _ *graphExec) Result {
		delete(m.handles, number(h))
		return Success
	})
}
