package cpu

import "github.com/potion-engine/potion/cpu/internal/simd"

// pause tells the processor that a loop waits, so that it does not run ahead, and leaves
// more to the other thread of its core.
func pause() { simd.Pause(1) }
