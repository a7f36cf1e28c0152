package emulator

// program is a kernel ready to run: every call inlined, registers numbered by
// class, immediates as constant columns, labels as instruction numbers.
type program struct {
	name    string
	module  *Module
	code    []inst
	n32     int // columns of 32-bit registers
	n64     int
	npred   int
	nreg    int     // registers of all classes, for the masks of defined lanes
	words   []uint8 // of each register: 32-bit hardware registers
	names   []string
	const32 [][32]uint32
	const64 [][32]uint64
	special []specialUse

	localBytes int64 // of one thread
	shared     int64 // static bytes
	granule    int   // bytes of shared memory that one shadow cell stands for
	params     []*variable
	paramBytes int64
}

// inst is one instruction of a warp. Operands are columns: not negative for a
// register, ^i for constant i.
type inst struct {
	control      control
	class        Class
	copies       bool // a plain register move: passes undefined lanes on
	negate       bool // of the predicate operand
	guard        int32
	guardID      int32
	neg          uint32 // xor of the guard
	d, d2        int32
	a, b         int32
	c, e         int32
	target       int32
	line         int32
	reads        []int32
	writes       []int32
	checks       []int32 // reads whose registers may be undefined; see prove
	marks        []int32 // writes to registers that are ever checked
	guardChecked bool
	run          runFn
	straight     int32 // the next instruction that may change the flow, or the end
	mem          *memOp
	sync         *syncOp
}

// control says how the run loop treats an instruction.
type control uint8

const (
	ctlNone control = iota
	ctlBranch
	ctlTable // brx.idx
	ctlExit
	ctlBarrier
	ctlWarpSync // waits for the lanes of its member mask
	ctlWhole    // needs every lane: mma, ldmatrix
)

type specialUse struct {
	kind special
	col  int32
	wide bool
	id   int32
}

// special is a register that the hardware sets.
type special uint8

const (
	spTidX special = iota
	spTidY
	spTidZ
	spNtidX
	spNtidY
	spNtidZ
	spCtaidX
	spCtaidY
	spCtaidZ
	spNctaidX
	spNctaidY
	spNctaidZ
	spLane
	spWarp
	spNwarp
	spMaskEq
	spMaskLe
	spMaskLt
	spMaskGe
	spMaskGt
	spSM
	spNsm
	spGrid
	spDynamicShared
	spTotalShared
	spClock
	spClockHi
	spClock64
	spTimer
)

var specials = map[string]special{
	"%tid.x": spTidX, "%tid.y": spTidY, "%tid.z": spTidZ,
	"%ntid.x": spNtidX, "%ntid.y": spNtidY, "%ntid.z": spNtidZ,
	"%ctaid.x": spCtaidX, "%ctaid.y": spCtaidY, "%ctaid.z": spCtaidZ,
	"%nctaid.x": spNctaidX, "%nctaid.y": spNctaidY, "%nctaid.z": spNctaidZ,
	"%laneid": spLane, "%warpid": spWarp, "%nwarpid": spNwarp,
	"%lanemask_eq": spMaskEq, "%lanemask_le": spMaskLe, "%lanemask_lt": spMaskLt,
	"%lanemask_ge": spMaskGe, "%lanemask_gt": spMaskGt, "%smid": spSM, "%nsmid": spNsm,
	"%gridid": spGrid, "%dynamic_smem_size": spDynamicShared, "%total_smem_size": spTotalShared,
	"%clock": spClock, "%clock_hi": spClockHi, "%clock64": spClock64, "%globaltimer": spTimer,
}

func (s special) wide() bool { return s == spClock64 || s == spTimer || s == spGrid }

// volatile reports a special register whose value changes as the warp runs.
func (s special) volatile() bool { return s >= spClock }
