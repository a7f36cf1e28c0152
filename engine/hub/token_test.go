package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The rules are those of Hugging Face's own tools (huggingface_hub, "Environment variables"),
// but that no token goes over an unencrypted line.
func TestToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("home/token", "hf_saved\n")
	file("cache/huggingface/token", "hf_cached")
	other := file("other", " hf_other ")
	long, odd := file("long", strings.Repeat("x", maxToken+1)), file("odd", "hf_a\nb: c")
	home, cache := filepath.Join(dir, "home"), filepath.Join(dir, "cache")
	for _, test := range []struct {
		env   map[string]string
		token string
		want  string
	}{
		{map[string]string{"HF_HOME": home}, "hf_saved", ""},
		{map[string]string{"XDG_CACHE_HOME": cache}, "hf_cached", ""},
		{map[string]string{"HF_HOME": home, "HF_TOKEN": "hf_given"}, "hf_given", ""},
		{map[string]string{"HF_HOME": home, "HF_TOKEN_PATH": other}, "hf_other", ""},
		{map[string]string{"HF_HOME": home, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "true"}, "", ""},
		{map[string]string{"HF_HOME": home, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1", "HF_TOKEN": "hf_given"}, "hf_given", ""},
		{map[string]string{"HF_HOME": dir}, "", ""}, // nothing saved
		{map[string]string{"HF_HOME": home, "HF_ENDPOINT": "http://mirror.example"}, "", ""},
		{map[string]string{"HF_HOME": home, "HF_ENDPOINT": "http://localhost:1"}, "hf_saved", ""},
		{map[string]string{"HF_TOKEN_PATH": long}, "", "too long to be a token"},
		{map[string]string{"HF_TOKEN_PATH": odd}, "", "odd holds no token"},
		{map[string]string{"HF_TOKEN_PATH": dir}, "", "the saved token"},
		{map[string]string{"HF_TOKEN": "a b", "HF_HOME": home}, "", "HF_TOKEN holds no token"},
	} {
		h, err := FromEnv(func(name string) string { return test.env[name] })
		switch {
		case test.want != "":
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hf_a") {
				t.Errorf("%v: error %v, want %q", test.env, err, test.want)
			}
		case err != nil || h.Token != test.token:
			t.Errorf("%v: %+v, %v; want token %q", test.env, h, err, test.token)
		}
	}
}
