package repack

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/potion-engine/potion/engine/format"
)

// packChunk is how many packed bytes a goroutine takes at a time: enough that taking
// them costs nothing, few enough that small weights keep every core busy.
const packChunk = 256 << 10

// Pack rewrites all rows of packed, Rows times Format.RowBytes(Cols) bytes, into dst of
// l.Bytes bytes. It uses all cores. Other lengths panic. Padding is set to zero, apart
// from gaps between planes, which are left alone.
func (l Layout) Pack(dst, packed []byte) {
	if want := l.Rows * l.Format.RowBytes(l.Cols); len(packed) != want {
		panic(fmt.Sprintf("repack: Pack %v [%d, %d]: %d packed bytes, want %d", l.Format, l.Rows, l.Cols, len(packed), want))
	}
	l.PackRows(dst, packed, 0)
}

// PackRows is Pack for some rows, from first on: packed holds whole rows, and only the
// places of these rows in dst are written.
//
// To upload a weight in pieces, make a Layout for as many rows as a piece has, pack into
// a buffer of its size, and copy each plane's rows to where the whole layout has them.
func (l Layout) PackRows(dst, packed []byte, first int) {
	rowBytes := l.Format.RowBytes(l.Cols)
	rows := len(packed) / rowBytes
	if int64(len(dst)) != l.Bytes || len(packed) != rows*rowBytes || first < 0 || first > l.Rows-rows {
		panic(fmt.Sprintf("repack: PackRows %v [%d, %d]: %d packed bytes from row %d on into %d bytes, want whole rows into %d bytes",
			l.Format, l.Rows, l.Cols, len(packed), first, len(dst), l.Bytes))
	}
	chunk := max(1, packChunk/rowBytes)
	var next atomic.Int64
	work := func() {
		planes := make([][]byte, 0, len(l.Planes))
		for {
			from := int(next.Add(int64(chunk))) - chunk
			if from >= rows {
				return
			}
			for r := from; r < min(from+chunk, rows); r++ {
				planes = l.row(planes, dst, first+r)
				l.packRow(planes, packed[r*rowBytes:][:rowBytes])
			}
		}
	}
	workers := min(runtime.GOMAXPROCS(0), (rows+chunk-1)/chunk)
	var group sync.WaitGroup
	for range workers - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
}

// packRow writes one row of every plane.
func (l Layout) packRow(planes [][]byte, packed []byte) {
	used := 0
	for block, at := l.Format.BlockBytes(), 0; at < len(packed); at += block {
		if l.Format.BlockLen() == 1 {
			used = copy(planes[0], packed)
			break
		}
		packBlock(l.Format, planes, at/block, packed[at:at+block])
	}
	for i, p := range l.Planes {
		if l.Format.BlockLen() > 1 {
			used = l.Cols / p.Numbers * p.Bytes
		}
		clear(planes[i][used:])
	}
}

// packBlock writes block b of a row.
func packBlock(f format.Format, planes [][]byte, b int, src []byte) {
	var q [8]uint32
	switch f {
	case format.Q8_0:
		copy(planes[0][16*b:], src[2:18])
		copy(planes[1][16*b:], src[18:34])
		copy(planes[2][2*b:], src[:2])
	case format.Q4_0:
		blockQuads(&q, src[2:], 0)
		packNibbles(planes[0][16*b:], q[:])
		copy(planes[1][2*b:], src[:2])
	case format.Q4_1:
		blockQuads(&q, src[4:], 0)
		packNibbles(planes[0][16*b:], q[:])
		copy(planes[1][4*b:], src[:4])
	case format.Q5_0:
		blockQuads(&q, src[6:], load32(src[2:]))
		packNibbles(planes[0][16*b:], q[:])
		packBits(planes[1][4*b:], q[:], 4)
		copy(planes[2][2*b:], src[:2])
	case format.Q5_1:
		blockQuads(&q, src[8:], load32(src[4:]))
		packNibbles(planes[0][16*b:], q[:])
		packBits(planes[1][4*b:], q[:], 4)
		copy(planes[2][4*b:], src[:4])
	default:
		packSuperBlock(f, planes, b, src)
	}
}

// packSuperBlock writes super-block b of a row.
func packSuperBlock(f format.Format, planes [][]byte, b int, src []byte) {
	var q [64]uint32
	switch f {
	case format.Q2_K:
		addQuarters(&q, src[16:80], 0)
		packPairs(planes[0][64*b:], q[:], 0)
		copy(planes[1][16*b:], src[:16])
		copy(planes[2][4*b:], src[80:84])
	case format.Q3_K:
		addQuarters(&q, src[32:96], 0)
		addMask(&q, src, 2)
		packPairs(planes[0][64*b:], q[:], 0)
		packBits(planes[1][32*b:], q[:], 2)
		packScales(planes[2][16*b:], src[96:])
	case format.Q4_K:
		nibbleQuads(&q, src[16:144], 32)
		packNibbles(planes[0][128*b:], q[:])
		packScaleMins(planes[1][16*b:], src)
	case format.Q5_K:
		nibbleQuads(&q, src[48:176], 32)
		addMask(&q, src[16:], 4)
		packNibbles(planes[0][128*b:], q[:])
		packBits(planes[1][32*b:], q[:], 4)
		packScaleMins(planes[2][16*b:], src)
	case format.Q6_K:
		nibbleQuads(&q, src[:128], 64)
		addQuarters(&q, src[128:192], 4)
		for i := range 4 {
			packNibbles(planes[0][64*b+16*i:], q[16*i:][:8])
			packNibbles(planes[1][64*b+16*i:], q[16*i+8:][:8])
		}
		packPairs(planes[2][64*b:], q[:], 4)
		copy(planes[3][16*b:], src[192:208])
		copy(planes[4][2*b:], src[208:210])
	}
}
