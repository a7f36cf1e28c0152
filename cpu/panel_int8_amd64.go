package cpu

import (
	"github.com/potion-engine/potion/cpu/internal/simd"
	"github.com/potion-engine/potion/engine/format"
)

// intPanel is how rows of a format are multiplied with many rows of integers: 32 rows of
// weights are brought into the order that package simd's tiles read, once for all rows of
// activations. A code is a byte then, and a sub-block's scale a float32.
type intPanel struct {
	unpack func(codes, w *byte, blocks int)
	tile   intTileFunc
	// scales gives the scales, and offsets, of a row to a panel's column.
	scales func(p *panelMemory, row []byte, column int)
}

// multiply is integers.panel.
func (i intPanel) multiply(y []float32, stride int, rows []byte, f format.Format, x *activations, p *panelMemory) {
	k, bytes := x.k, f.RowBytes(x.k)
	n := len(rows) / bytes
	for first := 0; first < n; first += 16 {
		last := min(first+16, n)
		i.unpack(&p.flat[0], &rows[first*bytes], (last-first)*k/f.BlockLen())
		simd.InterleaveVNNI(&p.codes[4*first], &p.flat[0], k)
	}
	for c := range n {
		i.scales(p, rows[c*bytes:(c+1)*bytes], c)
	}
	kq := k * x.planes
	count, blocks, sums := len(x.Qs)/kq, k/format.ActivationBlock, x.sumsOf(f)
	sumsOfRow := len(sums) / count
	for t := 0; t < count; t += 4 {
		t = min(t, count-4) // the last tile may do rows again
		out, step := y[t*stride:], stride
		if n < blockPanel {
			out, step = p.tile[:], blockPanel
		}
		i.tile(&out[0], step, &p.codes[0], &p.scales[0], &p.offsets[0], &x.Qs[t*kq], &x.D[t*blocks], &sums[t*sumsOfRow], blocks)
		if n < blockPanel {
			for j := range 4 {
				copy(y[(t+j)*stride:][:n], p.tile[j*blockPanel:])
			}
		}
	}
}

// blockScales is for blocks of 32 that begin with a scale, and with an offset after it.
func blockScales(bytes int, offset bool) func(p *panelMemory, row []byte, column int) {
	return func(p *panelMemory, row []byte, column int) {
		for at := column; len(row) > 0; row, at = row[bytes:], at+blockPanel {
			p.scales[at] = half(row)
			if offset {
				p.offsets[at] = half(row[2:])
			}
		}
	}
}

// superScales is for Q4_K and Q5_K.
func superScales(bytes int) func(p *panelMemory, row []byte, column int) {
	return func(p *panelMemory, row []byte, column int) {
		at := column
		for ; len(row) > 0; row = row[bytes:] {
			scales, mins := scalesQ4_K(row[4:])
			d, dm := half(row), -half(row[2:])
			for s, scale := range scales {
				p.scales[at] = d * codeValue[scale]
				p.offsets[at] = dm * codeValue[mins[s]]
				at += blockPanel
			}
		}
	}
}

// sixteenScales is for Q6_K.
func sixteenScales(p *panelMemory, row []byte, column int) {
	const bytes = 210
	at := column
	for ; len(row) > 0; row = row[bytes:] {
		d := half(row[208:])
		for _, scale := range row[192:208] {
			p.scales[at] = d * codeValue[scale]
			at += blockPanel
		}
	}
}

// threeBitScales is for Q3_K.
func threeBitScales(p *panelMemory, row []byte, column int) {
	const bytes = 110
	at := column
	for ; len(row) > 0; row = row[bytes:] {
		d := half(row[108:])
		for _, scale := range scalesQ3_K(row[96:]) {
			p.scales[at] = d * float32(scale)
			at += blockPanel
		}
	}
}
