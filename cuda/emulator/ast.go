package emulator

// The parsed form of a module: names are resolved to registers and variables,
// instructions are still text and operands.

type source struct {
	version int // 64 for .version 6.4
	target  int // 70 for .target sm_70
	vars    []*variable
	funcs   []*function
	byName  map[string]*function
}

// variable is anything with an address: module-scope, function-scope, a formal
// parameter, or a parameter of a call.
type variable struct {
	name  string
	space space
	typ   scalar
	size  int64 // bytes; 0 for an external array of unknown size
	align int64
	data  []byte // initial value, nil for zero
	refs  []reference
	extrn bool
	line  int
	reg   int // register parameters of device functions: register number, else -1
	addr  uint64
}

// reference is an address of another variable inside an initial value.
type reference struct {
	at      int
	size    int
	name    string
	generic bool
	add     int64
}

type function struct {
	name    string
	entry   bool
	defined bool
	params  []*variable
	rets    []*variable
	body    []statement
	regs    []scalar // declared type of each register used
	names   []string // of each register
	locals  []*variable
	reqntid Dim3
	maxntid Dim3
	line    int
}

type statement struct {
	op       string // opcode with modifiers; "" for a label
	line     int
	guard    int // register number of the predicate, -1 for none
	negate   bool
	operands []operand
	scope    *scope
}

type operandKind uint8

const (
	opReg operandKind = iota
	opInt
	opFloat // bits of a float32 (wide false) or a float64
	opVar
	opName // label or function
	opSpecial
	opAddress
	opVector
	opPair // d|p of shfl, setp
	opList // (a, b) of call
	opSink // _
)

type operand struct {
	kind   operandKind
	negate bool // !p
	wide   bool
	reg    int
	value  uint64
	v      *variable
	name   string
	sub    []operand // address: base; vector, pair, list: members
	offset int64     // address, variable
	line   int
}

// scope is a { } block: its registers, variables and labels.
type scope struct {
	parent *scope
	names  map[string]symbol
	ranges []regRange
	labels map[string]int
}

type symbol struct {
	v   *variable
	reg int // when v is nil
}

// regRange is a declaration like %r<10>; its registers come to be when used.
type regRange struct {
	prefix string
	count  int64
	typ    scalar
}
