package format

import "math"

// The searches for the scale of a sub-block. Rounding every number to the nearest
// multiple of max/limit is not the best that can be done: a slightly larger or
// smaller scale often loses less over the sub-block. Each search tries some scales,
// rounds to codes, and for the codes solves the weighted least-squares problem for
// the scale (and the minimum) that fits them best.
//
// These are ggml's searches (src/ggml-quants.c: make_qx_quants, make_q3_quants,
// make_qkx2_quants) and repeat its float32 operations in its order, so that the
// bytes come out the same. Every product that is added to something is converted to
// float32 in so many words: otherwise Go may fuse the two on some machines, which
// rounds once instead of twice and changes the bytes.

// tinyGroup is the magnitude below which a sub-block counts as all zero.
const tinyGroup = 1e-15

// nearest is v rounded to the nearest whole number, ties to even, and held to lo..hi.
// Adding 1.5*2^23 leaves no room for a fraction and puts the whole number into the low
// bits of the sum. For NaN and |v| >= 2^22 the result is somewhere in lo..hi, and the
// same as ggml's; only numbers that no binary16 scale can express lead there.
func nearest(v float32, lo, hi int32) int32 {
	const magic = 3 << 22
	l := int32(math.Float32bits(v+magic)&0x7fffff) - 1<<22
	return max(lo, min(l, hi))
}

// symmetricTries are the scales that fitSymmetric tries, in tenths of a code off the
// plain one, which comes first.
var symmetricTries = [...]float32{0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9}

// fitSymmetric finds x[i] ~ scale * (c[i] - limit) with codes 0..2*limit-1. The
// weight of each number is its square. It tries scales round the one that sends the
// number of the largest magnitude to -limit, and keeps the one for which the weighted
// error, sum w*x^2 - sumlx^2/suml2, is smallest.
func fitSymmetric(c []uint8, x []float32, limit int) (scale float32) {
	top := extreme(x)
	if abs(top) < tinyGroup {
		clear(c)
		return 0
	}
	n := int32(limit)
	var best float32
	for try, off := range symmetricTries {
		inv := -(float32(limit) + float32(0.1*off)) / top
		var sumlx, suml2 float32
		for _, v := range x {
			l := float32(nearest(float32(inv*v), -n, n-1))
			w := float32(v * v)
			sumlx += float32(float32(w*v) * l)
			suml2 += float32(float32(w*l) * l)
		}
		switch {
		case try == 0 && suml2 == 0:
			scale = 0
		case try == 0 || suml2 > 0 && float32(sumlx*sumlx) > float32(best*suml2):
			scale = sumlx / suml2
		default:
			continue
		}
		best = scale * sumlx
		for i, v := range x {
			c[i] = uint8(nearest(float32(inv*v), -n, n-1) + n)
		}
	}
	return scale
}

// fitSymmetricByCode finds x[i] ~ scale * (c[i] - limit) with codes 0..2*limit-1, as
// fitSymmetric does, but by moving one code at a time to where the scale that fits
// the others would put it, for as long as that helps and at most five times over.
// x has at most 16 numbers.
func fitSymmetricByCode(c []uint8, x []float32, limit int) (scale float32) {
	top := extreme(x)
	if abs(top) < tinyGroup {
		clear(c)
		return 0
	}
	n := int32(limit)
	inv := float32(-n) / top
	var level [16]float32
	var sumlx, suml2 float32
	for i, v := range x {
		l := float32(nearest(float32(inv*v), -n, n-1))
		level[i] = l
		w := float32(v * v)
		sumlx += float32(float32(w*v) * l)
		suml2 += float32(float32(w*l) * l)
	}
	for pass, changed := 0, true; pass < 5 && changed; pass++ {
		changed = false
		for i, v := range x {
			l := level[i]
			w := float32(v * v)
			lx := sumlx - float32(float32(w*v)*l)
			if !(lx > 0) {
				continue
			}
			l2 := suml2 - float32(float32(w*l)*l)
			moved := float32(nearest(float32(v*l2)/lx, -n, n-1))
			if moved == l {
				continue
			}
			lx += float32(float32(w*v) * moved)
			l2 += float32(float32(w*moved) * moved)
			if l2 > 0 && float32(float32(lx*lx)*suml2) > float32(float32(sumlx*sumlx)*l2) {
				level[i], sumlx, suml2 = moved, lx, l2
				changed = true
			}
		}
	}
	for i := range x {
		c[i] = uint8(int32(level[i]) + n)
	}
	if suml2 > 0 {
		return sumlx / suml2
	}
	return 0
}

// affineSearch says which scales fit tries: those that spread the sub-block
// over limit + first + i*step codes, i = 0..steps.
type affineSearch struct {
	limit       int32 // the largest code
	first, step float32
	steps       int
	absolute    bool // the error is sum w*|diff| instead of sum w*diff^2
}

// fit finds x[i] ~ scale * c[i] - min with codes 0..limit and min >= 0, for the
// weights w. x has at most 32 numbers.
func (s affineSearch) fit(c []uint8, x, w []float32) (scale, min float32) {
	c, w = c[:len(x)], w[:len(x)]
	lo, hi := bounds(x)
	var sumw, sumx float32
	for i, v := range x {
		sumw += w[i]
		sumx += float32(w[i] * v)
	}
	if lo > 0 {
		lo = 0 // so that min cannot be negative
	}
	if hi == lo {
		clear(c)
		return 0, -lo
	}
	limit := float32(s.limit)
	inv := limit / (hi - lo)
	scale = 1 / inv
	for i, v := range x {
		c[i] = uint8(nearest(float32(inv*(v-lo)), 0, s.limit))
	}
	best := s.loss(c, x, w, scale, lo)

	var buffer [32]uint8
	try := buffer[:len(x)]

	for i := 0; i <= s.steps; i++ {
		// lo is the best minimum so far, not the smallest number any more.
		inv := (s.first + float32(s.step*float32(i)) + limit) / (hi - lo)
		var suml, suml2, sumxl float32
		for i, v := range x {
			n := nearest(float32(inv*(v-lo)), 0, s.limit)
			try[i] = uint8(n)
			l := float32(n)
			wl := float32(w[i] * l)
			suml += wl
			suml2 += float32(wl * l)
			sumxl += float32(wl * v)
		}
		det := float32(sumw*suml2) - float32(suml*suml)
		if !(det > 0) {
			continue
		}
		thisScale := (float32(sumw*sumxl) - float32(sumx*suml)) / det
		thisLo := (float32(suml2*sumx) - float32(suml*sumxl)) / det
		if thisLo > 0 {
			thisLo = 0
			thisScale = sumxl / suml2
		}
		if loss := s.loss(try, x, w, thisScale, thisLo); loss < best {
			copy(c, try)
			best, scale, lo = loss, thisScale, thisLo
		}
	}
	return scale, -lo
}

// loss is the weighted error of standing scale*c[i] + lo in for x[i].
func (s affineSearch) loss(c []uint8, x, w []float32, scale, lo float32) (sum float32) {
	c, w = c[:len(x)], w[:len(x)]
	for i, v := range x {
		diff := float32(scale*float32(c[i])) + lo - v
		if s.absolute {
			diff = abs(diff)
		} else {
			diff *= diff
		}
		sum += float32(w[i] * diff)
	}
	return sum
}

// fitEight packs the head of a Q4_K or Q5_K block, which is the two scales and the
// twelve bytes of 6-bit numbers, and chooses the codes of its eight sub-blocks.
func (s affineSearch) fitEight(head []byte, c *codes, x []float32) {
	var scales, mins [8]float32
	var maxScale, maxMin float32
	for j := range scales {
		sub := x[32*j:][:32]
		var sum2 float32
		for _, v := range sub {
			sum2 += float32(v * v)
		}
		rms := float32(math.Sqrt(float64(sum2 / 32)))
		var w [32]float32
		for i, v := range sub {
			w[i] = rms + abs(v)
		}
		scales[j], mins[j] = s.fit(c[32*j:][:32], sub, w[:])
		maxScale = maxOf(maxScale, scales[j])
		maxMin = maxOf(maxMin, mins[j])
	}

	var sm [8]scaleMin
	for j := range sm {
		sm[j] = scaleMin{scaleCode(scales[j], maxScale, 63), scaleCode(mins[j], maxMin, 63)}
	}
	putF16(head, maxScale/63)
	putF16(head[2:], maxMin/63)
	packScaleMins(head[4:], &sm)

	d, dm := getF16(head), getF16(head[2:])
	for j, m := range sm {
		s.round(c[32*j:][:32], x[32*j:][:32], float32(d*float32(m.scale)), float32(dm*float32(m.min)))
	}
}

// round chooses the codes again, for the scale and the minimum that the reader will
// see. With a zero scale they stay as they are: they make no difference then.
func (s affineSearch) round(c []uint8, x []float32, scale, min float32) {
	if scale == 0 {
		return
	}
	for i, v := range x {
		c[i] = uint8(nearest((v+min)/scale, 0, s.limit))
	}
}

// roundSymmetric is the same for x ~ scale * (c - limit).
func roundSymmetric(c []uint8, x []float32, scale float32, limit int) {
	if scale == 0 {
		return
	}
	n := int32(limit)
	for i, v := range x {
		c[i] = uint8(nearest(v/scale, -n, n-1) + n)
	}
}

// scaleCode is the code of v, 0..limit, when top has code limit; 0 without a top.
func scaleCode(v, top float32, limit int32) uint8 {
	if !(top > 0) {
		return 0
	}
	inv := float32(limit) / top
	return uint8(nearest(float32(inv*v), 0, limit))
}

// maxOf is the larger of a and b, or a when b is NaN.
func maxOf(a, b float32) float32 {
	if b > a {
		return b
	}
	return a
}
