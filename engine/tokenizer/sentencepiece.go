package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// spModel is what is read of a SentencePiece model, a protocol buffer described at
// https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto.
type spModel struct {
	pieces []spPiece
	// trainer_spec
	modelType               uint64 // 1 unigram, 2 BPE, 3 word, 4 char
	unk, bos, eos, pad      int64
	suffixSpace             bool
	charsMap                int // length of precompiled_charsmap
	dummyPrefix, removeXtra bool
}

type spPiece struct {
	text  string
	score float32
	class uint64
}

// fromSentencePiece reads a tokenizer.model.
func fromSentencePiece(path string, data []byte, c *configFiles) (*Tokenizer, error) {
	m := &spModel{modelType: 1, unk: 0, bos: 1, eos: 2, pad: -1, dummyPrefix: true, removeXtra: true}
	t := &Tokenizer{name: path}
	err := m.parse(data)
	if err == nil {
		err = m.build(t, c)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func (m *spModel) parse(data []byte) error {
	return protoFields(data, func(field int, v protoValue) error {
		switch field {
		case 1:
			p := spPiece{class: uint64(classNormal)}
			err := protoFields(v.bytes, func(field int, v protoValue) error {
				switch field {
				case 1:
					p.text = string(v.bytes)
				case 2:
					p.score = math.Float32frombits(uint32(v.number))
				case 3:
					p.class = v.number
				}
				return nil
			})
			m.pieces = append(m.pieces, p)
			return within("piece "+strconv.Itoa(len(m.pieces)-1), err)
		case 2:
			return within("trainer_spec", protoFields(v.bytes, m.trainerField))
		case 3:
			return within("normalizer_spec", protoFields(v.bytes, m.normalizerField))
		}
		return nil
	})
}

func (m *spModel) trainerField(field int, v protoValue) error {
	switch field {
	case 3:
		m.modelType = v.number
	case 24:
		m.suffixSpace = v.number != 0
	case 40:
		m.unk = int64(v.number)
	case 41:
		m.bos = int64(v.number)
	case 42:
		m.eos = int64(v.number)
	case 43:
		m.pad = int64(v.number)
	}
	return nil
}

func (m *spModel) normalizerField(field int, v protoValue) error {
	switch field {
	case 2:
		m.charsMap = len(v.bytes)
	case 3:
		m.dummyPrefix = v.number != 0
	case 4:
		m.removeXtra = v.number != 0
	}
	return nil
}

func (m *spModel) build(t *Tokenizer, c *configFiles) error {
	switch {
	case len(m.pieces) == 0 || len(m.pieces) > maxTokens:
		return fmt.Errorf("%d pieces; between 1 and %d are possible", len(m.pieces), maxTokens)
	case m.modelType != 2:
		return fmt.Errorf("model_type %d is not supported; only BPE (2) is", m.modelType)
	case m.charsMap > 0:
		return errors.New("a normalizer with a character map is not supported; only the identity is")
	case m.suffixSpace:
		return errors.New("treat_whitespace_as_suffix is not supported")
	}
	v := newVocabulary(len(m.pieces))
	for id, p := range m.pieces {
		cl := classNormal
		if p.class >= uint64(classNormal) && p.class <= uint64(classByte) {
			cl = class(p.class)
		}
		if err := v.put(int32(id), p.text, cl); err != nil {
			return err
		}
		v.scores = append(v.scores, p.score)
	}
	if err := v.checkScores(); err != nil {
		return err
	}
	t.vocab = v
	if err := addConfigTokens(v, c); err != nil {
		return fmt.Errorf("tokenizer_config.json: added_tokens_decoder: %w", err)
	}
	t.setSentencePiece(m.dummyPrefix)
	if m.removeXtra {
		t.norm = normalizers{mapping(removeExtraSpaces), t.norm}
	}
	for _, s := range []struct {
		id int64
		o  *optionalID
	}{{m.unk, &t.special.unk}, {m.bos, &t.special.bos}, {m.eos, &t.special.eos}, {m.pad, &t.special.pad}} {
		if s.id >= 0 && s.id < int64(len(m.pieces)) {
			*s.o = someID(int32(s.id))
		}
	}
	if id, ok := t.special.bos.get(); ok {
		t.template.before = []int32{id} // LlamaTokenizer's and GemmaTokenizer's default
	}
	added := ggufAdded(v, "")
	if err := c.apply(t, added); err != nil {
		return err
	}
	v.setSentencePiece(func(class) bool { return false })
	t.model = newSPM(v, t.special.unk)
	var err error
	t.added, err = newAddedTokens(ggufAdded(v, ""), nil, true)
	return err
}

// addConfigTokens enters the tokens that tokenizer_config.json adds to the vocabulary.
func addConfigTokens(v *vocabulary, c *configFiles) error {
	byID := make(map[int64]configToken)
	for key, tok := range c.added {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 {
			return fmt.Errorf("%s is no id", quote(key))
		}
		byID[id] = tok
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		tok := byID[id]
		cl := classUser
		if tok.Special {
			cl = classControl
		}
		if known, ok := v.ids[tok.Content]; ok {
			if v.classes[known] != classUnknown {
				v.classes[known] = cl
			}
			continue
		}
		if err := checkGap(int32(id), len(v.texts)+len(byID)); err != nil {
			return err
		}
		v.grow(int(id) + 1)
		if err := v.put(int32(id), tok.Content, cl); err != nil {
			return err
		}
	}
	v.scores = append(v.scores, make([]float32, len(v.texts)-len(v.scores))...)
	return v.fillHoles()
}

// removeExtraSpaces drops spaces at both ends and all but one of those side by side.
func removeExtraSpaces(s string) string {
	s = strings.Trim(s, " ")
	if !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] != ' ' || s[i-1] != ' ' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// protoValue is the value of a field: number for varints and fixed-width fields, bytes for the others.
type protoValue struct {
	number uint64
	bytes  []byte
}

// protoFields calls field for each field of a protocol buffer message.
func protoFields(data []byte, field func(number int, v protoValue) error) error {
	for at := 0; at < len(data); {
		tag, n := binary.Uvarint(data[at:])
		if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
			return fmt.Errorf("byte %d: not a field of a protocol buffer", at)
		}
		start := at
		at += n
		var v protoValue
		size := 0
		switch tag & 7 {
		case 0:
			if v.number, size = binary.Uvarint(data[at:]); size <= 0 {
				return fmt.Errorf("byte %d: the number does not end", at)
			}
		case 1:
			size = 8
		case 5:
			size = 4
		case 2:
			length, n := binary.Uvarint(data[at:])
			if n <= 0 || length > uint64(len(data)-at-n) {
				return fmt.Errorf("byte %d: field %d is longer than the data", start, tag>>3)
			}
			at += n
			size = int(length)
			v.bytes = data[at : at+size]
		default:
			return fmt.Errorf("byte %d: unknown wire type %d", start, tag&7)
		}
		if size > len(data)-at {
			return fmt.Errorf("byte %d: field %d is longer than the data", start, tag>>3)
		}
		switch tag & 7 {
		case 1:
			v.number = binary.LittleEndian.Uint64(data[at:])
		case 5:
			v.number = uint64(binary.LittleEndian.Uint32(data[at:]))
		}
		at += size
		if err := field(int(tag>>3), v); err != nil {
			return err
		}
	}
	return nil
}
