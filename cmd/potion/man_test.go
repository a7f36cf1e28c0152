package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestMan(t *testing.T) {
	t.Parallel()
	page, stderr, code := potion(t, "", "man")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{
		".TH POTION 1 ", ".SS potion generate|gen [flags] TEXT\n", `\fB\-\-temp\fR \fIVALUE\fR`, `\fB\-\-model\fR, \fB\-m\fR \fIFILE\fR`,
		`potion generate "Once upon a time"`, ".SH EXIT STATUS", "NO_COLOR",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, c := range newApp().Commands {
		if !c.Hidden && !strings.Contains(page, ".SS potion "+c.Name) {
			t.Errorf("the page is silent on %s", c.Name)
		}
	}
	if _, stderr, code := potion(t, "", "man", "generate"); code != exitUsage || !strings.Contains(stderr, "takes no TEXT") {
		t.Errorf("man generate: exit code %d, %s", code, stderr)
	}
}

// groff knows every macro and escape of the page.
func TestManGroff(t *testing.T) {
	t.Parallel()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	page, _, _ := potion(t, "", "man")
	c := exec.Command(groff, "-man", "-Tascii", "-ww", "-b")
	c.Stdin = strings.NewReader(page)
	var warnings strings.Builder
	c.Stderr = &warnings
	out, err := c.Output()
	if err != nil || warnings.Len() > 0 {
		t.Fatalf("groff: %v\n%s", err, warnings.String())
	}
	if !strings.Contains(string(out), "Talk with a model.") {
		t.Errorf("groff made of it\n%.2000s", out)
	}
}
