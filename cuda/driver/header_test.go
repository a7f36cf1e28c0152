package driver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// differs are the figures that CUDA 12 changed. Nothing uses the mask. The plain
// name of the structure means its second form there, with a second form of
// cuGraphAddKernelNode; ours is the first form of both, which drivers keep.
var differs = map[string]bool{"CU_CTX_FLAGS_MASK": true, "sizeof(CUDA_KERNEL_NODE_PARAMS)": true}

var (
	constants = regexp.MustCompile(`(?m)^(?:\t|#define )((?:CU_|CUDA_)\w+) (?:= )?\d+,?$`)
	structs   = regexp.MustCompile(`(?s)typedef struct \w+ \{(.*?)\} (\w+);`)
	fields    = regexp.MustCompile(`(\w+)(?:\[\d+\])?;`)
	typedefs  = regexp.MustCompile(`(?m)^(?:typedef [^{}\n]*?\*?|\} )(\w+);$`)
	functions = regexp.MustCompile(`(?m)^CUresult (cu\w+)\(.*\);$`)
)

// Every value, size, offset and signature of our cuda.h is NVIDIA's. Get their
// headers without a toolkit:
//
//	pip download --no-deps nvidia-cuda-runtime-cu11==11.8.89   (and -cu12==12.4.127)
//	python3 -m zipfile -e nvidia_cuda_runtime*.whl x
//	POTION_NVIDIA_INCLUDE=$PWD/x/nvidia/cuda_runtime/include go test -run NVIDIA ./cuda/driver
func TestHeaderAgreesWithNVIDIA(t *testing.T) {
	t.Parallel()
	theirs := os.Getenv("POTION_NVIDIA_INCLUDE")
	if theirs == "" {
		t.Skip("POTION_NVIDIA_INCLUDE does not name a folder with NVIDIA's cuda.h")
	}
	text, err := os.ReadFile(filepath.Join("include", "cuda.h"))
	if err != nil {
		t.Fatal(err)
	}
	ours := string(text)
	values := probe(ours)
	a, b := runC(t, "include", values), runC(t, theirs, values)
	if len(a) < 400 {
		t.Fatalf("only %d figures were found in cuda.h", len(a))
	}
	for what, v := range a {
		if b[what] != v && !differs[what] {
			t.Errorf("%s: ours %s, NVIDIA's %s", what, v, b[what])
		}
	}
	checkSignatures(t, theirs, ours)
	t.Logf("%d figures and %d signatures compared", len(a), len(functions.FindAllString(ours, -1)))
}

// probe is a C program that prints what the header in use says.
func probe(header string) string {
	var c strings.Builder
	c.WriteString("#include <cuda.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n")
	for _, m := range constants.FindAllStringSubmatch(header, -1) {
		if m[1] != "CUDA_VERSION" {
			fmt.Fprintf(&c, "\tprintf(\"%s %%lld\\n\", (long long)%s);\n", m[1], m[1])
		}
	}
	for _, m := range typedefs.FindAllStringSubmatch(header, -1) {
		fmt.Fprintf(&c, "\tprintf(\"sizeof(%s) %%zu\\n\", sizeof(%s));\n", m[1], m[1])
	}
	for _, m := range structs.FindAllStringSubmatch(header, -1) {
		for _, f := range fields.FindAllStringSubmatch(m[1], -1) {
			fmt.Fprintf(&c, "\tprintf(\"%s.%s %%zu+%%zu\\n\", offsetof(%s, %s), sizeof(((%s *)0)->%s));\n", m[2], f[1], m[2], f[1], m[2], f[1])
		}
	}
	c.WriteString("}\n")
	return c.String()
}

func runC(t *testing.T, include, program string) map[string]string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "probe.c")
	binary := strings.TrimSuffix(source, ".c")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-w", "-I", include, "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc with the cuda.h of %s: %v\n%s", include, err, out)
	}
	out, err := exec.Command(binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		what, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		said[what] = value
	}
	return said
}

// checkSignatures declares our functions once more after NVIDIA's header, which
// the compiler takes only when the types are the same. Their macro, meant for the
// driver's own build, makes the header declare all versions of a function.
func checkSignatures(t *testing.T, theirs, ours string) {
	t.Helper()
	var c strings.Builder
	c.WriteString("#define __CUDA_API_VERSION_INTERNAL\n#include <cuda.h>\n")
	declarations := functions.FindAllStringSubmatch(ours, -1)
	for _, m := range declarations {
		fmt.Fprintf(&c, "void *have_%s(void) { return (void *)%s; }\n%s\n", m[1], m[1], m[0])
	}
	source := filepath.Join(t.TempDir(), "signatures.c")
	if err := os.WriteFile(source, []byte(c.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-fsyntax-only", "-Wno-deprecated-declarations", "-I", theirs, source).CombinedOutput(); err != nil {
		t.Errorf("signatures: %v\n%s", err, out)
	}
}
