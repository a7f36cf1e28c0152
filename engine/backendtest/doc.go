// Package backendtest holds every backend to the same answers.
//
// It has three parts. The oracle (oracle.go, oracle_attend.go) states every operation
// of [engine.Ops] and [engine.Fused] as naive float64 loops, written from the formulas in
// the contract. The cases (one file per operation or family) are data: shapes, formats,
// layouts and awkward numbers. A backend runs them with [Case.Run] or [Suite]; what it may differ
// by stands in one table (tolerance.go).
//
// A case checks, in this order:
//
//   - guard rows round every tensor are untouched, and inputs are unchanged;
//   - a second call gives the same bits, whatever the destination held before;
//   - NaN and infinities are where the oracle has them;
//   - NMSE = sum (got-want)^2 / sum want^2 is within the table;
//   - the worst element, measured against itself or the RMS of its row, is within
//     worstFactor times the square root of that limit;
//   - for Linear, Rope, Attend and the fused verbs, one call for T rows and T calls for
//     one row agree with the oracle alike.
//
// [Reference] is a backend made of the oracle: slow, float64 inside, and the third
// corner for whole models. [Benchmarks] lists the same operations at sizes worth timing.
//
// The package does not import testing, so that a program can run the suite for its user.
package backendtest
