package main

// stage is the data of stage.ptx.tmpl.
type stage struct {
	Type   string // f16 or bf16
	Ending string // of the entry's name
	Scaled bool   // rows are brought into its range
	Few    bool   // in the order of matfew's fragments
}

// Eight is for loops of a template.
func (stage) Eight() []int { return count(8) }

// Pairs of eight numbers: upper, lower, place.
func (stage) Pairs() [][3]int { return [][3]int{{1, 0, 0}, {3, 2, 1}, {5, 4, 2}, {7, 6, 3}} }

// Words of four integers: which, and which word.
func (stage) Words() [][5]int { return [][5]int{{0, 1, 2, 3, 0}, {4, 5, 6, 7, 1}} }
