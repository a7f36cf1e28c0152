package cpu

import "github.com/potion-engine/potion/engine/format"

// blockDots multiplies packed rows with 8-bit activations, by format. For each sub-block
// the codes are multiplied and summed as integers, which is exact, and then scaled:
//
//	sum (scale*code + offset) * D*Q = D * (scale * sum code*Q + offset * sum Q)
//
// A row's bytes are read once; a number costs a multiplication and an addition of
// integers.
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

// dotCodes is sum code*Q, for a multiple of 4 codes.
func dotCodes(c []byte, q []int8) int32 {
	var s0, s1, s2, s3 int32
	q = q[:len(c)]
	for i := 0; i < len(c)-3; i += 4 {
		s0 += int32(int8(c[i])) * int32(q[i])
		s1 += int32(int8(c[i+1])) * int32(q[i+1])
		s2 += int32(int8(c[i+2])) * int32(q[i+2])
		s3 += int32(int8(c[i+3])) * int32(q[i+3])
	}
	return s0 + s1 + s2 + s3
}

// sum32 is the sum of the integers of block b of 32 activations.
func sum32(x *format.Q8, b int) int32 { return int32(x.Sums[2*b]) + int32(x.Sums[2*b+1]) }

func dotQ4_0(row []byte, x format.Q8) float32 {
	const size = 18
	var c [blockLen]byte
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		codesQ4(&c, block[2:], 8)
		total += half(block) * d * float32(dotCodes(c[:], x.Qs[32*b:]))
	}
	return total
}

func dotQ4_1(row []byte, x format.Q8) float32 {
	const size = 20
	var c [blockLen]byte
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		codesQ4(&c, block[4:], 0)
		sum := float32(dotCodes(c[:], x.Qs[32*b:]))
		total += d * (half(block)*sum + half(block[2:])*float32(sum32(&x, b)))
	}
	return total
}

func dotQ5_0(row []byte, x format.Q8) float32 {
	const size = 22
	var c [blockLen]byte
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		codesQ5(&c, block[2:], block[6:], 16)
		total += half(block) * d * float32(dotCodes(c[:], x.Qs[32*b:]))
	}
	return total
}

func dotQ5_1(row []byte, x format.Q8) float32 {
	const size = 24
	var c [blockLen]byte
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		codesQ5(&c, block[4:], block[8:], 0)
		sum := float32(dotCodes(c[:], x.Qs[32*b:]))
		total += d * (half(block)*sum + half(block[2:])*float32(sum32(&x, b)))
	}
	return total
}

func dotQ8_0(row []byte, x format.Q8) float32 {
	const size = 34
	var total float32
	for b, d := range x.D {
		block := row[size*b:][:size]
		total += half(block) * d * float32(dotCodes(block[2:], x.Qs[32*b:]))
	}
	return total
}

// dotQ2_K: scale*code - minimum, by 16 numbers.
func dotQ2_K(row []byte, x format.Q8) float32 {
	const size = 84
	var c [superLen]byte
	var total float32
	for b := range len(x.Qs) / superLen {
		block, q := row[size*b:][:size], x.Qs[superLen*b:]
		codesQ2_K(&c, block[16:80])
		var scaled, offsets float32
		for s, p := range block[:16] {
			d := x.D[8*b+s/2]
			scaled += d * float32(int32(p&15)*dotCodes(c[16*s:][:16], q[16*s:]))
			offsets += d * float32(int32(p>>4)*int32(x.Sums[16*b+s]))
		}
		total += half(block[80:])*scaled - half(block[82:])*offsets
	}
	return total
}

// dotQ3_K: scale*code, by 16 numbers.
func dotQ3_K(row []byte, x format.Q8) float32 {
	const size = 110
	var c [superLen]byte
	var total float32
	for b := range len(x.Qs) / superLen {
		block := row[size*b:][:size]
		codesQ3_K(&c, block[:32], block[32:96])
		scales := scalesQ3_K(block[96:])
		total += half(block[108:]) * scaledSums(&c, &scales, &x, b)
	}
	return total
}

// dotQ6_K: scale*code, by 16 numbers.
func dotQ6_K(row []byte, x format.Q8) float32 {
	const size = 210
	var c [superLen]byte
	var scales [16]int8
	var total float32
	for b := range len(x.Qs) / superLen {
		block := row[size*b:][:size]
		codesQ6_K(&c, block[:128], block[128:192])
		for s, v := range block[192:208] {
			scales[s] = int8(v)
		}
		total += half(block[208:]) * scaledSums(&c, &scales, &x, b)
	}
	return total
}

// scaledSums is sum_s D * scale_s * sum code*Q over the 16 sub-blocks of super-block b.
func scaledSums(c *[superLen]byte, scales *[16]int8, x *format.Q8, b int) float32 {
	var total float32
	q := x.Qs[superLen*b:]
	for s, scale := range scales {
		total += x.D[8*b+s/2] * float32(int32(scale)*dotCodes(c[16*s:][:16], q[16*s:]))
	}
	return total
}

// dotQ4_K: scale*code - minimum, by 32 numbers.
func dotQ4_K(row []byte, x format.Q8) float32 {
	const size = 144
	var c [superLen]byte
	var total float32
	for b := range len(x.Qs) / superLen {
		block := row[size*b:][:size]
		codesQ4_K(&c, block[16:])
		total += offsetSums(&c, block, &x, b)
	}
	return total
}

// dotQ5_K: scale*code - minimum, by 32 numbers.
func dotQ5_K(row []byte, x format.Q8) float32 {
	const size = 176
	var c [superLen]byte
	var total float32
	for b := range len(x.Qs) / superLen {
		block := row[size*b:][:size]
		codesQ5_K(&c, block[16:48], block[48:])
		total += offsetSums(&c, block, &x, b)
	}
	return total
}

// offsetSums is the product of a Q4_K or Q5_K block with super-block b.
func offsetSums(c *[superLen]byte, block []byte, x *format.Q8, b int) float32 {
	scales, mins := scalesQ4_K(block[4:])
	q := x.Qs[superLen*b:]
	var scaled, offsets float32
	for s, scale := range scales {
		d := x.D[8*b+s]
		scaled += d * float32(int32(scale)*dotCodes(c[32*s:][:32], q[32*s:]))
		offsets += d * float32(int32(mins[s])*sum32(x, 8*b+s))
	}
	return half(block)*scaled - half(block[2:])*offsets
}
