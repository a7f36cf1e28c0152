package emulator

import "testing"

// Every selector without signs, as a constant: where two moves do, they give what the
// definition gives.
func TestConstantSelector(t *testing.T) {
	t.Parallel()
	const x, y = 0x93827160, 0xd7c6b5a4
	w := &warp{r32: make([]col32, 3)}
	w.r32[1][0], w.r32[2][0] = x, y
	in := &inst{d: 0}
	for sel := range uint32(1 << 16) {
		p, ok := moves(sel, 1, 2)
		if !ok {
			continue
		}
		if p.run(w, in, 1); w.r32[0][0] != permute(x, y, sel) {
			t.Fatalf("selector %#04x gives %#08x, want %#08x", sel, w.r32[0][0], permute(x, y, sel))
		}
	}
	for _, sel := range []uint32{0x7650, 0x7651, 0x7652, 0x7653, 0x3210, 0x5410, 0x7632} {
		if _, ok := moves(sel, 1, 2); !ok {
			t.Errorf("selector %#04x takes more than two moves", sel)
		}
	}
}
