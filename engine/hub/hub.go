// Package hub fetches models from the Hugging Face hub, or a server that behaves like it,
// into the cache that Hugging Face's own tools use, and finds them there again.
//
// The cache folder holds one folder for each repository:
//
//	models--ORG--REPO/
//	  blobs/CHECKSUM             a file, named by its SHA-256 or git checksum
//	  blobs/CHECKSUM.incomplete  the beginning of one
//	  refs/main                  the commit that a revision is at
//	  snapshots/COMMIT/NAME      a link to the blob of that file
package hub

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Hub is a server and the local cache of what it has.
type Hub struct {
	Endpoint *url.URL // https://huggingface.co
	Token    string   // sent to the endpoint's host alone; may be empty
	Cache    string   // folder
	Parallel int      // files fetched at a time

	// Progress, if not nil, is told the bytes in place and the bytes in all, from one
	// goroutine at a time.
	Progress func(done, total int64)
	// Log, if not nil, is told what is tried again and why.
	Log func(message string)

	client *http.Client
	idle   time.Duration                   // without a byte, after which a transfer is given up
	pause  time.Duration                   // before the first new attempt; then it doubles
	open   func(path string) (part, error) // opens the beginning of a file to go on with
}

const (
	defaultEndpoint = "https://huggingface.co"
	defaultParallel = 4
	defaultIdle     = time.Minute
	defaultPause    = time.Second
)

// FromEnv is the hub that HF_ENDPOINT names, with the token of token, and the cache in
// HF_HUB_CACHE, else in the folder hub of homeFolder. getenv is os.Getenv.
func FromEnv(getenv func(string) string) (*Hub, error) {
	text := getenv("HF_ENDPOINT")
	if text == "" {
		text = defaultEndpoint
	}
	endpoint, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "https" && endpoint.Scheme != "http" {
		return nil, fmt.Errorf("HF_ENDPOINT %q: want an address such as %s", text, defaultEndpoint)
	}
	h := &Hub{Endpoint: endpoint, Parallel: defaultParallel, idle: defaultIdle, pause: defaultPause, open: openPart}
	if h.Token, err = token(getenv, endpoint); err != nil {
		return nil, err
	}
	h.client = &http.Client{CheckRedirect: h.redirect, Transport: transport()}
	if h.Cache = getenv("HF_HUB_CACHE"); h.Cache == "" {
		home, err := homeFolder(getenv)
		if err != nil {
			return nil, fmt.Errorf("no home folder for the cache (%w); set HF_HUB_CACHE", err)
		}
		h.Cache = filepath.Join(home, "hub")
	}
	return h, nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = defaultIdle
	t.DisableCompression = true // sizes and ranges are of the file itself
	return t
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// homeFolder is where Hugging Face's tools keep what they keep: HF_HOME, else huggingface in
// XDG_CACHE_HOME or ~/.cache.
func homeFolder(getenv func(string) string) (string, error) {
	if d := getenv("HF_HOME"); d != "" {
		return d, nil
	}
	cache := getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "huggingface"), nil
}

// maxRedirects is more than any hub needs.
const maxRedirects = 10

// redirect keeps the token from other hosts and encrypted traffic encrypted.
func (h *Hub) redirect(q *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if q.URL.Scheme != "https" && via[0].URL.Scheme == "https" {
		return fmt.Errorf("redirect from https to %s", q.URL.Scheme)
	}
	if !h.own(q.URL) {
		q.Header.Del("Authorization")
	}
	return nil
}

// own says whether u is on the endpoint.
func (h *Hub) own(u *url.URL) bool {
	return u.Scheme == h.Endpoint.Scheme && u.Host == h.Endpoint.Host
}

func (h *Hub) log(form string, args ...any) {
	if h.Log != nil {
		h.Log(fmt.Sprintf(form, args...))
	}
}

// Errors that callers may ask for with errors.Is.
var (
	// ErrNotFound: there is no such repository, revision or file, on the hub or in the cache.
	ErrNotFound = errors.New("not found")
	// ErrDenied: the hub wants a token, or one that may see the repository.
	ErrDenied = errors.New("access denied")
	// ErrChecksum: what came is not what the hub says the file is.
	ErrChecksum = errors.New("wrong checksum")
)
