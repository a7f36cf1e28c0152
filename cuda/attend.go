//go:build cuda && cgo && linux

package cuda

import "github.com/potion-engine/potion/engine"

// Attend is to come.
func (b *Backend) Attend(y, q engine.Tensor, kv engine.KV, step *engine.Step, spec *engine.AttendSpec) {
	engine.CheckAttend(y, q, kv, step, spec)
}
