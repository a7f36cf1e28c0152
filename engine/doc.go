// Package engine is the contract between a language model and the device that
// computes it, and nothing that belongs to one device only.
//
// A [Backend] owns memory and carries out about a dozen operations; the model
// (package model) is written once against it. Package cpu is the backend that runs
// everywhere and serves as the specification of the others; package backendtest
// holds every backend to the same answers. What a backend may offer beyond that, for speed,
// are small interfaces found by type assertion, with the plain operations beside them as
// their specification: [Fused], [Embedder] (fuse.go) and [Sampler] (sampler.go).
//
// # Shape letters
//
// These letters mean the same in every comment and test of the project:
//
//	T  rows: tokens in a step
//	C  channels: the width of the residual stream (n_embd)
//	H  query heads;  G  key/value heads (H is a multiple of G)
//	D  head size
//	K  inner size of a matrix product, the one that is summed over
//	N  outer size of a matrix product: rows of a weight
//	V  vocabulary size
//	L  layers
//	P  positions in the KV cache that a row attends to
//
// # Memory
//
// Activations are row-major float32 matrices [T, C] (type [Tensor], around a
// gorgonia Dense). Weights are packed bytes in one of the formats of package format,
// a row after the other, and never unpacked as a whole (type [Weight]). Keys and
// values live in pages of [PageLen] tokens (type [KV]); a [Step] says which page
// holds which position of which sequence.
//
// # Errors
//
// A wrong shape is a mistake of the program: it panics, always in the form
// "engine: Op: what is wrong" (check.go). What the world does wrong, such as a device
// that runs out of memory, is an error. Operations only queue work, so a failure of
// theirs is kept and comes out of the next Sync or Read.
package engine
