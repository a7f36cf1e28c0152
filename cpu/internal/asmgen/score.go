package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	pageLen = 32 // keys in a page
	sumLen  = 16 // products that are summed up before they come to the others
)

// emitScores writes products of queries with the keys of a page, which lie by number: a
// lane belongs to a key, so that nothing is added up across lanes.
func emitScores(g *gen) {
	for _, g.level = range []level{avx2, avx512} {
		most := 1
		if g.wide() {
			most = 4
		}
		for m := 1; m <= most; m++ {
			g.score(m)
		}
	}
}

func (g *gen) score(m int) {
	g.function(fmt.Sprintf("Score%d", m), "func(y *float32, step int, q *float32, stride int, keys *float32, n int)",
		"y[t*step+p] = sum_i q[t*stride+i]*keys[i*%d+p] for %d queries of n numbers.", pageLen, m)
	y, step := g.arg("y"), g.times(g.arg("step"), 4)
	q, stride, keys, n := g.arg("q"), g.times(g.arg("stride"), 4), g.arg("keys"), g.arg("n")
	qs := g.rowsOf(m, q, stride)
	vectors := pageLen / g.lanes
	total := g.zeros(m * vectors)
	acc := make([]reg.VecVirtual, m*vectors)
	for i := range acc {
		acc[i] = g.vec()
	}
	count, limit := g.GP64(), g.GP64()
	g.Label("run")
	for _, a := range acc {
		g.xor(a, a, a)
	}
	g.MOVQ(operand.U32(sumLen), limit)
	g.MOVQ(n, count)
	g.CMPQ(count, limit)
	g.CMOVQGT(limit, count)
	g.SUBQ(count, n)
	g.Label("number")
	ks := make([]reg.VecVirtual, vectors)
	for j := range ks {
		ks[j] = g.vec()
		g.VMOVUPS(at(keys, j*g.bytes()), ks[j])
	}
	for t := range m {
		x := g.vec()
		g.VBROADCASTSS(qs.at(t, 0), x)
		for j, k := range ks {
			g.VFMADD231PS(k, x, acc[t*vectors+j])
		}
	}
	g.advance(qs, 4)
	g.ADDQ(operand.U32(4*pageLen), keys)
	g.DECQ(count)
	g.JNZ(operand.LabelRef("number"))
	for i, a := range acc {
		g.VADDPS(a, total[i], total[i])
	}
	g.TESTQ(n, n)
	g.JNZ(operand.LabelRef("run"))
	for i, v := range total {
		g.VMOVUPS(v, at(y, i%vectors*g.bytes()))
		if (i+1)%vectors == 0 && i+1 < len(total) {
			g.ADDQ(step, y)
		}
	}
	g.end()
}
