// Package cpu is the backend that runs on any processor, in plain Go. It serves as the
// specification of the others: every operation has a file of its own, named as the verb,
// in which the formula can be read.
//
// Results do not depend on the number of threads. Work is cut by rows of weights, by
// heads or by rows of activations, never along a sum, and every sum is taken in one
// fixed order. A matrix product of T rows gives the same bits as T products of one row,
// so that a text does not depend on how its prompt was cut into steps either.
//
// The inner loops are reached through one table of functions (kernels.go), chosen once
// by [New].
package cpu
