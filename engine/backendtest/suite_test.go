package backendtest

import (
	"testing"
)

// The Reference rounds nothing, so it passes with no tolerance at all but that of a
// float32 answer.
func TestReferencePassesEveryCase(t *testing.T) {
	t.Parallel()
	b := NewReference()
	for _, c := range Cases() {
		r := c.Run(b, Options{})
		if c.Op == "Sample" && r.Skip != "" {
			continue // it chooses nothing: package sample is the specification of that
		}
		if !r.Pass || r.NMSE > 1e-15 {
			t.Error(r)
		}
	}
}

func TestCaseNamesAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Cases() {
		name := c.Op + "/" + c.Name
		if seen[name] {
			t.Errorf("two cases are called %s", name)
		}
		seen[name] = true
	}
	t.Logf("%d cases", len(seen))
}
