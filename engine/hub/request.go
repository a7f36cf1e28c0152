package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// userAgent tells the hub who asks.
const userAgent = "potion"

// request is a request for a path of the endpoint, with the token.
func (h *Hub) request(ctx context.Context, method string, segments ...string) (*http.Request, error) {
	u := *h.Endpoint.JoinPath(segments...)
	q, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", userAgent)
	q.Header.Set("Accept-Encoding", "identity")
	if h.Token != "" {
		q.Header.Set("Authorization", "Bearer "+h.Token)
	}
	return q, nil
}

// resolve is the path of a file on the hub.
func resolve(n Name, commit, file string) []string {
	segments := append(strings.Split(n.Repo, "/"), "resolve", commit)
	for _, s := range strings.Split(file, "/") {
		segments = append(segments, url.PathEscape(s))
	}
	return segments
}

// statusError is an answer of the hub that is no success.
type statusError struct {
	status int
	wait   time.Duration // that the hub asks for before the next attempt
	text   string
	is     error // ErrDenied, ErrNotFound or nil
}

func (e *statusError) Error() string { return e.text }

func (e *statusError) Unwrap() error { return e.is }

// check turns an answer that is no success into an error that says what to do. what is
// what was asked for.
func (h *Hub) check(r *http.Response, n Name, what string) error {
	if r.StatusCode >= 200 && r.StatusCode < 300 {
		return nil
	}
	e := &statusError{status: r.StatusCode, wait: retryAfter(r.Header.Get("Retry-After"), time.Now())}
	token := "a token was sent"
	if h.Token == "" {
		token = "no token was sent: set HF_TOKEN or log in with hf auth login"
	}
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.is = ErrDenied
		e.text = fmt.Sprintf("%s: access denied (%d): the repository does not exist, is private, or its terms must be accepted on %s/%s first; %s", what, r.StatusCode, h.Endpoint, n.Repo, token)
	case http.StatusNotFound:
		e.is = ErrNotFound
		e.text = fmt.Sprintf("%s: not found on %s; check the name", what, h.Endpoint.Host)
	case http.StatusTooManyRequests:
		e.text = fmt.Sprintf("%s: %s asks to slow down (429); try again later; %s", what, h.Endpoint.Host, token)
	default:
		e.text = fmt.Sprintf("%s: %s answers %d %s", what, r.Request.URL.Host, r.StatusCode, http.StatusText(r.StatusCode))
	}
	return e
}

// retryAfter reads a number of seconds or a date; 0 if there is none.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

const (
	attempts = 5               // without a byte of progress
	maxWait  = 5 * time.Minute // that the hub may ask for
)

// again does f until it succeeds or there is no hope. f says whether it got anywhere.
func (h *Hub) again(ctx context.Context, f func() (progress bool, err error)) error {
	pause := h.pause
	for failed := 1; ; failed++ {
		progress, err := f()
		if progress {
			failed, pause = 1, h.pause
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || !temporary(err) || failed >= attempts {
			return err
		}
		wait := pause
		var status *statusError
		if errors.As(err, &status) && status.wait > 0 {
			if wait = status.wait; wait > maxWait {
				return fmt.Errorf("%w (it asks to wait for %v)", err, wait)
			}
		}
		h.log("%v; trying again in %v", err, wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		pause *= 2
	}
}

// temporary says whether another attempt may succeed.
func temporary(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.status == http.StatusTooManyRequests || status.status == http.StatusRequestTimeout || status.status >= 500
	}
	var transfer *transferError
	return errors.As(err, &transfer)
}

// transferError is a failure of the network, not of the disk.
type transferError struct{ err error }

func (e *transferError) Error() string { return e.err.Error() }

func (e *transferError) Unwrap() error { return e.err }

// do sends a request; a failure of the network is a transferError.
func (h *Hub) do(q *http.Request) (*http.Response, error) {
	r, err := h.client.Do(q)
	if err != nil {
		return nil, &transferError{err}
	}
	return r, nil
}

// maxListing bounds the description of a repository.
const maxListing = 64 << 20

// listing is a repository at one commit.
type listing struct {
	SHA      string `json:"sha"`
	Siblings []struct {
		Name string `json:"rfilename"`
	} `json:"siblings"`
}

var commitID = regexp.MustCompile(`^[0-9a-f]{40}$`)

// list asks which files a revision has.
func (h *Hub) list(ctx context.Context, n Name) (commit string, names []string, err error) {
	var l listing
	err = h.again(ctx, func() (bool, error) {
		q, err := h.request(ctx, http.MethodGet, append(append([]string{"api", "models"}, strings.Split(n.Repo, "/")...), "revision", url.PathEscape(n.Revision))...)
		if err != nil {
			return false, err
		}
		r, err := h.do(q)
		if err != nil {
			return false, err
		}
		defer r.Body.Close()
		if err := h.check(r, n, n.String()); err != nil {
			return false, err
		}
		text, err := io.ReadAll(io.LimitReader(r.Body, maxListing+1))
		if err != nil {
			return false, &transferError{err}
		}
		if len(text) > maxListing {
			return false, fmt.Errorf("%v: the list of files is longer than %d MB", n, maxListing>>20)
		}
		l = listing{}
		if err := json.Unmarshal(text, &l); err != nil {
			return false, fmt.Errorf("%v: %s answers with no list of files: %w", n, h.Endpoint.Host, err)
		}
		return true, nil
	})
	if err != nil {
		return "", nil, err
	}
	if !commitID.MatchString(l.SHA) {
		return "", nil, fmt.Errorf("%v: %q from %s is no commit", n, l.SHA, h.Endpoint.Host)
	}
	for _, s := range l.Siblings {
		names = append(names, s.Name)
	}
	return l.SHA, names, nil
}

// remote is what the hub says about a file.
type remote struct {
	name     string
	checksum string // SHA-256, or git's SHA-1 of a small file
	size     int64
}

var checksum = regexp.MustCompile(`^([0-9a-f]{64}|[0-9a-f]{40})$`)

// stat asks for the size and checksum of a file. They come with the hub's own answer, before
// it redirects to where large files are kept.
func (h *Hub) stat(ctx context.Context, n Name, commit, file string) (remote, error) {
	f := remote{name: file}
	what := fmt.Sprintf("hf.co/%s:%s", n.Repo, file)
	err := h.again(ctx, func() (bool, error) {
		q, err := h.request(ctx, http.MethodHead, resolve(n, commit, file)...)
		if err != nil {
			return false, err
		}
		stay := *h.client
		stay.CheckRedirect = func(q *http.Request, via []*http.Request) error {
			if !h.own(q.URL) {
				return http.ErrUseLastResponse
			}
			return h.redirect(q, via)
		}
		r, err := stay.Do(q)
		if err != nil {
			return false, &transferError{err}
		}
		r.Body.Close()
		size := r.Header.Get("X-Linked-Size")
		if r.StatusCode < 300 || r.StatusCode >= 400 {
			if err := h.check(r, n, what); err != nil {
				return false, err
			}
			if size == "" {
				size = r.Header.Get("Content-Length")
			}
		}
		tag := r.Header.Get("X-Linked-Etag")
		if tag == "" {
			tag = r.Header.Get("Etag")
		}
		f.checksum = strings.ToLower(strings.Trim(strings.TrimPrefix(tag, "W/"), `"`))
		f.size, err = strconv.ParseInt(size, 10, 64)
		if err != nil || f.size < 0 {
			return false, fmt.Errorf("%s: %s does not say how large the file is", what, h.Endpoint.Host)
		}
		if !checksum.MatchString(f.checksum) {
			return false, fmt.Errorf("%s: %s gives no checksum (ETag %q)", what, h.Endpoint.Host, tag)
		}
		return true, nil
	})
	return f, err
}
