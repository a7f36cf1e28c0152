package emulator

// scalar is a fundamental PTX type.
type scalar uint8

const (
	tNone scalar = iota
	tPred
	tB8
	tB16
	tB32
	tB64
	tU8
	tU16
	tU32
	tU64
	tS8
	tS16
	tS32
	tS64
	tF16
	tF16x2
	tBF16
	tBF16x2
	tTF32
	tF32
	tF64
)

var scalarNames = map[string]scalar{
	"pred": tPred, "b8": tB8, "b16": tB16, "b32": tB32, "b64": tB64,
	"u8": tU8, "u16": tU16, "u32": tU32, "u64": tU64,
	"s8": tS8, "s16": tS16, "s32": tS32, "s64": tS64,
	"f16": tF16, "f16x2": tF16x2, "bf16": tBF16, "bf16x2": tBF16x2,
	"tf32": tTF32, "f32": tF32, "f64": tF64,
}

func (t scalar) String() string {
	for name, s := range scalarNames {
		if s == t {
			return name
		}
	}
	return "none"
}

// size is the number of bytes of a value; predicates and none have none.
func (t scalar) size() int {
	switch t {
	case tB8, tU8, tS8:
		return 1
	case tB16, tU16, tS16, tF16, tBF16:
		return 2
	case tB32, tU32, tS32, tF16x2, tBF16x2, tTF32, tF32:
		return 4
	case tB64, tU64, tS64, tF64:
		return 8
	}
	return 0
}

func (t scalar) bits() int { return t.size() * 8 }

func (t scalar) signed() bool { return t >= tS8 && t <= tS64 }

func (t scalar) integer() bool { return t >= tU8 && t <= tS64 }

func (t scalar) untyped() bool { return t >= tB8 && t <= tB64 }

func (t scalar) float() bool { return t >= tF16 }

// half reports a 16-bit float or a pair of them.
func (t scalar) half() bool { return t >= tF16 && t <= tBF16x2 }

// regClass says where a register lives: predicates are one mask a warp, values
// of up to 32 bits are columns of uint32, 64-bit values columns of uint64. The
// number is that of 32-bit hardware registers.
type regClass uint8

const (
	classPred regClass = iota
	class32
	class64
)

func (t scalar) class() regClass {
	switch {
	case t == tPred:
		return classPred
	case t.size() == 8:
		return class64
	}
	return class32
}

// space is a PTX state space.
type space uint8

const (
	spaceGeneric space = iota
	spaceGlobal
	spaceShared
	spaceLocal
	spaceConst
	spaceParam // the parameters of a kernel; those of calls are local memory
	spaceReg
)

var spaceNames = map[string]space{
	"global": spaceGlobal, "shared": spaceShared, "local": spaceLocal,
	"const": spaceConst, "param": spaceParam, "reg": spaceReg,
}

func (s space) String() string {
	for name, v := range spaceNames {
		if v == s {
			return name
		}
	}
	return "generic"
}

// Windows of the generic address space. A generic address inside one of them
// means an offset in that space; everything else is global memory.
const (
	windowSize  = 1 << 32
	constWindow = 0x7c00_0000_0000
	sharedWin   = 0x7d00_0000_0000
	localWindow = 0x7e00_0000_0000
	paramWindow = 0x7b00_0000_0000
	globalBase  = 0x7f00_0000_0000
)

func (s space) window() uint64 {
	switch s {
	case spaceConst:
		return constWindow
	case spaceShared:
		return sharedWin
	case spaceLocal:
		return localWindow
	case spaceParam:
		return paramWindow
	}
	return 0
}
