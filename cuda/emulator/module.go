package emulator

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strings"
	"sync"
)

// Module is a loaded PTX module: its variables are in device memory, its kernels
// decoded.
type Module struct {
	device    *Device
	lines     []string
	functions map[string]*Function
	globals   map[string]*region
}

// Function is a kernel.
type Function struct {
	Name           string
	Params         []Param
	ParamBytes     int
	Required       Dim3 // .reqntid, zero when not given
	MaxThreads     int  // threads of a block at most, from .reqntid or .maxntid
	SharedStatic   int
	LocalBytes     int // of a thread
	Registers      int // an estimate: 32-bit registers live at once
	module         *Module
	prog           *program
	mu             sync.Mutex
	dynamicAllowed int
	workers        sync.Pool
}

// Param is a parameter of a kernel.
type Param struct {
	Name                string
	Offset, Size, Align int
}

// Load parses and decodes a module and places its variables.
func (d *Device) Load(ptx string) (*Module, error) {
	src, err := parse(ptx)
	if err != nil {
		return nil, err
	}
	if sm := d.cfg.ComputeMajor*10 + d.cfg.ComputeMinor; src.target > sm {
		return nil, fmt.Errorf("the module is for sm_%d, the device is sm_%d", src.target, sm)
	}
	m := &Module{device: d, lines: strings.Split(ptx, "\n"), functions: map[string]*Function{}, globals: map[string]*region{}}
	if err := m.place(src); err != nil {
		m.Unload()
		return nil, err
	}
	for _, fn := range src.funcs {
		if !fn.entry {
			continue
		}
		if err := m.compile(src, fn); err != nil {
			m.Unload()
			return nil, err
		}
	}
	return m, nil
}

// Unload frees the module's variables.
func (m *Module) Unload() {
	for _, r := range m.globals {
		m.device.memory.free(r.base)
	}
	clear(m.globals)
}

// place allocates the .global and .const variables and fills in their values.
func (m *Module) place(src *source) error {
	byName := map[string]*variable{}
	for _, v := range src.vars {
		if v.space != spaceGlobal && v.space != spaceConst || v.extrn {
			continue
		}
		r, err := m.device.memory.alloc(v.size, v.align, v.name)
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", v.line, v.name, err)
		}
		copy(r.data, v.data)
		r.full.Store(true)
		v.addr = r.base
		if _, taken := m.globals[v.name]; taken {
			m.globals[fmt.Sprintf("%s@%d", v.name, v.line)] = r // of a function
		} else {
			m.globals[v.name] = r
		}
		byName[v.name] = v
	}
	for _, v := range src.vars {
		for _, ref := range v.refs {
			to := byName[ref.name]
			if to == nil {
				return errorAt(v.line, "%s: unknown variable %s in its value", v.name, ref.name)
			}
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], to.addr+uint64(ref.add))
			if ref.size != 8 {
				return errorAt(v.line, "%s: an address takes 8 bytes", v.name)
			}
			copy(m.device.memory.find(v.addr).data[ref.at:], b[:])
		}
	}
	return nil
}

func (m *Module) compile(src *source, fn *function) error {
	prog, err := lower(m, src, fn)
	if err != nil {
		return err
	}
	f := &Function{Name: fn.name, module: m, prog: prog, Required: fn.reqntid, MaxThreads: 1024,
		SharedStatic: int(prog.shared), LocalBytes: int(prog.localBytes), ParamBytes: int(prog.paramBytes), Registers: prog.registersPerThread()}
	offset := int64(0)
	for _, v := range fn.params {
		offset = alignUp(offset, v.align)
		f.Params = append(f.Params, Param{v.name, int(offset), int(v.size), int(v.align)})
		offset += v.size
	}
	for _, d := range []Dim3{fn.reqntid, fn.maxntid} {
		if d.X > 0 {
			f.MaxThreads = min(f.MaxThreads, d.count())
		}
	}
	m.functions[fn.name] = f
	return nil
}

// Function finds a kernel by name.
func (m *Module) Function(name string) (*Function, error) {
	if f := m.functions[name]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("no kernel %q in the module", name)
}

// Functions returns the names of the kernels in order.
func (m *Module) Functions() []string {
	names := make([]string, 0, len(m.functions))
	for name := range m.functions {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Global finds a .global or .const variable.
func (m *Module) Global(name string) (addr uint64, size int64, err error) {
	if r := m.globals[name]; r != nil {
		return r.base, int64(r.size), nil
	}
	return 0, 0, fmt.Errorf("no variable %q in the module", name)
}

// SetMaxDynamicShared opts in to more dynamic shared memory than the default.
func (f *Function) SetMaxDynamicShared(n int) error {
	limit := f.module.device.cfg.SharedPerBlockOptin - f.SharedStatic
	if n < 0 || n > limit {
		return fmt.Errorf("kernel %s: %d bytes of dynamic shared memory: at most %d", f.Name, n, limit)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dynamicAllowed = n
	return nil
}
