package cpu

import (
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// countTask counts how often each item is done.
type countTask struct {
	hits  []atomic.Int32
	busy  []atomic.Int32 // by worker
	pause time.Duration
	bad   int // the item that panics; -1: none
}

func (c *countTask) run(worker, from, to int) {
	if c.busy[worker].Add(1) != 1 {
		panic("two parts at once with one worker number")
	}
	defer c.busy[worker].Add(-1)
	for i := from; i < to; i++ {
		if i == c.bad {
			panic("item went wrong")
		}
		c.hits[i].Add(1)
	}
	time.Sleep(c.pause)
}

func newCount(n, threads int) *countTask {
	return &countTask{hits: make([]atomic.Int32, n), busy: make([]atomic.Int32, threads), bad: -1}
}

func TestPoolDoesEveryItemOnce(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{1, 2, 3, 8} {
		p := newPool(threads)
		for _, n := range []int{0, 1, 2, 7, 64, 1000} {
			c := newCount(n, threads)
			for range 50 {
				p.run(c, n, 1)
			}
			for i := range c.hits {
				if got := c.hits[i].Load(); got != 50 {
					t.Fatalf("%d threads, item %d of %d was done %d times in 50 runs", threads, i, n, got)
				}
			}
		}
		p.close()
	}
}

func TestPoolWakesSleepers(t *testing.T) {
	t.Parallel()
	p := newPool(3)
	defer p.close()
	for range 20 {
		for _, w := range p.workers {
			for start := time.Now(); !w.asleep.Load(); time.Sleep(100 * time.Microsecond) {
				if time.Since(start) > 20*time.Second {
					t.Fatal("an idle worker does not fall asleep")
				}
			}
		}
		c := newCount(12, 3)
		c.pause = time.Millisecond // long enough that the caller falls asleep as well
		p.run(c, 12, 1)
		for i := range c.hits {
			if c.hits[i].Load() != 1 {
				t.Fatalf("item %d was done %d times", i, c.hits[i].Load())
			}
		}
	}
}

func TestPoolPanicReachesTheCaller(t *testing.T) {
	t.Parallel()
	const n = 64
	p := newPool(3)
	defer p.close()
	for bad := range n {
		c := newCount(n, 3)
		c.bad, c.pause = bad, 50*time.Microsecond
		func() {
			defer func() {
				v := recover()
				if s, ok := v.(string); !ok || !strings.HasPrefix(s, "item went wrong") {
					t.Errorf("item %d: recovered %v", bad, v)
				}
			}()
			p.run(c, n, 1)
		}()
		for w := range c.busy {
			if c.busy[w].Load() != 0 {
				t.Fatalf("worker %d was still running when the panic reached the caller", w)
			}
		}
		c = newCount(n, 3)
		p.run(c, n, 1)
		for i := range c.hits {
			if c.hits[i].Load() != 1 {
				t.Fatalf("after a panic: item %d was done %d times", i, c.hits[i].Load())
			}
		}
	}
}

func TestPoolSmallWorkStaysWithTheCaller(t *testing.T) {
	t.Parallel()
	p := newPool(4)
	defer p.close()
	before := p.ticket.Load()
	p.run(newCount(99, 4), 99, 50)
	if p.ticket.Load() != before {
		t.Error("99 items with at least 50 a part were shared out")
	}
}

func TestPoolAfterClose(t *testing.T) {
	t.Parallel()
	p := newPool(3)
	p.close()
	p.close()
	c := newCount(100, 3)
	p.run(c, 100, 1)
	for i := range c.hits {
		if c.hits[i].Load() != 1 {
			t.Fatalf("item %d was done %d times", i, c.hits[i].Load())
		}
	}
}

func TestPoolAllocatesNothing(t *testing.T) {
	p := newPool(2)
	defer p.close()
	c := newCount(100, 2)
	if n := testing.AllocsPerRun(200, func() { p.run(c, 100, 1) }); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

// meeting is a task whose parts wait for each other, so that every thread does one.
type meeting struct {
	arrived atomic.Int64
	parts   int64
}

func (m *meeting) run(_, from, to int) {
	for range to - from {
		n := m.arrived.Add(1)
		all := (n + m.parts - 1) / m.parts * m.parts
		for m.arrived.Load() < all {
			pause()
		}
	}
}

// BenchmarkBarrier is what sharing a task out costs: from the call until all threads have
// met and are done. The fastest of many hundreds counts.
func BenchmarkBarrier(b *testing.B) {
	threads := runtime.NumCPU()
	if threads < 2 {
		b.Skip("one core")
	}
	p := newPool(threads)
	defer p.close()
	m := &meeting{parts: int64(threads)}
	const times = 100
	least := time.Duration(math.MaxInt64)
	for b.Loop() {
		begin := time.Now()
		for range times {
			p.run(m, threads, 1)
		}
		least = min(least, time.Since(begin))
	}
	b.ReportMetric(float64(least.Nanoseconds())/times, "best-ns")
}
