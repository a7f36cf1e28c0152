package cpu

import (
	"encoding/binary"

	"github.com/potion-engine/potion/engine/format"
)

// blockDots multiplies packed rows with 8-bit activations, by format. For each block the
// codes are multiplied and summed as integers, which is exact, and then scaled:
//
//	sum (scale*code + offset) * D*Q = D * (scale * sum code*Q + offset * sum Q)
//
// A row's bytes are read once; a number costs a multiplication and an addition of
// integers. The layouts are drawn in package format.
var blockDots = [formats]func(row []byte, x format.Q8) float32{
	format.Q4_0: dotQ4_0,
	format.Q4_1: dotQ4_1,
	format.Q5_0: dotQ5_0,
	format.Q5_1: dotQ5_1,
	format.Q8_0: dotQ8_0,
	format.Q2_K: dotQ2_K,
	format.Q3_K: dotQ3_K,
	format.Q4_K: dotQ4_K,
	format.Q5_K: dotQ5_K,
	format.Q6_K: dotQ6_K,
}

// half is the binary16 number at the start of b.
func half(b []byte) float32 { return format.F16ToF32(binary.LittleEndian.Uint16(b)) }

// sum32 is the sum of the integers of block b of 32 activations.
func sum32(x *format.Q8, b int) float32 { return float32(x.Sums[2*b] + x.Sums[2*b+1]) }

// nibbles is sum code*Q over the codes of 16 bytes, low nibbles first.
func nibbles(qs []byte, x []int8) int32 {
	var lo, hi int32
	qs, x = qs[:16], x[:32]
	for i, q := range qs {
		lo += int32(q&15) * int32(x[i])
		hi += int32(q>>4) * int32(x[i+16])
	}
	return lo + hi
}

// fives is nibbles with a fifth bit to each code, bit i of high for number i.
func fives(qs []byte, high uint32, x []int8) int32 {
	var lo, hi int32
	qs, x = qs[:16], x[:32]
	for i, q := range qs {
		lo += int32(uint32(q&15)|high<<4&16) * int32(x[i])
		hi += int32(uint32(q>>4)|high>>12&16) * int32(x[i+16])
		high >>= 1
	}
	return lo + hi
}

func dotQ4_0(row []byte, x format.Q8) float32 {
	const size = 18
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		sum := float32(nibbles(block[2:], x.Qs[32*b:])) - 8*sum32(&x, b)
		total += half(block) * d * sum
	}
	return total
}

func dotQ4_1(row []byte, x format.Q8) float32 {
	const size = 20
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		sum := float32(nibbles(block[4:], x.Qs[32*b:]))
		total += d * (half(block)*sum + half(block[2:])*sum32(&x, b))
	}
	return total
}

func dotQ5_0(row []byte, x format.Q8) float32 {
	const size = 22
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		high := binary.LittleEndian.Uint32(block[2:])
		sum := float32(fives(block[6:], high, x.Qs[32*b:])) - 16*sum32(&x, b)
		total += half(block) * d * sum
	}
	return total
}

func dotQ5_1(row []byte, x format.Q8) float32 {
	const size = 24
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		high := binary.LittleEndian.Uint32(block[4:])
		sum := float32(fives(block[8:], high, x.Qs[32*b:]))
		total += d * (half(block)*sum + half(block[2:])*sum32(&x, b))
	}
	return total
}

func dotQ8_0(row []byte, x format.Q8) float32 {
	const size = 34
	var total float32
	for b, d := range x.D {
		block, q := row[size*b:][:size], x.Qs[32*b:][:32]
		var even, odd int32
		for i := 0; i < 31; i += 2 {
			even += int32(int8(block[i+2])) * int32(q[i])
			odd += int32(int8(block[i+3])) * int32(q[i+1])
		}
		total += half(block) * d * float32(even+odd)
	}
	return total
}
