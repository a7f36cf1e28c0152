//go:build cuda && cgo && linux

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/cuda/emulator"
	"github.com/potion-engine/potion/engine"
)

// minCompute is the oldest compute capability that the kernels are written for: Volta's
// 7.0, the first whose threads make progress independently.
const minCompute = 70

// Open makes a backend on a device. It fails with engine.ErrNoDevice, the cause and what
// to do about it, if there is no such device or the driver does not take it. A device can
// be opened more than once; each Backend has memory and modules of its own.
func Open(o Options) (*Backend, error) {
	b, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w: %w", engine.ErrNoDevice, err)
	}
	return b, nil
}

func open(o Options) (*Backend, error) {
	if err := openDriver(o); err != nil {
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, driver.Check("counting devices", err)
	}
	if o.Device < 0 || o.Device >= n {
		return nil, fmt.Errorf("device %d of %d: choose one from 0 to %d", o.Device, n, n-1)
	}
	info, l, err := describe(cu.Device(o.Device))
	if err != nil {
		return nil, err
	}
	if l.compute < minCompute {
		return nil, fmt.Errorf("device %d (%s) has compute capability %d.%d; the kernels need %d.%d or newer: use the CPU",
			o.Device, info.Name, l.compute/10, l.compute%10, minCompute/10, minCompute%10)
	}
	d, err := start(cu.Device(o.Device), info.Name)
	if err != nil {
		return nil, fmt.Errorf("device %d (%s): %w", o.Device, info.Name, err)
	}
	b := newBackend(d, info, l)
	b.products.plain = o.Float32Products
	b.int8 = o.Int8Activations
	return b, nil
}

func openDriver(o Options) error {
	var with driver.Options
	if o.Emulated && driver.CurrentMode() != driver.Emulated {
		with.Emulated = []*emulator.Device{emulator.New(o.Emulator)}
	}
	if o.Emulated && driver.CurrentMode() == driver.Emulated {
		return nil
	}
	return driver.Open(with)
}

// Devices lists the devices that Open can be asked for: GPUs, or, if this process uses
// them already, emulated ones. How much of their memory is free is known only once they
// are opened.
func Devices() ([]engine.Info, error) {
	if err := openDriver(Options{Emulated: driver.CurrentMode() == driver.Emulated}); err != nil {
		return nil, fmt.Errorf("cuda: %w: %w", engine.ErrNoDevice, err)
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", driver.Check("counting devices", err))
	}
	list := make([]engine.Info, n)
	for i := range list {
		if list[i], _, err = describe(cu.Device(i)); err != nil {
			return nil, fmt.Errorf("cuda: device %d: %w", i, err)
		}
	}
	return list, nil
}

// describe asks the driver about a device.
func describe(d cu.Device) (info engine.Info, l limits, err error) {
	info.Kind = "cuda"
	if driver.CurrentMode() == driver.Emulated {
		info.Kind = "emulated"
	}
	if info.Name, err = d.Name(); err != nil {
		return info, l, driver.Check("its name", err)
	}
	if info.Memory, err = d.TotalMem(); err != nil {
		return info, l, driver.Check("its memory", err)
	}
	var major, minor, clock, memoryClock, width int
	for _, q := range []struct {
		what cu.DeviceAttribute
		to   *int
	}{
		{cu.ComputeCapabilityMajor, &major}, {cu.ComputeCapabilityMinor, &minor}, {cu.MultiprocessorCount, &info.Units},
		{cu.ClockRate, &clock}, {cu.MemoryClockRate, &memoryClock}, {cu.GlobalMemoryBusWidth, &width},
		{driver.MaxSharedPerBlockOptin, &l.maxShared},
	} {
		if *q.to, err = d.Attribute(q.what); err != nil {
			return info, l, driver.Check(fmt.Sprintf("its attribute %d", q.what), err)
		}
	}
	l.compute = 10*major + minor
	info.Features = []string{fmt.Sprintf("sm_%d", l.compute)}
	if info.Kind == "cuda" {
		info.PeakBytesPerSec = 2 * 1e3 * float64(memoryClock) * float64(width) / 8 // two transfers a clock
		info.PeakFlopsPerSec = 2 * 1e3 * float64(clock) * float64(info.Units) * float64(lanes(l.compute))
	}
	return info, l, nil
}

// lanes is how many float32 multiply-adds a multiprocessor begins in a clock, by the
// table of arithmetic throughput in NVIDIA's programming guide.
func lanes(compute int) int {
	if compute <= 80 {
		return 64
	}
	return 128
}
