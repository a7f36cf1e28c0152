package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"

	"github.com/potion-engine/potion/kernels"
	"github.com/potion-engine/potion/kernels/internal/ptxas"
	"github.com/potion-engine/potion/kernels/report/usage"
)

// writeUsage writes the registers of every kernel on every architecture. Files whose text is
// the one of the table as it stands are not assembled again.
func writeUsage(path, to string) error {
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	header := []string{"kernel", "text"}
	for _, target := range ptxas.Targets() {
		header = append(header, fmt.Sprintf("sm_%d", target))
	}
	if err := out.Write(header); err != nil {
		return err
	}
	byFile := make(map[string]map[string]map[int]ptxas.Usage)
	for _, k := range kernels.All() {
		row, fresh, err := usage.Find(k.Entry)
		if err != nil || !fresh {
			if byFile[k.File] == nil {
				if byFile[k.File], err = assemble(path, k.File); err != nil {
					return fmt.Errorf("%s: %w", k.File, err)
				}
			}
			row = rowOf(k, byFile[k.File][k.Entry])
		}
		if err := out.Write(fields(row)); err != nil {
			return err
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	return os.WriteFile(to, text.Bytes(), 0o644)
}

func rowOf(k kernels.Kernel, on map[int]ptxas.Usage) usage.Kernel {
	row := usage.Kernel{Entry: k.Entry, Text: usage.Sum(kernels.Source(k.File)), Registers: map[int]int{}, Spills: map[int]int{}}
	for target, u := range on {
		row.Registers[target] = u.Registers
		if u.Spills > 0 {
			row.Spills[target] = u.Spills
		}
	}
	return row
}

func fields(k usage.Kernel) []string {
	list := []string{k.Entry, k.Text}
	for _, target := range ptxas.Targets() {
		field := ""
		if n, ok := k.Registers[target]; ok {
			field = strconv.Itoa(n)
		}
		if n := k.Spills[target]; n > 0 {
			field += "+" + strconv.Itoa(n)
		}
		list = append(list, field)
	}
	return list
}
