//go:build cuda && cgo && linux

package driver

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program starts without a driver, survives a missing one, and computes on an
// emulated device, all with cu.
const program = `package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/cuda/emulator"
)

func main() {
	runtime.LockOSThread()
	n, err := cu.NumDevices()
	fmt.Println("start", n, err)
	fmt.Println("hardware", driver.Open(driver.Options{Library: os.Args[1]}))
	err = driver.Open(driver.Options{Emulated: []*emulator.Device{emulator.New(emulator.Config{Memory: 1 << 20})}})
	n, _ = cu.NumDevices()
	fmt.Println("emulated", n, err)
	if _, err := cu.Device(0).MakeContext(cu.SchedAuto); err != nil {
		panic(err)
	}
	p, _ := cu.MemAlloc(4)
	v := uint32(12)
	cu.MemcpyHtoD(p, unsafe.Pointer(&v), 4)
	v = 0
	err = cu.MemcpyDtoH(unsafe.Pointer(&v), p, 4)
	fmt.Println("copied", v, err)
}
`

// A checkout in a folder with a space in its name builds with gcc alone, with the
// flags that the Makefile sets; the binary needs libc and shows nobody a cu call.
func TestBuildFromAFolderWithASpace(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles cu afresh: not with -short")
	}
	t.Parallel()
	root := filepath.Join(t.TempDir(), "a folder")
	for _, f := range []string{"go.mod", "go.sum"} {
		copyFile(t, filepath.Join("..", "..", f), filepath.Join(root, f))
	}
	for _, pattern := range []string{"*.go", "*.c", "*.h", "include/*.h", "lib/*.a", "../emulator/*.go", "../emulator/internal/simd/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				copyFile(t, name, filepath.Join(root, "cuda", "driver", name))
			}
		}
	}
	if err := os.Mkdir(filepath.Join(root, "try"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "try", "main.go"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(root, "try me")
	build := exec.Command("go", "build", "-trimpath", "-tags", "cuda,netgo,osusergo", "-o", binary, "./try")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=-mod=mod", `CGO_CFLAGS=-O2 "-I`+filepath.Join(root, "cuda/driver/include")+`" -DPOTION_CUDA_H=1`)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.Command(binary, filepath.Join(root, "libcuda.so.1")).CombinedOutput()
	if err != nil {
		t.Errorf("the program failed: %v", err)
	}
	for _, want := range []string{"start 0 <nil>", "cannot load " + root, "emulated 1 <nil>", "copied 12 <nil>"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the program did not say %q:\n%s", want, out)
		}
	}
	checkBinary(t, binary)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func checkBinary(t *testing.T, name string) {
	t.Helper()
	file, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	needed, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("needs %v", needed)
	// Before version 2.34 glibc had libraries of their own for dlopen and threads.
	libc := []string{"libc.so.6", "libdl.so.2", "libpthread.so.0"}
	for _, library := range needed {
		if !slices.Contains(libc, library) {
			t.Errorf("the binary needs %s", library)
		}
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if strings.HasPrefix(s.Name, "cuInit") || strings.HasPrefix(s.Name, "cuMem") || strings.HasPrefix(s.Name, "cuLaunchKernel") {
			t.Errorf("the binary shows or wants the symbol %s", s.Name)
		}
	}
}
