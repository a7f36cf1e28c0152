package emulator

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// interesting gives float32 bits of all magnitudes, with many near ties.
func interesting(rng *rand.Rand) uint32 {
	switch rng.IntN(4) {
	case 0:
		return rng.Uint32() & 0x807fffff // denormals
	case 1:
		return rng.Uint32()&0x80000fff | 0x3f800000 + rng.Uint32()%40<<23 - 20<<23
	case 2:
		return 1<<rng.IntN(23) | (100+rng.Uint32()%60)<<23
	}
	b := rng.Uint32()
	if b&inf32 == inf32 {
		b ^= 1 << 30
	}
	return b
}

// exact rounds a*b+c, computed without rounding, to float32.
func exactFma(a, b, c float32, mode big.RoundingMode) float32 {
	x := new(big.Float).SetPrec(2000).SetFloat64(float64(a))
	x.Mul(x, new(big.Float).SetPrec(2000).SetFloat64(float64(b)))
	x.Add(x, new(big.Float).SetPrec(2000).SetFloat64(float64(c)))
	x.SetMode(mode)
	if mode != big.ToNearestEven {
		// Float32 rounds by the value's own precision and to nearest: take the
		// nearest and step where it lies on the wrong side.
		f, _ := x.Float32()
		back := new(big.Float).SetFloat64(float64(f))
		if math.IsInf(float64(f), 0) || back.Cmp(x) == 0 {
			return f
		}
		if mode == big.ToPositiveInf && back.Cmp(x) < 0 {
			return math.Nextafter32(f, float32(math.Inf(1)))
		}
		if mode == big.ToNegativeInf && back.Cmp(x) > 0 {
			return math.Nextafter32(f, float32(math.Inf(-1)))
		}
		return f
	}
	f, _ := x.Float32()
	return f
}

func TestFmaRoundsOnce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	var rows [][]uint64
	for range 1024 {
		rows = append(rows, []uint64{uint64(interesting(rng)), uint64(interesting(rng)), uint64(interesting(rng))})
	}
	for mode, round := range map[string]big.RoundingMode{"rn": big.ToNearestEven, "rp": big.ToPositiveInf, "rm": big.ToNegativeInf} {
		got := runRows(t, fmt.Sprintf("fma.%s.f32 %%d, %%a, %%b, %%c", mode), strings.Fields("f32 f32 f32 f32"), rows)
		for i, r := range rows {
			a, b, c := f32(uint32(r[0])), f32(uint32(r[1])), f32(uint32(r[2]))
			want := exactFma(a, b, c, round)
			if v := f32(uint32(got[i])); v != want && !math.IsInf(float64(want), 0) && !math.IsInf(float64(v), 0) {
				t.Errorf("fma.%s(%x, %x, %x) = %x, want %x", mode, a, b, c, v, want)
			}
		}
	}
}

// Every half converts to float32 and back to itself, in all formats of 16 bits.
func TestHalfRoundTrip(t *testing.T) {
	t.Parallel()
	for h := range uint32(1 << 16) {
		if h&0x7fff <= 0x7c00 {
			f := halfToFloat(h)
			if b := math.Float32bits(f); floatToHalf(b) != h || halfFormat.round(float64(f), roundNearest) != h {
				t.Fatalf("f16 %#x: %v, %#x", h, f, floatToHalf(b))
			}
		}
		if h&0x7fff <= 0x7f80 {
			f := brainToFloat(h)
			if floatToBrain(math.Float32bits(f)) != h || brainFormat.round(float64(f), roundNearest) != h {
				t.Fatalf("bf16 %#x: %v", h, f)
			}
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 20000 {
		x := interesting(rng)
		f := f64of(x)
		if a, b := floatToHalf(x), halfFormat.round(f, roundNearest); a != b {
			t.Fatalf("f16 of %x: %#x and %#x", f, a, b)
		}
		if a, b := floatToBrain(x), brainFormat.round(f, roundNearest); a != b {
			t.Fatalf("bf16 of %x: %#x and %#x", f, a, b)
		}
	}
}
