package hub

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Name{
		"hf.co/org/repo":                                    {"org/repo", "main", ""},
		"hf.co/org/repo:Q4_K_M":                             {"org/repo", "main", "Q4_K_M"},
		"hf.co/org/repo@v1.0:sub/model.gguf":                {"org/repo", "v1.0", "sub/model.gguf"},
		"https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct": {"Qwen/Qwen2.5-0.5B-Instruct", "main", ""},
		"gpt2":       {"openai-community/gpt2", "main", ""},
		"QWEN3:0.6b": {"Qwen/Qwen3-0.6B-GGUF", "main", "Q8_0"},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v (%v), want %+v", text, got, err, want)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q and read as %+v", text, got, again)
		}
	}
	for _, text := range []string{
		"", "hf.co/", "hf.co/org", "hf.co/org/", "hf.co/../repo", "hf.co/org/..", "hf.co/a/b/c", "hf.co/org/repo:", "hf.co/org/a--b",
		"hf.co/org/re po", "hf.co/org/repo@../x", "hf.co/org/repo@", "hf.co/org/repo\x00", "hf.co/.org/repo", `hf.co/org\x/repo`, "unknown",
	} {
		if n, err := Parse(text); err == nil {
			t.Errorf("%q is %+v", text, n)
		}
	}
	for text, want := range map[string]bool{"hf.co/x/y": true, "gpt2": true, "model.gguf": false, "./gpt2": false, "org/repo": false} {
		if IsName(text) != want {
			t.Errorf("%q as a name: %v", text, !want)
		}
	}
	for _, short := range ShortNames() {
		if _, err := Parse(short); err != nil || short != strings.ToLower(short) {
			t.Errorf("short name %q: %v", short, err)
		}
	}
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	home := filepath.FromSlash("/home/me/.cache")
	for _, test := range []struct {
		env   map[string]string
		cache string
		host  string
		want  string
	}{
		{nil, filepath.Join(home, "huggingface", "hub"), "huggingface.co", ""},
		{map[string]string{"HF_HOME": "/big"}, filepath.FromSlash("/big/hub"), "huggingface.co", ""},
		{map[string]string{"HF_HOME": "/big", "HF_HUB_CACHE": "/x"}, "/x", "huggingface.co", ""},
		{map[string]string{"HF_ENDPOINT": "https://mirror.example/"}, filepath.Join(home, "huggingface", "hub"), "mirror.example", ""},
		{map[string]string{"HF_ENDPOINT": "mirror"}, "", "", "want an address"},
		{map[string]string{"HF_ENDPOINT": "ftp://mirror"}, "", "", "want an address"},
		{map[string]string{"HF_ENDPOINT": "http://mirror.example", "HF_TOKEN": "x"}, "", "", "not sent without encryption"},
		{map[string]string{"HF_ENDPOINT": "http://127.0.0.1:1", "HF_TOKEN": "x"}, filepath.Join(home, "huggingface", "hub"), "127.0.0.1:1", ""},
	} {
		h, err := FromEnv(func(name string) string {
			if name == "XDG_CACHE_HOME" {
				return home
			}
			return test.env[name]
		})
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v: error %v, want %q", test.env, err, test.want)
			}
			continue
		}
		if err != nil || h.Cache != test.cache || h.Endpoint.Host != test.host {
			t.Errorf("%v: %+v, %v", test.env, h, err)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	many := []string{
		"README.md", "m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q4_K_M_L.gguf", "m.q8_0.gguf", "mmproj-m-Q8_0.gguf", "IQ2/m-IQ2_M.gguf",
		"big/m-F16-00001-of-00002.gguf", "big/m-F16-00002-of-00002.gguf", "m-Q2_K-00002-of-00002.gguf", "config.json",
	}
	for _, test := range []struct {
		what  string
		names []string
		main  string
		files int
		want  string
	}{
		{"", many, "m-Q4_K_M.gguf", 1, ""},
		{"Q4_K_M", many, "m-Q4_K_M.gguf", 1, ""},
		{"q8_0", many, "m.q8_0.gguf", 1, ""},
		{"iq2_m", many, "IQ2/m-IQ2_M.gguf", 1, ""},
		{"f16", many, "big/m-F16-00001-of-00002.gguf", 2, ""},
		{"big/m-F16-00002-of-00002.gguf", many, "big/m-F16-00001-of-00002.gguf", 2, ""},
		{"Q2_K", many, "", 0, "none is what was asked for: IQ2/m-IQ2_M.gguf, big/m-F16"},
		{"K_M", many, "", 0, "none is"},
		{"", []string{"only-one.gguf"}, "only-one.gguf", 1, ""},
		{"", []string{"a.gguf", "b.gguf"}, "", 0, "a.gguf, b.gguf"},
		{"Q8_0", []string{"a-Q8_0.gguf", "b-Q8_0.gguf"}, "", 0, "several files fit, name one of them after a colon: a-Q8_0.gguf, b-Q8_0.gguf"},
		{"", []string{"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "x.safetensors"}, "", 3, ""},
		{"", []string{"config.json", "pytorch_model.bin"}, "", 0, "no GGUF file, and no config.json with .safetensors"},
		{"Q4_0", []string{"config.json", "model.safetensors"}, "", 0, "there is no GGUF file"},
		{"", []string{"../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf", `..\evil.gguf`, "c:evil.gguf", "a\nb.gguf", "a\u202eb.gguf", "\xff.gguf", "a//b.gguf"}, "", 0, "no GGUF file"},
		{"../evil.gguf", []string{"../evil.gguf", "good.gguf"}, "", 0, "none is what was asked for: good.gguf"},
	} {
		files, main, err := choose(Name{"org/repo", "main", test.what}, test.names)
		switch {
		case test.want != "":
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: %q, error %v, want %q in it", test.what, files, err, test.want)
			}
		case err != nil || main != test.main || len(files) != test.files:
			t.Errorf("%q: %q, %q, %v; want %d, %q", test.what, files, main, err, test.files, test.main)
		}
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("hf.co/org/repo:Q4_0", "a-Q4_0.gguf\n../b.gguf\nconfig.json\nmodel.safetensors")
	f.Add("hf.co/org/repo@x", "m-00001-of-99999.gguf\nm-00001-of-00001.gguf")
	f.Fuzz(func(t *testing.T, name, names string) {
		n, err := Parse(name)
		if err != nil {
			return
		}
		files, main, err := choose(n, strings.Split(names, "\n"))
		if err != nil {
			return
		}
		root := filepath.FromSlash("/cache")
		for _, f := range append(files, n.Repo, n.Revision) {
			if !strings.HasPrefix(filepath.Join(root, filepath.FromSlash(f)), root+string(filepath.Separator)) {
				t.Errorf("%q leaves the folder", f)
			}
		}
		if main != "" && !slices.Contains(files, main) {
			t.Errorf("the model %q is none of %q", main, files)
		}
	})
}

func TestListFindRemove(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{
		"m-Q4_0.gguf": noise(1, 4000), "m-Q8_0.gguf": noise(2, 8000), "copy-F16.gguf": noise(2, 8000),
	}
	s := newFakeHub(t, files)
	h := s.client(t)
	if list, err := h.List(); err != nil || len(list) != 0 {
		t.Errorf("an empty cache lists %v, %v", list, err)
	}
	paths := map[string]string{}
	for _, what := range []string{"Q4_0", "Q8_0", "F16"} {
		path, err := h.Pull(ctx, mustParse(t, tiny+":"+what))
		if err != nil {
			t.Fatal(err)
		}
		paths[what] = path
	}
	list, err := h.List()
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	if want := []string{tiny + ":copy-F16.gguf", tiny + ":m-Q4_0.gguf", tiny + ":m-Q8_0.gguf"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("list %q, %v; want %q", names, err, want)
	}
	find := func(name, want string) {
		t.Helper()
		got, err := h.Find(mustParse(t, name))
		if got != want || want == "" && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s is at %q (%v), want %q", name, got, err, want)
		}
	}
	find(tiny+":q4_0", paths["Q4_0"])
	find(tiny+":copy-F16.gguf", paths["F16"])
	find(tiny, paths["Q8_0"]) // the first of those preferred
	find(tiny+":Q6_K", "")
	find(tiny+"@v2", "")
	find("hf.co/org/other", "")

	remove := func(name string, want int64) {
		t.Helper()
		if got, err := h.Remove(mustParse(t, name)); err != nil || got != want {
			t.Errorf("removing %s frees %d, %v; want %d", name, got, err, want)
		}
	}
	remove(tiny+":Q8_0", 0) // copy-F16 is the same blob
	find(tiny+":Q8_0", "")
	find(tiny+":F16", paths["F16"])
	remove(tiny+":F16", 8000)
	remove(tiny, 4000)
	if list, err := h.List(); err != nil || len(list) != 0 {
		t.Errorf("after removing all, the list is %v, %v", list, err)
	}
	if _, err := h.Remove(mustParse(t, tiny)); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing what is not there: %v", err)
	}
}
