package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var ctx = context.Background()

const tiny = "hf.co/org/tiny-GGUF"

func TestPull(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{
		"README.md": []byte("hello\n"), "tiny-Q4_K_M.gguf": noise(1, 100_000), "tiny-Q8_0.gguf": noise(2, 50_000),
	}
	s := newFakeHub(t, files)
	s.token = testToken
	h := s.client(t)
	var done, total int64
	h.Progress = func(d, t int64) { done, total = d, t }
	path, err := h.Pull(ctx, mustParse(t, tiny+":q8_0"))
	if err != nil {
		t.Fatal(err)
	}
	repo := filepath.Join(h.Cache, "models--org--tiny-GGUF")
	if want := filepath.Join(repo, "snapshots", testCommit, "tiny-Q8_0.gguf"); path != want {
		t.Errorf("path %s, want %s", path, want)
	}
	sameFile(t, path, files["tiny-Q8_0.gguf"])
	sameFile(t, filepath.Join(repo, "blobs", sumOf("x.gguf", files["tiny-Q8_0.gguf"])), files["tiny-Q8_0.gguf"])
	sameFile(t, filepath.Join(repo, "refs", "main"), []byte(testCommit))
	if target, err := os.Readlink(path); err == nil && target != filepath.Join("..", "..", "blobs", sumOf("x.gguf", files["tiny-Q8_0.gguf"])) {
		t.Errorf("the link points to %s", target)
	}
	if left, _ := filepath.Glob(filepath.Join(repo, "blobs", "*")); len(left) != 1 {
		t.Errorf("blobs %v", left)
	}
	if done != 50_000 || total != 50_000 {
		t.Errorf("progress %d of %d", done, total)
	}
	if len(s.leaks) > 0 {
		t.Errorf("another host saw the token in %v", s.leaks)
	}
	sent := s.sent
	if _, err := h.Pull(ctx, mustParse(t, tiny+":tiny-Q8_0.gguf")); err != nil {
		t.Fatal(err)
	}
	if s.sent != sent {
		t.Errorf("the second time, %d bytes came again", s.sent-sent)
	}
}

func TestPullFolder(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{
		"config.json": []byte(`{"model_type":"gpt2"}`), "tokenizer.json": []byte("hello\n"), "model.safetensors": noise(3, 70_000),
		"pytorch_model.bin": noise(4, 10), "onnx/model.onnx": noise(5, 10), "empty": {}, "merges.txt": {},
	}
	s := newFakeHub(t, files)
	h := s.client(t)
	dir, err := h.Pull(ctx, mustParse(t, tiny))
	if err != nil {
		t.Fatal(err)
	}
	names, err := filesIn(dir)
	if want := []string{"config.json", "merges.txt", "model.safetensors", "tokenizer.json"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("files %v (%v), want %v", names, err, want)
	}
	for _, name := range names {
		sameFile(t, filepath.Join(dir, name), files[name])
	}
	// git hash-object of a file with "hello\n" in it.
	sameFile(t, filepath.Join(h.folder("org/tiny-GGUF"), "blobs", "ce013625030ba8dba906f756967f9e9ca394464a"), []byte("hello\n"))
}

func TestSplitModel(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{
		"Q4_0/tiny-Q4_0-00001-of-00003.gguf": noise(6, 9000), "Q4_0/tiny-Q4_0-00002-of-00003.gguf": noise(7, 9000),
		"Q4_0/tiny-Q4_0-00003-of-00003.gguf": noise(8, 9000),
	}
	s := newFakeHub(t, files)
	h := s.client(t)
	path, err := h.Pull(ctx, mustParse(t, tiny+":Q4_0"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(filepath.ToSlash(path), "/Q4_0/tiny-Q4_0-00001-of-00003.gguf") {
		t.Errorf("path %s", path)
	}
	for name, data := range files {
		sameFile(t, filepath.Join(filepath.Dir(path), filepath.Base(name)), data)
	}
	list, err := h.List()
	if err != nil || len(list) != 1 || list[0].Files != 3 || list[0].Bytes != 27000 || list[0].Path != path {
		t.Errorf("list %+v, %v", list, err)
	}
}

// A connection that ends early is taken up where it ended.
func TestBrokenTransfer(t *testing.T) {
	t.Parallel()
	data := noise(9, 100_000)
	s := newFakeHub(t, map[string][]byte{"a.gguf": data})
	s.send = s.breakAfter(9_000)
	h := s.client(t)
	path, err := h.Pull(ctx, mustParse(t, tiny))
	if err != nil {
		t.Fatal(err)
	}
	sameFile(t, path, data)
	if s.ranges[0] != "" || s.ranges[1] != "bytes=9000-" || len(s.ranges) != 12 {
		t.Errorf("ranges asked for: %q", s.ranges)
	}
}

func TestServersThatMisbehave(t *testing.T) {
	t.Parallel()
	data := noise(10, 30_000)
	const half = 15_000
	for _, test := range []struct {
		name string
		send func(s *fakeHub, w http.ResponseWriter, q *http.Request)
		want string // part of the error; "" for success
	}{
		{"no ranges", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			q.Header.Del("Range")
			s.content(w, q, data)
		}, ""},
		{"refuses the range once", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			s.content(w, q, data)
		}, ""},
		{"another range", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			q.Header.Set("Range", "bytes=5-")
			s.content(w, q, data)
		}, "was asked for the bytes from 15000 on of 30000"},
		{"too long", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			q.Header.Del("Range")
			s.content(w, q, append(slices.Clone(data), 1))
		}, "sends 30001 bytes, the hub says it has 30000"},
		{"too long, unannounced", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush() // in chunks: no Content-Length
			_, _ = w.Write(noise(11, 40_000))
		}, "a.gguf: "}, // too many bytes or the wrong ones, as the pieces fall
		{"always empty", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			panic(http.ErrAbortHandler)
		}, "EOF"},
		{"server error", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			http.Error(w, "out of order", http.StatusBadGateway)
		}, "502"},
		{"signature expired", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			http.Error(w, "expired", http.StatusForbidden)
		}, "access denied (403)"},
		{"unasked redirect status", func(s *fakeHub, w http.ResponseWriter, q *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		}, "204"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeHub(t, map[string][]byte{"a.gguf": data})
			s.send = func(w http.ResponseWriter, q *http.Request, _ []byte) { test.send(s, w, q) }
			h := s.client(t)
			n := mustParse(t, tiny)
			blob := filepath.Join(h.folder(n.Repo), "blobs", sumOf("a.gguf", data))
			if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(blob+".incomplete", data[:half], 0o644); err != nil {
				t.Fatal(err)
			}
			path, err := h.Pull(ctx, n)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "":
				sameFile(t, path, data)
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Errorf("error %v, want %q in it", err, test.want)
			default:
				if _, err := os.Stat(blob); err == nil {
					t.Error("the file is there all the same")
				}
			}
		})
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	data := noise(12, 30_000)
	s := newFakeHub(t, map[string][]byte{"a.gguf": data})
	h := s.client(t)
	n := mustParse(t, tiny)
	bad := slices.Clone(data)
	bad[20_000] ^= 1
	s.send = func(w http.ResponseWriter, q *http.Request, _ []byte) { s.content(w, q, bad) }
	if _, err := h.Pull(ctx, n); !errors.Is(err, ErrChecksum) {
		t.Fatalf("a changed byte: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(h.folder(n.Repo), "*", "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// A damaged beginning is noticed and fetched again.
	s.send = nil
	blob := filepath.Join(h.folder(n.Repo), "blobs", sumOf("a.gguf", data))
	for name, part := range map[string][]byte{"damaged": bad[:25_000], "too long": noise(13, 40_000), "all but the name": data} {
		if err := os.WriteFile(blob+".incomplete", part, 0o644); err != nil {
			t.Fatal(err)
		}
		path, err := h.Pull(ctx, n)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameFile(t, path, data)
		if err := os.Remove(blob); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	listing := func(q *http.Request) bool { return strings.HasPrefix(q.URL.Path, "/api/") }
	text := func(status int, body string) func(w http.ResponseWriter, q *http.Request) bool {
		return func(w http.ResponseWriter, q *http.Request) bool {
			if listing(q) {
				w.WriteHeader(status)
				fmt.Fprint(w, body)
			}
			return listing(q)
		}
	}
	head := func(name, value string) func(w http.ResponseWriter, q *http.Request) bool {
		return func(w http.ResponseWriter, q *http.Request) bool {
			if !listing(q) {
				w.Header().Set("X-Linked-Etag", `"`+strings.Repeat("ab", 32)+`"`)
				w.Header().Set("X-Linked-Size", "5")
				w.Header().Set(name, value)
				w.WriteHeader(http.StatusFound)
			}
			return !listing(q)
		}
	}
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, q *http.Request) bool
		is     error
		want   string
	}{
		{"no token", text(401, ""), ErrDenied, "a token was sent"},
		{"gated", text(403, ""), ErrDenied, "terms must be accepted"},
		{"no repository", text(404, ""), ErrNotFound, "hf.co/org/tiny-GGUF: not found"},
		{"no JSON", text(200, "<html>"), nil, "no list of files"},
		{"no commit", text(200, `{"sha":"../../etc"}`), nil, "is no commit"},
		{"no models", text(200, `{"sha":"`+testCommit+`","siblings":[{"rfilename":"README.md"}]}`), ErrNotFound, "no GGUF file"},
		{"no such file", text(200, `{"sha":"`+testCommit+`","siblings":[{"rfilename":"b.gguf"}]}`), ErrNotFound, "hf.co/org/tiny-GGUF:b.gguf: not found"},
		{"always busy", text(503, ""), nil, "503"},
		{"much too busy", func(w http.ResponseWriter, q *http.Request) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, nil, "asks to wait for 1h0m0s"},
		{"checksum that is a path", head("X-Linked-Etag", `"../../../evil"`), nil, "gives no checksum"},
		{"negative size", head("X-Linked-Size", "-5"), nil, "does not say how large"},
		{"redirects without end", func(w http.ResponseWriter, q *http.Request) bool {
			http.Redirect(w, q, q.URL.Path, http.StatusFound)
			return true
		}, nil, "more than 10 redirects"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeHub(t, map[string][]byte{"a.gguf": noise(14, 100)})
			s.answer = test.answer
			h := s.client(t)
			_, err := h.Pull(ctx, mustParse(t, tiny))
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v, want %v with %q in it", err, test.is, test.want)
			}
			if err != nil && strings.Contains(err.Error(), testToken) {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

// The hub asks to slow down, names a time, and is then asked again.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	data := noise(15, 1000)
	s := newFakeHub(t, map[string][]byte{"a.gguf": data})
	busy := 3
	s.answer = func(w http.ResponseWriter, q *http.Request) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if busy--; busy < 0 {
			return false
		}
		w.Header().Set("Retry-After", map[bool]string{true: "1", false: "0"}[busy == 0])
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	h := s.client(t)
	told := 0
	h.Log = func(string) { told++ }
	begin := time.Now()
	path, err := h.Pull(ctx, mustParse(t, tiny))
	if err != nil {
		t.Fatal(err)
	}
	sameFile(t, path, data)
	if d := time.Since(begin); d < time.Second || told != 3 {
		t.Errorf("waited %v, told %d times", d, told)
	}
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "Wed, 01 May 2024 12:00:30 GMT": 30 * time.Second, "Wed, 01 May 2024 11:00:00 GMT": 0, "": 0, "soon": 0, "-1": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("Retry-After %q is %v, want %v", text, got, want)
		}
	}
}

// A transfer that stands still is given up and taken up again.
func TestStall(t *testing.T) {
	t.Parallel()
	data := noise(16, 20_000)
	s := newFakeHub(t, map[string][]byte{"a.gguf": data})
	release := make(chan struct{})
	defer close(release)
	first := true
	s.send = func(w http.ResponseWriter, q *http.Request, data []byte) {
		if !first {
			s.content(w, q, data)
			return
		}
		first = false
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = w.Write(data[:5000])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-q.Context().Done():
		}
	}
	h := s.client(t)
	h.idle = 50 * time.Millisecond
	path, err := h.Pull(ctx, mustParse(t, tiny))
	if err != nil {
		t.Fatal(err)
	}
	sameFile(t, path, data)
	if len(s.ranges) < 2 || s.ranges[1] != "bytes=5000-" {
		t.Errorf("ranges asked for: %q", s.ranges)
	}
}

// fullDisk takes left bytes and no more.
type fullDisk struct {
	part
	left int
}

func (f *fullDisk) Write(b []byte) (int, error) {
	if len(b) <= f.left {
		f.left -= len(b)
		return f.part.Write(b)
	}
	n, err := f.part.Write(b[:f.left])
	f.left = 0
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	data := noise(17, 60_000)
	s := newFakeHub(t, map[string][]byte{"a.gguf": data})
	h := s.client(t)
	h.open = func(path string) (part, error) {
		p, err := openPart(path)
		return &fullDisk{p, 25_000}, err
	}
	n := mustParse(t, tiny)
	_, err := h.Pull(ctx, n)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "run the same command again") {
		t.Fatalf("error %v", err)
	}
	if len(s.ranges) != 1 {
		t.Errorf("a full disk was tried %d times", len(s.ranges))
	}
	h.open = openPart
	path, err := h.Pull(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	sameFile(t, path, data)
	if s.ranges[1] != "bytes=25000-" {
		t.Errorf("after making room, asked for %q", s.ranges[1])
	}
}

func TestUnwritableCache(t *testing.T) {
	t.Parallel()
	s := newFakeHub(t, map[string][]byte{"a.gguf": noise(18, 10)})
	h := s.client(t)
	h.Cache = filepath.Join(h.Cache, "file")
	if err := os.WriteFile(h.Cache, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Pull(ctx, mustParse(t, tiny)); err == nil || !strings.Contains(err.Error(), h.Cache) {
		t.Errorf("error %v", err)
	}
}

// Two at once do not write to the same file.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	s := newFakeHub(t, map[string][]byte{"a.gguf": noise(19, 10)})
	h := s.client(t)
	n := mustParse(t, tiny)
	blob := filepath.Join(h.folder(n.Repo), "blobs", sumOf("a.gguf", s.files["a.gguf"]))
	if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
		t.Fatal(err)
	}
	other, err := openPart(blob + ".incomplete")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := h.Pull(ctx, n); err == nil || !strings.Contains(err.Error(), "another program is fetching this file") {
		t.Errorf("error %v", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := newFakeHub(t, map[string][]byte{"a.gguf": noise(20, 100_000)})
	ctx, cancel := context.WithCancel(ctx)
	s.onSent = func(total int) {
		if total > 20_000 {
			cancel()
			time.Sleep(time.Millisecond)
		}
	}
	h := s.client(t)
	if _, err := h.Pull(ctx, mustParse(t, tiny)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	env := map[string]string{"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
	h, err := FromEnv(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	request := func(address string) *http.Request {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u, Header: http.Header{"Authorization": {"Bearer x"}}}
	}
	from := []*http.Request{request("https://huggingface.co/a")}
	for address, want := range map[string]string{
		"https://huggingface.co/b":        "Bearer x",
		"https://cdn.huggingface.co/b":    "",
		"https://huggingface.co:8443/b":   "",
		"https://huggingface.co.evil.org": "",
		"http://huggingface.co/b":         "refused",
	} {
		q := request(address)
		err := h.redirect(q, from)
		if got := q.Header.Get("Authorization"); (err != nil) != (want == "refused") || err == nil && got != want {
			t.Errorf("to %s: token %q, %v; want %q", address, got, err, want)
		}
	}
}
