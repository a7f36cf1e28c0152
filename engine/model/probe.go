package model

import "github.com/potion-engine/potion/engine"

// AttentionProbe receives the attention weights of some rows of each step, layer by layer.
type AttentionProbe struct {
	Rows []int32 // of the step
	// Weights is a tensor [len(Rows)*H, P] on the layer's backend, with row i*H+h for head h of
	// Rows[i] and a column for each position up to the greatest: see engine.AttendSpec.
	Weights func(layer int) engine.Tensor
	// Visit is called once the weights of a layer are queued. It may Read them.
	Visit func(layer int)
}

// Lens is for use within w.Probe(layer, x): what the output layer makes of rows of x, at most
// w.OutRows of them. The tensor [len(rows), V] is on m.Backend and holds until the next call.
// It is Logits where the model ends with that layer.
func (m *Model) Lens(w *Workspace, layer int, x engine.Tensor, rows []int32) (engine.Tensor, error) {
	if b := m.LayerBackend(max(layer, 0)); b != m.Backend {
		// The last part has nothing in hand before the stream reaches it.
		host := w.host[:x.Len()]
		if err := b.Read(host, x); err != nil {
			return engine.Tensor{}, err
		}
		m.Backend.Write(w.last().x.Part(0, x.Rows()), host)
	}
	return m.Logits(w, rows), nil
}
