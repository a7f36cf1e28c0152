package explain_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/explain"
)

var (
	drawnText = regexp.MustCompile(`<text[^>]*>([^<]*)</text>`)
	drawnBar  = regexp.MustCompile(`<rect class="g"[^>]* width="([0-9.]+)"`)
)

// The picture says what the terminal does, with bars as long as the shares.
func TestSVGShowsTheText(t *testing.T) {
	t.Parallel()
	r, tok, _ := open(t, "", onCPU(t))
	e, err := explain.Run(t.Context(), r, tok, explain.Request{IDs: sarah, Token: len(sarah) - 1, Top: 4})
	if err != nil {
		t.Fatal(err)
	}
	o := explain.TextOptions{Width: 80, Top: 4}
	var text, picture strings.Builder
	if err := explain.WriteText(&text, e, o); err != nil {
		t.Fatal(err)
	}
	if err := explain.WriteSVG(&picture, e, o, `potion explain "a < b"`); err != nil {
		t.Fatal(err)
	}
	sound(t, picture.String())
	var drawn strings.Builder
	for _, m := range drawnText.FindAllStringSubmatch(picture.String(), -1) {
		drawn.WriteString(m[1] + "\n")
	}
	for _, want := range []string{"$ potion explain &#34;a &lt; b&#34;", "What comes next", "Layer 3 of 6", "took", "says"} {
		if !strings.Contains(drawn.String(), want) {
			t.Errorf("no %q in the picture", want)
		}
	}
	unbar := regexp.MustCompile(`[▏▎▍▌▋▊▉█]+`)
	for word := range strings.FieldsSeq(unbar.ReplaceAllString(text.String(), "")) {
		if plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(word); !strings.Contains(drawn.String(), plain) {
			t.Errorf("the picture has no %q", word)
		}
	}
	bars := drawnBar.FindAllStringSubmatch(picture.String(), -1)
	if len(bars) != len(e.Candidates) {
		t.Fatalf("%d bars for %d candidates", len(bars), len(e.Candidates))
	}
	whole, _ := strconv.ParseFloat(bars[0][1], 64)
	for i, m := range bars {
		width, _ := strconv.ParseFloat(m[1], 64)
		if d := width/whole - e.Candidates[i].Probability/e.Candidates[0].Probability; d > 0.01 || d < -0.01 {
			t.Errorf("bar %d is off by %v", i, d)
		}
	}
}

// Words that try to leave their place stay in it.
func TestSVGOfHostileWords(t *testing.T) {
	t.Parallel()
	r, _, _ := open(t, "", onCPU(t))
	e, err := explain.Run(t.Context(), r, hostile{}, explain.Request{IDs: sarah, Token: 3, Top: 4})
	if err != nil {
		t.Fatal(err)
	}
	var picture bytes.Buffer
	if err := explain.WriteSVG(&picture, e, explain.TextOptions{Width: 80, Top: 4}, "</text><script>"); err != nil {
		t.Fatal(err)
	}
	sound(t, picture.String())
	if s := picture.String(); strings.Contains(s, "<script") || strings.Contains(s, "<img") || strings.Contains(s, "\x1b") {
		t.Error("markup got through")
	}
}

// sound says whether a picture is XML.
func sound(t *testing.T, picture string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
	}
}
