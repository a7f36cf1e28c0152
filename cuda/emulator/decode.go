package emulator

type decodeFn = func(b *builder, m *mods) error

// decoder returns the decoder of an opcode, or nil when it is unknown.
func decoder(op string) decodeFn {
	switch op {
	case "add", "sub":
		return decodeAddSub
	case "mul":
		return decodeMul
	case "mad":
		return decodeMad
	case "fma":
		return decodeFma
	case "mul24", "mad24":
		return decode24
	case "addc", "subc", "madc":
		return decodeCarry
	case "sad":
		return decodeSad
	case "div", "rem":
		return decodeDiv
	case "min", "max":
		return decodeMinMax
	case "abs", "neg":
		return decodeSign
	case "popc", "clz", "brev", "bfind", "cnot":
		return decodeBits
	case "bfe", "bfi":
		return decodeField
	case "dp4a", "dp2a":
		return decodeDot
	case "and", "or", "xor", "not":
		return decodeLogic
	case "shl", "shr":
		return decodeShift
	case "shf":
		return decodeFunnel
	case "lop3":
		return decodeLop3
	case "prmt":
		return decodePrmt
	case "rcp", "sqrt", "rsqrt", "sin", "cos", "lg2", "ex2", "tanh":
		return decodeTranscendental
	case "copysign":
		return decodeCopysign
	case "testp":
		return decodeTestp
	case "setp":
		return decodeSetp
	case "set":
		return decodeSet
	case "selp":
		return decodeSelp
	case "slct":
		return decodeSlct
	case "mov":
		return decodeMov
	case "cvt":
		return decodeCvt
	case "cvta":
		return decodeCvta
	case "isspacep":
		return decodeIsspacep
	}
	return decoderOfEffects(op)
}

// decoderOfEffects returns the decoders of instructions that do more than
// compute a value: memory, control, and those of a whole warp.
func decoderOfEffects(op string) decodeFn {
	switch op {
	case "ld", "ldu":
		return decodeLd
	case "st":
		return decodeSt
	case "prefetch", "prefetchu", "discard", "applypriority":
		return decodePrefetch
	case "createpolicy":
		return decodeCreatePolicy
	case "atom", "red":
		return decodeAtom
	case "cp":
		return decodeCpAsync
	case "bra":
		return decodeBra
	case "brx":
		return decodeBrx
	case "call":
		return decodeCall
	case "ret", "exit":
		return decodeExit
	case "trap", "brkpt":
		return decodeTrap
	case "bar", "barrier":
		return decodeBar
	case "membar", "fence":
		return decodeFence
	case "nanosleep":
		return decodeNanosleep
	case "shfl":
		return decodeShfl
	case "vote":
		return decodeVote
	case "match":
		return decodeMatch
	case "activemask":
		return decodeActivemask
	case "redux":
		return decodeRedux
	case "ldmatrix":
		return decodeLdmatrix
	case "movmatrix":
		return decodeMovmatrix
	case "mma":
		return decodeMma
	}
	return nil
}
