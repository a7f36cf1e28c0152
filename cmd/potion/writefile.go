package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeWhole writes a file that is there wholly or not at all. What is no plain file, such as
// a pipe or /dev/stdout, is written to as it is.
func writeWhole(path string, fill func(*bufio.Writer) error) (err error) {
	f, place, err := create(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			if place != "" {
				os.Remove(f.Name())
			}
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if place == "" {
		return nil
	}
	return os.Rename(f.Name(), place)
}

// create opens a new file beside place, which it is to replace; place is "" where path is no
// plain file and is opened itself. A link stays, and what it points to is replaced.
func create(path string) (f *os.File, place string, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, "", fmt.Errorf("%s is a folder; want the name of a file", path)
	case err == nil && !info.Mode().IsRegular():
		if f, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
			return nil, "", err
		}
		return f, "", nil
	}
	mode := os.FileMode(0o644)
	place = path
	if err == nil {
		mode = info.Mode().Perm()
		if place, err = filepath.EvalSymlinks(path); err != nil {
			return nil, "", err
		}
	}
	if f, err = os.CreateTemp(filepath.Dir(place), ".potion-*"); err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err // the name of a file for a while says nothing
		}
		return nil, "", fmt.Errorf("%s: no file can be made in %s: %w", path, filepath.Dir(place), err)
	}
	if err := f.Chmod(mode); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return f, place, nil
}

// checkWritable finds out before long work whether writeWhole can write to path; "" is no file.
func checkWritable(path string) error {
	if path == "" {
		return nil
	}
	f, place, err := create(path)
	if err != nil {
		return err
	}
	f.Close()
	if place == "" {
		return nil
	}
	return os.Remove(f.Name())
}
