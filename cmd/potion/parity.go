package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/backendtest"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/parity"
	"github.com/potion-engine/potion/engine/tokenizer"
)

// parityText is what both sides read where the user gives nothing.
const parityText = "Sarah lies still on the bed, feeling"

func parityCommand() *cli.Command {
	return &cli.Command{
		Name:      "parity",
		Usage:     "check that a device computes what it should",
		ArgsUsage: "[TEXT]",
		Description: `Runs every operation on the device against float64, then a whole model against the same
model computed in float64, layer by layer: the model writes a text greedily on the reference and
both read it. Exit code 1 if anything is out of its tolerance. Examples:

   potion parity
   potion parity --device cpu --activations int8 --json
   potion parity -m model.gguf --model-only`,
		Flags: []cli.Flag{
			modelFlag(), deviceFlag(), requireFlag(), threadsFlag(), activationsFlag(exactActivations), fileFlag(),
			&cli.IntFlag{Name: "n", Aliases: []string{"tokens"}, Value: 40, Usage: "`TOKENS` that the model writes"},
			&cli.BoolFlag{Name: "ops-only", Usage: "operations only"},
			&cli.BoolFlag{Name: "model-only", Usage: "the model only"},
			jsonFlag("print one object: ops, model, pass"),
		},
		Action: checkParity,
	}
}

// opParity sums the cases of one operation up.
type opParity struct {
	Op     string   `json:"op"`
	Cases  int      `json:"cases"`
	Passed int      `json:"passed"`
	NMSE   float64  `json:"nmse"`  // of the case nearest to or furthest over its limit
	Limit  float64  `json:"limit"` // of that case
	Case   string   `json:"case"`
	Worst  [2]int   `json:"worst_at"`
	Want   float64  `json:"want"`
	Got    float64  `json:"got"`
	Skips  int      `json:"skipped"`
	Failed []string `json:"failed,omitempty"`
	share  float64  // NMSE / Limit
}

type parityResult struct {
	Device string         `json:"device"`
	Name   string         `json:"device_name"`
	Ops    []*opParity    `json:"ops"`
	Model  *parity.Report `json:"model,omitempty"`
	Pass   bool           `json:"pass"`
}

var errParity = errors.New("the device is out of tolerance")

func checkParity(c *cli.Context) error {
	if c.Bool("ops-only") && c.Bool("model-only") {
		return usage("--ops-only and --model-only leave nothing to do")
	}
	if n := c.Int("n"); n < 0 || n > 4096 {
		return usage("-n %d: want 0 to 4096", n)
	}
	out := parityResult{Pass: true, Ops: []*opParity{}}
	if !c.Bool("model-only") {
		// The operations are those of every day, in half precision where that is faster.
		err := out.on(c, false, func(b engine.Backend) error {
			out.Ops = checkOps(c, b)
			for _, o := range out.Ops {
				out.Pass = out.Pass && o.Passed == o.Cases
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !c.Bool("ops-only") {
		err := out.on(c, true, func(b engine.Backend) (err error) {
			if out.Model, err = checkModel(c, b); err == nil {
				out.Pass = out.Pass && out.Model.Pass
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	var err error
	if c.Bool("json") {
		err = printJSON(c.App.Writer, out)
	} else {
		err = printParity(c.App.Writer, out)
	}
	if err == nil && !out.Pass {
		err = errParity
	}
	return err
}

// on does f with the device that the flags name; float32 as in openDeviceFor.
func (r *parityResult) on(c *cli.Context, float32 bool, f func(engine.Backend) error) error {
	b, err := openDeviceFor(c, float32)
	if err != nil {
		return err
	}
	defer b.Close()
	r.Device, r.Name = b.Info().Kind, b.Info().Name
	return f(b)
}

// slowFlops is the largest case that an emulated device is given; it computes some ten
// million a second.
const slowFlops = 3e5

func checkOps(c *cli.Context, b engine.Backend) []*opParity {
	var ops []*opParity
	o := backendtest.Options{Int8Activations: c.String("activations") == "int8", HalfActivations: b.Info().Kind != "cpu"}
	if b.Info().Kind == "emulated" {
		o.Match = func(c backendtest.Case) bool { return c.Flops < slowFlops }
	}
	backendtest.Suite(b, o, func(r backendtest.Result) {
		i := slices.IndexFunc(ops, func(p *opParity) bool { return p.Op == r.Op })
		if i < 0 {
			i = len(ops)
			ops = append(ops, &opParity{Op: r.Op})
		}
		p := ops[i]
		if r.Skip != "" {
			p.Skips++
			return
		}
		p.Cases++
		if r.Pass {
			p.Passed++
		} else {
			p.Failed = append(p.Failed, r.String())
		}
		share := 0.0
		if r.Limit > 0 {
			share = r.NMSE / r.Limit
		} else if r.NMSE > 0 {
			share = math.Inf(1)
		}
		if p.Case == "" || share > p.share || math.IsNaN(share) {
			p.share, p.Limit, p.Case = share, r.Limit, r.Case
			p.NMSE, p.Want, p.Got, p.Worst = finite(r.NMSE), finite(r.Want), finite(r.Got), r.WorstAt
		}
	})
	return ops
}

// finite is x for JSON, which has no infinity and no NaN.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return math.MaxFloat64
	}
	return x
}

func checkModel(c *cli.Context, b engine.Backend) (*parity.Report, error) {
	f, err := modelfile.Open(c.String("model"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ck, err := f.Checkpoint()
	if err != nil {
		return nil, err
	}
	tok, err := openTokenizer(c, f)
	if err != nil {
		return nil, err
	}
	s := parityText
	if c.NArg() > 0 || c.String("file") != "" {
		if s, err = text(c); err != nil {
			return nil, err
		}
	}
	ids, err := tok.Encode(s, tokenizer.Options{AddSpecial: true})
	if err != nil {
		return nil, err
	}
	reference := backendtest.NewReference()
	defer reference.Close()
	r, err := parity.Model(c.Context, ck, reference, b, parity.Options{Prompt: ids, Tokens: c.Int("n"), Int8Activations: c.String("activations") == "int8"})
	return &r, err
}

func printParity(w io.Writer, p parityResult) error {
	t := newTable("", "operation", "cases", "passed", "NMSE", "limit", "nearest to the limit")
	for _, o := range p.Ops {
		t.AppendRow(table.Row{o.Op, o.Cases, o.Passed, fmt.Sprintf("%.1e", o.NMSE), fmt.Sprintf("%.0e", o.Limit), o.Case})
	}
	if len(p.Ops) > 0 {
		if _, err := fmt.Fprintf(w, "%s against float64\n%s\n", p.Name, t.Render()); err != nil {
			return err
		}
	}
	for _, o := range p.Ops {
		for _, f := range o.Failed {
			fmt.Fprintln(w, f)
		}
	}
	if m := p.Model; m != nil {
		t := newTable("", "residual stream", "NMSE", "worst", "token", "channel")
		add := func(name string, d parity.Difference) {
			t.AppendRow(table.Row{name, fmt.Sprintf("%.1e", d.NMSE), fmt.Sprintf("%.1e", d.Worst), d.Row, d.Col})
		}
		add("embedding", m.Embed)
		for i, d := range m.Layers {
			add(fmt.Sprintf("layer %d", i), d)
		}
		add("logits", m.Logits)
		fmt.Fprintf(w, "%s\n%d tokens: same choice %d, too close to tell %d, wrong %d; limit %.0e (%s)\n", t.Render(), m.Tokens, m.Same, m.Close, m.Wrong, m.Limit, m.Why)
		if m.First <= len(m.Layers) {
			fmt.Fprintf(w, "first over the limit: %s\n", where(m))
		}
	}
	verdict := "pass"
	if !p.Pass {
		verdict = "FAIL"
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
}

// where names the first place that is over the limit.
func where(m *parity.Report) string {
	switch m.First {
	case -1:
		return "embedding"
	case len(m.Layers):
		return "logits"
	}
	return fmt.Sprintf("layer %d", m.First)
}
