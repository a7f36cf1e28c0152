package emulator

import (
	"errors"
	"strings"
	"testing"
)

// Every planted bug has its line marked BUG; the good twin, with the text of fix
// in place of that of BUG's line, must run without a fault.
func TestPlantedBugs(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		n    int
		kind FaultKind
		body string
		fix  string // replaces the text between << and >>
	}{
		{"global out of bounds", 32, OutOfBounds, `
	mov.u32 %r, 1;
	st.global.u32 [%out+<<4>>], %r; // BUG`, "0"},
		{"global misaligned", 32, Misaligned, `
	mov.u32 %r, 1;
	setp.lt.u32 %p, %t, 30;
	@%p st.global.v2.u32 [%out+<<4>>], {%r, %r}; // BUG`, ""},
		{"shared out of bounds", 32, OutOfBounds, `
	mov.u32 %r, 1;
	mad.lo.u32 %x, %t, 4, %s;
	st.shared.u32 [%x+<<3972>>], %r; // BUG`, "3968"},
		{"shared misaligned", 32, Misaligned, `
	mov.u32 %r, 1;
	mad.lo.u32 %x, %t, 16, %s;
	st.shared.v4.u32 [%x+<<8>>], {%r,%r,%r,%r}; // BUG`, "16"},
		{"uninitialised register", 32, UninitialisedRegister, `
	setp.lt.u32 %p, %t, <<31>>;
	@%p mov.u32 %x, 5;
	mov.u32 %y, %x;
	add.u32 %r, %y, 1; // BUG`, "32"},
		{"uninitialised predicate", 32, UninitialisedRegister, `
	mov.u32 %r, 1;
	<<>>
	@%p mov.u32 %r, 5; // BUG`, "setp.eq.u32 %p, %t, 0;"},
		{"register uninitialised on one of two paths", 32, UninitialisedRegister, `
	setp.lt.u32 %p, %t, <<31>>;
	@!%p bra JOIN;
	mov.u32 %x, 5;
JOIN:
	add.u32 %r, %x, 1; // BUG`, "32"},
		{"register uninitialised in a loop's first turn", 32, UninitialisedRegister, `
	mov.u32 %z, 0;
	<<>>
TURN:
	add.u32 %r, %x, 1; // BUG
	mov.u32 %x, %t;
	add.u32 %z, %z, 1;
	setp.lt.u32 %p, %z, 3;
	@%p bra TURN;`, "mov.u32 %x, 1;"},
		{"register moved before it was written", 32, UninitialisedRegister, `
	mov.u32 %x, 5;
	setp.lt.u32 %p, %t, <<31>>;
	@%p mov.u32 %z, 5;
	mov.u32 %x, %z;
	mov.u32 %y, %x;
	add.u32 %r, %y, 1; // BUG`, "32"},
		{"uninitialised shared memory", 32, UninitialisedMemory, `
	mov.u32 %r, 1;
	mad.lo.u32 %x, %t, 4, %s;
	setp.lt.u32 %p, %t, <<31>>;
	@%p st.shared.u32 [%x], %r;
	ld.shared.u32 %r, [%x]; // BUG`, "32"},
		{"missing bar.sync after the first write", 64, UninitialisedMemory, `
	mad.lo.u32 %x, %t, 4, %s;
	st.shared.u32 [%x], %t;
	<<>>
	xor.b32 %y, %t, 32;
	mad.lo.u32 %y, %y, 4, %s;
	ld.shared.u32 %r, [%y]; // BUG`, "bar.sync 0;"},
		{"missing bar.sync before a second write", 64, SharedRace, `
	mad.lo.u32 %x, %t, 4, %s;
	st.shared.u32 [%x], %t;
	bar.sync 0;
	ld.shared.u32 %r, [%s+252];
	<<>>
	add.u32 %r, %r, %t;
	st.shared.u32 [%x], %r; // BUG`, "bar.sync 0;"},
		{"missing bar.sync after a second write", 64, SharedRace, `
	mad.lo.u32 %x, %t, 4, %s;
	mov.u32 %z, 7;
	st.shared.u32 [%x], %z;
	bar.sync 0;
	st.shared.u32 [%x], %t; // BUG
	<<>>
	xor.b32 %y, %t, 32;
	mad.lo.u32 %y, %y, 4, %s;
	ld.shared.u32 %r, [%y];`, "bar.sync 0;"},
		{"missing bar.warp.sync", 32, SharedRace, `
	mad.lo.u32 %x, %t, 4, %s;
	st.shared.u32 [%x], %t;
	<<>>
	xor.b32 %y, %t, 1;
	mad.lo.u32 %y, %y, 4, %s;
	ld.shared.u32 %r, [%y]; // BUG`, "bar.warp.sync -1;"},
		{"a shuffle is no barrier", 32, SharedRace, `
	mad.lo.u32 %x, %t, 4, %s;
	st.shared.u32 [%x], %t;
	<<shfl.sync.idx.b32 %z, %t, 0, 31, -1;>>
	xor.b32 %y, %t, 1;
	mad.lo.u32 %y, %y, 4, %s;
	ld.shared.u32 %r, [%y]; // BUG`, "bar.warp.sync -1;"},
		{"two lanes write different values", 32, SharedRace, `
	mov.u32 %r, 1;
	and.b32 %x, %t, 15;
	mad.lo.u32 %x, %x, 4, %s;
	st.shared.u32 [%x], <<%t>>; // BUG`, "%r"},
		{"plain read of an atomic's result", 64, SharedRace, `
	mov.u32 %x, 0;
	setp.eq.u32 %p, %t, 0;
	@%p st.shared.u32 [%s], %x;
	bar.sync 0;
	red.shared.add.u32 [%s], 1;
	<<>>
	ld.shared.u32 %r, [%s]; // BUG`, "bar.sync 0;"},
		{"barrier in one branch", 32, DivergentBarrier, `
	mov.u32 %r, 1;
	setp.lt.u32 %p, %t, <<7>>;
	@!%p bra OTHER;
	bar.sync 0; // BUG
	bra END;
OTHER:
	bar.sync 1;`, "32"},
		{"guarded barrier", 32, DivergentBarrier, `
	mov.u32 %r, 1;
	setp.lt.u32 %p, %t, <<7>>;
	@%p bar.sync 0; // BUG`, "32"},
		{"warps wait at different barriers", 64, Deadlock, `
	mov.u32 %r, 1;
	setp.lt.u32 %p, %t, <<32>>;
	@%p bra OTHER;
	bar.sync 1;
	bra END;
OTHER:
	bar.sync 0; // BUG`, "0"},
		{"shuffle with lanes missing", 32, InactiveLane, `
	mov.u32 %r, 1;
	setp.lt.u32 %p, %t, <<16>>;
	@%p shfl.sync.bfly.b32 %r, %t, 1, 31, -1; // BUG`, "32"},
		{"shuffle from a lane outside", 32, InactiveLane, `
	mov.u32 %r, 1;
	setp.ge.u32 %p, %t, 16;
	@%p bra END;
	shfl.sync.bfly.b32 %r, %t, <<16>>, 31, 0xffff; // BUG`, "8"},
		{"lane not in its mask", 32, InactiveLane, `
	shfl.sync.bfly.b32 %r, %t, 1, 31, <<0xffff>>; // BUG`, "-1"},
		{"endless loop", 32, TooManyInstructions, `
	mov.u32 %r, 0;
LOOP:
	add.u32 %r, %r, 1;
	setp.lt.u32 %p, %r, 10;
	<<>>@%p bra LOOP; // BUG`, ""},
		{"trap", 32, Trap, `
	mov.u32 %r, 0;
	setp.eq.u32 %p, %t, <<3>>;
	@%p trap; // BUG`, "99"},
		{"stack out of bounds", 32, OutOfBounds, `
	.local .b32 loc[2];
	mov.u32 %r, 0;
	st.local.u32 [loc+<<8>>], %r; // BUG`, "4"},
		{"stack uninitialised", 32, UninitialisedMemory, `
	.local .b32 loc[2];
	st.local.u32 [loc], %t;
	ld.local.u32 %r, [loc+<<4>>]; // BUG`, "0"},
		{"block reduction whose buffer is used again too early", 256, SharedRace, `
	.reg .b32 %w, %l, %i, %v;
	mov.u32 %r, 0;
	mov.u32 %i, 0;
	and.b32 %l, %t, 31;
	shr.u32 %w, %t, 5;
	mad.lo.u32 %w, %w, 4, %s;
	and.b32 %y, %l, 7;
	mad.lo.u32 %y, %y, 4, %s;
LOOP:
	redux.sync.add.u32 %v, %t, -1;
	add.u32 %v, %v, %i;
	setp.eq.u32 %p, %l, 0;
	@%p st.shared.u32 [%w], %v; // BUG
	bar.sync 0;
	ld.shared.u32 %x, [%y];
	redux.sync.add.u32 %x, %x, 0xffffffff;
	add.u32 %r, %r, %x;
	<<>>
	add.u32 %i, %i, 1;
	setp.lt.u32 %p, %i, 3;
	@%p bra LOOP;`, "bar.sync 0;"},
		{"cp.async not waited for", 32, PendingCopy, `
	.reg .b64 %g;
	mad.lo.u32 %x, %t, 4, %s;
	cp.async.ca.shared.global [%x], [%out], 4;
	cp.async.commit_group;
	<<>>
	ld.shared.u32 %r, [%x]; // BUG`, "cp.async.wait_group 0;"},
		{"cp.async waited for too little", 32, PendingCopy, `
	mad.lo.u32 %x, %t, 4, %s;
	cp.async.ca.shared.global [%x], [%out], 4;
	cp.async.commit_group;
	cp.async.ca.shared.global [%x+128], [%out], 4;
	cp.async.commit_group;
	cp.async.wait_group <<1>>;
	ld.shared.u32 %r, [%x];
	ld.shared.u32 %r, [%x+128]; // BUG`, "0"},
		{"cp.async without a barrier", 32, SharedRace, `
	mad.lo.u32 %x, %t, 4, %s;
	cp.async.ca.shared.global [%x], [%out], 4;
	cp.async.wait_all;
	<<>>
	xor.b32 %y, %t, 1;
	mad.lo.u32 %y, %y, 4, %s;
	ld.shared.u32 %r, [%y]; // BUG`, "bar.sync 0;"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before, rest, _ := strings.Cut(c.body, "<<")
			bad, after, _ := strings.Cut(rest, ">>")
			if c.kind == TooManyInstructions {
				bad, after = "", " bra LOOP; // BUG"
			}
			_, text, err := runThreads(t, c.n, before+bad+after)
			wantFault(t, err, c.kind, text, "// BUG")
			if c.fix == "" {
				return
			}
			if _, text, err := runThreads(t, c.n, before+c.fix+after); err != nil {
				t.Errorf("the good twin: %v\n%s", err, numbered(text))
			}
		})
	}
}

func TestUninitialisedGlobal(t *testing.T) {
	t.Parallel()
	d := New(Config{})
	f := loadKernel(t, d, vectorAdd)
	const n = 64
	pa, pb, pc := zeros(t, d, 4*n), zeros(t, d, 4*n), zeros(t, d, 4*n)
	fresh, _ := d.Alloc(4 * n)
	grid, block := Dim3{1, 1, 1}, Dim3{n, 1, 1}
	// Written by a kernel, it may be read.
	if err := d.Launch(f, grid, block, 0, pack(pa, pb, fresh, uint32(n/2))); err != nil {
		t.Fatal(err)
	}
	if err := d.Launch(f, grid, block, 0, pack(fresh, pb, pc, uint32(n/2))); err != nil {
		t.Fatal(err)
	}
	err := d.Launch(f, grid, block, 0, pack(fresh, pb, pc, uint32(n)))
	wantFault(t, err, UninitialisedMemory, vectorAdd, "ld.global.f32 %f1")
	var fault *Fault
	if errors.As(err, &fault); fault.Thread != (Dim3{32, 0, 0}) || fault.Addr != fresh+4*32 {
		t.Errorf("thread %v, address %#x", fault.Thread, fault.Addr)
	}
	unchecked := New(Config{Unchecked: true})
	f = loadKernel(t, unchecked, vectorAdd)
	pa, _ = unchecked.Alloc(4 * n)
	if err := unchecked.Launch(f, grid, block, 0, pack(pa, pa, pa, uint32(n))); err != nil {
		t.Errorf("without the checker: %v", err)
	}
}

func TestFreedMemoryIsFound(t *testing.T) {
	t.Parallel()
	d := New(Config{})
	f := loadKernel(t, d, vectorAdd)
	p, q := zeros(t, d, 256), zeros(t, d, 256)
	if err := d.Free(p); err != nil {
		t.Fatal(err)
	}
	err := d.Launch(f, Dim3{1, 1, 1}, Dim3{32, 1, 1}, 0, pack(q, p, q, uint32(32)))
	wantFault(t, err, OutOfBounds, vectorAdd, "ld.global.nc.f32 %f2")
	if !strings.Contains(err.Error(), "which was freed") {
		t.Error(err)
	}
}

// A fault in one launch leaves the device as it was for the next.
func TestDeviceSurvivesFaults(t *testing.T) {
	t.Parallel()
	d := New(Config{})
	f := loadKernel(t, d, vectorAdd)
	p := zeros(t, d, 4*1000)
	for range 3 {
		if err := d.Launch(f, Dim3{64, 1, 1}, Dim3{128, 1, 1}, 0, pack(p, p, p, uint32(5000))); err == nil {
			t.Fatal("no fault")
		}
		if err := d.Launch(f, Dim3{64, 1, 1}, Dim3{128, 1, 1}, 0, pack(p, p, p, uint32(1000))); err != nil {
			t.Fatal(err)
		}
	}
}
