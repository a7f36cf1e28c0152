package cpu

import "github.com/potion-engine/potion/engine/format"

// formats is the size of tables that are indexed by a format.
const formats = int(format.Q6_K) + 1

// chunk is how many products are summed up before the sum is added to the total. Short
// sums keep float32 close to exact: the error of a sum grows with its length. It is a
// multiple of every format's block.
const chunk = 256

// kernels is the table of the inner loops in which nearly all of a model's time goes:
// matrix products, attention, unpacking. Code for a certain processor takes the place of
// single entries; panel and dotRow have to sum in the same order, for every format, since
// a product of several rows is to give the bits of products of one. Lengths are the
// caller's promise.
type kernels struct {
	level level
	// dotRows is, by format, y[n] = row n . x for len(y) packed rows: the bits of panel for
	// the unpacked rows. buf is scratch. nil where rows are better unpacked and go through
	// panel.
	dotRows [formats]dotRowsFunc
	// int8 and int16 are the loops for activations as integers, nil where there is no code.
	int8, int16 *integers
	// unpack is, by format, the exact numbers of a packed row.
	unpack [formats]func(dst []float32, src []byte)
	// pack is, by format of the KV cache, the packed bytes of a row, those of
	// format.Quantize.
	pack [formats]func(dst []byte, src []float32)
	// panel is y[t*stride+n] = sum_i w[n*k+i] * x[t*k+i] for all rows t of x and n of w.
	panel func(y []float32, stride int, x, w []float32, k int)
	// mix is y[t*d+c] += sum_i w[t*stride+i] * rows[i*d+c] for all rows t of y. The sum over
	// i is taken first.
	mix func(y []float32, d int, w []float32, stride int, rows []float32)

	// scores is y[t*step+p] = sum_i q[t*d+i] * keys[i*PageLen+p] for all rows t of q.
	scores func(y []float32, step int, q []float32, d int, keys []float32)

	add       elementFunc                               // y = a + b
	scale     func(y []float32, c float32)              // y = y * c
	softCap   elementFunc                               // see there
	maximum   func(x []float32) float32                 // the greatest number, or NaN
	expSum    func(y, x []float32, top float32) float64 // y = e^(x-top), and the sum of it
	gelu      elementFunc                               // see there
	swiglu    elementFunc                               // see there
	rmsNorm   normFunc                                  // see there
	layerNorm normFunc                                  // see there
	// above is the place of the first number greater than a bound, or len(x).
	above func(x []float32, bound float32) int
	// prefetch asks for bytes that will be read soon.
	prefetch func(b []byte)
}

type dotRowsFunc func(y []float32, rows []byte, x []float32, buf *[chunk]float32)

// integers is the loops for activations as integers of one or two planes. Entries for
// formats that are not made of blocks of integers are nil.
type integers struct {
	planes int
	// quantize rounds a row.
	quantize func(a *activations, x []float32)
	// arrange says how the records look that dot reads, if it reads any.
	arrange [formats]arrangement
	// dot is dotRows for a row of integers.
	dot [formats]func(y []float32, rows []byte, x *activations)
	// panel is y[t*stride+n] = row n . row t of x for up to blockPanel packed rows and at
	// least 4 rows of integers; nil where there is no code for it.
	panel [formats]func(y []float32, stride int, rows []byte, f format.Format, x *activations, p *panelMemory)
}

// arrangement is how activations are put into records.
type arrangement struct {
	numbers, bytes int // of a record
	put            func(dst []byte, x *activations, last *lastRecord)
}

// lastRecord is the integers of a record that is not full, with zeros after them.
type lastRecord struct {
	qs [256]int8
	d  [4]float32
}

// of is the integer loops for a kind of activations, nil for floats.
func (k *kernels) of(a Activations) *integers {
	switch a {
	case Int16:
		return k.int16
	case Int8:
		return k.int8
	}
	return nil
}

// blockPanel is how many rows of weights integers.panel multiplies at a time.
const blockPanel = 32

// plainKernels is the table in plain Go, the specification of the others.
func plainKernels() *kernels {
	k := &kernels{
		panel: panel, unpack: unpackers, mix: mix, scores: scores, int8: &integers{planes: 1, quantize: quantizeRow},
		add: add, scale: scale, maximum: maximum, expSum: expSum, gelu: gelu, swiglu: swiglu, rmsNorm: rmsNorm, layerNorm: layerNorm, softCap: softCap,
		above: above, prefetch: func([]byte) {},
	}
	for _, f := range format.All() {
		k.pack[f] = f.Quantize
		k.dotRows[f] = func(y []float32, rows []byte, x []float32, buf *[chunk]float32) {
			for n := range y {
				bytes := len(rows) / len(y)
				y[n] = dotUnpacked(unpackers[f], f.RowBytes(chunk), rows[n*bytes:(n+1)*bytes], x, buf)
			}
		}
		if dot := blockDots[f]; dot != nil {
			k.int8.dot[f] = func(y []float32, rows []byte, x *activations) {
				for n := range y {
					bytes := len(rows) / len(y)
					y[n] = dot(rows[n*bytes:(n+1)*bytes], x.Q8)
				}
			}
		}
	}
	k.dotRows[format.F32] = func(y []float32, rows []byte, x []float32, _ *[chunk]float32) {
		panel(y, len(y), x, asFloats(rows), len(x))
	}
	return k
}

// dot is sum_k a[k]*b[k], in chunks. It moves 8 bytes and does 2 flops a product.
func dot(a, b []float32) float32 {
	var total float32
	for len(a) > chunk {
		total += dotChunk(a[:chunk], b[:chunk])
		a, b = a[chunk:], b[chunk:]
	}
	return total + dotChunk(a, b)
}

// dotChunk keeps eight sums, number k going to sum k mod 8: additions that wait for each
// other would take four times as long. Two rows at a time, to load a once for both, are
// no faster in plain Go, which is bound by its multiplications and additions.
func dotChunk(a, b []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	b = b[:len(a)]
	i := 0
	for ; i < len(a)-7; i += 8 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
		s4 += a[i+4] * b[i+4]
		s5 += a[i+5] * b[i+5]
		s6 += a[i+6] * b[i+6]
		s7 += a[i+7] * b[i+7]
	}
	var rest float32
	for ; i < len(a); i++ {
		rest += a[i] * b[i]
	}
	return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)) + rest
}

// dotUnpacked is dotRow for any format: a chunk, so many bytes, is unpacked into buf,
// which stays in the first-level cache. It moves the packed bytes once.
func dotUnpacked(unpack func([]float32, []byte), bytes int, row []byte, x []float32, buf *[chunk]float32) float32 {
	var total float32
	for len(x) > chunk {
		unpack(buf[:], row[:bytes])
		total += dotChunk(buf[:], x[:chunk])
		row, x = row[bytes:], x[chunk:]
	}
	unpack(buf[:len(x)], row)
	return total + dotChunk(buf[:len(x)], x)
}

// panel moves 4*k bytes of x for each row of x and 4*k of w, which is small enough to
// stay in the second-level cache, and does 2*k flops for each pair of rows.
func panel(y []float32, stride int, x, w []float32, k int) {
	for ; len(x) > 0; x = x[k:] {
		for n := 0; n*k < len(w); n++ {
			y[n] = dot(w[n*k:(n+1)*k], x[:k])
		}
		if len(x) > k {
			y = y[stride:]
		}
	}
}

// mix moves 4*len(rows) bytes for each row of y and does 2 flops for each number. Eight
// columns at a time are summed in registers.
func mix(y []float32, n int, w []float32, stride int, rows []float32) {
	count := len(rows) / n
	for ; len(y) > 0; y = y[n:] {
		mixRow(y[:n], w[:count], rows)
		if len(y) > n {
			w = w[stride:]
		}
	}
}

func mixRow(y, w, rows []float32) {
	n := len(y)
	d := 0
	for ; d+8 <= n; d += 8 {
		var s0, s1, s2, s3, s4, s5, s6, s7 float32
		at := d
		for _, c := range w {
			v := (*[8]float32)(rows[at:])
			s0 += c * v[0]
			s1 += c * v[1]
			s2 += c * v[2]
			s3 += c * v[3]
			s4 += c * v[4]
			s5 += c * v[5]
			s6 += c * v[6]
			s7 += c * v[7]
			at += n
		}
		out := (*[8]float32)(y[d:])
		out[0] += s0
		out[1] += s1
		out[2] += s2
		out[3] += s3
		out[4] += s4
		out[5] += s5
		out[6] += s6
		out[7] += s7
	}
	for ; d < n; d++ {
		var s float32
		for i, c := range w {
			s += c * rows[i*n+d]
		}
		y[d] += s
	}
}

func scale(y []float32, c float32) {
	for i := range y {
		y[i] *= c
	}
}
