package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/engine"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/session"
)

// needs is the memory that a model takes, worked out before anything is loaded.
type needs struct {
	layers   []int64 // weights and KV of each layer
	rest     int64   // embedding and output layer
	work     int64   // activations
	kv       int64   // of all layers, also counted in layers
	weights  int64   // of all tensors, also counted in layers and rest
	context  int
	kvFormat format.Format
}

func work(ck model.Checkpoint, o session.Options) (needs, error) {
	c := ck.Config()
	kv, activations, err := o.MemoryBytes(c)
	if err != nil {
		return needs{}, err
	}
	n := needs{layers: make([]int64, c.Layers), kv: kv, work: activations, weights: model.Bytes(ck), context: o.Context, kvFormat: o.KV}
	n.rest = n.weights
	for _, t := range c.Tensors() {
		inner, ok := strings.CutPrefix(t.Name, "blk.")
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(inner, ".")
		i, err := strconv.Atoi(number)
		if err != nil {
			return n, err
		}
		if d, err := ck.Tensor(t.Name); err == nil && d != nil {
			n.layers[i] += int64(d.Size())
			n.rest -= int64(d.Size())
		}
	}
	for i := range n.layers {
		n.layers[i] += kv / int64(c.Layers)
	}
	return n, nil
}

// total is everything.
func (n *needs) total() int64 { return n.weights + n.kv + n.work }

// tail is how much the last k layers and what goes with them take.
func (n *needs) tail(k int) int64 {
	sum := n.rest + n.work
	for _, l := range n.layers[len(n.layers)-k:] {
		sum += l
	}
	return sum
}

func (n *needs) String() string {
	return fmt.Sprintf("weights %s | KV cache for %d tokens in %v %s | activations %s", size(n.weights), n.context, n.kvFormat, size(n.kv), size(n.work))
}

// gpuMargin is what a GPU backend takes beside the model, and rounding: one part in 32 and
// what the driver needs.
const gpuMargin = 256 << 20

// memoryFor is how much of a device's memory a model may take; 0 is unknown.
func memoryFor(i engine.Info) int64 {
	switch {
	case i.Kind == "cuda" && i.Free > 0: // others may use the GPU; a CPU's memory is shared and swapped
		return max(i.Free-i.Free/32-gpuMargin, 1)
	default:
		return i.Memory
	}
}

func gpuLayersFlag() cli.Flag {
	return &cli.StringFlag{Name: "gpu-layers", Aliases: []string{"ngl"}, Value: "auto", Usage: "how many `LAYERS`, the last ones, run on the GPU; the others run on the CPU. auto: as many as fit", Category: catModel}
}

// gpuLayers reads --gpu-layers; -1 is auto.
func gpuLayers(c *cli.Context) (int, error) {
	s := c.String("gpu-layers")
	if s == "auto" || s == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, usage("--gpu-layers %s: want a number or auto", s)
	}
	return n, nil
}

// place shares the layers out between the device and the CPU, and refuses what fits neither.
func (m *opened) place(c *cli.Context, ck model.Checkpoint, o session.Options) ([]model.Part, error) {
	info := m.backend.Info()
	n, err := work(ck, o)
	if err != nil {
		return nil, err
	}
	layers := len(n.layers)
	k, err := gpuLayers(c)
	if err != nil {
		return nil, err
	}
	room := memoryFor(info)
	switch {
	case info.Kind == "cpu":
		k = layers
		if c.IsSet("gpu-layers") && c.String("gpu-layers") != "0" && c.String("gpu-layers") != "auto" {
			return nil, usage("--gpu-layers %s: there is no GPU in use", c.String("gpu-layers"))
		}
	case k < 0:
		for k = layers; k > 0 && room > 0 && n.tail(k) > room; {
			k--
		}
	default:
		k = min(k, layers)
	}
	if k == layers || k > 0 && n.tail(k) > room && room > 0 {
		if err := n.check(ck, info, n.tail(k), room); err != nil {
			return nil, err
		}
	}
	tell := func(where string) {
		if !c.Bool("quiet") {
			fmt.Fprintf(c.App.ErrWriter, "%s on %s: %v\n", ck.Path(), where, &n)
		}
	}
	if k == layers {
		tell(info.Kind)
		return []model.Part{{Backend: m.backend, Layers: layers}}, nil
	}
	options, err := cpuOptions(c)
	if err != nil {
		return nil, err
	}
	host, err := cpu.New(options)
	if err != nil {
		return nil, err
	}
	m.host = host
	if err := n.check(ck, host.Info(), n.total()-n.tail(k)+n.rest+n.work, memoryFor(host.Info())); err != nil {
		return nil, err
	}
	if k == 0 {
		tell("cpu")
		return []model.Part{{Backend: host, Layers: layers}}, nil
	}
	tell(fmt.Sprintf("cpu (layers 0 to %d) and %s (%d to %d)", layers-k-1, info.Kind, layers-k, layers-1))
	return []model.Part{{Backend: host, Layers: layers - k}, {Backend: m.backend, Layers: k}}, nil
}

// check refuses what does not fit, with the context that would.
func (n *needs) check(ck model.Checkpoint, info engine.Info, wanted, room int64) error {
	if room == 0 || wanted <= room {
		return nil
	}
	head := fmt.Sprintf("%s: %v: together more than the %s that %s has", ck.Path(), n, size(room), info.Name)
	fits := (room - (wanted - n.kv)) / max(n.kv/int64(n.context), 1)
	if fits < 16 {
		return fmt.Errorf("%s; it does not fit", head)
	}
	return fmt.Errorf("%s; --ctx %d would fit", head, fits/16*16)
}

// checkMemory refuses a model that does not fit a device whole.
func checkMemory(ck model.Checkpoint, o session.Options, info engine.Info) error {
	n, err := work(ck, o)
	if err != nil {
		return err
	}
	return n.check(ck, info, n.total(), memoryFor(info))
}
