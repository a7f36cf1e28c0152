package convert_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/convert"
	"github.com/potion-engine/potion/engine/modelfile"
)

// TestMixturesAreLlamaCpps holds the formats by layer of attn_qkv, attn_output, ffn_up and
// ffn_down, as digits (4 for Q4_K), that llama.cpp v0.5.0 gives the demo model:
//
//	llama-quantize fireside-tales-F32.gguf out.gguf Q4_K_M
//
// The embedding, which is the output layer as well, gets Q6_K in all of them.
func TestMixturesAreLlamaCpps(t *testing.T) {
	t.Parallel()
	f, err := modelfile.Open("") // the demo model
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct{ recipe, want string }{
		{"Q2_K_M", "333333 333333 222222 333333"}, // llama-quantize calls it Q2_K
		{"Q3_K_S", "333333 333333 333333 333333"},
		{"Q3_K_M", "554444 444444 333333 444444"},
		{"Q3_K_L", "555555 555555 333333 555555"},
		{"Q4_K_S", "555544 444444 444444 444444"},
		{"Q4_K_M", "446446 444444 444444 446446"},
		{"Q5_K_S", "555555 555555 555555 555555"},
		{"Q5_K_M", "556556 555555 555555 556556"},
		{"Q2_K", "222222 222222 222222 222222"}, // with --pure --token-embedding-type q6_k
	} {
		p, err := convert.New(f, convert.Options{To: recipe(t, c.recipe), Requantize: true})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, x := range p.Tensors {
			got[x.Name] = x.To.String()
		}
		var rows []string
		for _, kind := range []string{"attn_qkv", "attn_output", "ffn_up", "ffn_down"} {
			row := ""
			for layer := range 6 {
				row += got[fmt.Sprintf("blk.%d.%s.weight", layer, kind)][1:2]
			}
			rows = append(rows, row)
		}
		if s := strings.Join(rows, " "); s != c.want || got["token_embd.weight"] != "Q6_K" {
			t.Errorf("%s: %s, embedding %s; want %s and Q6_K", c.recipe, s, got["token_embd.weight"], c.want)
		}
	}
}
