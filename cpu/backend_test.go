package cpu

import (
	"fmt"
	"testing"

	"github.com/potion-engine/potion/engine/backendtest"
)

func newBackend(t testing.TB, o Options) *Backend {
	t.Helper()
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestParity(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{1, 2, 3} {
		for _, int8 := range []bool{false, true} {
			t.Run(fmt.Sprintf("threads=%d,int8=%v", threads, int8), func(t *testing.T) {
				t.Parallel()
				b := newBackend(t, Options{Threads: threads, Int8Activations: int8})
				o := backendtest.Options{Int8Activations: int8}
				if int8 { // the one operation that it changes
					o.Match = func(c backendtest.Case) bool { return c.Op == "Linear" }
				}
				backendtest.Suite(b, o, func(r backendtest.Result) {
					if testing.Verbose() {
						t.Log(r)
					}
					if r.Err != "" || r.Skip != "" {
						t.Error(r)
					}
				})
			})
		}
	}
}
