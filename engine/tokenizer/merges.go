package tokenizer

import (
	"fmt"
	"runtime"
	"sync"
)

// mergeList collects ranked merges as texts, in the order of their rank.
type mergeList struct {
	text  []byte // both parts of every merge, side by side
	parts []mergeParts
}

// mergeParts are the places in mergeList.text where the first and the second part of a merge end.
type mergeParts struct{ first, second int }

// merged is a merge by ids: left and right become id.
type merged struct{ left, right, id int32 }

func (l *mergeList) add(left, right string) {
	l.text = append(append(l.text, left...), right...)
	l.parts = append(l.parts, mergeParts{len(l.text) - len(right), len(l.text)})
}

// resolve looks up all ids. It uses all cores: most of the time it takes to load a tokenizer.json passes here.
func (l *mergeList) resolve(ids map[string]int32) ([]merged, error) {
	out := make([]merged, len(l.parts))
	workers := min(runtime.GOMAXPROCS(0), len(l.parts)/4096+1)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w * len(out) / workers; i < (w+1)*len(out)/workers && errs[w] == nil; i++ {
				out[i], errs[w] = l.resolveOne(i, ids)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *mergeList) resolveOne(i int, ids map[string]int32) (merged, error) {
	start := 0
	if i > 0 {
		start = l.parts[i-1].second
	}
	left, right := l.text[start:l.parts[i].first], l.text[l.parts[i].first:l.parts[i].second]
	both := l.text[start:l.parts[i].second]
	var m merged
	for _, p := range []struct {
		text []byte
		id   *int32
	}{{left, &m.left}, {right, &m.right}, {both, &m.id}} {
		id, ok := ids[string(p.text)]
		if !ok {
			return m, fmt.Errorf("merge %d (%s with %s): %s is not in the vocabulary", i,
				quote(string(left)), quote(string(right)), quote(string(p.text)))
		}
		*p.id = id
	}
	return m, nil
}

// newPairs enters the merges into a table by pair. Of two merges of one pair the last one counts, or the first.
func newPairs(merges []merged, lastWins bool) *pairTable {
	pairs := newPairTable(len(merges))
	for rank, m := range merges {
		pairs.put(m.left, m.right, int32(rank), m.id, lastWins)
	}
	return pairs
}
