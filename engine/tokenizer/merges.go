package tokenizer

import "fmt"

// mergeBuilder enters ranked merges, given as texts, into a table by id.
type mergeBuilder struct {
	ids   map[string]int32
	pairs *pairTable
	// lastWins: of two entries for one pair the later one counts.
	lastWins bool
	rank     int32
	buf      []byte

	// best is, if it is not nil, set to the lowest rank that makes each token, or noRank.
	best []int32
	// part is, if it is not nil, set for every token that is a part of a merge.
	part []bool
}

// add enters the next merge.
func (b *mergeBuilder) add(left, right string) error {
	b.buf = append(append(b.buf[:0], left...), right...)
	return b.addJoined(len(left))
}

// addJoined enters the merge of buf[:at] with buf[at:].
func (b *mergeBuilder) addJoined(at int) error {
	rank := b.rank
	b.rank++
	l, okL := b.ids[string(b.buf[:at])]
	r, okR := b.ids[string(b.buf[at:])]
	id, ok := b.ids[string(b.buf)]
	if !okL || !okR || !ok {
		missing := b.buf
		if !okL {
			missing = b.buf[:at]
		} else if !okR {
			missing = b.buf[at:]
		}
		return fmt.Errorf("merge %d (%s with %s): %s is not in the vocabulary", rank,
			quote(string(b.buf[:at])), quote(string(b.buf[at:])), quote(string(missing)))
	}
	b.pairs.put(l, r, rank, id, b.lastWins)
	if b.best != nil && b.best[id] == noRank {
		b.best[id] = rank
	}
	if b.part != nil {
		b.part[l], b.part[r] = true, true
	}
	return nil
}
