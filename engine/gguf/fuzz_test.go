package gguf

import "testing"

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

// rewriteValue checks that every value that can be read can be written again.
func rewriteValue(t *testing.T, file *File, key string) {
	v, _ := file.Get(key)
	if _, err := appendValue(nil, typeOfValue(v), v, 0); err != nil {
		t.Errorf("key %q: %v", key, err)
	}
}
