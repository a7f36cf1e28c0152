package backendtest

import (
	"fmt"
	"time"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
)

// Benchmarks lists cases at sizes worth timing: one token and a prompt chunk through
// the shapes of models from 0.1 to 8 billion parameters.
func Benchmarks() []Case {
	var cases []Case
	for _, f := range format.All() {
		// 14336x4096 is more than a processor's caches hold in every format.
		for _, p := range []product{
			{f: f, n: 14336, k: 4096, t: 1},
			{f: f, n: 2048, k: 2048, t: 1},
			{f: f, n: 768, k: 256, t: 1},
			{f: f, n: 2048, k: 2048, t: 4},
			{f: f, n: 2048, k: 2048, t: 32},
			{f: f, n: 2048, k: 2048, t: 128},
		} {
			cases = append(cases, newCase("Linear", fmt.Sprintf("%v/%dx%d/rows %d", f, p.n, p.k, p.t), f, p))
		}
	}
	for _, f := range []format.Format{format.F32, format.F16, format.Q8_0} {
		for _, a := range []attending{
			{name: "decode at 256", heads: 32, kv: 8, dim: 64, spans: []span{{255, 1}}},
			{name: "decode at 4096", heads: 32, kv: 8, dim: 64, spans: []span{{4095, 1}}},
			{name: "decode at 1024", heads: 8, kv: 8, dim: 128, spans: []span{{1023, 1}}},
			{name: "prompt of 128", heads: 32, kv: 8, dim: 64, spans: []span{{0, 128}}},
			{name: "128 after 1024", heads: 8, kv: 8, dim: 64, spans: []span{{1024, 128}}},
			{name: "4 decodes at 512", heads: 32, kv: 8, dim: 64, spans: []span{{511, 1}, {511, 1}, {511, 1}, {511, 1}}},
		} {
			a.pages = f
			name := fmt.Sprintf("%v/%s/%d heads on %d of %d", f, a.name, a.heads, a.kv, a.dim)
			cases = append(cases, newCase("Attend", name, f, a))
		}
		cases = append(cases, newCase("Store", fmt.Sprintf("%v/128 rows/8 heads of 64", f), f,
			storing{heads: 8, dim: 64, pages: f, spans: []span{{0, 128}}}))
	}
	for _, t := range []int{1, 128} {
		n := norm{t: t, c: 2048, deviation: 1, eps: 1e-5}
		cases = append(cases, newCase("LayerNorm", fmt.Sprintf("%dx%d", t, n.c), format.Invalid, n))
		n.rms = true
		cases = append(cases, newCase("RMSNorm", fmt.Sprintf("%dx%d", t, n.c), format.Invalid, n))
		for _, op := range perElements {
			e := elements{perElement: op, t: t, c: 8192, deviation: 1}
			cases = append(cases, newCase(op.name, fmt.Sprintf("%dx%d", t, e.c), format.Invalid, e))
		}
		for _, turned := range []bool{true, false} {
			o := rotation{t: t, heads: 32, dim: 64, pairs: 32, scale: 1, base: 10000, start: 1000, interleaved: turned}
			cases = append(cases, newCase("Rope", fmt.Sprintf("%d rows/32 heads of 64/interleaved %v", t, turned), format.Invalid, o))
		}
		cases = append(cases, newCase("Embed", fmt.Sprintf("Q8_0/rows %d of 2048", t), format.Q8_0,
			embedding{f: format.Q8_0, v: 32000, c: 2048, t: t, scale: 1}))
	}
	return append(cases,
		newCase("Softmax", "1x128256", format.Invalid, softmaxRows{t: 1, c: 128256, deviation: 3}),
		newCase("TopK", "1 of 128256", format.Invalid, greatest{t: 1, v: 128256, k: 1, values: "plain"}),
		newCase("TopK", "40 of 128256", format.Invalid, greatest{t: 1, v: 128256, k: 40, values: "plain"}),
		newCase("Gather", "8 of 128 rows of 2048", format.Invalid, rowChoice{t: 128, c: 2048, rows: []int32{0, 17, 31, 32, 64, 99, 126, 127}}),
	)
}

// Prepare makes the tensors of the case on b. run makes the call n times and waits for
// the last; free gives the tensors back. The error is ErrFormat, or that of the device.
func (c Case) Prepare(b engine.Backend) (run func(n int) error, free func(), err error) {
	r := newRig(b, c.Op+"/"+c.Name)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case stop:
			r.close()
			run, free, err = nil, nil, p.err
		default:
			panic(p)
		}
	}()
	p := c.op.prepare(r)
	run = func(n int) error {
		for range n {
			p.call()
		}
		return b.Sync()
	}
	if err := run(1); err != nil { // once unmeasured: first calls may compile or allocate
		r.close()
		return nil, nil, err
	}
	return run, r.close, nil
}

// Rates is what n calls in time d come to, in 1e9 bytes and operations a second.
func (c Case) Rates(n int, d time.Duration) (gigabytes, gigaflops float64) {
	calls := float64(n) / d.Seconds() / 1e9
	return calls * float64(c.Bytes), calls * float64(c.Flops)
}
