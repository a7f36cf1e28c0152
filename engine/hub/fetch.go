package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// part is the beginning of a file that is being fetched.
type part interface {
	io.ReadWriteSeeker
	Truncate(size int64) error
	Sync() error
	Close() error
}

// openPart opens or makes the beginning of a file, for this process alone.
func openPart(path string) (part, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: another program is fetching this file: %w", path, err)
	}
	return f, nil
}

// transfer is one file on its way into the cache.
type transfer struct {
	h      *Hub
	name   Name
	commit string
	file   remote
	path   string // of the part
	add    func(bytes int64)

	part   part
	digest hash.Hash
	have   int64 // bytes in part and in digest
}

// fetch brings a file of the hub to blob, unless it is there. add is told the bytes that
// are in place, and less than none where some must come again.
func (h *Hub) fetch(ctx context.Context, n Name, commit string, f remote, blob string, add func(int64)) error {
	if stat, err := os.Stat(blob); err == nil && stat.Size() == f.size {
		add(f.size)
		return nil
	}
	t := &transfer{h: h, name: n, commit: commit, file: f, path: blob + ".incomplete", add: add}
	var err error
	if t.part, err = h.open(t.path); err != nil {
		return err
	}
	err = t.complete(ctx)
	if err == nil {
		err = t.part.Sync() // before the name says that it is all there
	}
	if e := t.part.Close(); err == nil {
		err = e
	}
	if errors.Is(err, ErrChecksum) {
		os.Remove(t.path)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(t.path, blob); err != nil {
		if _, there := os.Stat(blob); there == nil {
			return nil // another process was as quick
		}
		return err
	}
	return nil
}

// complete fetches what is missing and checks the whole. A beginning from an earlier run
// that turns out to be damaged is thrown away once.
func (t *transfer) complete(ctx context.Context) error {
	if err := t.resume(); err != nil {
		return err
	}
	for second := false; ; second = true {
		earlier := t.have > 0
		if err := t.h.again(ctx, func() (bool, error) { return t.attempt(ctx) }); err != nil {
			return err
		}
		got := hex.EncodeToString(t.digest.Sum(nil))
		if got == t.file.checksum {
			return nil
		}
		if !earlier || second {
			return fmt.Errorf("hf.co/%s:%s: %w: %s, but the hub says %s; try again later", t.name.Repo, t.file.name, ErrChecksum, got, t.file.checksum)
		}
		t.h.log("%s: what an earlier run left is damaged; beginning again", t.file.name)
		if err := t.restart(); err != nil {
			return err
		}
	}
}

// resume reads what an earlier run left.
func (t *transfer) resume() error {
	t.digest = newDigest(t.file)
	n, err := io.Copy(t.digest, t.part)
	if err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	t.have = n
	t.add(n)
	if n > t.file.size {
		return t.restart()
	}
	return nil
}

// restart throws away what is there.
func (t *transfer) restart() error {
	t.add(-t.have)
	t.have, t.digest = 0, newDigest(t.file)
	if err := t.part.Truncate(0); err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	if _, err := t.part.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	return nil
}

// newDigest is the checksum that the hub uses for a file: SHA-256, or for small files that
// of git: SHA-1 of "blob SIZE\0" and the content.
func newDigest(f remote) hash.Hash {
	if len(f.checksum) == 2*sha256.Size {
		return sha256.New()
	}
	d := sha1.New()
	fmt.Fprintf(d, "blob %d\x00", f.size)
	return d
}

// attempt asks for what is missing and writes what comes. The request goes to the hub
// itself every time: where it redirects to is good for a while only.
func (t *transfer) attempt(parent context.Context) (progress bool, err error) {
	if t.have == t.file.size {
		return false, nil
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	q, err := t.h.request(ctx, http.MethodGet, resolve(t.name, t.commit, t.file.name)...)
	if err != nil {
		return false, err
	}
	if t.have > 0 {
		q.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.have))
	}
	r, err := t.h.do(q)
	if err != nil {
		return false, err
	}
	defer r.Body.Close()
	if err := t.accept(r); err != nil {
		return false, err
	}
	begin := t.have
	// The timer ends a transfer that stands still.
	idle := time.AfterFunc(t.h.idle, cancel)
	defer idle.Stop()
	buffer := make([]byte, 128<<10)
	for {
		n, err := r.Body.Read(buffer)
		idle.Reset(t.h.idle)
		if int64(n) > t.file.size-t.have {
			return false, fmt.Errorf("%s: more bytes came than the %d that the hub says it has", t.file.name, t.file.size)
		}
		if e := t.write(buffer[:n]); e != nil {
			return false, e
		}
		switch {
		case t.have == t.file.size:
			return true, nil
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			err = fmt.Errorf("%s: the connection ended after %d of %d bytes", t.file.name, t.have, t.file.size)
			return t.have > begin, &transferError{err}
		case err != nil && ctx.Err() != nil && parent.Err() == nil:
			return t.have > begin, &transferError{fmt.Errorf("%s: nothing came for %v", t.file.name, t.h.idle)}
		case err != nil:
			return t.have > begin, &transferError{fmt.Errorf("%s: %w", t.file.name, err)}
		}
	}
}

func (t *transfer) write(b []byte) error {
	n, err := t.part.Write(b)
	t.digest.Write(b[:n])
	t.have += int64(n)
	t.add(int64(n))
	if err != nil {
		return fmt.Errorf("%s: %w; what came so far is kept: make room and run the same command again", t.path, err)
	}
	return nil
}

var contentRange = regexp.MustCompile(`^bytes (\d+)-\d+/(\d+|\*)$`)

// accept checks that an answer holds what is missing, or else begins again.
func (t *transfer) accept(r *http.Response) error {
	host := r.Request.URL.Host
	switch r.StatusCode {
	case http.StatusPartialContent:
		m := contentRange.FindStringSubmatch(r.Header.Get("Content-Range"))
		if m == nil || m[1] != strconv.FormatInt(t.have, 10) || m[2] != "*" && m[2] != strconv.FormatInt(t.file.size, 10) {
			return fmt.Errorf("%s: %s was asked for the bytes from %d on of %d and sends %q", t.file.name, host, t.have, t.file.size, r.Header.Get("Content-Range"))
		}
		return nil
	case http.StatusOK: // the whole, whatever was asked for
		if r.ContentLength >= 0 && r.ContentLength != t.file.size {
			return fmt.Errorf("%s: %s sends %d bytes, the hub says it has %d", t.file.name, host, r.ContentLength, t.file.size)
		}
		if t.have > 0 {
			return t.restart()
		}
		return nil
	case http.StatusRequestedRangeNotSatisfiable:
		if err := t.restart(); err != nil {
			return err
		}
		return &transferError{fmt.Errorf("%s: %s refuses to go on where the last transfer ended", t.file.name, host)}
	}
	if err := t.h.check(r, t.name, fmt.Sprintf("hf.co/%s:%s", t.name.Repo, t.file.name)); err != nil {
		return err
	}
	return fmt.Errorf("%s: %s answers %d %s", t.file.name, host, r.StatusCode, http.StatusText(r.StatusCode))
}

// link makes the name of a file in a snapshot point to its blob.
func link(blob, name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	target, err := filepath.Rel(filepath.Dir(name), blob)
	if err != nil {
		return err
	}
	if was, err := os.Readlink(name); err == nil && was == target {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, name); err == nil {
		return nil
	}
	return os.Link(blob, name) // Windows asks for a privilege for symbolic links
}
