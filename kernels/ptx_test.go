package kernels_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/kernels"
	"github.com/potion-engine/potion/kernels/internal/ptxas"
	"github.com/potion-engine/potion/kernels/internal/ptxgen"
)

// What is committed is what the generator writes.
func TestGenerated(t *testing.T) {
	t.Parallel()
	files, err := ptxgen.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if kernels.Source(name) != files[name] {
			t.Errorf("%s is not what go generate ./kernels writes", name)
		}
	}
}

var (
	headerKey = regexp.MustCompile(`^//   ([a-z]+)\s`)
	blockSize = regexp.MustCompile(`^//   block    \((\d+), (\d+), (\d+)\)`)
	label     = regexp.MustCompile(`^\s*([A-Za-z_]\w*):`)
	branch    = regexp.MustCompile(`\bbra(?:\.uni)?\s+(\w+)`)
	register  = regexp.MustCompile(`%[A-Za-z_]\w*`)
	// needs80 is what a module may name sm_80 and PTX 7.0 for, and needs75 sm_75 and 6.5.
	needs80 = regexp.MustCompile(`mma\.sync|cp\.async|redux\.sync|bf16|ldmatrix`)
	needs75 = regexp.MustCompile(`ldmatrix|mma\.sync`)
)

func TestLint(t *testing.T) {
	t.Parallel()
	byFile := make(map[string][]kernels.Kernel)
	for _, k := range kernels.All() {
		byFile[k.File] = append(byFile[k.File], k)
	}
	for _, file := range kernels.Files() {
		text := kernels.Source(file)
		lines := strings.Split(text, "\n")
		complain := func(line int, form string, args ...any) {
			t.Helper()
			t.Errorf("%s:%d: %s", file, line+1, fmt.Sprintf(form, args...))
		}
		for i, line := range lines {
			if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' }) {
				complain(i, "only printable ASCII, no tabs")
			}
			if strings.TrimRight(line, " ") != line {
				complain(i, "blanks at the end")
			}
		}
		lintHeader(complain, file, lines, byFile[file])
		if len(byFile[file]) == 0 {
			complain(0, "no kernel")
		}
		for _, k := range byFile[file] {
			lintKernel(complain, k, text)
		}
		lintNames(complain, lines)
	}
}

type complaint func(line int, form string, args ...any)

// lintHeader wants the title, each key of the header, and no contradiction to the text.
func lintHeader(complain complaint, file string, lines []string, list []kernels.Kernel) {
	if !strings.HasPrefix(lines[0], "// "+file+" -- ") {
		complain(0, "the first line is not // %s -- formula", file)
	}
	found := make(map[string]bool)
	for i, line := range lines {
		if !strings.HasPrefix(line, "//") {
			break
		}
		if m := headerKey.FindStringSubmatch(line); m != nil {
			found[m[1]] = true
		}
		if m := blockSize.FindStringSubmatch(line); m != nil {
			for _, k := range list {
				if want := fmt.Sprint(m[1:]); fmt.Sprint(k.Block[:]) != want {
					complain(i, "%s has the block %v", k.Entry, k.Block)
				}
			}
		}
		if bytes, static := strings.CutSuffix(strings.TrimPrefix(line, "//   smem     "), " B static"); static {
			n, err := strconv.Atoi(bytes)
			for _, k := range list {
				if err == nil && k.Shared != n {
					complain(i, "%s has %d bytes of shared memory", k.Entry, k.Shared)
				}
			}
		}
	}
	for _, key := range []string{"grid", "block", "smem", "needs", "moves", "twin"} {
		if !found[key] {
			complain(0, "the header has no line %q", key)
		}
	}
}

// lintKernel checks what the entry declares.
func lintKernel(complain complaint, k kernels.Kernel, text string) {
	op, _, _ := strings.Cut(strings.TrimSuffix(k.File, ".ptx"), "_")
	if !strings.HasPrefix(k.Entry, op+"_") {
		complain(0, "entry %s does not begin with %s_", k.Entry, op)
	}
	if k.Threads() == 0 || k.Threads()%32 != 0 {
		complain(0, "%s: .reqntid %v is missing or no whole warps", k.Entry, k.Block)
	}
	order := map[string]int{"u64": 0, "u32": 1, "f32": 2}
	for i, p := range k.Params {
		rank, known := order[p.Type]
		if !known {
			complain(0, "%s: parameter %s is .%s, want .u64, .u32 or .f32", k.Entry, p.Name, p.Type)
		}
		if i > 0 && rank < order[k.Params[i-1].Type] {
			complain(0, "%s: parameter %s: addresses come first, then counts, then scalars", k.Entry, p.Name)
		}
	}
	low := k.Target == 70 && k.Version == "6.4" ||
		k.Target == 75 && k.Version == "6.5" && needs75.MatchString(text) ||
		k.Target == 80 && k.Version == "7.0" && needs80.MatchString(text)
	if !low {
		complain(0, "%s needs no more than .version 6.4 and .target sm_70, it names %s and sm_%d", k.Entry, k.Version, k.Target)
	}
}

// special registers are declared by nobody.
var special = regexp.MustCompile(`^%(tid|ntid|ctaid|nctaid|laneid|warpid)$`)

// names follows which registers are declared and used in each scope, and which labels a
// kernel has. A label that is not in a scope may also just name a phase.
type names struct {
	complain complaint
	scopes   []map[string]*declaration
	labels   map[string]int // in scopes: the line
	targets  map[string]bool
}

// declaration is where a register is declared.
type declaration struct {
	line int
	used bool
}

// lintNames finds registers and labels that nothing uses.
func lintNames(complain complaint, lines []string) {
	n := names{complain: complain, labels: make(map[string]int), targets: make(map[string]bool)}
	n.open()
	for i, line := range lines {
		line, _, _ = strings.Cut(line, "//")
		for statement := range strings.SplitSeq(line, ";") {
			n.statement(i, strings.TrimSpace(statement))
		}
	}
}

func (n *names) open() { n.scopes = append(n.scopes, make(map[string]*declaration)) }

// close ends a scope; the outermost but one is a kernel.
func (n *names) close() {
	last := n.scopes[len(n.scopes)-1]
	for _, name := range slices.Sorted(maps.Keys(last)) {
		if !last[name].used {
			n.complain(last[name].line, "register %s is not used", name)
		}
	}
	n.scopes = n.scopes[:len(n.scopes)-1]
	if len(n.scopes) > 1 {
		return
	}
	for name, at := range n.labels {
		if !n.targets[name] {
			n.complain(at, "nothing branches to %s", name)
		}
	}
	clear(n.targets)
	clear(n.labels)
}

// statement reads one statement, or a brace or label before it.
func (n *names) statement(line int, s string) {
	switch m := label.FindStringSubmatch(s); {
	case m != nil:
		if len(n.scopes) > 2 {
			n.labels[m[1]] = line
		}
		n.statement(line, strings.TrimSpace(s[len(m[0]):]))
	case strings.HasPrefix(s, "{"):
		n.open()
		n.statement(line, strings.TrimSpace(s[1:]))
	case strings.HasPrefix(s, "}"):
		n.close()
		n.statement(line, strings.TrimSpace(s[1:]))
	case strings.HasPrefix(s, ".reg "):
		for _, name := range declared(s) {
			n.scopes[len(n.scopes)-1][name] = &declaration{line: line}
		}
	case strings.HasPrefix(s, ".func "):
		for _, name := range register.FindAllString(s, -1) {
			n.scopes[len(n.scopes)-1][name] = &declaration{line: line}
		}
	default:
		if m := branch.FindStringSubmatch(s); m != nil {
			n.targets[m[1]] = true
		}
		for _, name := range register.FindAllString(s, -1) {
			n.use(line, name)
		}
	}
}

// use marks the innermost register of that name.
func (n *names) use(line int, name string) {
	for _, scope := range slices.Backward(n.scopes) {
		if d := scope[name]; d != nil {
			d.used = true
			return
		}
	}
	if !special.MatchString(name) {
		n.complain(line, "register %s is not declared", name)
	}
}

// declared is the registers of ".reg .f32 %x, %a<4>".
func declared(line string) []string {
	var names []string
	_, list, _ := strings.Cut(strings.TrimPrefix(line, ".reg "), " ")
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		name, size, array := strings.Cut(name, "<")
		if !array {
			names = append(names, name)
			continue
		}
		n, _ := strconv.Atoi(strings.TrimSuffix(size, ">"))
		for i := range n {
			names = append(names, fmt.Sprintf("%s%d", name, i))
		}
	}
	return names
}

// Every module assembles for every architecture from its own target on, without spills.
func TestPtxas(t *testing.T) {
	t.Parallel()
	path, err := ptxas.Find()
	if err != nil {
		t.Skip(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	for _, file := range kernels.Files() {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			target := 0
			for _, k := range kernels.All() {
				if k.File == file {
					target = k.Target
				}
			}
			for _, arch := range ptxas.Targets() {
				if arch < target {
					continue
				}
				list, err := ptxas.Assemble(path, kernels.Source(file), arch)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range list {
					if u.Spills > 0 {
						t.Errorf("sm_%d: %s spills %d bytes", arch, u.Entry, u.Spills)
					}
				}
			}
		})
	}
}

// The numbers that launchers use are those in the kernels' headers.
func TestConstants(t *testing.T) {
	t.Parallel()
	if kernels.PageLen != engine.PageLen {
		t.Errorf("pages of %d positions, the engine's have %d", kernels.PageLen, engine.PageLen)
	}
	for _, c := range []struct{ file, text string }{
		{"gelu.ptx", fmt.Sprintf("ceil(n/%d)", kernels.ElementsPerBlock)},
		{"gather.ptx", fmt.Sprintf("ceil(cols/%d)", kernels.ElementsPerBlock)},
		{"store_f16.ptx", fmt.Sprintf("ceil(G*D/%d)", kernels.ElementsPerBlock)},
		{"rope.ptx", fmt.Sprintf("ceil(pairs*ceil(heads/%d)/%d)", kernels.RopeHeads, kernels.RopePairs)},
		{"attend_decode_f16.ptx", fmt.Sprintf("G*ceil(H/G/%d)", kernels.DecodeHeads)},
		{"attend_decode_f16.ptx", fmt.Sprintf("min(splits, ceil(pages/%d))", kernels.DecodePages)},
		{"attend_decode_f16_mma.ptx", fmt.Sprintf("G*ceil(H/G/%d)", kernels.DecodeHeadsMMA)},
		{"attend_decode_f16_mma.ptx", fmt.Sprintf("%d*C bytes dynamic", kernels.DecodeShared(64))},
		{"attend_prompt_f16.ptx", fmt.Sprintf("number of pairs, 1..%d", kernels.PromptPairs)},
		{"attend_prompt_f16.ptx", fmt.Sprintf("(%d bytes of shared memory; %d for D = 128)", kernels.PromptShared(256), kernels.PromptShared(128))},
	} {
		if !strings.Contains(kernels.Source(c.file), c.text) {
			t.Errorf("%s does not say %q", c.file, c.text)
		}
	}
	for _, dim := range kernels.PromptDims() {
		for _, name := range []string{"f16", "q8_0"} {
			if name == "q8_0" && dim%32 != 0 {
				continue
			}
			file := fmt.Sprintf("attend_prompt_%s_mma_%d.ptx", name, dim)
			for _, text := range []string{
				fmt.Sprintf("number of pairs, 1..%d;", kernels.PromptPairsMMA(dim)),
				fmt.Sprintf("%d bytes dynamic", kernels.PromptSharedMMA(dim, name == "q8_0")),
			} {
				if !strings.Contains(kernels.Source(file), text) {
					t.Errorf("%s does not say %q", file, text)
				}
			}
		}
	}
}
