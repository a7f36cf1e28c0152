package hub

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Pull fetches the files that a name asks for and returns the path of the model: a GGUF
// file (of a split model the first), or a folder. Whatever ends it, what came so far is kept
// and the next call goes on from there.
func (h *Hub) Pull(ctx context.Context, n Name) (string, error) {
	commit, names, err := h.list(ctx, n)
	if err != nil {
		return "", err
	}
	chosen, main, err := choose(n, names)
	if err != nil {
		return "", err
	}
	files := make([]remote, len(chosen))
	err = h.each(ctx, len(chosen), func(ctx context.Context, i int) (err error) {
		files[i], err = h.stat(ctx, n, commit, chosen[i])
		return err
	})
	if err != nil {
		return "", err
	}
	repo := h.folder(n.Repo)
	if err := os.MkdirAll(filepath.Join(repo, "blobs"), 0o755); err != nil {
		return "", err
	}
	p := newProgress(h.Progress, files)
	// Two files with the same content are one blob, fetched once.
	blobs := map[string]remote{}
	var order []string
	for _, f := range files {
		if _, ok := blobs[f.checksum]; !ok {
			order = append(order, f.checksum)
		}
		blobs[f.checksum] = f
	}
	blob := func(checksum string) string { return filepath.Join(repo, "blobs", checksum) }
	err = h.each(ctx, len(order), func(ctx context.Context, i int) error {
		return h.fetch(ctx, n, commit, blobs[order[i]], blob(order[i]), p.add)
	})
	if err != nil {
		return "", err
	}
	// The names come last: a snapshot never holds a part of what was asked for.
	snapshot := filepath.Join(repo, "snapshots", commit)
	for _, f := range files {
		if err := link(blob(f.checksum), filepath.Join(snapshot, filepath.FromSlash(f.name))); err != nil {
			return "", err
		}
	}
	if err := writeRef(filepath.Join(repo, "refs", n.Revision), commit); err != nil {
		return "", err
	}
	return filepath.Join(snapshot, filepath.FromSlash(main)), nil
}

// writeRef notes the commit of a revision.
func writeRef(name, commit string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".ref-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(commit)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}

// each does f for 0..n-1, some at a time, and returns the first error, which stops the
// others.
func (h *Hub) each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var done sync.WaitGroup
	for range min(n, max(h.Parallel, 1)) {
		done.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	done.Wait()
	return context.Cause(ctx)
}

// progress adds up what the transfers tell.
type progress struct {
	mu          sync.Mutex
	tell        func(done, total int64)
	done, total int64
}

func newProgress(tell func(done, total int64), files []remote) *progress {
	p := &progress{tell: tell}
	counted := map[string]bool{}
	for _, f := range files {
		if !counted[f.checksum] {
			counted[f.checksum] = true
			p.total += f.size
		}
	}
	return p
}

func (p *progress) add(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += bytes
	if p.tell != nil {
		p.tell(p.done, p.total)
	}
}
