package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/cpu"
	"github.com/potion-engine/potion/cuda"
	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/engine"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "say what this machine can run models on, and why",
		Description: `Reports the CPU, the NVIDIA driver, the GPUs, and how the driver compiles each kernel, and ends
with what potion will use. Examples:

   potion doctor
   potion doctor --device emulated
   potion doctor --json | jq .verdict`,
		Flags:  []cli.Flag{deviceFlag(), threadsFlag(), jsonFlag("print one object: version, cpu, cuda, verdict")},
		Action: doctor,
	}
}

// examination is what doctor --json prints.
type examination struct {
	Version  string   `json:"version"`
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	CPU      examined `json:"cpu"`
	CUDA     struct {
		Driver  string     `json:"driver,omitempty"` // version
		Why     string     `json:"why,omitempty"`    // why there is none
		Devices []examined `json:"devices"`
	} `json:"cuda"`
	Device  string `json:"device"`  // that potion will use
	Verdict string `json:"verdict"` // and why, in a sentence
}

type examined struct {
	Name     string           `json:"name"`
	Units    int              `json:"units"` // threads or multiprocessors
	Features []string         `json:"features"`
	Memory   int64            `json:"memory"`
	Free     int64            `json:"free,omitempty"`
	Why      string           `json:"why,omitempty"` // why it cannot be used
	Modules  []examinedModule `json:"modules,omitempty"`
}

type examinedModule struct {
	File      string `json:"file"`
	Target    int    `json:"target"`
	Skipped   bool   `json:"skipped,omitempty"` // the device is older
	Error     string `json:"error,omitempty"`
	Kernels   int    `json:"kernels"`
	Registers int    `json:"registers"` // of its hungriest kernel
	Shared    int    `json:"shared"`
	Local     int    `json:"local"` // bytes of spilled registers
}

func examine(i engine.Info) examined {
	e := examined{Name: i.Name, Units: i.Units, Features: i.Features, Memory: i.Memory, Free: i.Free}
	if e.Features == nil {
		e.Features = []string{}
	}
	return e
}

func doctor(c *cli.Context) error {
	d, err := parseDevice(c.String("device"))
	if err != nil {
		return err
	}
	o, err := cpuOptions(c)
	if err != nil {
		return err
	}
	b, err := cpu.New(o)
	if err != nil {
		return err
	}
	x := examination{Version: c.App.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPU: examine(b.Info())}
	b.Close()
	x.CUDA.Devices = []examined{}
	if d.kind != "cpu" {
		x.examineCUDA(d)
	}
	x.judge(d)
	if c.Bool("json") {
		return printJSON(c.App.Writer, x)
	}
	return x.print(c.App.Writer)
}

// examineCUDA opens every device and has all kernels compiled.
func (x *examination) examineCUDA(d device) {
	o := cuda.Options{Emulated: d.kind == "emulated"}
	first, err := cuda.Open(o)
	var cause *driver.Cause
	if err != nil && errors.As(err, &cause) {
		x.CUDA.Why = cause.Error()
		return
	}
	if err == nil {
		defer first.Close()
	}
	x.CUDA.Driver = driver.VersionString(driver.Version())
	infos, listErr := cuda.Devices()
	if listErr != nil {
		x.CUDA.Why = listErr.Error()
		return
	}
	for i, info := range infos {
		e := examine(info)
		o.Device = i
		if b, err := cuda.Open(o); err != nil {
			e.Why = err.Error()
		} else {
			e.Free = b.Info().Free
			for _, m := range b.Modules() {
				e.Modules = append(e.Modules, examineModule(m))
			}
			b.Close()
		}
		x.CUDA.Devices = append(x.CUDA.Devices, e)
	}
}

func examineModule(m cuda.ModuleReport) examinedModule {
	e := examinedModule{File: m.File, Target: m.Target, Skipped: m.Skipped, Kernels: len(m.Kernels)}
	if m.Err != nil {
		e.Error = m.Err.Error()
	}
	for _, k := range m.Kernels {
		e.Registers, e.Shared, e.Local = max(e.Registers, k.Registers), max(e.Shared, k.Shared), max(e.Local, k.Local)
	}
	return e
}

// judge works out what --device auto, or the device asked for, comes to.
func (x *examination) judge(d device) {
	for i, e := range x.CUDA.Devices {
		if e.Why != "" || d.kind == "cuda" && i != d.number {
			continue
		}
		x.Device = fmt.Sprintf("cuda:%d", i)
		if d.kind == "emulated" {
			x.Device = "emulated"
		}
		x.Verdict = fmt.Sprintf("models run on %s (%s)", x.Device, e.Name)
		if n := e.broken(); n > 0 {
			x.Verdict += fmt.Sprintf(", but %d kernel files do not compile there; operations that need them fail", n)
		}
		return
	}
	why := x.CUDA.Why
	switch {
	case d.kind == "cpu":
		why = "as asked"
	case why == "" && d.kind == "cuda":
		why = fmt.Sprintf("there is no usable device cuda:%d", d.number)
	case why == "" && len(x.CUDA.Devices) > 0:
		why = x.CUDA.Devices[0].Why
	}
	x.Device = "cpu"
	x.Verdict = fmt.Sprintf("models run on the CPU: %s", why)
}

// broken counts the modules that the driver refused.
func (e *examined) broken() int {
	n := 0
	for _, m := range e.Modules {
		if m.Error != "" {
			n++
		}
	}
	return n
}

func (x *examination) print(w io.Writer) error {
	t := newTable("")
	add := func(what string, value any) { t.AppendRow([]any{what, value}) }
	add("potion", fmt.Sprintf("%s, %s, %s", x.Version, x.Go, x.Platform))
	add("CPU", fmt.Sprintf("%s, %d threads, %s", x.CPU.Name, x.CPU.Units, size(x.CPU.Memory)))
	add("", strings.Join(x.CPU.Features, " "))
	switch {
	case x.CUDA.Driver != "":
		add("CUDA driver", x.CUDA.Driver)
	case x.CUDA.Why != "":
		add("CUDA", x.CUDA.Why)
	}
	for i, d := range x.CUDA.Devices {
		memory := size(d.Memory)
		if d.Free > 0 {
			memory += ", " + size(d.Free) + " free"
		}
		add(fmt.Sprintf("cuda:%d", i), fmt.Sprintf("%s, %s, %d multiprocessors, %s", d.Name, strings.Join(d.Features, " "), d.Units, memory))
		if d.Why != "" {
			add("", d.Why)
		}
		for _, m := range d.Modules {
			add("", m.line())
		}
	}
	_, err := fmt.Fprintf(w, "%s\n%s\n", t.Render(), x.Verdict)
	return err
}

func (m *examinedModule) line() string {
	switch {
	case m.Error != "":
		return fmt.Sprintf("%s: %s", m.File, m.Error)
	case m.Skipped:
		return fmt.Sprintf("%s: for sm_%d and newer, not used here", m.File, m.Target)
	}
	return fmt.Sprintf("%s: %d kernels, at most %d registers, %d bytes shared, %d spilled", m.File, m.Kernels, m.Registers, m.Shared, m.Local)
}
