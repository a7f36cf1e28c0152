// Package kernels holds the PTX text of every kernel and what a launcher must know about
// it. The package runs nothing: a backend hands Source to the driver and sizes its grids
// by the constants and functions below; each .ptx file's header says what the kernel
// computes, from what, on which grid.
//
// # Pages of the KV cache
//
// The cache of one layer is one allocation of pages one after another. A page holds the
// keys of [PageLen] positions for all G heads, then their values:
//
//	f32, f16   keys [G, PageLen, D], values [G, PageLen, D]
//	q8_0       keys: quants s8 [G, PageLen, D], scales f16 [G, PageLen, D/32]
//	           values: the same
//
// so that a head's part of a page lies together and rows of 16-byte multiples stay
// aligned. A page is as long as engine.KVSpec.PageBytes says, without padding.
package kernels

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ./internal/gen .

//go:embed *.ptx
var files embed.FS

// Kernel is one entry of a .ptx file, as its text declares it.
type Kernel struct {
	Entry   string  // the name that the driver knows it by
	File    string  // rmsnorm.ptx
	Params  []Param // in order
	Block   [3]int  // threads, from .reqntid
	Shared  int     // bytes of static shared memory
	Dynamic bool    // uses dynamic shared memory as well, whose size the launch gives
	Target  int     // lowest compute capability: 70 for sm_70
	Version string  // of PTX: "6.4"
}

// Param is a parameter of a kernel.
type Param struct {
	Name string
	Type string // "u64", "u32", "f32", ...
	Size int    // bytes; also the alignment
}

// Threads is the number of threads of a block.
func (k Kernel) Threads() int { return k.Block[0] * k.Block[1] * k.Block[2] }

// All is every kernel, by file and order in it. The slice is shared: do not change it.
func All() []Kernel { return table() }

var table = sync.OnceValue(func() []Kernel {
	var all []Kernel
	for _, file := range Files() {
		kernels, err := parse(file, Source(file))
		if err != nil {
			panic("kernels: " + err.Error()) // the tests parse every embedded file
		}
		all = append(all, kernels...)
	}
	return all
})

// Find is the kernel of that entry.
func Find(entry string) (Kernel, bool) {
	all := table()
	i := slices.IndexFunc(all, func(k Kernel) bool { return k.Entry == entry })
	if i < 0 {
		return Kernel{}, false
	}
	return all[i], true
}

// Files is the names of all .ptx files in order.
func Files() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("kernels: " + err.Error()) // an embedded folder can be read
	}
	var names []string
	for _, e := range entries {
		if path.Ext(e.Name()) == ".ptx" {
			names = append(names, e.Name())
		}
	}
	return names
}

// Source is the text of a file, "" if there is none of that name.
func Source(file string) string {
	text, err := files.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(text)
}

// sizes is the bytes of PTX's types.
var sizes = map[string]int{
	"b8": 1, "u8": 1, "s8": 1, "b16": 2, "u16": 2, "s16": 2, "f16": 2,
	"b32": 4, "u32": 4, "s32": 4, "f32": 4, "b64": 8, "u64": 8, "s64": 8, "f64": 8,
}

// parser reads the directives of a file; it does not look at instructions.
type parser struct {
	version string
	target  int
	kernels []Kernel
	outside shared // shared memory declared outside of kernels counts for all of them
}

// shared is an amount of shared memory.
type shared struct {
	bytes   int
	dynamic bool
}

// parse finds the kernels of a file.
func parse(file, text string) ([]Kernel, error) {
	var p parser
	var entry *Kernel
	inParams, inBody := false, false
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "//")
		switch strings.TrimRight(line, " ") { // in the first column: a kernel's own braces
		case "{":
			inBody = entry != nil
		case "}":
			inBody = false
		}
		line = strings.TrimSpace(line)
		if name, found := strings.CutPrefix(line, ".visible .entry "); found {
			p.kernels = append(p.kernels, Kernel{File: file})
			entry = &p.kernels[len(p.kernels)-1]
			name, line, inParams = strings.Cut(name, "(")
			entry.Entry = strings.TrimSpace(name)
		}
		if inParams {
			list, rest, closed := strings.Cut(line, ")")
			if err := entry.addParams(list); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
			}
			if !closed {
				continue
			}
			line, inParams = strings.TrimSpace(rest), false
		}
		if err := p.directive(line, entry, inBody); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	for i := range p.kernels {
		k := &p.kernels[i]
		k.Version, k.Target = p.version, p.target
		k.Shared += p.outside.bytes
		k.Dynamic = k.Dynamic || p.outside.dynamic
	}
	return p.kernels, nil
}

// addParams reads ".param .u64 y, .param .u32 n".
func (k *Kernel) addParams(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 || words[0] != ".param" {
			return fmt.Errorf("parameter %q, want .param .TYPE NAME", strings.TrimSpace(text))
		}
		kind := strings.TrimPrefix(words[1], ".")
		if sizes[kind] == 0 {
			return fmt.Errorf("parameter %s has the unknown type %s", words[2], words[1])
		}
		k.Params = append(k.Params, Param{words[2], kind, sizes[kind]})
	}
	return nil
}

// directive reads one line outside of parameter lists. entry is the kernel it stands in
// or behind, nil before the first.
func (p *parser) directive(line string, entry *Kernel, inBody bool) error {
	word, rest, _ := strings.Cut(line, " ")
	var err error
	switch word {
	case ".version":
		p.version = rest
	case ".target":
		_, err = fmt.Sscanf(rest, "sm_%d", &p.target)
	case ".reqntid":
		if entry == nil {
			return fmt.Errorf(".reqntid before any kernel")
		}
		_, err = fmt.Sscanf(rest, "%d, %d, %d", &entry.Block[0], &entry.Block[1], &entry.Block[2])
	case ".extern":
		if !strings.HasPrefix(rest, ".shared") {
			return nil
		}
		if inBody {
			entry.Dynamic = true
		} else {
			p.outside.dynamic = true
		}
	case ".shared":
		var n int
		n, err = sharedBytes(rest)
		if inBody {
			entry.Shared += n
		} else {
			p.outside.bytes += n
		}
	}
	if err != nil {
		return fmt.Errorf("%q: %w", line, err)
	}
	return nil
}

// sharedBytes is the size of ".align 16 .f32 tile[32][33], other;" as declared, without
// what aligning costs.
func sharedBytes(text string) (int, error) {
	size := 0
	words := strings.Fields(strings.TrimSuffix(text, ";"))
	for i, w := range words {
		kind, typed := strings.CutPrefix(w, ".")
		if !typed || sizes[kind] == 0 {
			continue
		}
		for name := range strings.SplitSeq(strings.Join(words[i+1:], ""), ",") {
			n := sizes[kind]
			_, dims, _ := strings.Cut(name, "[")
			for dim := range strings.SplitSeq(dims, "[") {
				if dim == "" {
					continue
				}
				var d int
				if _, err := fmt.Sscanf(dim, "%d]", &d); err != nil {
					return 0, fmt.Errorf("array size %q: %w", dim, err)
				}
				n *= d
			}
			size += n
		}
		return size, nil
	}
	return 0, fmt.Errorf("no type")
}
