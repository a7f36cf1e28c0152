//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// source is memory for an arena that notices what is done with it.
type source struct {
	t     *testing.T
	next  uint64
	live  map[uint64]int64
	limit int64
	used  int64
}

var errFull = errors.New("full")

func newSource(t *testing.T, limit int64) (*source, *arena) {
	s := &source{t: t, next: 1 << 40, live: map[uint64]int64{}, limit: limit}
	return s, &arena{alloc: s.alloc, free: s.free}
}

func (s *source) alloc(n int64) (uint64, error) {
	if s.used+n > s.limit {
		return 0, errFull
	}
	addr := s.next
	s.next += uint64(roundUp(n, granule)) + granule
	s.live[addr] = n
	s.used += n
	return addr, nil
}

func (s *source) free(addr uint64) error {
	n, ok := s.live[addr]
	if !ok {
		s.t.Errorf("chunk %#x was freed but never made", addr)
	}
	delete(s.live, addr)
	s.used -= n
	return nil
}

// Pieces never overlap, are aligned, lie within chunks, and all chunks go back in the end.
func TestArenaPieces(t *testing.T) {
	t.Parallel()
	for _, exact := range []bool{false, true} {
		s, a := newSource(t, 1<<40)
		a.exact = exact
		r := rand.New(rand.NewPCG(1, 7))
		live := map[uint64]int64{}
		for range 5000 {
			if r.IntN(5) < 3 {
				n := int64(math.Exp(r.Float64() * 17)) // 1 byte to 24 MiB
				p, err := a.get(n)
				if err != nil {
					t.Fatal(err)
				}
				if p%alignment != 0 || !a.owns(p, n) {
					t.Fatalf("%d bytes at %#x: misaligned or outside of all chunks", n, p)
				}
				for q, m := range live {
					if p < q+uint64(m) && q < p+uint64(n) {
						t.Fatalf("%d bytes at %#x overlap %d bytes at %#x", n, p, m, q)
					}
				}
				live[p] = n
				continue
			}
			for p := range live {
				if known, err := a.put(p); !known || err != nil {
					t.Fatal(known, err)
				}
				delete(live, p)
				break
			}
		}
		for p := range live {
			a.put(p)
		}
		if len(s.live) != 0 || a.used != 0 || len(a.chunks) != 0 {
			t.Errorf("exact %v: %d chunks and %d bytes are left", exact, len(s.live), a.used)
		}
	}
}

func TestArenaChunks(t *testing.T) {
	t.Parallel()
	s, a := newSource(t, 6<<20)
	first, err := a.get(100)
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.get(300)
	if err != nil || second != first+256 || s.used != granule {
		t.Errorf("the second piece is at %#x after %#x in %d bytes: %v", second, first, s.used, err)
	}
	if _, err := a.get(5 << 20); !errors.Is(err, errFull) {
		t.Errorf("6 MiB for 5 MiB of the 4 MiB left: %v", err)
	}
	if _, err := a.get(3 << 20); err != nil || s.used != 6<<20 {
		t.Errorf("3 MiB took %d bytes: %v", s.used-granule, err)
	}
	for _, n := range []int64{0, -1, math.MaxInt64} {
		if _, err := a.get(n); err == nil {
			t.Errorf("a piece of %d bytes was handed out", n)
		}
	}
	if known, _ := a.put(first + 1); known {
		t.Error("an address inside of a piece was taken for a piece")
	}
	a.put(first)
	if known, _ := a.put(first); known {
		t.Error("a piece was taken back twice")
	}
	if again, err := a.get(256); err != nil || again != first {
		t.Errorf("the hole at %#x was not used again: %#x, %v", first, again, err)
	}
	for _, c := range []struct {
		addr uint64
		n    int64
		want bool
	}{{first, granule, true}, {first, granule + 1, false}, {first - 1, 1, false}, {first + granule, 0, true}, {first + granule, 1, false}, {first, -1, false}} {
		if got := a.owns(c.addr, c.n); got != c.want {
			t.Errorf("owns(first%+d, %d) = %v", int64(c.addr-first), c.n, got)
		}
	}
}
