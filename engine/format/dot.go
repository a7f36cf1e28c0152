package format

// DotRef is the dot product of a packed row and x, which is as long as the row: the
// products and the sum are in float64, over the row's numbers as Dequantize gives
// them. It is what faster dot products are measured against, not fast itself.
//
// For a product with 8-bit activations, x is what DequantizeActivations gives.
func (f Format) DotRef(row []byte, x []float32) float64 {
	f.checkLengths("DotRef", len(row), len(x))
	const chunk = superLen // a multiple of every BlockLen
	buffer := make([]float32, min(chunk, len(x)))
	var sum float64
	for len(x) > 0 {
		w := buffer[:min(chunk, len(x))]
		size := f.RowBytes(len(w))
		f.Dequantize(w, row[:size])
		for i, v := range w {
			sum += float64(v) * float64(x[i]) // exact product, so fusing changes nothing
		}
		row, x = row[size:], x[len(w):]
	}
	return sum
}
