package gguf

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// maxParts is the largest number that the five digits of a part's name can say.
const maxParts = 99999

// split is what a file says about the split model that it is a part of.
type split struct {
	no      uint64 // of this part, counted from 0
	count   uint64 // of parts; 0 in a file that was never split
	tensors uint64 // in all parts together
}

func (f *File) split() (s split, err error) {
	for _, field := range []struct {
		key string
		v   *uint64
	}{{"split.count", &s.count}, {"split.no", &s.no}, {"split.tensors.count", &s.tensors}} {
		v, ok, err := f.Uint(field.key)
		if err != nil {
			return s, err
		}
		if !ok && s.count > 1 {
			return s, f.errorf("key %s is missing in a part of a split model", field.key)
		}
		*field.v = v
	}
	if s.count > 1 && (s.count > maxParts || s.no >= s.count) {
		return s, f.errorf("key split.no: %d (counted from 0) of %d parts cannot be", s.no, s.count)
	}
	return s, nil
}

// openSplit opens the parts beside the one at path, which is open as f. It takes
// f over and closes it on errors.
func openSplit(path string, f *File, s split) (_ *File, err error) {
	parts := []*File{f}
	defer func() {
		if err != nil {
			for _, p := range parts {
				err = errors.Join(err, p.Close())
			}
		}
	}()
	prefix, err := splitPrefix(path, s)
	if err != nil {
		return nil, err
	}
	whole := f
	if s.no != 0 {
		if whole, err = openNumbered(prefix, 0, s); err != nil {
			return nil, err
		}
		parts = append(parts, whole)
	}
	for no := uint64(1); no < s.count; no++ {
		part := f
		if no != s.no {
			if part, err = openNumbered(prefix, no, s); err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		if err := whole.adopt(part); err != nil {
			return nil, err
		}
	}
	if uint64(len(whole.tensors)) != s.tensors {
		return nil, whole.errorf("the %d parts hold %d tensors, but split.tensors.count says %d", s.count, len(whole.tensors), s.tensors)
	}
	return whole, nil
}

// splitPrefix cuts "-00002-of-00003.gguf" off the path of part 2 of 3.
func splitPrefix(path string, s split) (string, error) {
	suffix := splitSuffix(s.no, s.count)
	prefix, ok := strings.CutSuffix(path, suffix)
	if !ok || filepath.Base(path) == suffix {
		return "", fmt.Errorf("%s: says it is part %d of %d, so its name must end in %s for the other parts to be found",
			path, s.no+1, s.count, suffix)
	}
	return prefix, nil
}

func splitSuffix(no, count uint64) string {
	return fmt.Sprintf("-%05d-of-%05d.gguf", no+1, count)
}

// openNumbered opens part no and checks that it is the part that its name says,
// of the same model as far as can be told.
func openNumbered(prefix string, no uint64, want split) (*File, error) {
	f, err := openPart(prefix + splitSuffix(no, want.count))
	if err != nil {
		return nil, fmt.Errorf("part %d of %d: %w", no+1, want.count, err)
	}
	want.no = no
	got, err := f.split()
	if err == nil && got != want {
		err = f.errorf("says it is part %d of %d with %d tensors in all, but should be part %d of %d with %d",
			got.no+1, got.count, got.tensors, want.no+1, want.count, want.tensors)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// adopt moves the tensors and the mapping of part into f.
func (f *File) adopt(part *File) error {
	for _, t := range part.tensors {
		if f.tensorBy[t.Name] != nil {
			return part.errorf("tensor %s: is also in another part", show(t.Name))
		}
		f.tensorBy[t.Name] = t
	}
	f.tensors = append(f.tensors, part.tensors...)
	f.mapped = append(f.mapped, part.mapped...)
	part.mapped = nil
	return nil
}
