// Package usage knows what ptxas says that each kernel takes on each architecture: registers
// decide how many blocks fit on a multiprocessor. The table is committed, so that it can be
// had without ptxas; `go run ./kernels/report -usage` writes it.
package usage

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"

	"github.com/potion-engine/potion/kernels"
)

//go:embed usage.csv
var table string

// Kernel is a row of the table.
type Kernel struct {
	Entry     string
	Text      string      // Sum of the file that was assembled
	Registers map[int]int // of a thread, by compute capability: 80 for sm_80
	Spills    map[int]int // bytes; absent: none
}

// Sum names the text of a .ptx file.
func Sum(text string) string {
	h := fnv.New64a()
	h.Write([]byte(text)) //nolint:errcheck // it cannot fail
	return fmt.Sprintf("%016x", h.Sum64())
}

// Find is the row of an entry. fresh says that the kernel's text is the one that was
// assembled.
func Find(entry string) (k Kernel, fresh bool, err error) {
	rows, err := all()
	if err != nil {
		return k, false, err
	}
	k, ok := rows[entry]
	if !ok {
		return k, false, fmt.Errorf("kernel %s is not in the table of registers: run go run ./kernels/report -usage", entry)
	}
	now, ok := kernels.Find(entry)
	return k, ok && Sum(kernels.Source(now.File)) == k.Text, nil
}

// RegistersOn is the registers of a thread on an architecture: those of the nearest one
// before it that was assembled.
func (k Kernel) RegistersOn(compute int) (int, bool) {
	best := -1
	for c := range k.Registers {
		if c <= compute {
			best = max(best, c)
		}
	}
	return k.Registers[best], best >= 0
}

var all = sync.OnceValues(func() (map[string]Kernel, error) { return parse(table) })

// parse reads lines of entry, sum, and for each architecture registers or registers+spills.
func parse(text string) (map[string]Kernel, error) {
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("table of registers: %w", err)
	}
	rows := map[string]Kernel{}
	for n, fields := range lines[min(1, len(lines)):] {
		k := Kernel{Entry: fields[0], Text: fields[1], Registers: map[int]int{}, Spills: map[int]int{}}
		for i, field := range fields[2:] {
			target, err := strconv.Atoi(strings.TrimPrefix(lines[0][2+i], "sm_"))
			if err != nil {
				return nil, fmt.Errorf("table of registers, column %d: %w", 2+i, err)
			}
			if field == "" {
				continue
			}
			registers, spills, spilled := strings.Cut(field, "+")
			if k.Registers[target], err = strconv.Atoi(registers); err == nil && spilled {
				k.Spills[target], err = strconv.Atoi(spills)
			}
			if err != nil {
				return nil, fmt.Errorf("table of registers, line %d: %w", n+2, err)
			}
		}
		rows[k.Entry] = k
	}
	return rows, nil
}
