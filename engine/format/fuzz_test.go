package format_test

import (
	"math"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

// FuzzDequantize unpacks any bytes in every format and packs the result again: no
// bytes may panic, and guards round the output stay as they were.
func FuzzDequantize(f *testing.F) {
	for i, name := range format.All() {
		ones := make([]byte, name.BlockBytes())
		for j := range ones {
			ones[j] = 0xff
		}
		f.Add(uint8(i), make([]byte, name.BlockBytes()))
		f.Add(uint8(i), ones)
		packed := make([]byte, name.RowBytes(512))
		name.Quantize(packed, normal(14, 512, 1))
		f.Add(uint8(i), packed)
	}
	f.Fuzz(func(t *testing.T, which uint8, packed []byte) {
		all := format.All()
		name := all[int(which)%len(all)]
		blocks := min(len(packed)/name.BlockBytes(), 4)
		packed = packed[:blocks*name.BlockBytes()]
		n := blocks * name.BlockLen()
		guarded := make([]float32, n+2)
		guarded[0], guarded[n+1] = 42, 43
		values := guarded[1 : n+1]
		name.Dequantize(values, packed)
		if guarded[0] != 42 || guarded[n+1] != 43 {
			t.Errorf("%v wrote outside its output", name)
		}
		name.Quantize(make([]byte, len(packed)), values)
	})
}

// FuzzQuantize packs any numbers in every format: no panic; finite moderate numbers
// stay finite; blocks with NaN or an infinity come back without one finite number.
func FuzzQuantize(f *testing.F) {
	f.Add(uint32(0x3f800000), uint32(0), uint64(1))
	f.Add(uint32(0x7fc00000), uint32(0x00000001), uint64(2))
	f.Add(uint32(0x7f7fffff), uint32(0xff7fffff), uint64(3))
	f.Add(uint32(0x7f800000), uint32(0x80000000), uint64(4))
	f.Add(uint32(0x26901d7d), uint32(0xa6901d7c), uint64(5))
	f.Fuzz(func(t *testing.T, a, b uint32, pattern uint64) {
		x := make([]float32, 256)
		moderate, finite := true, true
		for i := range x {
			bits := a
			if pattern>>(i%64)&1 == 1 {
				bits = b
			}
			x[i] = math.Float32frombits(bits + uint32(i)*uint32(pattern>>32)%7)
			finite = finite && x[i]-x[i] == 0
			moderate = moderate && math.Abs(float64(x[i])) < 60000
		}
		for _, name := range format.All() {
			for i, y := range roundTrip(name, x) {
				if moderate && y-y != 0 {
					t.Fatalf("%v: %v became %v", name, x[i], y)
				}
				if !finite && name.BlockLen() == 256 && y == y {
					t.Fatalf("%v: not all numbers are finite, yet number %d became %v", name, i, y)
				}
			}
		}
	})
}
