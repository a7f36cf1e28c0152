package session

import (
	"errors"
	"fmt"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
)

// ErrFull is wrapped in the error of a step that needs more KV pages than there are.
var ErrFull = errors.New("the KV cache is full")

// cache is the keys and values of every layer, in pages that sequences take and give back.
// A page may belong to several sequences that begin alike; it is copied when one of them
// writes to it.
type cache struct {
	kv   []engine.KV // [L]
	refs []int32     // how many sequences use a page
	free []int32     // pages that none uses, the next one last
}

func newCache(m *model.Model, pages int, f format.Format) (*cache, error) {
	c := m.Config
	k := &cache{refs: make([]int32, pages)}
	for i := range c.Layers {
		kv, err := m.LayerBackend(i).NewKV(engine.KVSpec{Pages: pages, Heads: c.KVHeads, HeadDim: c.HeadDim, Format: f})
		if err != nil {
			k.close()
			return nil, fmt.Errorf("KV cache of layer %d: %w", i, err)
		}
		k.kv = append(k.kv, kv)
	}
	for p := pages - 1; p >= 0; p-- {
		k.free = append(k.free, int32(p))
	}
	return k, nil
}

func (k *cache) close() {
	for _, kv := range k.kv {
		kv.Free()
	}
	k.kv = nil
}

func (k *cache) take() (int32, error) {
	if len(k.free) == 0 {
		return 0, fmt.Errorf("%w: all %d pages of %d positions are in use", ErrFull, len(k.refs), engine.PageLen)
	}
	p := k.free[len(k.free)-1]
	k.free = k.free[:len(k.free)-1]
	k.refs[p] = 1
	return p, nil
}

func (k *cache) drop(p int32) {
	if k.refs[p]--; k.refs[p] == 0 {
		k.free = append(k.free, p)
	}
}

// Sequence is one text in the cache: the tokens that a Runner has seen of it.
type Sequence struct {
	r     *Runner
	pages []int32
	n     int
}

// Len is the number of tokens in the cache.
func (s *Sequence) Len() int { return s.n }

// Truncate forgets all but the first n tokens.
func (s *Sequence) Truncate(n int) {
	if n < 0 || n > s.n {
		panic(fmt.Sprintf("session: Truncate to %d of %d tokens", n, s.n))
	}
	keep := pagesFor(n)
	for _, p := range s.pages[keep:] {
		s.r.cache.drop(p)
	}
	s.pages, s.n = s.pages[:keep], n
}

// Fork is a second sequence that begins with all that s holds, at no cost until one of
// them goes on.
func (s *Sequence) Fork() *Sequence {
	for _, p := range s.pages {
		s.r.cache.refs[p]++
	}
	// Full capacity at once, so that going on does not allocate.
	pages := make([]int32, len(s.pages), cap(s.pages))
	copy(pages, s.pages)
	return &Sequence{r: s.r, pages: pages, n: s.n}
}

// Free gives the pages back. s may not be used any more.
func (s *Sequence) Free() { s.Truncate(0) }

// grow makes room for t more tokens and for writing them. On failure s is as before.
func (s *Sequence) grow(t int) error {
	k := s.r.cache
	had := len(s.pages)
	for want := pagesFor(s.n + t); len(s.pages) < want; {
		p, err := k.take()
		if err != nil {
			s.shrink(had)
			return err
		}
		s.pages = append(s.pages, p)
	}
	last := s.n / engine.PageLen // the page that the first new token goes to
	if last >= had || k.refs[s.pages[last]] == 1 {
		return nil
	}
	p, err := k.take()
	if err != nil {
		s.shrink(had)
		return err
	}
	for _, kv := range k.kv {
		kv.CopyPage(int(p), int(s.pages[last]))
	}
	k.drop(s.pages[last])
	s.pages[last] = p
	return nil
}

func (s *Sequence) shrink(pages int) {
	for _, p := range s.pages[pages:] {
		s.r.cache.drop(p)
	}
	s.pages = s.pages[:pages]
}

func pagesFor(tokens int) int { return (tokens + engine.PageLen - 1) / engine.PageLen }
