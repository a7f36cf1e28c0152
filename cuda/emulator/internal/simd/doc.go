// Package simd is the emulator's loops over the 32 lanes of a warp in amd64 assembly, for
// processors with AVX2, FMA and F16C. Package emulator, the only user, says in plain Go what
// each computes and holds it to that in its tests. All files but this one are written by the
// program in ../asmgen.
package simd

//go:generate sh -c "cd ../asmgen && go run . -dir ../simd"
