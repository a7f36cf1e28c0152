package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/bench"
	"github.com/potion-engine/potion/engine/bench/chart"
)

// records are those of two KV formats, three depths and two batches; one is refused.
func records() []bench.Record {
	figure := func(x float64) *float64 { return &x }
	var list []bench.Record
	for _, kv := range []string{"f16", "q8_0"} {
		setup := bench.Setup{Command: "potion bench -d 0,512,1024", Version: "v1", BuildCommit: "0123456789ab", CPU: "A processor",
			Backend: "CPU", Model: "dir/model.gguf", ModelType: "llama 135M Q8_0", Threads: 2, TypeK: kv, TypeV: kv}
		for i, depth := range []int{0, 512, 1024} {
			x := float64(i)
			list = append(list, bench.Record{Setup: setup, Test: "pp512", Prompt: 512, Depth: depth, Batch: 1, Valid: true, WeightBytes: 1e8, Flops: 1e11,
				MedianTS: figure(800 - 50*x), StddevTS: figure(10), GBs: figure(1), GFLOPs: figure(160 - x), PeakGBs: 20, PeakGFLOPs: 200})
			for _, batch := range []int{1, 4} {
				list = append(list, bench.Record{Setup: setup, Test: "tg128", Gen: 128, Depth: depth, Batch: batch, Valid: true, WeightBytes: 128e8, Flops: 128e8 * float64(batch),
					MedianTS: figure(80 + 40*float64(batch) - 10*x), StddevTS: figure(2), GBs: figure(8), GFLOPs: figure(8 * float64(batch)), PeakGBs: 20, PeakGFLOPs: 200})
			}
		}
	}
	return append(list, bench.Record{Setup: list[0].Setup, Test: "tg999", Reason: "faster than light"})
}

func TestSVG(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := chart.Write(&out, "svg", records()); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		"Prompt", "Decoding", "Decoding side by side", "Roofline", "tokens in the context before", "sequences", "GFLOP/s",
		"q8_0, x4", "200.0 GFLOP/s", "commit 0123456789ab", "A processor", "tg999 is left out: faster than light", "sans-serif",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the picture", want)
		}
	}
	d := xml.NewDecoder(&out)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// The figures of one plain run: a single point in each panel, and no legend to tell it from.
func TestPNG(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]bench.Record{"one point each": records()[:2], "one panel and the roofline": records()[:1], "all": records()} {
		var out bytes.Buffer
		if err := chart.Write(&out, "png", list); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		picture, err := png.Decode(&out)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b := picture.Bounds(); b.Dx() < 800 || b.Dy() < 400 {
			t.Errorf("%s: a picture of %v", name, b)
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]bench.Record{"no records": nil, "a refused one": {{Test: "tg2", Reason: "busy"}}} {
		if err := chart.Write(io.Discard, "svg", list); err == nil {
			t.Errorf("%s: drawn", name)
		}
	}
	if err := chart.Write(io.Discard, "gif", records()); err == nil {
		t.Error("a GIF")
	}
}
