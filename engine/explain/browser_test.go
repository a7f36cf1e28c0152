package explain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/potion-engine/potion/engine/explain"
)

// driver does with the page what a reader does, and writes down what it then shows.
const driver = `<script>
window.seen = [];
const look = what => {
  const bottles = [...document.querySelectorAll("#words .word")];
  seen.push({what, readout: document.getElementById("readout").textContent, layer: document.getElementById("layer").value,
    selected: bottles.findIndex(b => b.getAttribute("aria-selected") === "true"),
    levels: bottles.map(b => (50 - Number(b.querySelector(".liquid").getAttribute("y"))) / 42),
    pours: [...document.querySelectorAll("#pours path")].map(p => ({from: Number(p.dataset.from), share: Number(p.dataset.share)})),
    pressed: [...document.querySelectorAll("#ribbon button")].findIndex(b => b.getAttribute("aria-pressed") === "true"),
    next: document.querySelector("#candidates .name")?.textContent ?? "",
    wide: document.documentElement.scrollWidth > innerWidth});
};
const word = i => document.querySelectorAll("#words .word")[i];
const point = (i, type) => word(i).dispatchEvent(new PointerEvent(type, {pointerType: "mouse", bubbles: type !== "pointerenter"}));
look("open");
point(3, "pointerenter"); look("hover");
document.getElementById("words").dispatchEvent(new PointerEvent("pointerleave", {pointerType: "mouse"})); look("leave");
const slider = document.getElementById("layer");
slider.value = 2; slider.dispatchEvent(new Event("input", {bubbles: true})); look("slide");
word(5).click(); look("choose");
word(5).dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true, cancelable: true})); look("left");
word(4).dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true, cancelable: true})); look("down");
const heads = document.getElementById("head");
heads.value = "3"; heads.dispatchEvent(new Event("change", {bubbles: true})); look("head");
document.querySelectorAll("#ribbon button")[0].click(); look("start");
document.body.append(Object.assign(document.createElement("pre"), {id: "driven", textContent: JSON.stringify(seen)}));
</script></body>`

// view is what driver writes down.
type view struct {
	What, Readout, Layer, Next string
	Selected, Pressed          int
	Levels                     []float64
	Pours                      []struct {
		From  int
		Share float64
	}
	Wide bool
}

var driven = regexp.MustCompile(`(?s)<pre id="driven">(.*?)</pre>`)

// drive opens a page in headless Chromium, of a width in pixels, and returns what driver saw.
func drive(t *testing.T, page string, width int) map[string]view {
	t.Helper()
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("neither Chromium nor Chrome is installed")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, []byte(strings.Replace(page, "</body>", driver, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	c := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir="+filepath.Join(dir, "profile"), fmt.Sprintf("--window-size=%d,900", width), "--enable-logging=stderr",
		"--virtual-time-budget=2000", "--dump-dom", "file://"+filepath.ToSlash(path))
	var log strings.Builder
	c.Stderr, c.WaitDelay = &log, time.Second
	out, err := c.Output()
	if ctx.Err() != nil {
		t.Skipf("%s takes more than a minute here", browser)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", browser, err, log.String())
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says %s", line)
		}
	}
	m := driven.FindSubmatch(out)
	if m == nil {
		t.Fatalf("the page's script did not run to its end:\n%s", log.String())
	}
	var list []view
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &list); err != nil {
		t.Fatal(err)
	}
	views := map[string]view{}
	for _, v := range list {
		views[v.What] = v
	}
	return views
}

// In a browser, on a screen and on a phone, pointing, sliding and keys show the model's shares.
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	x, page := paged(t, nil, explain.Request{IDs: sarah, Token: len(sarah) - 1, Top: 5, EveryLens: true})
	n, layers := len(sarah), x.Model.Layers
	for name, width := range map[string]int{"screen": 1280, "phone": 500} { // Chromium's windows are at least 500 wide
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			views := drive(t, page, width)
			for _, want := range []struct {
				what                        string
				word, layer, head, selected int
			}{
				{"open", n - 1, layers, 0, n - 1}, {"hover", 3, layers, 0, n - 1}, {"leave", n - 1, layers, 0, n - 1}, {"slide", n - 1, 2, 0, n - 1},
				{"choose", 5, 2, 0, 5}, {"left", 4, 2, 0, 4}, {"down", 4, 1, 0, 4}, {"head", 4, 1, 3, 4}, {"start", 4, 0, 3, 4},
			} {
				v := views[want.what]
				if v.Layer != fmt.Sprint(want.layer) || v.Selected != want.selected || v.Pressed != want.layer || v.Wide {
					t.Errorf("%s: %+v, want layer %d, word %d", want.what, v, want.layer, want.selected)
					continue
				}
				checkView(t, x, v, want.word, want.layer, want.head)
			}
			if a, b := views["open"].Next, views["hover"].Next; a == "" || b == "" || a == b {
				t.Errorf("candidates begin with %q, and of another word with %q", a, b)
			}
		})
	}
}

// checkView holds bottles and pours to the shares of a word.
func checkView(t *testing.T, x recorded, v view, word, layer, head int) {
	t.Helper()
	n, heads := len(x.Tokens), x.Model.Heads
	share := func(from int) float64 {
		if layer == 0 || from > word {
			return 0
		}
		sum := 0.0
		for h := range heads {
			if head == 0 || h == head-1 {
				sum += float64(x.attention[(((layer-1)*heads+h)*n+word)*n+from])
			}
		}
		if head == 0 {
			return sum / float64(heads)
		}
		return sum
	}
	for i, level := range v.Levels {
		if math.Abs(level-share(i)) > 1e-4 {
			t.Errorf("%s: bottle %d is filled to %.5f, the share is %.5f", v.What, i, level, share(i))
		}
	}
	if layer > 0 && len(v.Pours) == 0 {
		t.Errorf("%s: no pours", v.What)
	}
	for _, p := range v.Pours {
		if math.Abs(p.Share-share(p.From)) > 1e-4 {
			t.Errorf("%s: %.4f pours from %d, the share is %.4f", v.What, p.Share, p.From, share(p.From))
		}
	}
	if where := fmt.Sprintf("In layer %d", layer); layer > 0 && !strings.HasPrefix(v.Readout, where) {
		t.Errorf("%s: it reads %q", v.What, v.Readout)
	}
}
