// Package demo is the model that runs when no other is given: Fireside Tales, a
// GPT-2-shaped model of 5.9 million parameters that tells bedtime stories, packed as Q8_0.
// README.md beside this file says what it learned from and how it was made; it is offered
// under CC0.
package demo

import (
	_ "embed" // for Model

	"github.com/potion-engine/potion/engine/gguf"
)

// Name is what messages call the embedded model.
const Name = "demo (Fireside Tales)"

//go:embed fireside-tales-Q8_0.gguf
var file []byte

// Open is the embedded model's file.
func Open() (*gguf.File, error) { return gguf.OpenBytes(Name, file) }

// Size is the file's size in bytes.
func Size() int { return len(file) }
