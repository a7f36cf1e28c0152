package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// jsonModel is the model of a tokenizer.json.
type jsonModel struct {
	vocab *vocabulary
	pairs *pairTable
	best  []int32 // the lowest rank of a merge that makes each token, noRank if none does
	part  []bool  // tokens that are a part of a merge

	Type          string  `json:"type"`
	Dropout       any     `json:"dropout"`
	UnkToken      *string `json:"unk_token"`
	Prefix        *string `json:"continuing_subword_prefix"`
	Suffix        *string `json:"end_of_word_suffix"`
	FuseUnk       bool    `json:"fuse_unk"`
	ByteFallback  bool    `json:"byte_fallback"`
	IgnoreMerges  bool    `json:"ignore_merges"`
	mergesAt      int     // of merges that come before the vocabulary
	hasVocab      bool
	vocabIsNoDict bool
}

// readModel reads the object at r.
func readModel(r *jsonReader) (*jsonModel, error) {
	m := &jsonModel{mergesAt: -1}
	small := []byte{'{'} // the members that encoding/json is to read
	err := r.object(func(key []byte) error {
		switch string(key) {
		case "vocab":
			if r.peek() != '{' {
				m.vocabIsNoDict = true
				_, err := r.skip()
				return err
			}
			if m.hasVocab {
				return r.errorf("vocab occurs twice")
			}
			m.hasVocab = true
			return within("vocab", m.readVocab(r))
		case "merges":
			if m.hasVocab && m.pairs == nil {
				return within("merges", m.readMerges(r))
			}
			if m.mergesAt >= 0 || m.pairs != nil {
				return r.errorf("merges occurs twice")
			}
			r.peek()
			m.mergesAt = r.pos
			_, err := r.skip()
			return err
		}
		name, err := json.Marshal(string(key))
		if err != nil {
			return err
		}
		value, err := r.skip()
		if len(small) > 1 {
			small = append(small, ',')
		}
		small = append(append(append(small, name...), ':'), value...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(append(small, '}'), m); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if m.mergesAt >= 0 {
		late := &jsonReader{data: r.data, pos: m.mergesAt}
		if err := m.readMerges(late); err != nil {
			return nil, within("merges", err)
		}
	}
	if m.pairs == nil {
		return nil, errors.New("merges is missing")
	}
	return m, nil
}

// within says where an error is.
func within(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", place, err)
}

func (m *jsonModel) check() error {
	set := func(s *string) bool { return s != nil && *s != "" }
	switch {
	case m.Type != "BPE" && m.Type != "":
		return fmt.Errorf("unknown tokenizer model %s; known is BPE", quote(m.Type))
	case m.vocabIsNoDict || !m.hasVocab:
		return errors.New("vocab (an object of tokens and ids) is missing")
	case set(m.Prefix):
		return fmt.Errorf("continuing_subword_prefix %s is not supported", quote(*m.Prefix))
	case set(m.Suffix):
		return fmt.Errorf("end_of_word_suffix %s is not supported", quote(*m.Suffix))
	}
	return nil
}

// readVocab reads {"token": id, ...}. Ids need not be in order, nor complete, but gaps are bounded by the number of
// tokens, so that a small file cannot ask for a large table.
func (m *jsonModel) readVocab(r *jsonReader) error {
	arena := make([]byte, 0, 1<<16)
	var ends []int
	var ids []int32
	highest := int32(-1)
	err := r.object(func(key []byte) error {
		id, err := r.id()
		if err != nil {
			return fmt.Errorf("token %s: %w", quote(string(key)), err)
		}
		arena = append(arena, key...)
		ends, ids = append(ends, len(arena)), append(ids, id)
		highest = max(highest, id)
		return nil
	})
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return errors.New("there are no tokens")
	}
	if err := checkGap(highest, len(ids)); err != nil {
		return err
	}
	m.vocab = newVocabulary(int(highest) + 1)
	texts := string(arena)
	start := 0
	for i, id := range ids {
		if err := m.vocab.put(id, texts[start:ends[i]], classNormal); err != nil {
			return err
		}
		start = ends[i]
	}
	return nil
}

func checkGap(highest int32, tokens int) error {
	if int64(highest) >= maxTokens || int64(highest) > 4*int64(tokens)+1<<16 {
		return fmt.Errorf("id %d is too large for a vocabulary of %d tokens", highest, tokens)
	}
	return nil
}

// readMerges reads ["a b", ...] or [["a", "b"], ...].
func (m *jsonModel) readMerges(r *jsonReader) error {
	// A merge takes at least 8 bytes, with brackets, quotes and commas; most take some 20.
	b := m.mergeBuilder(min(8*len(m.vocab.texts), (len(r.data)-r.pos)/16))
	return r.array(func(i int) error {
		at, err := readMerge(r, &b.buf)
		if err != nil {
			return fmt.Errorf("merge %d: %w", i, err)
		}
		return b.addJoined(at)
	})
}

// mergeBuilder returns a builder that fills m, for about n merges.
func (m *jsonModel) mergeBuilder(n int) *mergeBuilder {
	m.pairs = newPairTable(n)
	m.best = make([]int32, len(m.vocab.texts))
	for i := range m.best {
		m.best[i] = noRank
	}
	m.part = make([]bool, len(m.vocab.texts))
	return &mergeBuilder{ids: m.vocab.ids, pairs: m.pairs, best: m.best, part: m.part, lastWins: true}
}

// readMerge reads one merge into buf, both parts side by side, and returns the length of the first.
func readMerge(r *jsonReader, buf *[]byte) (at int, err error) {
	*buf = (*buf)[:0]
	if r.peek() == '[' {
		n := 0
		err = r.array(func(i int) error {
			if n++; n > 2 {
				return r.errorf("more than two tokens")
			}
			if i == 1 {
				at = len(*buf)
			}
			joined, err := r.str(*buf)
			if err == nil {
				*buf = joined
			}
			return err
		})
		if err == nil && n != 2 {
			err = r.errorf("two tokens are expected, not %d", n)
		}
		return at, err
	}
	joined, err := r.str(*buf)
	if err != nil {
		return 0, err
	}
	left, right, ok := strings.Cut(string(joined), " ")
	if !ok || strings.Contains(right, " ") {
		return 0, r.errorf("%s is not two tokens with a space between", quote(string(joined)))
	}
	*buf = append(append(joined[:0], left...), right...)
	return len(left), nil
}
