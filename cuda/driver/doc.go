// Package driver stands between gorgonia.org/cu and the CUDA driver, so that a
// program that contains both starts on any Linux machine, needs no CUDA toolkit
// to be built, and can run on emulated devices.
//
// By itself cu links with libcuda, includes NVIDIA's cuda.h, calls cuInit from an
// init function and exits the process when that fails. Here it finds other
// things in their places:
//
//	cu (unmodified)        this package
//	     |                      |
//	     |  cuMemAlloc ...      |  cuFuncSetAttribute, cuStreamBeginCapture ...
//	     +----------+-----------+
//	                v
//	       trampolines.c            one small C function for each call, hidden
//	                |               from other libraries, which follows
//	                v
//	    the table in use            nothing, until Open:
//	       |            |
//	       v            v
//	 libcuda.so.1   emulated*.go    entries found by dlopen and dlsym, or Go
//	 (driver)           |           functions that C can call
//	                    v
//	              package emulator
//
// The header is include/cuda.h, our own. The compiler finds it by CGO_CFLAGS,
// which the Makefile sets; cu's directive -lcuda is satisfied by lib/libcuda.a,
// an archive with nothing in it. The trampolines and the table are generated
// from the header (go generate). The binary so depends on libc alone.
//
// The cuInit that cu's init function reaches does nothing and succeeds. The true
// one runs in Open, which puts a library in use only when it has all the
// required calls and started well, and otherwise says why not (Cause). Until
// then, and when that failed, cu sees 0 devices and any other call returns
// CUDA_ERROR_NOT_INITIALIZED. There is one table in a process, so Open binds the
// process to hardware or to emulated devices for good.
//
// Every package that imports cu must import this one too, if only for its
// effect on the linker; a test watches over it.
//
// # Beyond cu
//
// What an inference backend needs and cu lacks is declared here, with cu's types:
// LoadModule (compiler log in the error), SetMaxDynamicShared, Launch without
// allocation, AllocPinned and FreePinned, BeginCapture, EndCapture, Graph and
// GraphExec, and device attributes that are newer than cu. Check gives cu's
// errors NVIDIA's names and the emulator's words. Streams, events, copies,
// fills, memory figures and occupancy are used through cu itself.
//
// # The emulated driver
//
// Work given to a stream waits in a queue until a call has to wait for it, as on
// hardware: copies of pinned memory read and write it then, kernels fail then,
// and the error comes out of the call that waits and of every later one in that
// context. LastError has the emulator's message for the calling thread. Default and non-blocking
// streams, events, capture on one or several streams, and graphs follow the
// rules of the CUDA driver API reference. Calls without a counterpart, such as
// textures, managed memory or linking, return CUDA_ERROR_NOT_SUPPORTED, and
// LastUnsupported has their name.
//
// Without the build tag cuda, without cgo and on other systems only Open and its
// companions exist, and say "built without CUDA".
package driver
