package hub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testCommit = "0123456789abcdef0123456789abcdef01234567"
	testToken  = "hf_secret"
)

// fakeHub behaves like the hub: small files come from it, with git's checksum; large ones
// (.gguf and .safetensors) from another host that it redirects to, with their SHA-256 in
// X-Linked-Etag.
type fakeHub struct {
	hub, store *httptest.Server
	repo       string
	files      map[string][]byte

	mu     sync.Mutex
	token  string                                                    // asked for, if not empty
	sent   int                                                       // bytes of content
	ranges []string                                                  // of the requests to the store
	leaks  []string                                                  // what the store saw of the token
	answer func(w http.ResponseWriter, q *http.Request) (done bool)  // comes first
	send   func(w http.ResponseWriter, q *http.Request, data []byte) // what sends content
	onSent func(total int)                                           // after every piece
}

func newFakeHub(t *testing.T, files map[string][]byte) *fakeHub {
	t.Helper()
	s := &fakeHub{repo: "org/tiny-GGUF", files: files}
	s.hub = httptest.NewServer(http.HandlerFunc(s.serve))
	s.store = httptest.NewServer(http.HandlerFunc(s.serveStore))
	t.Cleanup(func() { s.hub.Close(); s.store.Close() })
	return s
}

// client is a Hub on the server, with a cache of its own, that does not wait long.
func (s *fakeHub) client(t *testing.T) *Hub {
	t.Helper()
	env := map[string]string{"HF_ENDPOINT": s.hub.URL, "HF_HUB_CACHE": t.TempDir(), "HF_TOKEN": testToken}
	h, err := FromEnv(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	h.pause, h.idle = time.Millisecond, 5*time.Second
	return h
}

func large(name string) bool {
	return strings.HasSuffix(name, ".gguf") || strings.HasSuffix(name, ".safetensors")
}

func sumOf(name string, data []byte) string {
	if large(name) {
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	}
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(data)), data...))
	return hex.EncodeToString(sum[:])
}

func (s *fakeHub) serve(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	answer, token := s.answer, s.token
	s.mu.Unlock()
	if answer != nil && answer(w, q) {
		return
	}
	if token != "" && q.Header.Get("Authorization") != "Bearer "+token {
		http.Error(w, "Invalid username or password.", http.StatusUnauthorized)
		return
	}
	if q.URL.Path == "/api/models/"+s.repo+"/revision/main" {
		l := listing{SHA: testCommit}
		for _, name := range slices.Sorted(maps.Keys(s.files)) {
			l.Siblings = append(l.Siblings, struct {
				Name string `json:"rfilename"`
			}{name})
		}
		_ = json.NewEncoder(w).Encode(l)
		return
	}
	name, ok := strings.CutPrefix(q.URL.Path, "/"+s.repo+"/resolve/"+testCommit+"/")
	data, there := s.files[name]
	if !ok || !there {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	sum := `"` + sumOf(name, data) + `"`
	if large(name) {
		w.Header().Set("X-Linked-Etag", sum)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(data)))
		w.Header().Set("Etag", `"not the checksum"`)
		http.Redirect(w, q, s.store.URL+"/"+name+"?signature=abc", http.StatusFound)
		return
	}
	w.Header().Set("Etag", sum)
	s.content(w, q, data)
}

func (s *fakeHub) serveStore(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	s.ranges = append(s.ranges, q.Header.Get("Range"))
	for name, values := range q.Header {
		if strings.Contains(strings.Join(values, " "), testToken) {
			s.leaks = append(s.leaks, name)
		}
	}
	send := s.send
	s.mu.Unlock()
	data := s.files[strings.TrimPrefix(q.URL.Path, "/")]
	if send == nil {
		send = s.content
	}
	send(w, q, data)
}

// content answers with data or the range of it that is asked for, in pieces.
func (s *fakeHub) content(w http.ResponseWriter, q *http.Request, data []byte) {
	from, status := 0, http.StatusOK
	if r := q.Header.Get("Range"); r != "" {
		if _, err := fmt.Sscanf(r, "bytes=%d-", &from); err != nil || from >= len(data) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
		status = http.StatusPartialContent
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)-from))
	w.WriteHeader(status)
	if q.Method == http.MethodHead {
		return
	}
	s.pieces(w, data[from:])
}

func (s *fakeHub) pieces(w io.Writer, data []byte) {
	const piece = 4 << 10
	for len(data) > 0 {
		n := min(piece, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			return
		}
		data = data[n:]
		s.mu.Lock()
		s.sent += n
		total, told := s.sent, s.onSent
		s.mu.Unlock()
		if told != nil {
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			told(total)
		}
	}
}

// breakAfter sends n bytes of every answer and then cuts the connection.
func (s *fakeHub) breakAfter(n int) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, q *http.Request, data []byte) {
		s.content(&cut{ResponseWriter: w, left: n}, q, data)
	}
}

type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(b []byte) (int, error) {
	if len(b) < c.left {
		c.left -= len(b)
		return c.ResponseWriter.Write(b)
	}
	_, _ = c.ResponseWriter.Write(b[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// noise is n bytes that are the same for the same seed.
func noise(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func mustParse(t *testing.T, s string) Name {
	t.Helper()
	n, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sameFile holds a file to what it should be.
func sameFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	} else if string(got) != string(want) {
		t.Errorf("%s: %d bytes that are not the %d sent", filepath.Base(path), len(got), len(want))
	}
}
