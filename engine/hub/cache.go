package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const folderPrefix = "models--"

// folder is where the cache keeps a repository.
func (h *Hub) folder(repo string) string {
	return filepath.Join(h.Cache, folderPrefix+strings.ReplaceAll(repo, "/", "--"))
}

// Entry is a model in the cache.
type Entry struct {
	Repo   string    `json:"repo"`
	File   string    `json:"file"` // of a split model the first; "" for a Hugging Face folder
	Commit string    `json:"commit"`
	Path   string    `json:"path"`
	Files  int       `json:"files"`
	Bytes  int64     `json:"bytes"`
	Time   time.Time `json:"time"` // when it was fetched
}

// Name is what Parse reads for the entry.
func (e Entry) Name() string {
	return Name{Repo: e.Repo, Revision: mainRevision, What: e.File}.String()
}

// List is every model in the cache that is all there, by name and the newest first.
func (h *Hub) List() ([]Entry, error) {
	var list []Entry
	folders, err := os.ReadDir(h.Cache)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, f := range folders {
		name, ok := strings.CutPrefix(f.Name(), folderPrefix)
		if !ok {
			continue
		}
		n, err := Parse("hf.co/" + strings.Replace(name, "--", "/", 1))
		if err != nil {
			continue // somebody else's folder
		}
		entries, err := h.entries(n)
		if err != nil {
			return nil, err
		}
		list = append(list, entries...)
	}
	return list, nil
}

// entries are the models of one repository in the cache: by file, those of the newest
// snapshot first.
func (h *Hub) entries(n Name) ([]Entry, error) {
	snapshots := filepath.Join(h.folder(n.Repo), "snapshots")
	commits, err := os.ReadDir(snapshots)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	var list []Entry
	for _, c := range commits {
		names, err := filesIn(filepath.Join(snapshots, c.Name()))
		if err != nil {
			return nil, err
		}
		models := groups(names)
		for _, first := range sorted(models) {
			list = append(list, h.entry(n, c.Name(), first, models[first]))
		}
		if len(models) == 0 {
			if files, _, err := chooseFolder(n, names); err == nil {
				list = append(list, h.entry(n, c.Name(), "", files))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Entry) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return b.Time.Compare(a.Time)
	})
	return list, nil
}

func (h *Hub) entry(n Name, commit, file string, files []string) Entry {
	dir := filepath.Join(h.folder(n.Repo), "snapshots", commit)
	e := Entry{Repo: n.Repo, File: file, Commit: commit, Path: filepath.Join(dir, filepath.FromSlash(file)), Files: len(files)}
	for _, f := range files {
		if stat, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f))); err == nil {
			e.Bytes += stat.Size()
			if stat.ModTime().After(e.Time) {
				e.Time = stat.ModTime()
			}
		}
	}
	return e
}

// filesIn lists the files under dir whose blobs are there, with slashes.
func filesIn(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if stat, err := os.Stat(path); err != nil || !stat.Mode().IsRegular() {
			return nil // a link to nothing
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		names = append(names, filepath.ToSlash(rel))
		return nil
	})
	return names, err
}

// Find is the path of a model in the cache. Of several snapshots that of the revision
// counts, else the newest that has it.
func (h *Hub) Find(n Name) (string, error) {
	entries, err := h.entries(n)
	if err != nil {
		return "", err
	}
	at := n.Revision
	if ref, err := os.ReadFile(filepath.Join(h.folder(n.Repo), "refs", n.Revision)); err == nil {
		at = strings.TrimSpace(string(ref))
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		switch {
		case a.Commit == at && b.Commit != at:
			return -1
		case a.Commit != at && b.Commit == at:
			return 1
		}
		return b.Time.Compare(a.Time)
	})
	var names []string // the newest of each file
	byFile := map[string]Entry{}
	for _, e := range entries {
		if n.Revision != mainRevision && e.Commit != at {
			continue // a revision that was named counts alone
		}
		if _, ok := byFile[e.File]; !ok {
			byFile[e.File] = e
			names = append(names, e.File)
		}
	}
	missing := fmt.Errorf("%v: %w on this machine; fetch it with: potion pull %v", n, ErrNotFound, n)
	if e, ok := byFile[""]; ok && len(names) == 1 {
		if n.What == "" {
			return e.Path, nil
		}
		return "", missing
	}
	var files []string
	for _, e := range byFile {
		if e.File != "" {
			files = append(files, parts(e.File)...)
		}
	}
	if len(files) == 0 {
		return "", missing
	}
	_, main, err := choose(n, files)
	if errors.Is(err, ErrNotFound) {
		return "", missing
	}
	if err != nil {
		return "", err
	}
	return byFile[main].Path, nil
}

// Remove deletes a model from the cache, or with no file named everything of its
// repository, and returns how many bytes that freed.
func (h *Hub) Remove(n Name) (int64, error) {
	repo := h.folder(n.Repo)
	missing := fmt.Errorf("%v: %w on this machine; potion list says what is here", n, ErrNotFound)
	if n.What == "" {
		if _, err := os.Stat(repo); err != nil {
			return 0, missing
		}
		bytes := blobBytes(repo)
		return bytes, os.RemoveAll(repo)
	}
	entries, err := h.entries(n)
	if err != nil {
		return 0, err
	}
	found := false
	for _, e := range entries {
		names := parts(e.File)
		if e.File == "" || !slices.Contains(names, n.What) && !quantised(e.File, n.What) {
			continue
		}
		found = true
		for _, name := range names {
			if err := os.Remove(filepath.Join(repo, "snapshots", e.Commit, filepath.FromSlash(name))); err != nil {
				return 0, err
			}
		}
	}
	if !found {
		return 0, missing
	}
	before := blobBytes(repo)
	if err := sweep(repo); err != nil {
		return 0, err
	}
	return before - blobBytes(repo), nil
}

// blobBytes is what the blobs of a repository take.
func blobBytes(repo string) int64 {
	var n int64
	blobs, _ := os.ReadDir(filepath.Join(repo, "blobs"))
	for _, b := range blobs {
		if info, err := b.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// sweep deletes the blobs that no snapshot has a name for, but not what is on its way.
func sweep(repo string) error {
	blobs, err := os.ReadDir(filepath.Join(repo, "blobs"))
	if err != nil {
		return err
	}
	names, err := filesIn(filepath.Join(repo, "snapshots"))
	if err != nil {
		return err
	}
	var used []os.FileInfo
	for _, name := range names {
		if stat, err := os.Stat(filepath.Join(repo, "snapshots", filepath.FromSlash(name))); err == nil {
			used = append(used, stat)
		}
	}
	for _, b := range blobs {
		path := filepath.Join(repo, "blobs", b.Name())
		stat, err := os.Stat(path)
		if err != nil || strings.HasSuffix(b.Name(), ".incomplete") || slices.ContainsFunc(used, func(u os.FileInfo) bool { return os.SameFile(u, stat) }) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
