package kernels_test

import (
	"reflect"
	"testing"

	"github.com/potion-engine/potion/kernels"
)

func TestTable(t *testing.T) {
	t.Parallel()
	got, found := kernels.Find("rmsnorm_f32")
	want := kernels.Kernel{
		Entry: "rmsnorm_f32", File: "rmsnorm.ptx",
		Params: []kernels.Param{
			{Name: "y", Type: "u64", Size: 8}, {Name: "x", Type: "u64", Size: 8}, {Name: "gain", Type: "u64", Size: 8},
			{Name: "cols", Type: "u32", Size: 4}, {Name: "eps", Type: "f32", Size: 4},
		},
		Block: [3]int{256, 1, 1}, Shared: 32, Target: 70, Version: "6.4",
	}
	if !found || !reflect.DeepEqual(got, want) {
		t.Errorf("rmsnorm_f32 is %+v, want %+v", got, want)
	}
	if k, _ := kernels.Find("attend_prompt_f16"); !k.Dynamic || k.Threads() != 128 {
		t.Errorf("attend_prompt_f16 is %+v, want dynamic shared memory and 128 threads", k)
	}
	if k, found := kernels.Find("rmsnorm"); found {
		t.Errorf("rmsnorm is %+v, want none", k)
	}
	if text := kernels.Source("none.ptx"); text != "" {
		t.Errorf("a file that is not there holds %q", text)
	}
	seen := make(map[string]bool)
	for _, k := range kernels.All() {
		if seen[k.Entry] {
			t.Errorf("two kernels are called %s", k.Entry)
		}
		seen[k.Entry] = true
	}
}

// Every operation of the contract has a kernel.
func TestComplete(t *testing.T) {
	t.Parallel()
	want := []string{
		"layernorm_f32", "rmsnorm_f32", "rope_f32", "gelu_f32", "swiglu_f32", "geglu_f32", "residual_f32",
		"softcap_f32", "softmax_f32", "topk_f32", "topk_f32_merge", "gather_f32",
	}
	for _, f := range pageFormats {
		for _, op := range []string{"store_", "attend_decode_", "attend_prompt_", "attend_any_", "attend_weights_"} {
			want = append(want, op+f.name)
		}
	}
	for _, entry := range want {
		if _, found := kernels.Find(entry); !found {
			t.Errorf("no kernel %s", entry)
		}
	}
}
