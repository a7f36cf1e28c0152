package npy

import (
	"bytes"
	"slices"
	"testing"
)

// numpyFile is numpy 1.26's
//
//	import io, numpy as np; b = io.BytesIO(); np.save(b, np.array([[1, -2.5]], dtype='<f4')); b.getvalue()
var numpyFile = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }" +
	"                                                          \x0a" + "\x00\x00\x80?\x00\x00 \xc0"

func TestWriteIsWhatNumPyWrites(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Write(&b, []float32{1, -2.5}, 1, 2); err != nil {
		t.Fatal(err)
	}
	if len(b.Bytes())%4 != 0 || (b.Len()-8)%64 != 0 {
		t.Errorf("%d bytes: the numbers do not begin at a multiple of 64", b.Len())
	}
	x, shape, err := Read(b.Bytes())
	if err != nil || !slices.Equal(shape, []int{1, 2}) || !slices.Equal(x, []float64{1, -2.5}) {
		t.Errorf("Read(Write) = %v %v %v", x, shape, err)
	}
	if b.String() != numpyFile {
		t.Errorf("got %q\nwant %q", b.String(), numpyFile)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(numpyFile))
	f.Add([]byte(numpyFile[:40]))
	f.Fuzz(func(t *testing.T, data []byte) { _, _, _ = Read(data) })
}
