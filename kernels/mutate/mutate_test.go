package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/kernels"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		statement string
		want      []change
	}{
		{"bar.sync 0", []change{{barrier, ""}}},
		{"setp.lt.u32 %p, %c, 32", []change{
			{relation, "setp.le.u32 %p, %c, 32"}, {bound, "setp.lt.u32 %p, %c, 33"}, {bound, "setp.lt.u32 %p, %c, 31"},
		}},
		{"and.b32 %a, %a, 15", []change{
			{mask, "and.b32 %a, %a, 7"}, {mask, "and.b32 %a, %a, 31"}, {mask, "and.b32 %a, %a, 14"},
		}},
		{"and.b32 %a, %a, 0xFFFFFFF0", []change{{mask, "and.b32 %a, %a, 0x7ffffff0"}, {mask, "and.b32 %a, %a, 0xfffffff1"}}},
		{"shr.u32 %w, %t, 5", []change{{shift, "shr.u32 %w, %t, 6"}, {shift, "shr.u32 %w, %t, 4"}}},
		{"@!%p bra DONE", []change{{guard, "bra DONE"}, {guard, "@%p bra DONE"}}},
		{"@%p ld.global.v2.f32 { %x0, %x1 }, [%at+-8]", []change{
			{guard, "ld.global.v2.f32 { %x0, %x1 }, [%at+-8]"}, {guard, "@!%p ld.global.v2.f32 { %x0, %x1 }, [%at+-8]"},
			{stride, "@%p ld.global.v2.f32 { %x0, %x1 }, [%at+-7]"}, {stride, "@%p ld.global.v2.f32 { %x0, %x1 }, [%at+-9]"},
			{stride, "@%p ld.global.v2.f32 { %x0, %x1 }, [%at+-16]"},
		}},
		{"shfl.sync.bfly.b32 %o, %s, 8, 31, 0xffffffff", []change{
			{shuffle, "shfl.sync.bfly.b32 %o, %s, 4, 31, 0xffffffff"}, {shuffle, "shfl.sync.bfly.b32 %o, %s, 16, 31, 0xffffffff"},
		}},
		{"sub.f32 %a, %b, %c", []change{{operator, "add.f32 %a, %b, %c"}, {operand, "sub.f32 %a, %c, %b"}}},
		{"fma.rn.f32 %d, %a, %b, %d", []change{{operand, "fma.rn.f32 %d, %d, %b, %a"}}},
		{"mul.rn.f32 %d, %a, %b", []change{{operator, "add.rn.f32 %d, %a, %b"}}},
		{"mad.wide.u32 %at, %i, 4, %x", []change{
			{stride, "mad.wide.u32 %at, %i, 5, %x"}, {stride, "mad.wide.u32 %at, %i, 3, %x"}, {stride, "mad.wide.u32 %at, %i, 8, %x"},
		}},
		{"mov.f32 %a, 0f00000000", []change{{start, "mov.f32 %a, 0f3f800000"}}},
		{"mov.u32 %a, 0", []change{{start, "mov.u32 %a, 1"}}},
		{"ld.param.u64 %y, [y]", nil},
		{"ret", nil},
	} {
		var got []change
		for _, c := range changes(c.statement) {
			c.new = strings.Replace(c.new, "  ", " ", 1)
			got = append(got, c)
		}
		if !slices.EqualFunc(got, c.want, func(a, b change) bool { return a.kind == b.kind && plain(a.new) == plain(b.new) }) {
			t.Errorf("%s: %v, want %v", c.statement, got, c.want)
		}
	}
}

// plain has one blank between words.
func plain(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestEdits(t *testing.T) {
	t.Parallel()
	const text = `.visible .entry k(.param .u32 n)
{
    .reg .u32 %a; // and.b32 %a, %a, 1;
    mov.u32 %a, %tid.x;
TOP: { shl.b32 %a, %a, 2; @%p bar.sync 0; }     // bar.sync 1;
}
add.u32 %a, %a, 1;
`
	var lines []string
	for _, e := range edits("k.ptx", text) {
		if !strings.HasPrefix(text[strings.Index(text, e.old):], e.old) || e.line != 5 || e.label != "TOP" || e.file != "k.ptx" {
			t.Errorf("%+v", e)
		}
		lines = append(lines, strings.Split(e.apply(text), "\n")[4])
	}
	want := []string{
		"TOP: { shl.b32 %a, %a, 3; @%p bar.sync 0; }     // bar.sync 1;",
		"TOP: { shl.b32 %a, %a, 1; @%p bar.sync 0; }     // bar.sync 1;",
		"TOP: { shl.b32 %a, %a, 2;  }     // bar.sync 1;",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

// The choice has every barrier, something of every file, nothing twice, and is the same
// for the same seed.
func TestChoose(t *testing.T) {
	t.Parallel()
	names := []string{"rmsnorm.ptx", "topk.ptx", "gather.ptx"}
	pick := func(seed uint64) []edit {
		t.Helper()
		chosen, _, err := choose(names, 20, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			t.Fatal(err)
		}
		return chosen
	}
	chosen := pick(1)
	barriers, files, seen := 0, make(map[string]bool), make(map[edit]bool)
	for _, e := range chosen {
		if seen[e] {
			t.Errorf("%v is there twice", e)
		}
		seen[e], files[e.file] = true, true
		if e.kind == barrier {
			barriers++
		}
	}
	if barriers != 5 || len(files) != 3 || len(chosen) != 25 {
		t.Errorf("%d barriers, %d files, %d edits, want 5, 3, 25", barriers, len(files), len(chosen))
	}
	if !slices.Equal(chosen, pick(1)) || slices.Equal(chosen, pick(2)) {
		t.Error("the choice does not follow from the seed")
	}
}

func TestPattern(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"rmsnorm.ptx":                    "^(TestNorms)$",
		"attend_any_f16.ptx":             "^(TestAttendAny)$/^f16$",
		"embed_q4_k.ptx":                 "^(TestEmbed)$/(?i)^q4_k$",
		"gelu.ptx":                       "^(TestElementwise.*)$/^gelu_f32$",
		"attend_decode_f16_mma.ptx":      "^(TestAttendDecode)$/^mma$/^f16$",
		"attend_prompt_q8_0_mma_128.ptx": "^(TestAttendPromptMMA)$/^q8_0$",
		"matmul_q4_k_mma_64.ptx":         "^(TestMatmulMMA)$/(?i)^q4_k$",
		"rope_store_f16.ptx":             "^(TestRopeStore)$/^f16$",
		"new.ptx":                        "",
		"rmsnorm":                        "",
	} {
		if got := pattern(file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	for _, file := range kernels.Files() {
		if pattern(file) == "" {
			t.Errorf("%s: no cases are known for it", file)
		}
	}
}

func TestCause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ out, by, detail string }{
		{"--- FAIL: TestNorms (0.01s)\n    norm_test.go:58: kernel rmsnorm_f32, line 126 (bar.sync 0;), block (0, 0, 0), thread (3, 0, 0): shared-memory race: x", "checker", "shared-memory race"},
		{"--- FAIL: TestNorms (0.01s)\n    norm_test.go:59: rmsnorm: element 3 is 1, want 2\n", "numbers", "rmsnorm: element 3 is 1, want 2"},
		{"    norm_test.go:60: rmsnorm: 12 bytes asked for, want 16\n", "traffic", "rmsnorm: 12 bytes asked for, want 16"},
		{"goroutine\npanic: index out of range\nmore", "crash", "panic: index out of range"},
	} {
		if by, detail := cause(c.out); by != c.by || detail != c.detail {
			t.Errorf("%q: %s, %s, want %s, %s", c.out, by, detail, c.by, c.detail)
		}
	}
}

func TestExplanations(t *testing.T) {
	t.Parallel()
	known, err := explanations(survivorsText)
	if err != nil || len(known) == 0 {
		t.Fatal(known, err)
	}
	if _, err := explanations("title\n- `a.ptx`: no more"); err == nil || !strings.Contains(err.Error(), "survivors.md:2") {
		t.Errorf("%v, want an error in line 2", err)
	}
	list, err := explanations("- `embed_*.ptx` at `*`: `mov.b32 %q*, 0` -> `mov.b32 %q*, 1`: nothing reads it")
	if err != nil {
		t.Fatal(err)
	}
	r := report{known: list}
	e := edit{start, "embed_f16.ptx", 7, "begin", "mov.b32 %q1, 0", "mov.b32 %q1, 1", 4}
	if got := r.reason(e); got != "nothing reads it" {
		t.Errorf("%v: %q", e, got)
	}
	e.file = "matvec_f16.ptx"
	if got := r.reason(e); got != "" {
		t.Errorf("%v: %q", e, got)
	}
}
