package ptxgen

import (
	"fmt"
	"math"
	"text/template"
)

// sampleMacros are numbers in the kernels that choose a token.
func sampleMacros() template.FuncMap {
	return template.FuncMap{
		"f64":    f64,
		"taylor": taylor,
		// the keys of -MaxFloat32 with the greatest id, and of +infinity with that
		"leastKey":    func() string { return fmt.Sprintf("0x%x", uint64(0x800000)<<23) },
		"infiniteKey": func() string { return fmt.Sprintf("0x%x", uint64(0xff800000)<<23) },
	}
}

// f64 is a number as PTX writes it.
func f64(x float64) string { return fmt.Sprintf("0d%016X", math.Float64bits(x)) }

// taylor is 1/11!, 1/10!, ... 1/0!, as package sample has them.
func taylor() []string {
	var list []string
	factorial := 39916800.0
	for n := 11; n >= 0; n-- {
		list = append(list, f64(1/factorial))
		factorial /= max(float64(n), 1)
	}
	return list
}
