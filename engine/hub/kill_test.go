package hub

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childVariable makes the test binary a program that pulls the model it names.
const childVariable = "POTION_TEST_PULL"

func TestMain(m *testing.M) {
	name := os.Getenv(childVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	h, err := FromEnv(os.Getenv)
	if err == nil {
		var n Name
		if n, err = Parse(name); err == nil {
			_, err = h.Pull(ctx, n)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A process that is killed after a random number of bytes, again and again, leaves nothing
// that looks finished and is not, and the next one goes on from there.
func TestKilledAndResumed(t *testing.T) {
	t.Parallel()
	const kills, size = 50, 400_000
	files := map[string][]byte{}
	for i := range 3 {
		files[fmt.Sprintf("tiny-Q4_0-0000%d-of-00003.gguf", i+1)] = noise(uint64(i), size)
	}
	s := newFakeHub(t, files)
	h := s.client(t)
	n := mustParse(t, tiny)
	run := func(killAfter int) error {
		c := exec.Command(os.Args[0])
		var stderr bytes.Buffer
		c.Stderr = &stderr
		c.Env = append(os.Environ(), childVariable+"="+tiny, "HF_ENDPOINT="+s.hub.URL, "HF_HUB_CACHE="+h.Cache, "HF_TOKEN="+testToken)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.sent, s.onSent = 0, func(total int) {
			if total >= killAfter {
				_ = c.Process.Kill()
			}
		}
		s.mu.Unlock()
		if err := c.Wait(); err != nil {
			return fmt.Errorf("%w: %s", err, stderr.String())
		}
		return nil
	}
	check := func() (inPlace int64) {
		blobs, _ := filepath.Glob(filepath.Join(h.folder(n.Repo), "blobs", "*"))
		for _, b := range blobs {
			data, err := os.ReadFile(b)
			if err != nil {
				t.Fatal(err)
			}
			inPlace += int64(len(data))
			if name := filepath.Base(b); !strings.HasSuffix(name, ".incomplete") && name != sumOf("x.gguf", data) {
				t.Errorf("blob %s holds something else", name)
			}
		}
		return inPlace
	}
	rng := rand.New(rand.NewPCG(1, 2))
	killed, most := 0, int64(0)
	for range kills {
		// Mostly near the beginning, so that there is something left for every kill.
		err := run(1 + rng.IntN(1+rng.IntN(3*size/kills)))
		if err != nil {
			killed++
		}
		had := check()
		if had < most {
			t.Errorf("%d bytes were in place, then %d", most, had)
		}
		most = max(most, had)
		if err == nil {
			break
		}
		if _, err := h.Find(n); err == nil {
			t.Error("a model that is not all there was found")
		}
	}
	if err := run(1 << 40); err != nil {
		t.Fatal(err)
	}
	path, err := h.Find(n)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		sameFile(t, filepath.Join(filepath.Dir(path), name), data)
	}
	if left, _ := filepath.Glob(filepath.Join(h.folder(n.Repo), "blobs", "*.incomplete")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	resumed := 0
	for _, r := range s.ranges {
		if r != "" {
			resumed++
		}
	}
	t.Logf("killed %d times, %d requests went on from where another had ended", killed, resumed)
	if killed < 30 || resumed == 0 {
		t.Errorf("killed only %d times, resumed %d times", killed, resumed)
	}
}
