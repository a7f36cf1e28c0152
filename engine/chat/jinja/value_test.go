package jinja

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	const doc = `{"z": 1, "a": [1.0, 1e2, 18446744073709551616, -0, null, true, "\u00e9\ud83e\udd99"], "z2": {}}`
	v, err := DecodeJSON([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := Compile("{{ v | tojson }}", Options{})
	if err != nil {
		t.Fatal(err)
	}
	vars := NewDict()
	vars.Set("v", v)
	const want = `{"z": 1, "a": [1.0, 100.0, 18446744073709551616, 0, null, true, "é🦙"], "z2": {}}`
	if got, err := tmpl.Render(vars, frozen); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, bad := range []string{"", "{", "[1,]", `{"a" 1}`, "1 2", "nul", strings.Repeat("[", 100000), strings.Repeat("9", 10000)} {
		if _, err := DecodeJSON([]byte(bad)); err == nil {
			t.Errorf("%.20q is accepted", bad)
		}
	}
}

func TestFromGo(t *testing.T) {
	t.Parallel()
	type schema struct {
		Type string  `json:"type"`
		Max  float32 `json:"max"`
		Enum []string
	}
	v, err := FromGo(map[string]any{
		"b": schema{"<int>", 0.5, []string{"x"}}, "a": int32(1), "raw": json.RawMessage(`{"y":1,"x":2}`), "n": nil, "m": map[string]string{"k": "v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := Compile("{{ v | tojson }}", Options{})
	if err != nil {
		t.Fatal(err)
	}
	vars := NewDict()
	vars.Set("v", v)
	const want = `{"a": 1, "b": {"type": "<int>", "max": 0.5, "Enum": ["x"]}, "m": {"k": "v"}, "n": null, "raw": {"y": 1, "x": 2}}`
	if got, err := tmpl.Render(vars, frozen); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, bad := range []any{make(chan int), []any{func() {}}, map[string]any{"a": json.RawMessage("{")}} {
		if _, err := FromGo(bad); err == nil {
			t.Errorf("%T is accepted", bad)
		}
	}
}
