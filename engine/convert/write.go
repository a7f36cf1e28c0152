package convert

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
)

// chunkNumbers is about how many numbers one goroutine converts at a time: memory is bounded
// by a few of these per thread, whatever the size of the model.
const chunkNumbers = 1 << 18

// Write writes the file. It appears at path, replacing an older one, when all of it is
// written; until then, and after an error or the end of ctx, there is nothing new at path.
func (p *Plan) Write(ctx context.Context, path string) error {
	w, err := gguf.Create(path)
	if err != nil {
		return err
	}
	defer w.Close()
	for _, k := range p.keys {
		if err := w.Set(k.Key, k.Value); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	byName := map[string]*Tensor{}
	for _, t := range p.Tensors {
		if err := w.Add(t.Name, t.To, t.Dims...); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		byName[t.Name] = t
	}
	pool := newPool(p.o.Threads)
	defer pool.close()
	done, total := int64(0), p.Size()
	wrote := func(n int) {
		done += int64(n)
		if p.o.Progress != nil {
			p.o.Progress(done, total)
		}
	}
	return w.Write(func(t *gguf.Tensor, dst io.Writer) error {
		return pool.tensor(ctx, byName[t.Name], dst, wrote)
	})
}

// pool converts chunks of rows on several goroutines.
type pool struct {
	threads int
	jobs    chan *job
	wait    sync.WaitGroup
}

// job is n rows of a tensor from row `from` on.
type job struct {
	t       *Tensor
	src     []byte // of the whole tensor
	from, n int
	out     []byte
	err     error
	done    chan struct{}
}

func newPool(threads int) *pool {
	p := &pool{threads: threads, jobs: make(chan *job)}
	for range threads {
		p.wait.Go(func() {
			var w worker
			for j := range p.jobs {
				j.out, j.err = w.convert(j)
				close(j.done)
			}
		})
	}
	return p
}

func (p *pool) close() {
	close(p.jobs)
	p.wait.Wait()
}

// tensor writes the rows of t in their order. As many chunks as there are threads are under
// way or waiting to be written at any time, and one more.
func (p *pool) tensor(ctx context.Context, t *Tensor, dst io.Writer, wrote func(n int)) error {
	src := t.bytes()
	step := max(1, chunkNumbers/max(t.cols, 1))
	started := make(chan *job, p.threads)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(started)
		for from := 0; from < t.rows && ctx.Err() == nil; from += step {
			j := &job{t: t, src: src, from: from, n: min(step, t.rows-from), done: make(chan struct{})}
			p.jobs <- j
			started <- j
		}
	}()
	var err error
	for j := range started { // all of them, so that none is left behind in the pool
		<-j.done
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = j.err
		}
		if err == nil {
			_, err = dst.Write(j.out)
			wrote(len(j.out))
		}
		if err != nil {
			stop()
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// worker keeps the memory of one goroutine.
type worker struct {
	x, check []float32
	gathered []byte
}

// convert packs the rows of a job. The result stays valid: the writer may be behind.
func (w *worker) convert(j *job) ([]byte, error) {
	t := j.t
	rowBytes := t.cols / t.From.BlockLen() * t.From.BlockBytes()
	src := j.src[j.from*rowBytes : (j.from+j.n)*rowBytes]
	if t.order != nil {
		w.gathered = resize(w.gathered, j.n*rowBytes)
		for i := range j.n {
			at := t.order(j.from+i) * rowBytes
			copy(w.gathered[i*rowBytes:], j.src[at:at+rowBytes])
		}
		src = w.gathered
	}
	if t.From == t.To {
		if t.order != nil {
			src = append([]byte(nil), src...)
		}
		return src, nil
	}
	from, _ := t.From.Format()
	to, _ := t.To.Format()
	w.x = resize(w.x, j.n*t.cols)
	from.Dequantize(w.x, src)
	if err := checkNumbers(w.x, to); err != nil {
		return nil, err
	}
	out := make([]byte, j.n*to.RowBytes(t.cols))
	to.Quantize(out, w.x)
	return out, w.checkScales(out, to)
}

// maxF16 is the largest binary16 number.
const maxF16 = 65504

// checkNumbers refuses what a format cannot hold: no format holds NaN or infinities in a
// way that is of use, and F16 reaches as far as 65504.
func checkNumbers(x []float32, to format.Format) error {
	for i, v := range x {
		a := math.Abs(float64(v))
		switch {
		case !(a <= math.MaxFloat32):
			return fmt.Errorf("it holds %v (number %d of its chunk): the model is damaged", v, i)
		case a >= maxF16+16 && to == format.F16:
			return fmt.Errorf("it holds %v, and F16 reaches only to %d; BF16 has the room", v, maxF16)
		}
	}
	return nil
}

// checkScales refuses blocks whose scale overflowed: quantised formats keep it as binary16.
// It cannot happen where all numbers are within binary16's range.
func (w *worker) checkScales(packed []byte, to format.Format) error {
	if to.BlockLen() == 1 {
		return nil
	}
	largest := float32(0)
	for _, v := range w.x {
		largest = max(largest, v, -v)
	}
	if largest <= maxF16 {
		return nil
	}
	w.check = resize(w.check, len(w.x))
	to.Dequantize(w.check, packed)
	if checkNumbers(w.check, format.F32) != nil {
		return fmt.Errorf("it holds %v, too large for the scales of %v; BF16 has the room", largest, to)
	}
	return nil
}

// resize is s with length n, its contents lost.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
