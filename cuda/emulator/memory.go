package emulator

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"sync"
	"sync/atomic"
)

// ErrOutOfMemory is returned by Alloc when the device's memory is used up.
var ErrOutOfMemory = errors.New("emulated device: out of memory")

// region is one allocation of global or constant memory. defined has one bit for
// each byte, one word for each 32-byte sector; nil when nothing is tracked.
type region struct {
	base    uint64
	size    uint64
	data    []byte
	defined []uint32
	full    atomic.Bool // every byte is defined
	owners  *owners     // with Config.Traffic
	history atomic.Pointer[history]
	name    string
	freed   bool
}

// memory is the list of allocations, replaced as a whole when it changes so that
// running kernels read it without a lock.
type memory struct {
	mu      sync.Mutex
	live    atomic.Pointer[[]*region] // by base
	freed   []*region                 // the latest, for error messages
	next    uint64
	used    int64
	limit   int64
	checked bool
	traffic bool
	locks   [64]atomicLock // of atomics, by sector
}

const (
	allocAlign = 256
	allocGap   = 1 << 20 // unmapped bytes between allocations
	keepFreed  = 64
)

func (m *memory) regions() []*region {
	if p := m.live.Load(); p != nil {
		return *p
	}
	return nil
}

func (m *memory) alloc(n, align int64, name string) (*region, error) {
	if n <= 0 {
		return nil, fmt.Errorf("emulated device: allocation of %d bytes", n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.limit-m.used || n > math.MaxInt-64 {
		return nil, fmt.Errorf("%w: %d bytes asked for, %d of %d free", ErrOutOfMemory, n, m.limit-m.used, m.limit)
	}
	align = max(align, allocAlign)
	base := (m.next + uint64(align) - 1) &^ uint64(align-1)
	r := &region{base: base, size: uint64(n), data: make([]byte, n), name: name}
	if m.checked {
		r.defined = make([]uint32, (n+31)/32)
	} else {
		r.full.Store(true)
	}
	if m.traffic {
		r.owners = &owners{of: make([]uint32, (n+31)/32)}
	}
	m.next = base + uint64(n) + allocGap
	m.used += n
	list := append(append([]*region(nil), m.regions()...), r)
	m.live.Store(&list)
	return r, nil
}

// find returns the allocation that holds addr, or nil.
func (m *memory) find(addr uint64) *region {
	list := m.regions()
	i := sort.Search(len(list), func(i int) bool { return list[i].base > addr }) - 1
	if i >= 0 && addr-list[i].base < list[i].size {
		return list[i]
	}
	return nil
}

func (m *memory) free(addr uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.regions()
	list := make([]*region, 0, len(old))
	for _, r := range old {
		if r.base != addr {
			list = append(list, r)
			continue
		}
		m.used -= int64(r.size)
		m.freed = append(m.freed, &region{base: r.base, size: r.size, freed: true, name: r.name})
		if len(m.freed) > keepFreed {
			m.freed = m.freed[1:]
		}
	}
	if len(list) == len(old) {
		return fmt.Errorf("emulated device: free of 0x%x, which is no allocation", addr)
	}
	m.live.Store(&list)
	return nil
}

// describe says where an address lies in relation to the nearest allocation.
func (m *memory) describe(addr uint64) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var best *region
	distance := uint64(math.MaxUint64)
	for _, list := range [][]*region{m.regions(), m.freed} {
		for _, r := range list {
			d := uint64(0)
			switch {
			case addr < r.base:
				d = r.base - addr
			case addr >= r.base+r.size:
				d = addr - (r.base + r.size) + 1
			}
			if d < distance {
				best, distance = r, d
			}
		}
	}
	if best == nil {
		return "there are no allocations"
	}
	what := fmt.Sprintf("the allocation of %d bytes at 0x%x", best.size, best.base)
	if best.name != "" {
		what = fmt.Sprintf("variable %s (%d bytes at 0x%x)", best.name, best.size, best.base)
	}
	if best.freed {
		what += ", which was freed"
	}
	switch {
	case addr < best.base:
		return fmt.Sprintf("%d bytes before %s", best.base-addr, what)
	case addr >= best.base+best.size:
		return fmt.Sprintf("%d bytes past the end of %s", addr-(best.base+best.size), what)
	}
	return fmt.Sprintf("at byte %d of %s", addr-best.base, what)
}

// mark records that bytes [off, off+n) hold values.
func (r *region) mark(off, n uint64) {
	if n == 0 || r.full.Load() {
		return
	}
	if off == 0 && n == r.size {
		r.full.Store(true)
		return
	}
	first, last := off/32, (off+n-1)/32
	for s := first; s <= last; s++ {
		bits := ^uint32(0)
		if s == first {
			bits &= ^uint32(0) << (off % 32)
		}
		if s == last {
			bits &= ^uint32(0) >> (31 - (off+n-1)%32)
		}
		if word := &r.defined[s]; atomic.LoadUint32(word)&bits != bits {
			atomic.OrUint32(word, bits)
		}
	}
}

// undefined returns the first byte of [off, off+n) that was never written, or -1.
func (r *region) undefined(off, n uint64) int64 {
	if r.full.Load() {
		return -1
	}
	for i := off; i < off+n; {
		word := atomic.LoadUint32(&r.defined[i/32])
		if i%32 == 0 && word == ^uint32(0) {
			i += 32
			continue
		}
		if word>>(i%32)&1 == 0 {
			return int64(i)
		}
		i++
	}
	return -1
}

// Alloc reserves n bytes of global memory at a multiple of 256. The bytes count
// as uninitialised until they are written. Allocations lie far apart and
// addresses are never used again, so that overruns and stale pointers are found.
func (d *Device) Alloc(n int64) (uint64, error) {
	r, err := d.memory.alloc(n, allocAlign, "")
	if err != nil {
		return 0, err
	}
	return r.base, nil
}

// Free gives an allocation back; addr is what Alloc returned.
func (d *Device) Free(addr uint64) error { return d.memory.free(addr) }

// MemoryInfo returns the free and the total bytes of global memory.
func (d *Device) MemoryInfo() (free, total int64) {
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	return d.memory.limit - d.memory.used, d.memory.limit
}

// Range returns the allocation that holds addr.
func (d *Device) Range(addr uint64) (base uint64, size int64, err error) {
	r := d.memory.find(addr)
	if r == nil {
		return 0, 0, fmt.Errorf("emulated device: 0x%x is in no allocation", addr)
	}
	return r.base, int64(r.size), nil
}

func (d *Device) span(what string, addr uint64, n int) (*region, uint64, error) {
	r := d.memory.find(addr)
	if r == nil || uint64(n) > r.size-(addr-r.base) {
		return nil, 0, fmt.Errorf("emulated device: %s of %d bytes at 0x%x: %s", what, n, addr, d.memory.describe(addr+uint64(n)-1))
	}
	return r, addr - r.base, nil
}

// CopyIn copies host bytes to device memory; all of it lies in one allocation.
func (d *Device) CopyIn(dst uint64, src []byte) error {
	if len(src) == 0 {
		return nil
	}
	r, off, err := d.span("copy to device", dst, len(src))
	if err != nil {
		return err
	}
	copy(r.data[off:], src)
	r.mark(off, uint64(len(src)))
	return nil
}

// CopyOut copies device memory to the host. Bytes that were never written are
// copied as they are (zeros): copying padding is no error, computing with it is.
func (d *Device) CopyOut(dst []byte, src uint64) error {
	if len(dst) == 0 {
		return nil
	}
	r, off, err := d.span("copy from device", src, len(dst))
	if err != nil {
		return err
	}
	copy(dst, r.data[off:])
	return nil
}

// CopyWithin copies n bytes of device memory; bytes without a value stay so.
func (d *Device) CopyWithin(dst, src uint64, n int64) error {
	if n == 0 {
		return nil
	}
	if n < 0 || n > math.MaxInt {
		return fmt.Errorf("emulated device: copy of %d bytes", n)
	}
	from, fo, err := d.span("copy from device", src, int(n))
	if err != nil {
		return err
	}
	to, do, err := d.span("copy to device", dst, int(n))
	if err != nil {
		return err
	}
	copy(to.data[do:do+uint64(n)], from.data[fo:])
	if from.undefined(fo, uint64(n)) < 0 {
		to.mark(do, uint64(n))
		return nil
	}
	for i := range uint64(n) {
		if from.undefined(fo+i, 1) < 0 {
			to.mark(do+i, 1)
		}
	}
	return nil
}

func (d *Device) memset(addr uint64, pattern []byte, n int64) error {
	size := int64(len(pattern))
	if n == 0 {
		return nil
	}
	if n < 0 || n > math.MaxInt/size {
		return fmt.Errorf("emulated device: memset of %d values", n)
	}
	if addr%uint64(size) != 0 {
		return fmt.Errorf("emulated device: memset of %d-byte values at 0x%x, which is misaligned", size, addr)
	}
	r, off, err := d.span("memset", addr, int(n*size))
	if err != nil {
		return err
	}
	b := r.data[off : off+uint64(n*size)]
	copy(b, pattern)
	for done := len(pattern); done < len(b); done *= 2 {
		copy(b[done:], b[:done])
	}
	r.mark(off, uint64(len(b)))
	return nil
}

// Memset8 writes n bytes v.
func (d *Device) Memset8(addr uint64, v uint8, n int64) error { return d.memset(addr, []byte{v}, n) }

// Memset16 writes n 16-bit values v.
func (d *Device) Memset16(addr uint64, v uint16, n int64) error {
	return d.memset(addr, []byte{byte(v), byte(v >> 8)}, n)
}

// Memset32 writes n 32-bit values v.
func (d *Device) Memset32(addr uint64, v uint32, n int64) error {
	return d.memset(addr, []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}, n)
}

// atomicLock serialises the atomics on some addresses, and the volatile and
// relaxed accesses that may meet them.
type atomicLock struct{ sync.Mutex }
