package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxDims is more axes than any framework has; it keeps error messages short.
const maxDims = 64

// parseHeader reads the JSON token by token: the standard decoder alone would
// let duplicate keys pass and the last one win.
func (f *File) parseHeader(header []byte) error {
	d, err := newObject(header)
	if err != nil {
		return err
	}
	f.byName = map[string]*Tensor{}
	err = d.object(func(name string) error {
		if name == "__metadata__" {
			return f.parseMetadata(d)
		}
		t := &Tensor{Name: name}
		if err := t.parse(d); err != nil {
			return err
		}
		f.byName[name] = t
		f.tensors = append(f.tensors, t)
		return nil
	})
	if err != nil {
		return err
	}
	return d.atEnd()
}

func (f *File) parseMetadata(d *decoder) error {
	f.metadata = map[string]string{}
	return d.object(func(key string) (err error) {
		f.metadata[key], err = d.string()
		return err
	})
}

func (t *Tensor) parse(d *decoder) error {
	var offsets []int64
	fields := 0
	err := d.object(func(field string) (err error) {
		fields++
		switch field {
		case "dtype":
			t.Dtype, err = d.string()
		case "shape":
			t.Shape, err = d.numbers(maxDims)
		case "data_offsets":
			offsets, err = d.numbers(2)
		default:
			err = errors.New("unknown field; dtype, shape and data_offsets are known")
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case fields != 3: // none is unknown, none appears twice
		return errors.New("dtype, shape and data_offsets must all be given")
	case len(offsets) != 2:
		return fmt.Errorf("data_offsets must be two numbers, not %d", len(offsets))
	case offsets[0] > offsets[1]:
		return fmt.Errorf("data_offsets [%d, %d] end before they begin", offsets[0], offsets[1])
	}
	t.begin, t.end = offsets[0], offsets[1]
	return nil
}

// decoder reads JSON of a known shape. It never recurses further than that shape
// does, and errors name the way to the value.
type decoder struct {
	json *json.Decoder
}

// newObject checks that text can be an object in UTF-8. The standard decoder
// would replace bad bytes and so make different names equal.
func newObject(text []byte) (*decoder, error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("must begin with {")
	}
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return &decoder{d}, nil
}

func (d *decoder) next() (json.Token, error) {
	tok, err := d.json.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return tok, err
}

// want reads a token and checks that it is the delimiter.
func (d *decoder) want(delim json.Delim) error {
	tok, err := d.next()
	if err == nil && tok != delim {
		err = fmt.Errorf("%v expected, not %s", delim, describe(tok))
	}
	return err
}

// object reads an object; value must read the value of each key.
func (d *decoder) object(value func(key string) error) error {
	if err := d.want('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.json.More() {
		key, err := d.string()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%s: appears twice", show(key))
		}
		seen[key] = true
		if err := value(key); err != nil {
			return fmt.Errorf("%s: %w", show(key), err)
		}
	}
	return d.want('}')
}

func (d *decoder) string() (string, error) {
	tok, err := d.next()
	if err != nil {
		return "", err
	}
	s, ok := tok.(string)
	if !ok {
		return "", fmt.Errorf("a string expected, not %s", describe(tok))
	}
	return s, nil
}

// numbers reads an array of at most limit integers that are not negative.
func (d *decoder) numbers(limit int) ([]int64, error) {
	if err := d.want('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for d.json.More() {
		tok, err := d.next()
		if err != nil {
			return nil, err
		}
		number, ok := tok.(json.Number)
		if !ok {
			return nil, fmt.Errorf("a number expected, not %s", describe(tok))
		}
		n, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil || n > math.MaxInt64 {
			return nil, fmt.Errorf("%s is not an integer from 0 to %d", show(number.String()), uint64(math.MaxInt64))
		}
		if len(list) == limit {
			return nil, fmt.Errorf("more than %d numbers", limit)
		}
		list = append(list, int64(n))
	}
	return list, d.want(']')
}

// atEnd checks that nothing but white space follows.
func (d *decoder) atEnd() error {
	tok, err := d.json.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s follows", describe(tok))
	}
	return fmt.Errorf("after the closing }: %w", err)
}

func describe(tok json.Token) string {
	switch tok := tok.(type) {
	case nil:
		return "null"
	case string:
		return show(tok)
	}
	return show(fmt.Sprint(tok))
}

// show quotes text from a file for an error message and keeps it short.
func show(s string) string {
	const limit = 80
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "..."
	}
	return strconv.Quote(s)
}
