package gguf

import (
	"bytes"
	"testing"
)

func FuzzOpenBytes(f *testing.F) {
	f.Add(small(f))
	f.Add(write(f, func(w *Writer) error { return w.Add("t", Q4_K, 256, 2) }))
	f.Add(write(f, func(*Writer) error { return nil }))
	for _, tt := range hostile {
		f.Add([]byte(tt.data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := OpenBytes("fuzz.gguf", data)
		if err != nil {
			return
		}
		walk(t, file)
		for _, key := range file.Keys() {
			rewriteValue(t, file, key)
		}
	})
}

// rewriteValue checks that every value that can be read can be written and is then
// read the same. Bytes are compared, because NaN differs from itself.
func rewriteValue(t *testing.T, file *File, key string) {
	v, _ := file.Get(key)
	typ := typeOfValue(v)
	once, err := appendValue(nil, typ, v, 0)
	if err != nil {
		t.Fatalf("key %q: %v", key, err)
	}
	c := &cursor{data: once}
	if err := skip(c, typ, 0); err != nil || c.left() != 0 {
		t.Fatalf("key %q: %d bytes are left of the rewritten value (%v)", key, c.left(), err)
	}
	twice, err := appendValue(nil, typ, decode(typ, once), 0)
	if err != nil || !bytes.Equal(once, twice) {
		t.Errorf("key %q: %x became %x (%v)", key, once, twice, err)
	}
}
