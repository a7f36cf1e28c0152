package emulator

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const maxBlockLocal = 64 << 20 // bytes of local memory that a block is given

// ErrResources is in the error of a launch whose block has more threads, or takes more local
// memory, than the device has room for.
var ErrResources = errors.New("too many resources asked for")

// CheckLaunch applies the limits of the device and of the kernel, as Launch does before it
// runs anything.
func (d *Device) CheckLaunch(f *Function, grid, block Dim3, shared int) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("launch of %s: %w", f.Name, fmt.Errorf(format, args...))
	}
	switch {
	case f.module.device != d:
		return bad("the module is loaded on another device")
	case grid.X < 1 || grid.Y < 1 || grid.Z < 1 || grid.X > 1<<31-1 || grid.Y > 65535 || grid.Z > 65535:
		return bad("grid %v", grid)
	case block.X < 1 || block.Y < 1 || block.Z < 1 || block.X > 1024 || block.Y > 1024 || block.Z > 64:
		return bad("block %v", block)
	case f.Required.X > 0 && block != f.Required:
		return bad("block %v, the kernel says .reqntid %v", block, f.Required)
	case block.count() > f.MaxThreads:
		return bad("%w: block %v, the kernel says at most %d threads", ErrResources, block, f.MaxThreads)
	case f.LocalBytes*block.count() > maxBlockLocal:
		return bad("%w: %d bytes of local memory for each of %d threads, at most %d for a block", ErrResources, f.LocalBytes, block.count(), maxBlockLocal)
	}
	f.mu.Lock()
	allowed := max(d.cfg.SharedPerBlock-f.SharedStatic, f.dynamicAllowed)
	f.mu.Unlock()
	if shared < 0 || shared > allowed || f.SharedStatic > d.cfg.SharedPerBlock {
		return bad("%d bytes of dynamic and %d of static shared memory: at most %d dynamic (Function.SetMaxDynamicShared)", shared, f.SharedStatic, allowed)
	}
	return nil
}

// Launch runs a kernel to its end. params holds the parameters, each at its
// offset; shared is the size of the dynamic shared memory. A rule that the
// kernel breaks is returned as a *Fault.
func (d *Device) Launch(f *Function, grid, block Dim3, shared int, params []byte) error {
	if err := d.CheckLaunch(f, grid, block, shared); err != nil {
		return err
	}
	if len(params) != f.ParamBytes {
		return fmt.Errorf("launch of %s: %d bytes of parameters, the kernel takes %d", f.Name, len(params), f.ParamBytes)
	}
	started := time.Now()
	l := &launch{device: d, f: f, grid: grid, dim: block, dynamic: shared, params: params,
		blocks: int64(grid.X) * int64(grid.Y) * int64(grid.Z)}
	d.mu.Lock()
	l.choose(d.sample)
	if d.launches++; d.launches > maxLaunch {
		d.launches = 1
		d.memory.forget()
	}
	l.number = d.launches
	d.mu.Unlock()
	if !d.cfg.Unchecked && l.runs == l.blocks && l.blocks <= maxOrdered {
		l.order = &order{}
	}
	n := int(min(int64(d.cfg.Threads), l.runs))
	var wg sync.WaitGroup
	for range n - 1 {
		wg.Go(l.work)
	}
	l.work()
	wg.Wait()
	if l.err != nil {
		return l.err
	}
	c := &l.counts
	if l.runs < l.blocks {
		c.Sampled = l.runs
		c.scale(float64(l.blocks) / float64(l.runs))
	}
	if d.cfg.Traffic {
		c.DistinctSectors = d.memory.distinct(float64(l.blocks) / float64(l.runs))
	}
	c.Kernel, c.Grid, c.Block, c.Launches = f.Name, grid, block, 1
	c.SharedBytes = f.SharedStatic + shared
	c.Blocks, c.Warps = l.blocks, l.blocks*int64((block.count()+31)/32)
	c.HostTime = time.Since(started)
	d.report(c)
	return nil
}

// launch is a grid as it runs.
type launch struct {
	device  *Device
	f       *Function
	grid    Dim3
	dim     Dim3
	dynamic int
	params  []byte
	blocks  int64
	runs    int64 // of these
	number  uint64
	order   *order // nil: races between blocks are not looked for
	next    atomic.Int64
	failed  atomic.Bool

	mu     sync.Mutex
	err    error
	errAt  int64
	counts Launch
}

// work runs blocks until there are no more.
func (l *launch) work() {
	b, _ := l.f.workers.Get().(*block)
	if b == nil {
		b = &block{}
	}
	defer l.f.workers.Put(b)
	b.prepare(l)
	for !l.failed.Load() {
		n := l.next.Add(1) - 1
		if n >= l.runs {
			break
		}
		n = l.block(n)
		if err := b.run(n); err != nil {
			l.failed.Store(true)
			l.mu.Lock()
			if l.err == nil || n < l.errAt {
				l.err, l.errAt = err, n
			}
			l.mu.Unlock()
		}
	}
	l.mu.Lock()
	l.counts.add(b.total())
	l.mu.Unlock()
}
