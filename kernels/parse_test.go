package kernels

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const head = ".version 7.0\n.target sm_80\n"
	got, err := parse("a.ptx", head+`
.shared .align 16 .b8 common[64];
.visible .entry one(.param .u64 y, .param .u32 n) // one line
.reqntid 32, 4, 1
{
    .shared .f32 tile[16][33], more;
    .shared .align 8 .u64 keys[2];
}
.shared .u32 others;
.visible .entry two(
    .param .u64 y
)
.reqntid 64, 1, 1
{
    .extern .shared .align 16 .b8 rest[];
}`)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	one := got[0]
	if one.Shared != 64+4+4*(16*33+1)+16 || one.Dynamic || one.Block != [3]int{32, 4, 1} || len(one.Params) != 2 || one.Target != 80 || one.Version != "7.0" {
		t.Errorf("one is %+v", one)
	}
	if two := got[1]; two.Shared != 68 || !two.Dynamic || two.Params[0] != (Param{"y", "u64", 8}) || two.Threads() != 64 {
		t.Errorf("two is %+v", two)
	}
	for text, want := range map[string]string{
		".visible .entry k(.param .u64)":               "a.ptx:3: parameter",
		".visible .entry k(.param .v4 y)":              "unknown type",
		".reqntid 32, 1, 1":                            "before any kernel",
		".visible .entry k(.param .u64 y)\n.reqntid x": ".reqntid",
		".shared tile[4];":                             "no type",
		".shared .f32 tile[N];":                        "array size",
	} {
		if _, err := parse("a.ptx", head+text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
