package model

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Transformers 5 writes config.json in another form than transformers 4; both must mean the
// same model.
func TestBothFormsOfConfigJSON(t *testing.T) {
	t.Parallel()
	forms, err := filepath.Glob("testdata/*/hf/config_v5.json")
	if err != nil || len(forms) == 0 {
		t.Fatalf("no config_v5.json found: %v", err)
	}
	for _, v5 := range forms {
		var configs []*Config
		for _, path := range []string{v5, filepath.Join(filepath.Dir(v5), "config.json")} {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, _, _, err := hfConfig(text)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			configs = append(configs, c)
		}
		if !reflect.DeepEqual(configs[0], configs[1]) {
			t.Errorf("%s: %+v\nbut config.json: %+v", v5, configs[0], configs[1])
		}
	}
}
