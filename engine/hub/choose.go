package hub

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// safe says whether a file name from the hub stays inside the folder it is put in, on this
// system and in a listing on a terminal.
func safe(name string) bool {
	return fs.ValidPath(name) && name != "." && filepath.IsLocal(filepath.FromSlash(name)) && len(name) <= 512 &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' || r == ':' })
}

// preferred are the quantisations that are taken where the name asks for none: the best
// bargain of size and quality first.
var preferred = []string{"Q4_K_M", "Q8_0", "Q4_0", "Q5_K_M", "Q6_K", "Q4_K_S"}

// folderFiles are what a model in Hugging Face's own form is made of, besides its weights.
var folderFiles = []string{
	"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json",
	"added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "model.safetensors.index.json",
}

var (
	splitPart  = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)
	weightFile = regexp.MustCompile(`^model(-\d{5}-of-\d{5})?\.safetensors$`)
)

// choose picks the files of a repository that a name asks for, and which of them (or which
// folder: "") is the model. names may be hostile.
func choose(n Name, names []string) (files []string, main string, err error) {
	models := groups(names)
	if n.What == "" && len(models) == 0 {
		return chooseFolder(n, names)
	}
	pick := func(match func(first string) bool) []string {
		var found []string
		for _, first := range sorted(models) {
			if match(first) {
				found = append(found, first)
			}
		}
		return found
	}
	var found []string
	switch {
	case n.What == "" && len(models) == 1:
		found = pick(func(string) bool { return true })
	case n.What == "":
		for _, q := range preferred {
			if found = pick(func(f string) bool { return quantised(f, q) }); len(found) > 0 {
				break
			}
		}
	default:
		if found = pick(func(f string) bool { return slices.Contains(models[f], n.What) }); len(found) == 0 {
			found = pick(func(f string) bool { return quantised(f, n.What) })
		}
	}
	switch len(found) {
	case 1:
		return models[found[0]], found[0], nil
	case 0:
		return nil, "", fmt.Errorf("%v: %w: of the models there, none is what was asked for: %s", n, ErrNotFound, listed(sorted(models)))
	}
	return nil, "", fmt.Errorf("%v: several files fit, name one of them after a colon: %s", n, listed(found))
}

// groups gathers GGUF models by their first file; a split model has several, and one that
// lacks a part is left out. Files of the
// projector of a model that sees are no language models.
func groups(names []string) map[string][]string {
	models := map[string][]string{}
	for _, name := range names {
		if !safe(name) || !strings.HasSuffix(name, ".gguf") || strings.HasPrefix(strings.ToLower(path.Base(name)), "mmproj") {
			continue
		}
		first := name
		if m := splitPart.FindStringSubmatch(name); m != nil {
			first = m[1] + "-00001-of-" + m[3] + ".gguf"
		}
		models[first] = append(models[first], name)
	}
	for first, names := range models {
		slices.Sort(names)
		models[first] = slices.Compact(names)
		// The number of parts is the hub's word: it is counted before a list is made of it.
		if partCount(first) != len(models[first]) || !slices.Equal(models[first], parts(first)) {
			delete(models, first) // a part is missing
		}
	}
	return models
}

// partCount is how many files the model with that first file says it has.
func partCount(first string) int {
	m := splitPart.FindStringSubmatch(first)
	if m == nil {
		return 1
	}
	n, _ := strconv.Atoi(m[3]) // five digits
	return n
}

// parts are the files of a model by its first one.
func parts(first string) []string {
	m := splitPart.FindStringSubmatch(first)
	if m == nil {
		return []string{first}
	}
	names := make([]string, partCount(first))
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d-of-%s.gguf", m[1], i+1, m[3])
	}
	return names
}

func sorted(models map[string][]string) []string {
	list := make([]string, 0, len(models))
	for first := range models {
		list = append(list, first)
	}
	slices.Sort(list)
	return list
}

// quantised says whether a file is called by a quantisation: model-Q4_K_M.gguf, but not
// model-Q4_K_M_L.gguf.
func quantised(file, quantisation string) bool {
	base := strings.ToUpper(path.Base(file))
	q := strings.ToUpper(quantisation)
	for from := 0; ; {
		at := strings.Index(base[from:], q)
		if at < 0 || q == "" {
			return false
		}
		start, end := from+at, from+at+len(q)
		before, after := start == 0 || strings.ContainsRune("-.", rune(base[start-1])), end < len(base) && strings.ContainsRune("-.", rune(base[end]))
		if before && after {
			return true
		}
		from = start + 1
	}
}

func chooseFolder(n Name, names []string) (files []string, main string, err error) {
	weights, config := false, false
	for _, name := range names {
		switch {
		case weightFile.MatchString(name):
			weights = true
		case slices.Contains(folderFiles, name):
			config = config || name == "config.json"
		default:
			continue
		}
		files = append(files, name)
	}
	if !weights || !config {
		return nil, "", fmt.Errorf("%v: %w: no GGUF file, and no config.json with .safetensors files", n, ErrNotFound)
	}
	return files, "", nil
}

// listed is a list for an error message.
func listed(names []string) string {
	const most = 30
	if len(names) == 0 {
		return "there is no GGUF file"
	}
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
