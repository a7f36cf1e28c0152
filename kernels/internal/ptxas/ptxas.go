// Package ptxas runs NVIDIA's assembler on kernels and reads what it reports.
package ptxas

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNotFound says that there is no assembler and how to get one.
var ErrNotFound = errors.New("no ptxas in PATH and POTION_PTXAS is not set; the wheel nvidia-cuda-nvcc-cu12 has one")

// Targets is the architectures that every kernel has to assemble for, as compute
// capabilities: 70 for sm_70.
func Targets() []int { return []int{70, 75, 80, 86, 89, 90, 100, 120} }

// Usage is what a kernel takes on one architecture.
type Usage struct {
	Entry     string
	Registers int // of a thread
	Shared    int // static bytes of a block
	Spills    int // bytes stored and loaded for want of registers
	Stack     int // bytes of a thread
}

// Find is the path of ptxas: POTION_PTXAS, else from PATH.
func Find() (string, error) {
	if path := os.Getenv("POTION_PTXAS"); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("ptxas")
	if err != nil {
		return "", ErrNotFound
	}
	return path, nil
}

// Assemble assembles the text for an architecture and gives the usage of its kernels. An
// error holds what ptxas said.
func Assemble(path, text string, target int) ([]Usage, error) {
	in, err := os.CreateTemp("", "*.ptx")
	if err != nil {
		return nil, err
	}
	defer os.Remove(in.Name())
	_, err = in.WriteString(text)
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "-v", "-arch=sm_"+strconv.Itoa(target), "-o", os.DevNull, in.Name())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sm_%d: %w\n%s", target, err, out.String())
	}
	return read(out.String())
}

var (
	function = regexp.MustCompile(`Function properties for (\S+)`)
	number   = regexp.MustCompile(`(\d+) (bytes stack frame|bytes spill stores|bytes spill loads|registers|bytes smem)`)
)

// read takes the figures out of ptxas' messages, one group of lines for each function.
func read(messages string) ([]Usage, error) {
	var list []Usage
	for line := range strings.SplitSeq(messages, "\n") {
		if m := function.FindStringSubmatch(line); m != nil {
			list = append(list, Usage{Entry: m[1]})
			continue
		}
		if len(list) == 0 {
			continue
		}
		u := &list[len(list)-1]
		for _, m := range number.FindAllStringSubmatch(line, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return nil, fmt.Errorf("ptxas says %q: %w", line, err)
			}
			switch m[2] {
			case "registers":
				u.Registers = n
			case "bytes smem":
				u.Shared = n
			case "bytes stack frame":
				u.Stack = n
			default:
				u.Spills += n
			}
		}
	}
	// A function that kernels call is counted in them; it is named with what it spills alone.
	list = slices.DeleteFunc(list, func(u Usage) bool { return u.Registers == 0 && u.Spills == 0 })
	if len(list) == 0 {
		return nil, fmt.Errorf("ptxas names no kernel:\n%s", messages)
	}
	return list, nil
}
