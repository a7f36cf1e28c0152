package gguf

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
)

// pendingFile is a file under a temporary name that takes its place at path only
// when it is complete.
type pendingFile struct {
	*os.File
	path string
}

// createPending makes path.RANDOM.part: in the same folder, because renaming works
// within one file system only, and with the permissions that path itself would
// get, which os.CreateTemp does not give.
func createPending(path string) (*pendingFile, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: exists and is not a regular file", path)
	}
	for tries := 0; ; tries++ {
		name := fmt.Sprintf("%s.%08x.part", path, rand.Uint32())
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			return &pendingFile{File: f, path: path}, nil
		}
		if !errors.Is(err, fs.ErrExist) || tries == 100 {
			return nil, err
		}
	}
}

// commit moves the file to its path once its bytes are on the disk.
func (f *pendingFile) commit() error {
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.discard())
	}
	if err := f.File.Close(); err != nil {
		return errors.Join(err, f.discard())
	}
	temporary := f.Name()
	f.File = nil
	if err := os.Rename(temporary, f.path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}

// discard removes the file, unless it was committed or discarded already.
func (f *pendingFile) discard() error {
	if f.File == nil {
		return nil
	}
	temporary := f.Name()
	err := f.File.Close()
	f.File = nil
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(temporary))
}
