//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"fmt"

	"gorgonia.org/cu"

	"github.com/potion-engine/potion/cuda/driver"
	"github.com/potion-engine/potion/kernels"
)

// kernel is an entry of a .ptx file, compiled when it is first used.
type kernel struct {
	kernels.Kernel
	module   *module
	function cu.Function
	ready    bool
	optedIn  uint32 // bytes of dynamic shared memory that launches may use
}

// module is a .ptx file on the device.
type module struct {
	file    string
	kernels []*kernel
	loaded  bool // or tried
	err     error
	log     string
}

// modules is every kernel by its entry.
type modules struct {
	byFile  []*module
	byEntry map[string]*kernel
}

func newModules() *modules {
	m := &modules{byEntry: map[string]*kernel{}}
	for _, k := range kernels.All() {
		if n := len(m.byFile); n == 0 || m.byFile[n-1].file != k.File {
			m.byFile = append(m.byFile, &module{file: k.File})
		}
		of := m.byFile[len(m.byFile)-1]
		entry := &kernel{Kernel: k, module: of}
		of.kernels = append(of.kernels, entry)
		m.byEntry[k.Entry] = entry
	}
	return m
}

// load compiles a file for the device, on the device's thread.
func (m *module) load() error {
	if m.loaded {
		return m.err
	}
	m.loaded = true
	var handle cu.Module
	if handle, m.log, m.err = driver.LoadModule(m.file, kernels.Source(m.file)); m.err != nil {
		return m.err
	}
	for _, k := range m.kernels {
		if k.function, m.err = handle.Function(k.Entry); m.err != nil {
			m.err = driver.Check(m.file+" has no kernel "+k.Entry, m.err)
			return m.err
		}
	}
	for _, k := range m.kernels {
		k.ready = true
	}
	return nil
}

// kernel is the kernel of an entry that package kernels is known to have.
func (b *Backend) kernel(entry string) *kernel {
	k := b.modules.byEntry[entry]
	if k == nil {
		panic("cuda: package kernels has no " + entry)
	}
	return k
}

// ready compiles what a kernel belongs to, if that was not done yet.
func (b *Backend) ready(k *kernel) error {
	if k.ready {
		return nil
	}
	return b.queue.do(k.module.load)
}

// Modules compiles every kernel for the device and says how that went.
func (b *Backend) Modules() []ModuleReport {
	var list []ModuleReport
	for _, m := range b.modules.byFile {
		r := ModuleReport{File: m.file, Target: m.kernels[0].Target}
		if r.Target > b.compute {
			r.Skipped = true
			list = append(list, r)
			continue
		}
		r.Err = b.queue.do(func() error {
			if err := m.load(); err != nil {
				return err
			}
			var err error
			r.Kernels, err = m.report()
			return err
		})
		r.Log = m.log
		list = append(list, r)
	}
	return list
}

// report asks the driver what it made of the kernels, on the device's thread.
func (m *module) report() ([]KernelReport, error) {
	var list []KernelReport
	for _, k := range m.kernels {
		r := KernelReport{Entry: k.Entry}
		for _, q := range []struct {
			what cu.FunctionAttribute
			to   *int
		}{{cu.NumRegs, &r.Registers}, {cu.SharedSizeBytes, &r.Shared}, {cu.LocalSizeBytes, &r.Local}} {
			var err error
			if *q.to, err = k.function.Attribute(q.what); err != nil {
				return nil, driver.Check("attributes of "+k.Entry, err)
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// launch queues a kernel, once the driver has compiled it. Arguments are in the order
// of the kernel's parameters, each in a word of its own. A grid of nothing is no launch.
func (b *Backend) launch(k *kernel, x, y, z int, shared uint32, arguments ...uint64) {
	if len(arguments) != len(k.Params) {
		panic(fmt.Sprintf("cuda: %s takes %d arguments, not %d", k.Entry, len(k.Params), len(arguments)))
	}
	if x == 0 || y == 0 || z == 0 || b.queue.closed {
		return
	}
	if !k.ready || k.optedIn < shared {
		if err := b.prepare(k, shared); err != nil {
			b.fail(err)
			return
		}
	}
	b.launches++
	c := b.queue.next(launch)
	c.kernel, c.shared, c.arguments = k, shared, len(arguments)
	c.extent = driver.Extent{
		GridX: uint32(x), GridY: uint32(y), GridZ: uint32(z),
		BlockX: uint32(k.Block[0]), BlockY: uint32(k.Block[1]), BlockZ: uint32(k.Block[2]),
	}
	copy(c.slots[:], arguments)
}

// plainShared is the dynamic shared memory that every kernel may use unasked.
const plainShared = 16 << 10

// prepare makes a kernel ready for launches with so much dynamic shared memory.
func (b *Backend) prepare(k *kernel, shared uint32) error {
	return b.queue.do(func() error {
		if err := k.module.load(); err != nil {
			return err
		}
		if shared <= plainShared || shared <= k.optedIn {
			k.optedIn = max(k.optedIn, plainShared)
			return nil
		}
		if err := driver.SetMaxDynamicShared(k.function, int(shared)); err != nil {
			return fmt.Errorf("%s with %d bytes of shared memory: %w", k.Entry, shared, err)
		}
		k.optedIn = shared
		return nil
	})
}

// fail keeps an error that happened outside of the queue for the next Sync or Read, in
// its order among the commands.
func (b *Backend) fail(err error) {
	if errors.Is(err, errClosed) {
		return
	}
	d := b.queue.device
	b.queue.do(func() error {
		if d.err == nil {
			d.keep(err)
		}
		return nil
	})
}
