// Package cuda is the backend for NVIDIA GPUs: PTX kernels written by hand (package
// kernels), compiled by the driver and launched through gorgonia.org/cu.
//
//	b, err := cuda.Open(cuda.Options{})                // the first GPU
//	b, err := cuda.Open(cuda.Options{Emulated: true})  // a device in software
//
// It needs the NVIDIA driver and no CUDA toolkit; package driver says how the driver is
// found, and package emulator what stands in for it on a machine without a GPU. Built
// without the tag cuda, without cgo or for another system than Linux, Open says so.
//
// # From a call to the device
//
// A CUDA context belongs to a thread, a Go goroutine does not. So a Backend has one
// goroutine, locked to a thread on which its context is current, that makes all driver
// calls. Operations write commands into a batch, without allocating; a full batch, or
// one that ends with a command that must be waited for (Read, Sync), goes to that
// goroutine. Everything runs on one stream, in the order of the calls: memory may be
// freed and used again while what used it before is still queued.
//
//	Backend.RMSNorm ... Attend      checks, grid, arguments
//	        |  batch of commands    (one for each launch, copy or fill)
//	        v
//	device.run, locked thread       gorgonia.org/cu, cuda/driver
//	        |  one stream
//	        v
//	driver or emulator
//
// Decoding gives the device the same commands for token after token, because all that
// changes lies in memory: the token, its position, the page table, the choice's random
// number. The goroutine recognises sequences that come again and hands each to the driver as
// one CUDA graph (graph.go): a token is an upload, a graph and a download that is waited for.
//
// The first error of a command is kept, later commands are dropped, and the next Sync or
// Read returns it. An error that loses the device, such as an illegal address in a kernel,
// stays: every later Sync and Read returns it at once, Close still works, and the program
// can go on with another backend.
//
// # Memory
//
// Tensors, weights and pages are cut from chunks of 2 MiB multiples (arena.go). Weights
// are rewritten to the kernels' layout (package repack) in pieces that fit the pinned
// buffers they are uploaded through. Identifiers, positions and page tables of a step are
// copied once for each content of a step, in one copy (step.go).
package cuda
