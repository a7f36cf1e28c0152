package explain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/potion-engine/potion/engine/explain"
)

// written is an explanation and how it was written as JSON.
func written(t *testing.T, path string, q explain.Request) (recorded, []byte) {
	t.Helper()
	r, tok, _ := open(t, path, onCPU(t))
	x := explained(t, r, tok, q)
	var out bytes.Buffer
	j := explain.NewJSONWriter(&out, len(q.IDs))
	q.Layer = j.Layer
	e, err := explain.Run(t.Context(), r, tok, q)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Finish(e); err != nil {
		t.Fatal(err)
	}
	return x, out.Bytes()
}

func TestJSONFollowsItsSchema(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal([]byte(explain.Schema), &schema); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"demo": "", "gemma3": filepath.Join(tiny, "gemma3", "hf")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, text := written(t, path, explain.Request{IDs: []int32{5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, Token: 7, Top: 4, EveryLens: true})
			var value any
			if err := json.Unmarshal(text, &value); err != nil {
				t.Fatal(err)
			}
			if err := conforms(schema, schema, value, "$"); err != nil {
				t.Fatal(err)
			}
			var back struct {
				Token     int
				Tokens    []explain.Token
				Attention [][][][]float32
				Lens      []explain.Lens
			}
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatal(err)
			}
			m := x.Model
			if len(back.Attention) != m.Layers || len(back.Attention[0]) != m.Heads || len(back.Attention[0][0]) != 10 || len(back.Lens) != 10 || back.Token != 7 {
				t.Errorf("%d layers of attention, %d lenses, token %d", len(back.Attention), len(back.Lens), back.Token)
			}
			flat := slices.Concat(slices.Concat(slices.Concat(back.Attention...)...)...)
			if !slices.Equal(flat, x.attention) {
				t.Error("attention does not come back bit for bit")
			}
		})
	}
}

func TestSchemaIsChecked(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal([]byte(explain.Schema), &schema); err != nil {
		t.Fatal(err)
	}
	_, text := written(t, "", explain.Request{IDs: []int32{5, 6}, Token: 1, Top: 1})
	for _, change := range [][2]string{{`"version":1`, `"version":2`}, {`"token":`, `"tokne":`}, {`"after_layer":0`, `"after_layer":-1`}, {`"text":`, `"text":0,"x":`}, {`[1,0]`, `[1.5,0]`}} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		var value any
		if err := json.Unmarshal([]byte(changed), &value); err != nil || changed == string(text) {
			t.Fatalf("%v: %v", change, err)
		}
		if conforms(schema, schema, value, "$") == nil {
			t.Errorf("%v is not noticed", change)
		}
	}
}

// conforms checks a value against the part of JSON Schema that explain.Schema uses.
func conforms(root, schema map[string]any, value any, at string) error {
	for key, want := range schema {
		if err := keyword(root, schema, key, want, value, at); err != nil {
			return err
		}
	}
	return nil
}

func keyword(root, schema map[string]any, key string, want, value any, at string) error {
	number, _ := value.(float64)
	array, _ := value.([]any)
	object, _ := value.(map[string]any)
	bad := false
	switch key {
	case "$schema", "title", "description", "$defs":
	case "$ref":
		name := strings.TrimPrefix(want.(string), "#/$defs/")
		return conforms(root, root["$defs"].(map[string]any)[name].(map[string]any), value, at)
	case "const":
		bad = value != want
	case "type":
		bad = !typed(want.(string), value)
	case "minimum":
		bad = number < want.(float64)
	case "maximum":
		bad = number > want.(float64)
	case "minItems":
		bad = len(array) < int(want.(float64))
	case "maxItems":
		bad = len(array) > int(want.(float64))
	case "items":
		for i, v := range array {
			if err := conforms(root, want.(map[string]any), v, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "required":
		for _, name := range want.([]any) {
			if _, ok := object[name.(string)]; !ok {
				return fmt.Errorf("%s has no %s", at, name)
			}
		}
	case "properties":
		for name, v := range object {
			if p, ok := want.(map[string]any)[name]; ok {
				if err := conforms(root, p.(map[string]any), v, at+"."+name); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		for name := range object {
			if _, ok := schema["properties"].(map[string]any)[name]; !ok {
				return fmt.Errorf("%s.%s is not in the schema", at, name)
			}
		}
	default:
		return fmt.Errorf("%s: the test does not know the keyword %s", at, key)
	}
	if bad {
		return fmt.Errorf("%s: %v breaks %s %v", at, value, key, want)
	}
	return nil
}

func typed(want string, value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return want == "object"
	case []any:
		return want == "array"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && v == math.Trunc(v)
	}
	return false
}

// fullDisk fails after some bytes.
type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestJSONToAFullDisk(t *testing.T) {
	t.Parallel()
	r, tok, _ := open(t, "", onCPU(t))
	q := explain.Request{IDs: make([]int32, 100), Top: 1}
	j := explain.NewJSONWriter(&fullDisk{left: 1 << 17}, len(q.IDs))
	q.Layer = j.Layer
	e, err := explain.Run(t.Context(), r, tok, q)
	if err == nil {
		err = j.Finish(e)
	}
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v", err)
	}
}
