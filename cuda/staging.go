//go:build cuda && cgo && linux

package cuda

import (
	"errors"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/potion-engine/potion/cuda/driver"
)

const (
	stagingBytes = 8 << 20 // of each of the two buffers for uploads
	// The buffer for downloads is as large as the largest of them, so that the logits of a
	// token take one, but for these limits.
	minDownload = 1 << 20
	maxDownload = 16 << 20
)

// staging is page-locked host memory that copies go through: from there the device
// fetches by itself, while the program goes on. While one buffer is copied the other
// is filled.
type staging struct {
	uploads [2]pinned
	filling int // index of the one that is being filled
	back    []byte
}

// pinned is a buffer that is filled from its front, and emptied as a whole.
type pinned struct {
	data  []byte
	used  int
	event cu.Event // comes after the last copy from it
	busy  bool     // the event was queued and not waited for
}

// room is n bytes of a buffer, for the caller to fill and then queue an upload of.
func (b *Backend) room(n int) ([]byte, error) {
	s := &b.staging
	p := &s.uploads[s.filling]
	if p.used+n > len(p.data) {
		if p.used > 0 {
			b.queue.next(mark).event = p.event
			p.busy = true
			s.filling = 1 - s.filling
			p = &s.uploads[s.filling]
		}
		if err := b.empty(p, n); err != nil {
			return nil, err
		}
	}
	part := p.data[p.used : p.used+n : p.used+n]
	p.used += int(roundUp(int64(n), alignment))
	return part, nil
}

// empty waits until a buffer can be filled again, and makes it n bytes long at least.
func (b *Backend) empty(p *pinned, n int) error {
	if !p.busy && len(p.data) >= n {
		p.used = 0
		return nil
	}
	err := b.queue.do(func() (err error) {
		if p.busy {
			if err := p.event.Synchronize(); err != nil {
				return driver.Check("cuEventSynchronize", err)
			}
			p.busy = false
		}
		if len(p.data) >= n {
			return nil
		}
		if err := p.free(); err != nil {
			return err
		}
		if p.event, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return driver.Check("cuEventCreate", err)
		}
		p.data, err = driver.AllocPinned(int(roundUp(int64(max(n, stagingBytes)), alignment)), false)
		return err
	})
	p.used = 0
	return err
}

// free gives a buffer back, on the device's thread.
func (p *pinned) free() error {
	if p.data == nil {
		return nil
	}
	err := errors.Join(driver.FreePinned(p.data), driver.Check("cuEventDestroy", cu.DestroyEvent(&p.event)))
	*p = pinned{}
	return err
}

// free gives all buffers back, on the device's thread.
func (s *staging) free() error {
	err := errors.Join(s.uploads[0].free(), s.uploads[1].free())
	if s.back != nil {
		err = errors.Join(err, driver.FreePinned(s.back))
		s.back = nil
	}
	return err
}

// settled notes that the stream is empty, and so are the buffers.
func (s *staging) settled() {
	for i := range s.uploads {
		s.uploads[i].used, s.uploads[i].busy = 0, false
	}
}

// send queues the upload of a part of a buffer.
func (b *Backend) send(dst uint64, part []byte) {
	c := b.queue.next(upload)
	c.dst, c.host, c.bytes = dst, unsafe.Pointer(unsafe.SliceData(part)), int64(len(part))
}

// upload copies src to the device; src may be reused at once.
func (b *Backend) upload(dst uint64, src []byte) error {
	for len(src) > 0 {
		n := min(len(src), stagingBytes)
		part, err := b.room(n)
		if err != nil {
			return err
		}
		copy(part, src)
		b.send(dst, part)
		dst += uint64(n)
		src = src[n:]
	}
	return nil
}

// read waits for the operations queued so far and copies from the device.
func (b *Backend) read(dst []byte, src uint64) error {
	s := &b.staging
	if err := b.roomBack(len(dst)); err != nil {
		if told := b.queue.sync(); told != nil {
			return told // the first failure explains this one
		}
		return err
	}
	for len(dst) > 0 {
		n := min(len(dst), len(s.back))
		if b.queue.closed {
			return errClosed
		}
		c := b.queue.next(download)
		c.src, c.host, c.bytes = src, unsafe.Pointer(unsafe.SliceData(s.back)), int64(n)
		if err := b.queue.wait(); err != nil {
			return err
		}
		copy(dst[:n], s.back)
		dst, src = dst[n:], src+uint64(n)
	}
	s.settled()
	return nil
}

// roomBack makes the buffer for downloads large enough for n bytes, within its limits.
func (b *Backend) roomBack(n int) error {
	s := &b.staging
	n = int(roundUp(int64(max(1, min(n, maxDownload))), minDownload))
	if len(s.back) >= n {
		return nil
	}
	return b.queue.do(func() (err error) {
		if s.back != nil {
			if err := driver.FreePinned(s.back); err != nil {
				return err
			}
			s.back = nil
		}
		s.back, err = driver.AllocPinned(n, false)
		return err
	})
}

// bytesOf is the memory of numbers of four bytes.
func bytesOf[T float32 | int32](x []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
