package cpu

// panelMemory is one worker's panel.
type panelMemory struct {
	flat    []byte    // 16 rows of codes
	codes   []byte    // [K/4][blockPanel][4]
	scales  []float32 // by sub-block, [blockPanel]
	offsets []float32
	tile    [4 * blockPanel]float32 // results of a tile that is not full
}

// reserve makes room for rows of k numbers.
func (p *panelMemory) reserve(k int) {
	if len(p.flat) < 16*k {
		p.flat, p.codes = make([]byte, 16*k), make([]byte, blockPanel*k)
		p.scales, p.offsets = make([]float32, blockPanel*k/16), make([]float32, blockPanel*k/16)
	}
}
