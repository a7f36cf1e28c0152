package explain

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// TextOptions say how WriteText writes.
type TextOptions struct {
	Width int  // columns of the terminal
	Color bool // ANSI colours
	Plain bool // ASCII only: for what is no terminal
	Layer int  // the layer to show closely, from 1; 0: all, in short
	Head  int  // the head to show, from 1; 0: all
	Top   int  // words to name in each place
}

// MinWidth is the narrowest terminal that is written for; a narrower one wraps by itself.
const MinWidth = 20

// WriteText tells an explanation for a terminal. It shows the explained token only.
func WriteText(w io.Writer, e *Explanation, o TextOptions) error {
	o.Width = max(o.Width, MinWidth)
	p := &teller{TextOptions: o, e: e}
	p.prompt()
	p.next()
	p.intro()
	if o.Layer > 0 {
		p.closely(o.Layer - 1)
	} else {
		for l := range e.Model.Layers {
			p.layer(l)
		}
	}
	p.settled()
	_, err := io.WriteString(w, p.out.String())
	return err
}

// teller is a text in the making.
type teller struct {
	TextOptions
	e   *Explanation
	out strings.Builder
}

func (p *teller) prompt() {
	p.say(bold, escape(strings.TrimSpace(p.e.text()))+" ____")
	words := make([]string, len(p.e.Tokens))
	for i, t := range p.e.Tokens {
		words[i] = fmt.Sprintf("%d %s", i+1, p.label(t.Text))
		if i == p.e.Token {
			words[i] = "[" + words[i] + "]"
		}
	}
	p.gap()
	p.say(plain, fmt.Sprintf("The model reads %s; a %s stands for a space:", count(len(words), "token"), p.space()))
	p.items("  ", words)
}

func (p *teller) next() {
	p.gap()
	p.say(bold, "What comes next")
	var b []bar
	for _, c := range p.e.Candidates {
		b = append(b, bar{p.label(c.Text), c.Probability})
	}
	p.bars(b, b[0].share)
}

func (p *teller) intro() {
	word, m := p.word(p.e.Token), p.e.Model
	p.gap()
	p.say(bold, "How "+word+" was mixed")
	p.say(plain, fmt.Sprintf("Every word carries a tag, a potion and a recipe. In each of the %s, %s holds its recipe against its own tag and "+
		"the tags of the words before it, and takes of their potions in proportion to the match: the shares add up to 100%%. "+
		"%s do so side by side, each with tags, potions and recipes of its own.", count(m.Layers, "layer"), word, count(m.Heads, "head")))
	if p.Layer > 0 {
		return
	}
	p.gap()
	p.say(plain, fmt.Sprintf("took: the shares, %s.", p.which()))
	if p.Head == 0 && m.Heads > 1 {
		p.say(plain, "heads: those that took most of a single word; #3 is head 3.")
	}
	p.say(plain, "says: what the mixture would have said if the model had stopped there.")
}

func (p *teller) which() string {
	if p.Head > 0 {
		return fmt.Sprintf("in head %d", p.Head)
	}
	return "averaged over the heads"
}

// layer is a layer in short.
func (p *teller) layer(l int) {
	p.gap()
	lens := p.e.lens(p.e.Token)
	if l == 0 {
		p.say(bold, "Before the first layer")
		p.field("says", p.says(lens.Guesses[0]))
		p.gap()
	}
	p.say(bold, p.layerName(l))
	shares := p.shares(l)
	var took []string
	rest := 1.0
	for _, s := range first(order(shares), p.Top) {
		took = append(took, p.label(p.e.Tokens[s].Text)+" "+percent(shares[s]))
		rest -= shares[s]
	}
	if len(shares) > p.Top {
		took = append(took, "others "+percent(max(rest, 0)))
	}
	p.field("took", took)
	if p.Head == 0 && p.e.Model.Heads > 1 {
		p.field("heads", p.heads(l))
	}
	p.field("says", p.says(lens.Guesses[l+1]))
}

func (p *teller) layerName(l int) string {
	s := fmt.Sprintf("Layer %d of %d", l+1, p.e.Model.Layers)
	if w := p.e.Model.Windows[l]; w > 0 && w <= p.e.Token {
		s += fmt.Sprintf(", which sees %s back", count(w, "word"))
	}
	return s
}

// heads names the heads that took most of a single word.
func (p *teller) heads(l int) []string {
	type pour struct {
		head, from int
		share      float64
	}
	pours := make([]pour, p.e.Model.Heads)
	for h := range pours {
		x := widen(p.e.Shares[l][h])
		at := order(x)[0]
		pours[h] = pour{h, at, x[at]}
	}
	slices.SortStableFunc(pours, func(a, b pour) int { return cmp.Compare(b.share, a.share) })
	var s []string
	for _, x := range first(pours, p.Top) {
		s = append(s, fmt.Sprintf("#%d %s %s", x.head+1, p.label(p.e.Tokens[x.from].Text), percent(x.share)))
	}
	return s
}

func (p *teller) says(g Guess) []string {
	var s []string
	for _, c := range first(g.Top, p.Top) {
		s = append(s, p.label(c.Text)+" "+percent(c.Probability))
	}
	return s
}

// closely is one layer at length.
func (p *teller) closely(l int) {
	p.gap()
	p.say(bold, p.layerName(l))
	p.say(plain, "Taken "+p.which()+":")
	p.bars(p.poured(p.shares(l)), 1)
	for h := range p.e.Model.Heads {
		if p.Head > 0 || p.e.Model.Heads == 1 {
			break
		}
		p.say(plain, fmt.Sprintf("Taken in head %d:", h+1))
		p.bars(p.poured(widen(p.e.Shares[l][h])), 1)
	}
	g := p.e.lens(p.e.Token).Guesses[l+1]
	p.gap()
	p.say(plain, fmt.Sprintf("If the model had stopped here, it would have said (%s is number %d, with %s):", p.quoted(p.e.Candidates[0].Text), g.Rank, percent(g.Answer)))
	var b []bar
	for _, c := range first(g.Top, p.Top) {
		b = append(b, bar{p.label(c.Text), c.Probability})
	}
	p.bars(b, b[0].share)
	p.gap()
	p.say(plain, fmt.Sprintf("What the layer added measures %s of what %s carries after it.", percent(g.Change), p.word(p.e.Token)))
}

// poured are the words that most was taken from, with names of one width in all charts.
func (p *teller) poured(shares []float64) []bar {
	names, width := make([]string, len(shares)), 0
	for i := range shares {
		names[i] = fmt.Sprintf("%d %s", i+1, p.label(p.e.Tokens[i].Text))
		width = max(width, columns(names[i]))
	}
	var b []bar
	for _, i := range first(order(shares), p.Top) {
		b = append(b, bar{pad(names[i], width), shares[i]})
	}
	return b
}

func (p *teller) settled() {
	l := p.e.lens(p.e.Token)
	answer, last := p.quoted(p.e.Candidates[0].Text), len(l.Guesses)-1
	p.gap()
	switch {
	case l.Settled == 0:
		p.say(bold, fmt.Sprintf("The answer %s stood before the first layer and never changed.", answer))
	case l.Settled == last:
		p.say(bold, fmt.Sprintf("The answer %s settled only in the last layer.", answer))
	default:
		p.say(bold, fmt.Sprintf("The answer settled after layer %d: from there on it was %s.", l.Settled, answer))
	}
}

// shares of a layer: of the chosen head, or the mean of all.
func (p *teller) shares(l int) []float64 {
	if p.Head > 0 {
		return widen(p.e.Shares[l][p.Head-1])
	}
	mean := make([]float64, p.e.Token+1)
	for _, head := range p.e.Shares[l] {
		for i, s := range head {
			mean[i] += float64(s) / float64(len(p.e.Shares[l]))
		}
	}
	return mean
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// order is the places of x from the greatest to the least.
func order(x []float64) []int {
	at := make([]int, len(x))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(x[b], x[a]) })
	return at
}

func first[T any](x []T, n int) []T { return x[:min(n, len(x))] }

// bar is a row of a bar chart.
type bar struct {
	name  string
	share float64
}

// bars draws shares; a full bar is whole.
func (p *teller) bars(b []bar, whole float64) {
	name := 0
	for _, x := range b {
		name = max(name, columns(x.name))
	}
	name = min(name, p.Width/2, p.Width-10)
	room := min(p.Width-name-12, 40)
	for _, x := range b {
		p.out.WriteString("  " + pad(x.name, name) + "  " + fmt.Sprintf("%6s", percent(x.share)))
		if room > 3 {
			p.out.WriteString("  " + p.paint(green, p.block(min(x.share/whole, 1), room)))
		}
		p.out.WriteByte('\n')
	}
}

// eighths are bars of one eighth of a column to a whole one.
const eighths = "▏▎▍▌▋▊▉█"

// block is a bar of part of width columns, to an eighth of one; the least is an eighth.
func (p *teller) block(part float64, width int) string {
	n := int(part*float64(width)*8 + 0.5)
	if p.Plain {
		return strings.Repeat("#", max(n/8, 1))
	}
	s := strings.Repeat("█", n/8)
	if r := max(n%8, 1); n%8 > 0 || s == "" {
		s += string([]rune(eighths)[r-1])
	}
	return s
}
