package usage

import "testing"

func TestParse(t *testing.T) {
	t.Parallel()
	rows, err := parse("kernel,text,sm_70,sm_80,sm_90\na,0123,40,42+16,44\nb,4567,,32,\n")
	if err != nil {
		t.Fatal(err)
	}
	a, b := rows["a"], rows["b"]
	if a.Text != "0123" || a.Registers[70] != 40 || a.Registers[80] != 42 || a.Spills[80] != 16 || a.Spills[70] != 0 {
		t.Errorf("%+v", a)
	}
	for compute, want := range map[int]int{75: 40, 86: 42, 120: 44} {
		if n, ok := a.RegistersOn(compute); n != want || !ok {
			t.Errorf("registers on sm_%d: %d, want %d", compute, n, want)
		}
	}
	if _, ok := b.RegistersOn(75); ok {
		t.Error("registers of a kernel on an architecture that it is too new for")
	}
	if n, ok := b.RegistersOn(90); n != 32 || !ok {
		t.Errorf("registers on sm_90 of a kernel assembled for sm_80: %d, want 32", n)
	}
	for _, bad := range []string{"kernel,text,sm_x\na,1,2\n", "kernel,text,sm_70\na,1,x\n", "kernel,text,sm_70\na,1\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	if _, _, err := Find("no_such_kernel"); err == nil {
		t.Error("an unknown kernel: no error")
	}
}
