package jinja

// expr is an expression; eval is in eval.go.
type expr interface {
	eval(st *state, sc *scope) any
}

// stmt is a statement; exec is in exec.go.
type stmt interface {
	exec(st *state, sc *scope) signal
}

// Expressions.
type (
	constExpr struct{ value any }
	nameExpr  struct {
		name string
		line int
	}
	listExpr  struct{ items []expr }
	tupleExpr struct{ items []expr }
	dictExpr  struct{ keys, values []expr }
	negExpr   struct {
		op   string // "-" or "+"
		term expr
	}
	notExpr    struct{ term expr }
	binaryExpr struct {
		op          string
		left, right expr
		line        int
	}
	concatExpr struct{ items []expr }
	logicExpr  struct {
		and         bool
		left, right expr
	}
	compareExpr struct {
		first expr
		ops   []string
		terms []expr
		line  int
	}
	condExpr struct{ test, then, otherwise expr } // otherwise may be nil
	attrExpr struct {
		object expr
		name   string
		line   int
	}
	itemExpr struct {
		object, index expr
		line          int
	}
	sliceExpr struct{ start, stop, step expr } // only as the index of itemExpr
	callExpr  struct {
		callee expr
		args   callArgs
		line   int
	}
	filterExpr struct {
		input expr // nil in a filter block: the captured text
		name  string
		args  callArgs
		line  int
	}
	testExpr struct {
		input  expr
		name   string
		args   callArgs
		negate bool
		line   int
	}
)

// callArgs are the arguments as written; star and doubleStar are f(*a, **k).
type callArgs struct {
	positional       []expr
	names            []string
	named            []expr
	star, doubleStar expr
}

// target is what set and for assign to: a name, an attribute of a namespace,
// or several targets that unpack a sequence.
type target struct {
	name  string
	attr  string
	parts []target
}

// Statements.
type (
	textStmt   struct{ text string }
	outputStmt struct {
		value expr
		line  int
	}
	ifStmt struct {
		test       expr
		then, rest []stmt
		line       int
	}
	forStmt struct {
		target    target
		iter      expr
		test      expr // nil without "if"
		body      []stmt
		otherwise []stmt
		recursive bool
		line      int
	}
	setStmt struct {
		target target
		value  expr
		line   int
	}
	setBlockStmt struct {
		target target
		filter *filterExpr // nil if none
		body   []stmt
		line   int
	}
	macroStmt struct {
		macro *macroDef
	}
	callBlockStmt struct {
		caller *macroDef
		call   expr
		line   int
	}
	filterStmt struct {
		filter expr
		body   []stmt
		line   int
	}
	withStmt struct {
		targets []target
		values  []expr
		body    []stmt
	}
	scopeStmt struct{ body []stmt } // generation
	flowStmt  struct{ sig signal }
)

// macroDef is the code of a macro or of the body of a call block.
type macroDef struct {
	name     string
	params   []string
	defaults []expr // nil where a parameter has none
	body     []stmt
	varargs  bool // the body mentions varargs, kwargs, caller
	kwargs   bool
	caller   bool
}
