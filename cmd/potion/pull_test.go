package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hubWith is a server with one file of one repository, org/tales, on the way to which it asks
// for the token "secret". The cache is empty.
func hubWith(t *testing.T, file string, data []byte) {
	t.Helper()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch {
		case q.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
		case q.URL.Path == "/api/models/org/tales/revision/main":
			fmt.Fprintf(w, `{"sha":%q,"siblings":[{"rfilename":%q}]}`, commit, file)
		case q.URL.Path == "/org/tales/resolve/"+commit+"/"+file:
			w.Header().Set("Etag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			if q.Method == http.MethodGet {
				_, _ = w.Write(data)
			}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("HF_ENDPOINT", s.URL)
	t.Setenv("HF_TOKEN", "secret")
	t.Setenv("HF_HUB_CACHE", t.TempDir())
}

// A model that is pulled is run by its name, listed, and removed.
func TestPullRunListRemove(t *testing.T) {
	data, err := os.ReadFile("../../engine/demo/fireside-tales-Q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	hubWith(t, "fireside-tales-Q8_0.gguf", data)
	const name = "hf.co/org/tales"
	run := func() (stdout, stderr string, code int) {
		return potion(t, "", "generate", "--device", "cpu", "-m", name, "--temp", "0", "-n", "7", "--no-echo", sarah)
	}
	if _, stderr, code := run(); code != exitFailed || !strings.Contains(stderr, "potion pull hf.co/org/tales") {
		t.Errorf("before it is pulled: exit code %d, %s", code, stderr)
	}
	path := strings.TrimSpace(must(t, "", "pull", name+":Q8_0"))
	if got, err := os.ReadFile(path); err != nil || string(got) != string(data) {
		t.Errorf("%s: %d bytes, %v", path, len(got), err)
	}
	if stdout, stderr, code := run(); code != 0 || stdout != " very tired. \"I must sleep\n" {
		t.Errorf("the pulled model writes %q (%d, %s)", stdout, code, stderr)
	}
	var object struct{ Name, Path string }
	if err := json.Unmarshal([]byte(must(t, "", "pull", "--json", "-q", name)), &object); err != nil || object.Path != path || object.Name != name {
		t.Errorf("pull --json: %+v, %v", object, err)
	}
	if out := must(t, "", "list"); !strings.Contains(out, "hf.co/org/tales:fireside-tales-Q8_0.gguf") || !strings.Contains(out, "01234567") {
		t.Errorf("list:\n%s", out)
	}
	var list []struct {
		Name, Path string
		Bytes      int
	}
	if err := json.Unmarshal([]byte(must(t, "", "list", "--json")), &list); err != nil || len(list) != 1 || list[0].Path != path || list[0].Bytes != len(data) {
		t.Errorf("list --json: %+v, %v", list, err)
	}
	must(t, "", "rm", list[0].Name)
	if out, stderr, code := potion(t, "", "list"); code != 0 || out != "" || !strings.Contains(stderr, "no models in") {
		t.Errorf("after rm: %q, %q", out, stderr)
	}
	if _, stderr, code := potion(t, "", "rm", name+":Q4_0"); code != exitFailed || !strings.Contains(stderr, "not found") {
		t.Errorf("rm of what is not there: exit code %d, %s", code, stderr)
	}
}

func TestPullFails(t *testing.T) {
	hubWith(t, "a-Q8_0.gguf", []byte("small"))
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"pull"}, exitUsage, "one NAME"},
		{[]string{"pull", "nothing"}, exitUsage, "hf.co/ORG/REPO"},
		{[]string{"pull", "--parallel", "0", "gpt2"}, exitUsage, "--parallel 0"},
		{[]string{"pull", "hf.co/org/other"}, exitFailed, "hf.co/org/other: not found"},
		{[]string{"pull", "hf.co/org/tales:Q2_K"}, exitFailed, "a-Q8_0.gguf"},
		{[]string{"rm"}, exitUsage, "NAME"},
		{[]string{"list", "x"}, exitUsage, "no TEXT"},
		{[]string{"bench", "-m", "hf.co/org/tales"}, exitFailed, "potion pull"},
	} {
		_, stderr, code := potion(t, "", test.args...)
		if code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: exit code %d, %q; want %d, %q", test.args, code, stderr, test.code, test.want)
		}
	}
	t.Setenv("HF_TOKEN", "")
	if _, stderr, code := potion(t, "", "pull", "hf.co/org/tales"); code != exitFailed || !strings.Contains(stderr, "no token was sent: set HF_TOKEN") {
		t.Errorf("without a token: exit code %d, %s", code, stderr)
	}
	// A file beats a name of the hub.
	t.Chdir(t.TempDir())
	if err := os.WriteFile("gpt2", []byte("no model"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, _ := potion(t, "", "generate", "-m", "gpt2", "x"); !strings.Contains(stderr, filepath.Base("gpt2")+": ") || strings.Contains(stderr, "hf.co") {
		t.Errorf("a file called gpt2: %s", stderr)
	}
}
