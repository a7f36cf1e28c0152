package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// jsonModel is the model of a tokenizer.json.
type jsonModel struct {
	vocab  *vocabulary
	merges []merged // by rank

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
			if m.hasVocab && m.merges == nil {
				return within("merges", m.readMerges(r))
			}
			if m.mergesAt >= 0 || m.merges != nil {
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
	if m.merges == nil {
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
	var list mergeList
	err := r.array(func(i int) error {
		err := readMerge(r, &list)
		if err != nil {
			return fmt.Errorf("merge %d: %w", i, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.merges, err = list.resolve(m.vocab.ids)
	return err
}

// readMerge reads one merge.
func readMerge(r *jsonReader, list *mergeList) error {
	start := len(list.text)
	if r.peek() != '[' {
		text, err := r.str(list.text)
		if err != nil {
			return err
		}
		// Take the space out from between.
		at := bytes.IndexByte(text[start:], ' ')
		if at < 0 || bytes.IndexByte(text[start+at+1:], ' ') >= 0 {
			return r.errorf("%s is not two tokens with a space between", quote(string(text[start:])))
		}
		text = append(text[:start+at], text[start+at+1:]...)
		list.text, list.parts = text, append(list.parts, mergeParts{start + at, len(text)})
		return nil
	}
	var ends [2]int
	n := 0
	err := r.array(func(i int) (err error) {
		if n++; n > len(ends) {
			return r.errorf("more than two tokens")
		}
		if list.text, err = r.str(list.text); err == nil {
			ends[i] = len(list.text)
		}
		return err
	})
	if err == nil && n != len(ends) {
		err = r.errorf("two tokens are expected, not %d", n)
	}
	list.parts = append(list.parts, mergeParts{ends[0], ends[1]})
	return err
}
