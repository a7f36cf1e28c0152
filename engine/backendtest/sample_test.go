package backendtest

import (
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/sample"
)

// wrongChoice is a sampler with a mistake.
type wrongChoice struct {
	*Reference
	mistake func(d *sample.Draw, x []float32)
	to      func(id int32, x []float32) int32
}

func (m wrongChoice) Sample(id, logits engine.Tensor, d *sample.Draw) {
	other, x := *d, append([]float32{}, logits.F32()...)
	if m.mistake != nil {
		m.mistake(&other, x)
	}
	m.Reference.Sample(id, engine.FromRows(x, 1, len(x)), &other)
	if m.to != nil && id.I32()[0] >= 0 {
		id.I32()[0] = m.to(id.I32()[0], x)
	}
}

// changesLogits leaves the changed logits behind.
type changesLogits struct{ *Reference }

func (m changesLogits) Sample(id, logits engine.Tensor, d *sample.Draw) {
	m.Reference.Sample(id, logits, d)
	for i := range d.Changes {
		c := &d.Changes[i]
		logits.F32()[c.ID] = c.Apply(logits.F32()[c.ID])
	}
}

func TestSampleCasesNoticeMistakes(t *testing.T) {
	t.Parallel()
	wrong := func(mistake func(d *sample.Draw, x []float32)) engine.Backend {
		return wrongChoice{Reference: NewReference(), mistake: mistake}
	}
	for name, b := range map[string]engine.Backend{
		"no changes":     wrong(func(d *sample.Draw, _ []float32) { d.Changes = nil }),
		"no temperature": wrong(func(d *sample.Draw, _ []float32) { d.Temperature = min(d.Temperature, 1) }),
		"one too many":   wrong(func(d *sample.Draw, _ []float32) { d.TopK = max(d.TopK, min(d.TopK+1, 2*d.TopK)) }),
		"no min-p":       wrong(func(d *sample.Draw, _ []float32) { d.MinP = 0 }),
		"no top-p":       wrong(func(d *sample.Draw, _ []float32) { d.TopP = 1 }),
		"stale number":   wrong(func(d *sample.Draw, _ []float32) { d.Random = 1 << 63 }),
		"NaN is ignored": wrong(func(_ *sample.Draw, x []float32) {
			for i, v := range x {
				if v != v {
					x[i] = 0
				}
			}
		}),
		"last of ties": wrongChoice{Reference: NewReference(), to: func(id int32, x []float32) int32 {
			for i := range x {
				if x[i] == x[id] {
					id = max(id, int32(i))
				}
			}
			return id
		}},
		"changes logits": changesLogits{NewReference()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range Cases() {
				if c.Op != "Sample" || c.Flops > 1e4 {
					continue
				}
				if r := c.Run(b, Options{}); strings.Contains(r.Err, "want") || strings.Contains(r.Err, "was changed") {
					return
				}
			}
			t.Error("no case of Sample complained")
		})
	}
}
