package explain

import (
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
)

// Page is an explanation as one HTML page that needs nothing from outside.
//
// Attention, L*H*T*T numbers, is kept sparse and as it comes: for the mean of the heads and
// for each head, the greatest shares of every token, in 1/65535.
type Page struct {
	layers, heads, tokens int
	keep                  int // shares of a row at most
	least                 float32
	pours                 []byte
	e                     *Explanation
	mean, sorted          []float32
}

// pageBytes is about how much room attention may take in a page.
const pageBytes = 12 << 20

// Begin makes an empty page for a model and a text.
func (p *Page) Begin(layers, heads, tokens int) {
	*p = Page{layers: layers, heads: heads, tokens: tokens, keep: tokens, mean: make([]float32, tokens)}
	if tokens > 64 {
		p.least = 1e-3
		p.keep = min(tokens, 48, max(4, pageBytes/(layers*(heads+1)*tokens*4)))
	}
}

// Layer takes in the attention of all tokens in the next layer.
func (p *Page) Layer(_ int, a *Attention) {
	for i := range a.Rows {
		a.Mean(p.mean, i)
		p.row(p.mean)
	}
	for h := range a.Heads {
		for i := range a.Rows {
			p.row(a.Shares(i, h))
		}
	}
}

// row adds a row of shares: how many, then for each its place and size, as uint16.
func (p *Page) row(shares []float32) {
	least := p.least
	if p.keep < len(shares) {
		least = p.threshold(shares)
	}
	at := len(p.pours)
	p.pours = append(p.pours, 0, 0)
	n := 0
	for i, s := range shares {
		q := math.Round(float64(s) * math.MaxUint16)
		if s < least || q == 0 || n == p.keep {
			continue
		}
		n++
		p.pours = binary.LittleEndian.AppendUint16(p.pours, uint16(i))
		p.pours = binary.LittleEndian.AppendUint16(p.pours, uint16(min(q, math.MaxUint16)))
	}
	binary.LittleEndian.PutUint16(p.pours[at:], uint16(n))
}

// threshold is the keep-th greatest share, or least if fewer are as great as that.
func (p *Page) threshold(shares []float32) float32 {
	p.sorted = p.sorted[:0]
	for _, s := range shares {
		if s >= p.least {
			p.sorted = append(p.sorted, s)
		}
	}
	if len(p.sorted) <= p.keep {
		return p.least
	}
	slices.Sort(p.sorted)
	return p.sorted[len(p.sorted)-p.keep]
}

// Finish takes in the rest.
func (p *Page) Finish(e *Explanation) { p.e = e }

// The parts of the page.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

// pageData is what the page's script reads.
type pageData struct {
	Model      Model       `json:"model"`
	Tokens     []Token     `json:"tokens"`
	Token      int         `json:"token"`
	Candidates []Candidate `json:"candidates"`
	Lens       []Lens      `json:"lens"`
	Whole      bool        `json:"whole"` // whether all shares are there
	Keep       int         `json:"keep"`
	// Pours is base64 of little-endian uint16: by layer, then the mean and each head, then
	// token, a row n, place, share, place, share ...
	Pours string `json:"pours"`
}

// visible keeps control characters, which have no place in HTML, out of a text.
func visible(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\t' {
		return unicode.ReplacementChar
	}
	return r
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	e := p.e
	// encoding/json escapes <, > and &, so that no token can end the script element.
	data, err := json.Marshal(pageData{
		Model: e.Model, Tokens: e.Tokens, Token: e.Token, Candidates: e.Candidates, Lens: e.Lenses,
		Whole: p.least == 0, Keep: p.keep, Pours: base64.StdEncoding.EncodeToString(p.pours),
	})
	if err != nil {
		return err
	}
	t, err := template.New("page").Funcs(template.FuncMap{"percent": percent}).Parse(pageHTML)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		E      *Explanation
		Text   string
		CSS    template.CSS
		Script template.JS
		Data   template.JS
	}{e, strings.TrimSpace(strings.Map(visible, e.text())), template.CSS(pageCSS), template.JS(pageJS), template.JS(data)})
}
