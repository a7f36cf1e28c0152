// Package simd is the CPU backend's inner loops in assembly. A function's name ends in what
// the processor must have:
//
//	AVX2    AVX2, FMA and F16C
//	AVX512  these and AVX-512 F, BW, VL and DQ
//	VNNI    these and AVX-512 VNNI
//	NEON    Advanced SIMD, which every arm64 processor has
//	SDOT    NEON and FEAT_DotProd
//
// The functions take pointers and lengths and check nothing; a length of 0 is not allowed
// unless it is said to be. Package cpu, the only user, says in plain Go what each computes
// and holds it to that in its tests. The files for amd64 are written by the program in
// ../asmgen, those for arm64 by hand.
package simd

//go:generate sh -c "cd ../asmgen && go run . -dir ../simd"
