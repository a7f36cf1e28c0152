//go:build cuda && cgo && linux

package driver

// #include "shim.h"
import "C"

import (
	"fmt"

	"gorgonia.org/cu"
)

// CaptureMode says which calls are forbidden while a stream is captured, because
// they would run at once instead of being recorded.
type CaptureMode int

// The modes of capture.
const (
	CaptureGlobal      CaptureMode = C.CU_STREAM_CAPTURE_MODE_GLOBAL       // on any thread
	CaptureThreadLocal CaptureMode = C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL // on the capturing thread
	CaptureRelaxed     CaptureMode = C.CU_STREAM_CAPTURE_MODE_RELAXED      // none
)

// GraphsSupported tells whether the open driver can record and replay graphs;
// drivers before CUDA 11.0 cannot.
func GraphsSupported() bool {
	return CurrentMode() == Emulated || CurrentMode() == Hardware && Version() >= 11000
}

// BeginCapture records what is queued on s from now on, instead of running it.
// s must not be the default stream.
func BeginCapture(s cu.Stream, mode CaptureMode) error {
	return check("cuStreamBeginCapture", C.cuStreamBeginCapture_v2(streamHandle(s), C.CUstreamCaptureMode(mode)))
}

// Capturing tells whether s is being captured. A capture that a forbidden call
// broke counts, until EndCapture.
func Capturing(s cu.Stream) (bool, error) {
	var status C.CUstreamCaptureStatus
	r := C.cuStreamIsCapturing(streamHandle(s), &status)
	return status != C.CU_STREAM_CAPTURE_STATUS_NONE, check("cuStreamIsCapturing", r)
}

// EndCapture ends the recording and returns it.
func EndCapture(s cu.Stream) (Graph, error) {
	var g Graph
	r := C.cuStreamEndCapture(streamHandle(s), &g.handle)
	return g, check("cuStreamEndCapture", r)
}

// Graph is a recording of queued work.
type Graph struct{ handle C.CUgraph }

// Nodes is the number of launches, copies and fills in the graph.
func (g Graph) Nodes() (int, error) {
	var n C.size_t
	r := C.cuGraphGetNodes(g.handle, nil, &n)
	return int(n), check("cuGraphGetNodes", r)
}

// Destroy forgets the recording; what was instantiated from it stays.
func (g Graph) Destroy() error { return check("cuGraphDestroy", C.cuGraphDestroy(g.handle)) }

// Instantiate makes the graph ready to run.
func (g Graph) Instantiate() (GraphExec, error) {
	var e GraphExec
	var log [1024]C.char
	r := C.cuGraphInstantiate_v2(&e.handle, g.handle, nil, &log[0], C.size_t(len(log)))
	err := check("cuGraphInstantiate", r)
	if failed, ok := err.(*Error); ok && log[0] != 0 {
		failed.Detail = C.GoString(&log[0])
	}
	return e, err
}

// GraphExec is a graph that can be launched, many times.
type GraphExec struct{ handle C.CUgraphExec }

// Launch queues the whole graph on s.
func (e GraphExec) Launch(s cu.Stream) error {
	return check("cuGraphLaunch", C.cuGraphLaunch(e.handle, streamHandle(s)))
}

// Upload moves what the graph needs to the device ahead of its first launch.
// Drivers before CUDA 11.1 lack it and return NotSupported.
func (e GraphExec) Upload(s cu.Stream) error {
	return check("cuGraphUpload", C.cuGraphUpload(e.handle, streamHandle(s)))
}

// Update gives e the arguments of g, a recording of the same work with other
// arguments; that is far cheaper than Instantiate. When the work differs, the
// error's Result is GraphUpdateFailure and e is as before.
func (e GraphExec) Update(g Graph) error {
	var node C.CUgraphNode
	var why C.CUgraphExecUpdateResult
	r := C.cuGraphExecUpdate(e.handle, g.handle, &node, &why)
	err := check("cuGraphExecUpdate", r)
	if failed, ok := err.(*Error); ok && failed.Result == GraphUpdateFailure {
		failed.Detail = fmt.Sprintf("%s; instantiate the new graph instead", updateNames[why])
	}
	return err
}

var updateNames = map[C.CUgraphExecUpdateResult]string{
	C.CU_GRAPH_EXEC_UPDATE_ERROR:                    "it failed for an unknown reason",
	C.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED:   "the graphs have other nodes or dependencies",
	C.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED:  "a node is of another kind",
	C.CU_GRAPH_EXEC_UPDATE_ERROR_FUNCTION_CHANGED:   "a node launches a kernel of another kind",
	C.CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED: "a node's parameters changed in an unsupported way",
	C.CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED:      "something about a node is unsupported",
}

// Destroy frees the graph once it has run.
func (e GraphExec) Destroy() error {
	return check("cuGraphExecDestroy", C.cuGraphExecDestroy(e.handle))
}
