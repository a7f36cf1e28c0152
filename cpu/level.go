package cpu

import (
	"fmt"
	"os"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// level is a set of instructions that the inner loops are written for.
type level int

// generic is plain Go. Levels above it belong to an architecture, each better than the one
// before; levelNames are those of this one.
const generic level = 0

func (l level) String() string { return levelNames[l] }

// levelVariable is the environment variable that forces a level.
const levelVariable = "POTION_CPU"

// chooseLevel is the level of New: the one that the environment asks for, else the best
// that this processor has.
func chooseLevel() (level, error) {
	best := bestLevel()
	name := os.Getenv(levelVariable)
	if name == "" {
		return best, nil
	}
	for l, n := range levelNames {
		if n != name {
			continue
		}
		if level(l) > best {
			return 0, fmt.Errorf("cpu: %s=%s, but this processor or build has only %s", levelVariable, name, strings.Join(levelNames[:best+1], ", "))
		}
		return level(l), nil
	}
	return 0, fmt.Errorf("cpu: %s=%s: want one of %s, or nothing for the best that there is", levelVariable, name, strings.Join(levelNames, ", "))
}

// supports says whether the processor, and the operating system, have all of some
// features.
func supports(features ...cpuid.FeatureID) bool { return cpuid.CPU.Supports(features...) }
