package explain_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/explain"
)

// paged is an explanation as a page.
func paged(t *testing.T, tok explain.Vocabulary, q explain.Request) (recorded, string) {
	t.Helper()
	r, own, _ := open(t, "", onCPU(t))
	if tok == nil {
		tok = own
	}
	x := explained(t, r, tok, q)
	var p explain.Page
	p.Begin(x.Model.Layers, x.Model.Heads, len(q.IDs))
	q.Layer = func(l int, a *explain.Attention) error {
		p.Layer(l, a)
		return nil
	}
	e, err := explain.Run(t.Context(), r, tok, q)
	if err != nil {
		t.Fatal(err)
	}
	p.Finish(e)
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return x, out.String()
}

// hostile is a vocabulary whose words try to leave their place.
type hostile struct{}

func (hostile) Piece(id int32) string {
	return []string{`</script><script>alert(1)</script>`, `<img src=http://x onerror=alert(1)>`, `"'&<!--`, "\u2028\x1b[31m"}[id%4]
}
func (hostile) Special(int32) bool { return false }

var (
	scripts  = regexp.MustCompile(`(?s)<script[^>]*>.*?</script>`)
	styles   = regexp.MustCompile(`(?s)<style>.*?</style>`)
	dataPart = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)
)

func TestPageIsSoundAndSelfContained(t *testing.T) {
	t.Parallel()
	for name, tok := range map[string]explain.Vocabulary{"demo": nil, "hostile words": hostile{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, page := paged(t, tok, explain.Request{IDs: sarah, Token: 9, Top: 3, EveryLens: true})
			if n := strings.Count(page, "<script"); n != 2 {
				t.Errorf("%d scripts, want 2", n)
			}
			body := styles.ReplaceAllString(scripts.ReplaceAllString(page, ""), "")
			for _, never := range []string{"<img", "<iframe", "@import", "url(http", "<link rel=\"stylesheet"} {
				if strings.Contains(body, never) || strings.Contains(styles.FindString(page), never) {
					t.Errorf("the page has %s", never)
				}
			}
			if tok == nil && strings.Contains(page, "http://") || strings.Contains(page, "https://") {
				t.Error("the page names an address")
			}
			wellFormed(t, body)
			for _, part := range []string{`lang="en"`, `name="viewport"`, `role="listbox"`, `role="status"`, `<label for="layer">`, "prefers-color-scheme: dark", "Content-Security-Policy"} {
				if !strings.Contains(page, part) {
					t.Errorf("the page lacks %s", part)
				}
			}
		})
	}
}

// wellFormed fails unless every element is closed where it should be.
func wellFormed(t *testing.T, body string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(body))
	d.AutoClose, d.Entity = []string{"meta", "link", "input", "br"}, xml.HTMLEntity
	d.Strict = false
	depth, ids := 0, map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			depth++
			for _, a := range e.Attr {
				if a.Name.Local == "id" && ids[a.Value] {
					t.Errorf("the id %s stands twice", a.Value)
				} else if a.Name.Local == "id" {
					ids[a.Value] = true
				}
			}
		case xml.EndElement:
			depth--
		}
	}
	if depth != 0 {
		t.Errorf("%d elements are not closed", depth)
	}
}

// pageShares reads the shares of a page's data, [L][H+1][T] rows of place to share; the
// first of H+1 is the mean.
func pageShares(t *testing.T, page string, rows int) (list []map[int]float64, whole bool) {
	t.Helper()
	var data struct {
		Pours string
		Whole bool
	}
	if err := json.Unmarshal([]byte(dataPart.FindStringSubmatch(page)[1]), &data); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(data.Pours)
	if err != nil {
		t.Fatal(err)
	}
	next := func() int {
		n := binary.LittleEndian.Uint16(raw)
		raw = raw[2:]
		return int(n)
	}
	for range rows {
		m := map[int]float64{}
		for range next() {
			at := next()
			m[at] = float64(next()) / math.MaxUint16
		}
		list = append(list, m)
	}
	if len(raw) > 0 {
		t.Errorf("%d bytes too many", len(raw))
	}
	return list, data.Whole
}

func TestPageHoldsTheShares(t *testing.T) {
	t.Parallel()
	long := make([]int32, 200)
	for i := range long {
		long[i] = int32(i*37%4000 + 20)
	}
	for name, ids := range map[string][]int32{"short": sarah, "long": long} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, page := paged(t, nil, explain.Request{IDs: ids, Token: len(ids) - 1, Top: 3})
			n, h := len(ids), x.Model.Heads
			rows, whole := pageShares(t, page, x.Model.Layers*(h+1)*n)
			if whole != (n <= 64) {
				t.Errorf("whole: %v", whole)
			}
			for r, row := range rows {
				layer, head, token := r/n/(h+1), r/n%(h+1), r%n
				exact := make([]float64, n)
				for k := range h {
					if head == 0 || head == k+1 {
						for p := range exact {
							exact[p] += float64(x.attention[((layer*h+k)*n+token)*n+p])
							if head == 0 && k == h-1 {
								exact[p] /= float64(h)
							}
						}
					}
				}
				checkRow(t, row, exact, whole)
			}
			if size := len(page); size > 4<<20 {
				t.Errorf("the page has %d bytes", size)
			}
		})
	}
}

// checkRow wants all shares, or the 48 greatest that are at least 0.001.
func checkRow(t *testing.T, row map[int]float64, exact []float64, whole bool) {
	t.Helper()
	sorted := slices.Clone(exact)
	slices.Sort(sorted)
	least := 0.5 / math.MaxUint16
	if !whole {
		least = max(1e-3, sorted[len(sorted)-48])
	}
	for p, share := range exact {
		got, there := row[p]
		if there && math.Abs(got-share) > 1e-5 || there != (share >= least) && math.Abs(share-least) > 1e-6 {
			t.Fatalf("share of %d is %v on the page (%v), %v exactly; the least is %v", p, got, there, share, least)
		}
	}
}
