package engine

import (
	"math"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/format"
)

func TestKVSpec(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec KVSpec
		page int64 // bytes, by hand
		says string
	}{
		{spec: KVSpec{3, 2, 64, format.F32}, page: 2 * 32 * 2 * 64 * 4},
		{spec: KVSpec{3, 2, 64, format.F16}, page: 2 * 32 * 2 * 64 * 2},
		{spec: KVSpec{1, 8, 128, format.Q8_0}, page: 2 * 32 * 8 * 4 * 34},
		{spec: KVSpec{1, 1, 1, format.F16}, page: 2 * 32 * 2},
		{spec: KVSpec{0, 2, 64, format.F32}, says: "KV cache of 0 pages, 2 heads, head size 64: all must be positive"},
		{spec: KVSpec{1, -2, 64, format.F32}, says: "1 pages, -2 heads"},
		{spec: KVSpec{1, 2, 0, format.F32}, says: "head size 0"},
		{spec: KVSpec{1, 2, 64, format.Q4_0}, says: "a KV cache cannot be kept as Q4_0; use F32, F16 or Q8_0"},
		{spec: KVSpec{1, 2, 64, format.Invalid}, says: "cannot be kept as"},
		{spec: KVSpec{1, 2, 80, format.Q8_0}, says: "80 numbers cannot be packed as Q8_0"},
		{spec: KVSpec{math.MaxInt, 1, 1, format.F32}, says: "more than any memory holds"},
		{spec: KVSpec{1, math.MaxInt, math.MaxInt, format.F32}, says: "more than any memory holds"},
	} {
		err := c.spec.Check()
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v: %v, want %q", c.spec, err, c.says)
			}
			continue
		}
		if err != nil || c.spec.PageBytes() != c.page || c.spec.Bytes() != int64(c.spec.Pages)*c.page {
			t.Errorf("%+v: %d bytes a page, %d in all, want %d a page; %v", c.spec, c.spec.PageBytes(), c.spec.Bytes(), c.page, err)
		}
	}
}

func TestIndexOf(t *testing.T) {
	t.Parallel()
	s := &Step{IDs: []int32{5, 6}, Pos: []int32{1, 2}}
	if s.T() != 2 || ByID.Of(s)[1] != 6 || ByPos.Of(s)[1] != 2 {
		t.Errorf("%d rows, by id %v, by position %v", s.T(), ByID.Of(s), ByPos.Of(s))
	}
}
