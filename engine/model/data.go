package model

import (
	"fmt"

	"github.com/potion-engine/potion/engine/format"
)

// NewData is a tensor of packed rows for a Checkpoint of one's own. packed is not copied.
func NewData(f format.Format, rows, cols int, packed []byte) (*Data, error) {
	d := &Data{Format: f, Rows: rows, Cols: cols, bytes: packed}
	if err := f.CheckCols(cols); err != nil {
		return nil, err
	}
	if rows < 1 || len(packed) != d.Size() {
		return nil, fmt.Errorf("%d packed bytes for [%d %d] in %v", len(packed), rows, cols, f)
	}
	return d, nil
}
