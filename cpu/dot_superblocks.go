package cpu

import "github.com/potion-engine/potion/engine/format"

// superLen is how many numbers a super-block of the K-quants holds.
const superLen = 256

// superBlock is the activations that meet one super-block.
type superBlock struct {
	q    []int8    // 256
	d    []float32 // 8, one for 32 numbers
	sums []int16   // 16, one for 16 numbers
}

func superBlockOf(x *format.Q8, b int) superBlock {
	return superBlock{x.Qs[superLen*b:][:superLen], x.D[8*b:][:8], x.Sums[16*b:][:16]}
}

// dotQ2_K: x = d*scale*code - dm*min, by 16 numbers.
func dotQ2_K(row []byte, x format.Q8) float32 {
	const size = 84
	var total float32
	for b := range len(x.Qs) / superLen {
		block, a := row[size*b:][:size], superBlockOf(&x, b)
		d, dm := half(block[80:]), half(block[82:])
		var part float32
		for s, p := range block[:16] {
			qs, shift := block[16+32*(s/8)+16*(s%2):][:16], 2*(s%8/2)
			q := a.q[16*s:][:16]
			var sum int32
			for i, c := range qs {
				sum += int32(c>>shift&3) * int32(q[i])
			}
			scaled := d * float32(int32(p&15)*sum)
			part += a.d[s/2] * (scaled - dm*float32(int32(p>>4)*int32(a.sums[s])))
		}
		total += part
	}
	return total
}

// dotQ3_K: x = d*scale*(code-4), by 16 numbers; the code's third bit lies apart.
func dotQ3_K(row []byte, x format.Q8) float32 {
	const size = 110
	var total float32
	for b := range len(x.Qs) / superLen {
		block, a := row[size*b:][:size], superBlockOf(&x, b)
		d := half(block[108:])
		scales := scalesQ3_K(block[96:108])
		var part float32
		for s, scale := range scales {
			qs, shift := block[32+32*(s/8)+16*(s%2):][:16], 2*(s%8/2)
			high, bit := block[16*(s%2):][:16], s/2
			q := a.q[16*s:][:16]
			var sum int32
			for i, c := range qs {
				sum += int32(c>>shift&3|high[i]>>bit&1<<2) * int32(q[i])
			}
			part += a.d[s/2] * float32(int32(scale)*(sum-4*int32(a.sums[s])))
		}
		total += d * part
	}
	return total
}

// scalesQ3_K is the sixteen 6-bit scales, which are stored with 32 added: four low bits
// of scales s and s+8 in byte s, and two high bits of scales s%4 + 0, 4, 8, 12 in a byte.
func scalesQ3_K(packed []byte) (scales [16]int8) {
	packed = packed[:12]
	for s := range scales {
		low := packed[s%8] >> (4 * (s / 8)) & 15
		high := packed[8+s%4] >> (2 * (s / 4)) & 3
		scales[s] = int8(low|high<<4) - 32
	}
	return scales
}

// scalesQ4_K is the eight 6-bit scales and minima of Q4_K and Q5_K.
func scalesQ4_K(packed []byte) (scales, mins [8]uint8) {
	packed = packed[:12]
	for j := range 4 {
		a, b, c := packed[j], packed[j+4], packed[j+8]
		scales[j], mins[j] = a&63, b&63
		scales[j+4], mins[j+4] = c&15|a>>6<<4, c>>4|b>>6<<4
	}
	return scales, mins
}

// offsets is sum_s D_s * min_s * sum Q, over the eight sub-blocks of 32 numbers.
func (a *superBlock) offsets(mins *[8]uint8) float32 {
	var total float32
	for s, m := range mins {
		total += a.d[s] * float32(int32(m)*(int32(a.sums[2*s])+int32(a.sums[2*s+1])))
	}
	return total
}

// dotQ4_K: x = d*scale*code - dm*min, by 32 numbers.
func dotQ4_K(row []byte, x format.Q8) float32 {
	const size = 144
	var total float32
	for b := range len(x.Qs) / superLen {
		block, a := row[size*b:][:size], superBlockOf(&x, b)
		d, dm := half(block), half(block[2:])
		scales, mins := scalesQ4_K(block[4:16])
		var part float32
		for p := range 4 {
			qs, q := block[16+32*p:][:32], a.q[64*p:][:64]
			var lo, hi int32
			for i, c := range qs {
				lo += int32(c&15) * int32(q[i])
				hi += int32(c>>4) * int32(q[i+32])
			}
			part += a.d[2*p] * float32(int32(scales[2*p])*lo)
			part += a.d[2*p+1] * float32(int32(scales[2*p+1])*hi)
		}
		total += d*part - dm*a.offsets(&mins)
	}
	return total
}

// dotQ5_K is dotQ4_K with a fifth bit to each code.
func dotQ5_K(row []byte, x format.Q8) float32 {
	const size = 176
	var total float32
	for b := range len(x.Qs) / superLen {
		block, a := row[size*b:][:size], superBlockOf(&x, b)
		d, dm := half(block), half(block[2:])
		scales, mins := scalesQ4_K(block[4:16])
		high := block[16:48]
		var part float32
		for p := range 4 {
			qs, q := block[48+32*p:][:32], a.q[64*p:][:64]
			var lo, hi int32
			for i, c := range qs {
				bits := high[i] >> (2 * p)
				lo += int32(c&15|bits&1<<4) * int32(q[i])
				hi += int32(c>>4|bits&2<<3) * int32(q[i+32])
			}
			part += a.d[2*p] * float32(int32(scales[2*p])*lo)
			part += a.d[2*p+1] * float32(int32(scales[2*p+1])*hi)
		}
		total += d*part - dm*a.offsets(&mins)
	}
	return total
}

// dotQ6_K: x = d*scale*(code-32), by 16 numbers.
func dotQ6_K(row []byte, x format.Q8) float32 {
	const size = 210
	var total float32
	for b := range len(x.Qs) / superLen {
		block, a := row[size*b:][:size], superBlockOf(&x, b)
		d := half(block[208:])
		var part float32
		for s, scale := range block[192:208] {
			hf, quarter, odd := s/8, s%8/2, s%2
			low, lowShift := block[64*hf+32*(quarter%2)+16*odd:][:16], 4*(quarter/2)
			high, highShift := block[128+32*hf+16*odd:][:16], 2*quarter
			q := a.q[16*s:][:16]
			var sum int32
			for i, c := range low {
				sum += int32(c>>lowShift&15|high[i]>>highShift&3<<4) * int32(q[i])
			}
			part += a.d[s/2] * float32(int32(int8(scale))*(sum-32*int32(a.sums[s])))
		}
		total += d * part
	}
	return total
}
