package cpu

import (
	"strings"
	"testing"
)

func TestNewRefusesUnknownLevels(t *testing.T) {
	t.Setenv(levelVariable, "sse9")
	b, err := New(Options{})
	if err == nil || !strings.Contains(err.Error(), "sse9") {
		t.Errorf("New: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing what New gave with an error: %v", err)
	}
}

func TestLevelFromEnvironment(t *testing.T) {
	for _, c := range []struct{ value, wrong string }{
		{"", ""}, {"generic", ""}, {bestLevel().String(), ""},
		{"sse9", "POTION_CPU=sse9: want one of " + strings.Join(levelNames, ", ")},
	} {
		t.Setenv(levelVariable, c.value)
		l, err := chooseLevel()
		switch {
		case c.wrong != "":
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %v, want %q", c.value, err, c.wrong)
			}
		case err != nil:
			t.Errorf("%q: %v", c.value, err)
		case c.value != "" && l.String() != c.value, c.value == "" && l != bestLevel():
			t.Errorf("%q: level %v", c.value, l)
		}
	}
	if best := bestLevel(); int(best) < len(levelNames)-1 {
		t.Setenv(levelVariable, levelNames[len(levelNames)-1])
		if _, err := chooseLevel(); err == nil || !strings.Contains(err.Error(), best.String()) {
			t.Errorf("a level that the processor lacks: %v", err)
		}
	}
}
