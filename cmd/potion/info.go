package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/potion-engine/potion/engine/demo"
	"github.com/potion-engine/potion/engine/format"
	"github.com/potion-engine/potion/engine/gguf"
	"github.com/potion-engine/potion/engine/model"
	"github.com/potion-engine/potion/engine/modelfile"
	"github.com/potion-engine/potion/engine/session"
	"github.com/potion-engine/potion/engine/tokenizer"
)

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "show what a model file holds and what it needs",
		ArgsUsage: "[MODEL]",
		Description: `Shows architecture, size, weight formats, hyper-parameters, tokenizer and the memory that a model
needs by context. A model that Potion cannot run is described as well, with the reason; only a file
that is malformed or contradicts itself is an error. Examples:

   potion info
   potion info smollm2.gguf
   potion info --tensors --metadata Qwen2.5-0.5B/
   potion info --json smollm2.gguf | jq .memory

--json prints one object: path, kind (gguf, folder or vocabulary), gguf_version, file_bytes, name,
architecture, runnable, reason, parameters, formats [{format, tensors, parameters, bytes}],
hyperparameters, tokenizer {kind, size, adds_bos, special, eog, warnings, error}, chat_template,
memory [{context, weights, activations, kv {f32, f16, q8_0}}] in bytes, tensors [{name, shape,
format, bytes}] with the row's length last, and metadata [{key, type, length, value}] with the first
` + fmt.Sprint(shownElements) + ` elements of an array.`,
		Flags: []cli.Flag{
			modelFlag(),
			&cli.BoolFlag{Name: "tensors", Usage: "list the tensors", Category: catOutput},
			&cli.BoolFlag{Name: "metadata", Usage: "list all keys of the metadata", Category: catOutput},
			jsonFlag("print everything as JSON"),
		},
		Action: info,
	}
}

// modelInfo is what potion info --json prints; the command's help documents it.
type modelInfo struct {
	Path         string          `json:"path"`
	Kind         string          `json:"kind"`
	GGUFVersion  uint32          `json:"gguf_version,omitempty"`
	FileBytes    int64           `json:"file_bytes"`
	Name         string          `json:"name"`
	Architecture string          `json:"architecture"`
	Runnable     bool            `json:"runnable"`
	Reason       string          `json:"reason,omitempty"`
	Parameters   int64           `json:"parameters"`
	Formats      []formatInfo    `json:"formats"`
	Hyper        *hyperInfo      `json:"hyperparameters,omitempty"`
	Tokenizer    *tokenizerInfo  `json:"tokenizer,omitempty"`
	Template     bool            `json:"chat_template"`
	Memory       []memoryInfo    `json:"memory"`
	Tensors      []tensorInfo    `json:"tensors"`
	Metadata     []metadataEntry `json:"metadata"`
}

type formatInfo struct {
	Format     string `json:"format"`
	Tensors    int    `json:"tensors"`
	Parameters int64  `json:"parameters"`
	Bytes      int64  `json:"bytes"`
}

type tensorInfo struct {
	Name   string  `json:"name"`
	Shape  []int64 `json:"shape"`
	Format string  `json:"format"`
	Bytes  int64   `json:"bytes"`
}

func (t *tensorInfo) parameters() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

type hyperInfo struct {
	Layers          int     `json:"layers"`
	Width           int     `json:"width"`
	Heads           int     `json:"heads"`
	KVHeads         int     `json:"kv_heads"`
	HeadDim         int     `json:"head_dim"`
	Hidden          int     `json:"hidden"`
	Vocab           int     `json:"vocab"`
	Context         int     `json:"context"`
	TiedOutput      bool    `json:"tied_output"`
	NormEps         float32 `json:"norm_eps"`
	RopeBase        float64 `json:"rope_base,omitempty"` // none: positions are learned
	RopeDims        int     `json:"rope_dims,omitempty"`
	RopeScaling     string  `json:"rope_scaling,omitempty"`
	Window          int     `json:"sliding_window,omitempty"`
	WindowedLayers  int     `json:"windowed_layers,omitempty"`
	AttentionScale  float32 `json:"attention_scale"`
	AttentionCap    float32 `json:"attention_softcap,omitempty"`
	LogitCap        float32 `json:"logit_softcap,omitempty"`
	KVBytesPerToken int64   `json:"kv_bytes_per_token_f16"`
}

type tokenizerInfo struct {
	Kind     string         `json:"kind,omitempty"`
	Size     int            `json:"size,omitempty"`
	AddsBOS  bool           `json:"adds_bos"`
	Special  []specialToken `json:"special,omitempty"`
	EOG      []specialToken `json:"eog,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
	Error    string         `json:"error,omitempty"` // why it cannot be used
}

type specialToken struct {
	Role string `json:"role,omitempty"`
	ID   int32  `json:"id"`
	Text string `json:"text"`
}

type memoryInfo struct {
	Context     int              `json:"context"`
	Weights     int64            `json:"weights"`
	Activations int64            `json:"activations"`
	KV          map[string]int64 `json:"kv"` // by format
}

func info(c *cli.Context) error {
	path, err := modelArgument(c)
	if err != nil {
		return err
	}
	file, err := modelfile.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	m, err := describe(file)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return json.NewEncoder(c.App.Writer).Encode(m)
	}
	return printInfo(c.App.Writer, m, c.Bool("tensors"), c.Bool("metadata"))
}

// describe gathers everything, or says what is contradictory in the file.
func describe(file *modelfile.File) (*modelInfo, error) {
	m := &modelInfo{Path: file.Path(), Formats: []formatInfo{}, Memory: []memoryInfo{}, Tensors: []tensorInfo{}, Metadata: []metadataEntry{}}
	ck, why := file.Checkpoint()
	if g := file.GGUF(); g != nil {
		m.Kind, m.GGUFVersion = "gguf", g.Version()
		m.Name, _, _ = g.Str("general.name")
		m.Architecture, _, _ = g.Str("general.architecture")
		m.Metadata = ggufMetadata(g)
		m.Tensors = ggufTensors(g)
	} else if err := m.folder(file, ck); err != nil {
		return nil, err
	}
	m.FileBytes = fileBytes(file)
	m.count()
	if err := m.judge(file, ck, why); err != nil {
		return nil, err
	}
	if err := m.tokenizer(file); err != nil {
		return nil, err
	}
	if ck != nil {
		m.hyper(ck.Config())
		m.memory(ck)
	}
	return m, nil
}

// folder describes a Hugging Face folder or a tokenizer.json.
func (m *modelInfo) folder(file *modelfile.File, ck model.Checkpoint) error {
	m.Kind = "vocabulary"
	entries, err := configMetadata(file.Path())
	if err != nil {
		return err
	}
	if entries == nil {
		return nil
	}
	m.Kind, m.Metadata = "folder", entries
	if abs, err := filepath.Abs(file.Path()); err == nil {
		m.Name = filepath.Base(abs)
	}
	if ck == nil {
		return nil
	}
	m.Architecture = ck.Config().Arch
	for _, spec := range ck.Config().Tensors() {
		d, err := ck.Tensor(spec.Name)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		shape := []int64{int64(d.Cols)}
		if d.Rows > 1 {
			shape = []int64{int64(d.Rows), int64(d.Cols)}
		}
		m.Tensors = append(m.Tensors, tensorInfo{spec.Name, shape, d.Format.String(), int64(d.Size())})
	}
	return nil
}

func ggufTensors(g *gguf.File) []tensorInfo {
	list := []tensorInfo{}
	for _, t := range g.Tensors() {
		shape := slices.Clone(t.Dims)
		slices.Reverse(shape)
		list = append(list, tensorInfo{t.Name, shape, t.Type.String(), t.Size()})
	}
	return list
}

// fileBytes is the size of the files that hold the weights.
func fileBytes(file *modelfile.File) int64 {
	if file.Path() == demo.Name {
		return int64(demo.Size())
	}
	var n int64
	for _, name := range sources(file) {
		if file.GGUF() == nil && filepath.Ext(name) != ".safetensors" {
			continue
		}
		if stat, err := os.Stat(name); err == nil {
			n += stat.Size()
		}
	}
	return n
}

// count adds up the tensors, the formats with the most bytes first.
func (m *modelInfo) count() {
	for i := range m.Tensors {
		t := &m.Tensors[i]
		m.Parameters += t.parameters()
		at := slices.IndexFunc(m.Formats, func(f formatInfo) bool { return f.Format == t.Format })
		if at < 0 {
			at = len(m.Formats)
			m.Formats = append(m.Formats, formatInfo{Format: t.Format})
		}
		f := &m.Formats[at]
		f.Tensors, f.Parameters, f.Bytes = f.Tensors+1, f.Parameters+t.parameters(), f.Bytes+t.Bytes
	}
	slices.SortStableFunc(m.Formats, func(a, b formatInfo) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
}

// judge says whether the model can be run and if not, why; it fails where a file of a
// known architecture contradicts itself.
func (m *modelInfo) judge(file *modelfile.File, ck model.Checkpoint, why error) error {
	if why == nil {
		why = model.Check(ck)
	}
	var unsupported *model.UnsupportedError
	switch {
	case why == nil:
		m.Runnable = true
		return nil
	case m.Kind == "vocabulary", m.Kind == "gguf" && len(m.Tensors) == 0:
		m.Reason = "a vocabulary or metadata alone; there are no weights to run"
		if m.Architecture == "" || slices.Contains(model.Architectures(), m.Architecture) {
			return nil
		}
		m.Reason = why.Error()
	case m.Kind == "gguf" && m.Architecture == "":
		m.Reason = "general.architecture is missing; this is no language model's file"
	case errors.As(why, &unsupported):
		m.Reason = why.Error()
		return m.experts(file)
	default:
		return why
	}
	m.Reason = strings.TrimPrefix(m.Reason, m.Path+": ")
	return nil
}

// experts checks what can be checked of a mixture of experts.
func (m *modelInfo) experts(file *modelfile.File) error {
	m.Reason = strings.TrimPrefix(m.Reason, m.Path+": ")
	if m.Kind != "gguf" {
		return nil
	}
	total, _, err := file.GGUF().Uint(m.Architecture + ".expert_count")
	if err != nil {
		return err
	}
	used, _, err := file.GGUF().Uint(m.Architecture + ".expert_used_count")
	if err != nil {
		return err
	}
	if used > total {
		return fmt.Errorf("%s: %s.expert_used_count is %d of only %d experts", m.Path, m.Architecture, used, total)
	}
	return nil
}

// foreignTokenizers are the families of llama.cpp that Potion does not have.
var foreignTokenizers = []string{"bert", "t5", "rwkv", "plamo2", "gemma4", "hybriddna"}

// tokenizer describes the tokenizer. One that contradicts itself is an error where the model
// would run with it.
func (m *modelInfo) tokenizer(file *modelfile.File) error {
	t, err := file.Tokenizer()
	switch {
	case errors.Is(err, tokenizer.ErrNone):
		return nil
	case err != nil:
		if m.Runnable && m.Kind == "gguf" && !foreign(file.GGUF(), err) {
			return err
		}
		m.Tokenizer = &tokenizerInfo{Error: strings.TrimPrefix(err.Error(), m.Path+": ")}
		return nil
	}
	i := &tokenizerInfo{Kind: t.Kind(), Size: t.Size(), AddsBOS: t.AddsBOS(), Warnings: t.Warnings()}
	for _, s := range []struct {
		role string
		id   func() (int32, bool)
	}{{"bos", t.BOS}, {"eos", t.EOS}, {"eot", t.EOT}, {"unk", t.UNK}, {"pad", t.PAD}} {
		if id, ok := s.id(); ok {
			i.Special = append(i.Special, specialToken{s.role, id, t.Piece(id)})
		}
	}
	for _, id := range t.EOG() {
		i.EOG = append(i.EOG, specialToken{ID: id, Text: t.Piece(id)})
	}
	m.Tokenizer = i
	_, err = file.ChatTemplate()
	m.Template = err == nil
	return nil
}

// foreign says whether a tokenizer is merely of a kind that Potion does not know.
func foreign(g *gguf.File, err error) bool {
	family, _, _ := g.Str("tokenizer.ggml.model")
	return slices.Contains(foreignTokenizers, family) || strings.Contains(err.Error(), "tokenizer.ggml.pre: unknown")
}

func (m *modelInfo) hyper(c *model.Config) {
	h := &hyperInfo{
		Layers: c.Layers, Width: c.Width, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim, Hidden: c.Hidden,
		Vocab: c.Vocab, Context: c.Context, NormEps: c.NormEps, Window: c.Window,
		AttentionScale: c.Scale, AttentionCap: c.AttnCap, LogitCap: c.LogitCap, KVBytesPerToken: c.KVBytes(1, format.F16),
		TiedOutput: !slices.ContainsFunc(m.Tensors, func(t tensorInfo) bool { return t.Name == "output.weight" }),
	}
	if !c.Learned {
		h.RopeBase, h.RopeDims, h.RopeScaling = c.Rope.Base, c.Rope.Dims, c.Rope.Scaling.Kind
	}
	for _, w := range c.Windowed {
		if w && c.Window > 0 {
			h.WindowedLayers++
		}
	}
	m.Hyper = h
}

// memory works out what contexts up to the trained one need.
func (m *modelInfo) memory(ck model.Checkpoint) {
	c := ck.Config()
	contexts := []int{512, 2048, 4096, 8192, c.Context}
	contexts = slices.DeleteFunc(contexts, func(n int) bool { return n > c.Context })
	slices.Sort(contexts)
	for _, n := range slices.Compact(contexts) {
		i := memoryInfo{Context: n, Weights: model.Bytes(ck), KV: map[string]int64{}}
		for _, f := range kvFormats {
			if f.CheckCols(c.HeadDim) != nil {
				continue
			}
			kv, work, err := session.Options{Context: n, KV: f}.MemoryBytes(c)
			if err != nil {
				continue
			}
			i.KV[strings.ToLower(f.String())], i.Activations = kv, work
		}
		m.Memory = append(m.Memory, i)
	}
}

// kvFormats are those of the KV cache.
var kvFormats = []format.Format{format.F32, format.F16, format.Q8_0}
