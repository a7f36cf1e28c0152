package explain_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/potion-engine/potion/engine/explain"
)

func TestTextTellsTheNumbers(t *testing.T) {
	t.Parallel()
	r, tok, _ := open(t, "", onCPU(t))
	x := explained(t, r, tok, explain.Request{IDs: sarah, Token: 9, Top: 5})
	write := func(o explain.TextOptions) string {
		t.Helper()
		var b strings.Builder
		if err := explain.WriteText(&b, x.Explanation, o); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	short := write(explain.TextOptions{Width: 80, Plain: true, Top: 3})
	share := func(l, h, p int) string { return fmt.Sprintf("%.0f%%", 100*x.Shares[l][h][p]) }
	lens := x.Lenses[0]
	for _, want := range []string{
		"Sarah lies still on the bed, feeling ____", "10 tokens", "[10 _feeling]",
		fmt.Sprintf("_very      %.0f%%", 100*x.Candidates[0].Probability),
		"Layer 1 of 6", "Layer 6 of 6", "#6 _feeling " + share(4, 5, 9),
		fmt.Sprintf("says  _very %.0f%%", 100*lens.Guesses[4].Top[0].Probability),
		fmt.Sprintf(`settled after layer %d: from there on it was "very"`, lens.Settled),
	} {
		if !strings.Contains(short, want) {
			t.Errorf("the text lacks %q:\n%s", want, short)
		}
	}
	head := write(explain.TextOptions{Width: 80, Plain: true, Top: 3, Head: 6})
	if !strings.Contains(head, "took  _feeling "+share(4, 5, 9)) || strings.Contains(head, "#6") {
		t.Errorf("head 6:\n%s", head)
	}
	layer := write(explain.TextOptions{Width: 80, Plain: true, Top: 3, Layer: 5})
	for _, want := range []string{"Layer 5 of 6", "Taken in head 8:", "Taken averaged over the heads:", "10 _feeling     " + share(4, 5, 9)} {
		if !strings.Contains(layer, want) || strings.Contains(layer, "Layer 4") {
			t.Errorf("layer 5 lacks %q:\n%s", want, layer)
		}
	}
}

// wide is a vocabulary whose characters take two columns each.
type wide struct{}

func (wide) Piece(id int32) string {
	return []string{"吾輩は猫である。名前はまだ無い。", " 猫", "🐈"}[id%3]
}
func (wide) Special(int32) bool { return false }

// The text keeps to the terminal's width, and plain text is ASCII without colours.
func TestTextFitsAnyTerminal(t *testing.T) {
	t.Parallel()
	r, own, _ := open(t, "", onCPU(t))
	for _, tok := range []explain.Vocabulary{own, hostile{}, wide{}} {
		x := explained(t, r, tok, explain.Request{IDs: sarah, Token: 9, Top: 5})
		for _, width := range []int{0, 1, 20, 33, 40, 80, 300} {
			for _, o := range []explain.TextOptions{{}, {Color: true}, {Plain: true}, {Layer: 3}, {Head: 2}, {Layer: 1, Head: 8}} {
				o.Width, o.Top = width, 100
				var b strings.Builder
				if err := explain.WriteText(&b, x.Explanation, o); err != nil {
					t.Fatal(err)
				}
				if !utf8.ValidString(b.String()) || strings.Contains(b.String(), "\x1b[31m") {
					t.Errorf("width %d: what a word says drives the terminal", width)
				}
				if o.Color != strings.Contains(b.String(), "\x1b[") {
					t.Errorf("colours: %v, want %v", !o.Color, o.Color)
				}
				for line := range strings.Lines(b.String()) {
					line = strings.TrimSuffix(line, "\n")
					if n := text.StringWidthWithoutEscSequences(line); n > max(width, explain.MinWidth) {
						t.Fatalf("width %d: a line of %d: %q", width, n, line)
					}
					if i := strings.IndexFunc(line, func(r rune) bool { return r > 126 }); o.Plain && tok == own && i >= 0 {
						t.Fatalf("plain, but %q", line[i:])
					}
				}
			}
		}
	}
}
