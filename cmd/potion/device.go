package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/cuda"
	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/engine"
)

// device is what --device asks for.
type device struct {
	kind   string // "auto", "cpu", "cuda" or "emulated"
	number int    // of a GPU
}

// parseDevice reads auto, cpu, cuda, cuda:1 or emulated.
func parseDevice(s string) (device, error) {
	kind, number, numbered := strings.Cut(s, ":")
	d := device{kind: kind}
	switch kind {
	case "auto", "cpu", "emulated":
		if !numbered {
			return d, nil
		}
	case "cuda":
		if !numbered {
			return d, nil
		}
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < 1024 {
			d.number = n
			return d, nil
		}
	}
	return d, usage("--device %s: want auto, cpu, cuda, cuda:N or emulated", s)
}

// openDevice opens the backend that --device names. auto takes the first GPU, or else the
// CPU, and then says why.
func openDevice(c *cli.Context) (engine.Backend, error) { return openDeviceFor(c, exact(c)) }

// openDeviceFor is openDevice; float32 keeps a GPU to it where it could be faster with less.
func openDeviceFor(c *cli.Context, float32 bool) (engine.Backend, error) {
	d, err := parseDevice(c.String("device"))
	if err != nil {
		return nil, err
	}
	o, err := cpuOptions(c)
	if err != nil {
		return nil, err
	}
	required := c.Bool("require-gpu")
	if required && d.kind != "auto" && d.kind != "cuda" {
		return nil, usage("--require-gpu and --device %s exclude each other", d.kind)
	}
	gpu := cuda.Options{Device: d.number, Float32Products: float32, Int8Activations: o.Activations == cpu.Int8}
	switch d.kind {
	case "cpu":
		return checked(cpu.New(o))
	case "emulated":
		gpu.Emulated = true
		return checked(cuda.Open(gpu))
	}
	b, err := cuda.Open(gpu)
	if err == nil {
		return b, nil
	}
	if d.kind == "cuda" || required || !errors.Is(err, engine.ErrNoDevice) {
		return nil, err
	}
	tellFallback(c.App.ErrWriter, err)
	return checked(cpu.New(o))
}

// exact says whether exact numbers are wanted: by commands that have keys and values in f32 by
// themselves, and by --kv f32.
func exact(c *cli.Context) bool { return strings.EqualFold(c.String("kv"), "f32") }

// checked keeps a nil pointer from becoming an engine.Backend that is not nil.
func checked[B engine.Backend](b B, err error) (engine.Backend, error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}

// tellFallback says in one line why the CPU computes. A program that was built without CUDA has
// nothing to fall back from.
func tellFallback(w io.Writer, err error) {
	var cause *driver.Cause
	if errors.As(err, &cause) && cause.Reason == driver.NotBuilt {
		return
	}
	fmt.Fprintf(w, "potion: running on the CPU: %v\n", err)
}

// cpuOptions reads --threads and --activations.
func cpuOptions(c *cli.Context) (cpu.Options, error) {
	o := cpu.Options{Threads: c.Int("threads")}
	if o.Threads < 0 || o.Threads > 1024 {
		return o, usage("--threads %d: want 1 to 1024", o.Threads)
	}
	switch a := c.String("activations"); a {
	case "", "f32":
	case "int16":
		o.Activations = cpu.Int16
	case "int8":
		o.Activations = cpu.Int8
	default:
		return o, usage("--activations %s: want f32, int16 or int8", a)
	}
	return o, nil
}
