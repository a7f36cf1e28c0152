package bench

import (
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// Peaks is what a processor's threads reach together in loops that do nothing else: the
// figures that a share of the peak refers to.
type Peaks struct {
	BytesPerSec float64 // reading a buffer of BufferBytes over and over
	FlopsPerSec float64 // float32 multiply-adds in registers; one counts as two
	BufferBytes int64
	Threads     int
	Set         string // instruction sets of the loops, of which the best counts
	Stated      bool   // by the maker, not measured
}

// peakLoops are the loops for one instruction set.
type peakLoops struct {
	set   string
	read1 func(p *byte, n int)         // one stream; n is a multiple of readUnit
	read4 func(p *byte, stride, n int) // four streams of n bytes each
	fma   func(n int)                  // n rounds
	flops int                          // of a round
}

const (
	readUnit  = 1024                  // what the reading loops' unrolling asks for
	peakPass  = 10 * time.Millisecond // least length of one timed pass
	peakTime  = 50 * time.Millisecond // spent on each kind of loop
	minPasses = 3
)

// MeasurePeaks times a stream read of a buffer of the given size, each thread its own part
// of it, and a loop of multiply-adds on the same number of threads. It takes about half a
// second, more for a large buffer. The best pass counts: whatever else the machine does
// makes a pass slower, never faster.
func MeasurePeaks(bytes int64, threads int) Peaks {
	threads = max(threads, 1)
	part := max(int(bytes)/threads/(4*readUnit), 1) * 4 * readUnit
	buffer := make([]byte, part*threads+64)
	for i := 0; i < len(buffer); i += 512 {
		buffer[i] = 1 // so that every page has memory of its own
	}
	// Loads across two cache lines would cost twice.
	start := unsafe.Pointer(unsafe.SliceData(buffer))
	start = unsafe.Add(start, -uintptr(start)&63)
	at := func(worker int) *byte { return (*byte)(unsafe.Add(start, worker*part)) }
	p := Peaks{BufferBytes: int64(part) * int64(threads), Threads: threads}
	var sets []string
	for _, l := range loops() {
		sets = append(sets, l.set)
		read := max(
			best(threads, func(w, n int) {
				for range n {
					l.read1(at(w), part)
				}
			}),
			best(threads, func(w, n int) {
				for range n {
					l.read4(at(w), part/4, part/4)
				}
			}),
		)
		const rounds = 10000
		fma := best(threads, func(_, n int) { l.fma(n * rounds) })
		p.BytesPerSec = max(p.BytesPerSec, read*float64(p.BufferBytes))
		p.FlopsPerSec = max(p.FlopsPerSec, fma*float64(l.flops)*rounds*float64(threads))
	}
	runtime.KeepAlive(buffer)
	p.Set = strings.Join(sets, ", ")
	return p
}

// best is how often a second all threads can do f at most; f does it n times.
func best(threads int, f func(worker, n int)) float64 {
	n := 1
	d := together(threads, n, f)
	for d < peakPass {
		n *= 2
		d = together(threads, n, f)
	}
	rate := float64(n) / d.Seconds()
	begin := time.Now()
	for i := 1; i < minPasses || time.Since(begin) < peakTime; i++ {
		rate = max(rate, float64(n)/together(threads, n, f).Seconds())
	}
	return rate
}

// together runs f on every thread at once and returns how long the slowest took.
func together(threads, n int, f func(worker, n int)) time.Duration {
	var ready, done sync.WaitGroup
	release := make(chan struct{})
	for w := range threads {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-release
			f(w, n)
		})
	}
	ready.Wait()
	begin := time.Now()
	close(release)
	done.Wait()
	return time.Since(begin)
}

// goLoops are for processors that there is no assembly for. Potion's operations are plain
// Go there too.
func goLoops() peakLoops {
	return peakLoops{
		set: "plain Go",
		read1: func(p *byte, n int) {
			readWords(unsafe.Slice((*uint64)(unsafe.Pointer(p)), n/8))
		},
		read4: func(p *byte, stride, n int) {
			for i := range 4 {
				readWords(unsafe.Slice((*uint64)(unsafe.Add(unsafe.Pointer(p), i*stride)), n/8))
			}
		},
		fma: multiplyAdd, flops: 8 * 2,
	}
}

// readWords reads words, none of which has all bits set: the test keeps the compiler from
// leaving the reads out.
func readWords(words []uint64) {
	var a, b, c, d uint64
	for ; len(words) >= 8; words = words[8:] {
		w := (*[8]uint64)(words)
		a, b, c, d = a|w[0]|w[4], b|w[1]|w[5], c|w[2]|w[6], d|w[3]|w[7]
	}
	if a&b&c&d == 1<<64-1 {
		panic("bench: the buffer changed")
	}
}

// multiplyAdd does n rounds of eight multiply-adds. Their result decides what happens, so
// that the compiler cannot leave them out.
func multiplyAdd(n int) {
	x, y := float32(n), float32(0)
	var a, b, c, d, e, f, g, h float32
	for range n {
		a, b, c, d = a*x+y, b*x+y, c*x+y, d*x+y
		e, f, g, h = e*x+y, f*x+y, g*x+y, h*x+y
	}
	if a+b+c+d+e+f+g+h != 0 {
		panic("bench: zero times anything is not zero")
	}
}

// Best is the higher of each figure of two measurements of the same thing.
func (p Peaks) Best(q Peaks) Peaks {
	p.BytesPerSec = max(p.BytesPerSec, q.BytesPerSec)
	p.FlopsPerSec = max(p.FlopsPerSec, q.FlopsPerSec)
	return p
}
