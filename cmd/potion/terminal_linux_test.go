package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childVariable makes the test binary the program itself.
const childVariable = "POTION_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	main()
}

// terminal is a program that runs on a pseudoterminal.
type terminal struct {
	t        *testing.T
	keyboard *os.File // what is written here is typed, what is read was shown
	before   *unix.Termios
	program  *exec.Cmd
	mu       sync.Mutex
	shown    strings.Builder
}

// openTerminal starts potion on a terminal of so many columns.
func openTerminal(t *testing.T, columns uint16, env []string, args ...string) *terminal {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, keyboard: keyboard}
	if x.before, err = unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x.program = exec.Command(self, args...)
	x.program.Env = append(append(os.Environ(), childVariable+"=1", "TERM=xterm", "XDG_CACHE_HOME="+t.TempDir()), env...)
	x.program.Stdin, x.program.Stdout, x.program.Stderr = screen, screen, screen
	x.program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.program.Process.Kill() }) //nolint:errcheck // it has ended, if all is well
	screen.Close()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := keyboard.Read(buf)
			x.mu.Lock()
			x.shown.Write(buf[:n])
			x.mu.Unlock()
			if err != nil { // the program has ended
				return
			}
		}
	}()
	return x
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shown.String()
}

// patience is for machines that do a great deal else.
const patience = 60 * time.Second

// wait waits until something is shown.
func (x *terminal) wait(what string) {
	x.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(x.text(), what); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("%q never came:\n%q", what, x.text())
		}
	}
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	if _, err := x.keyboard.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the program to end, with one of some exit codes, and looks whether the terminal is as it
// was: cooked, echoing, with a cursor.
func (x *terminal) end(codes ...int) {
	x.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	defer context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			x.program.Process.Kill() //nolint:errcheck // Wait tells
		}
	})()
	_ = x.program.Wait() // the exit code tells
	if got := x.program.ProcessState.ExitCode(); !slices.Contains(codes, got) {
		x.t.Errorf("exit code %d (%v), want %d:\n%q", got, x.program.ProcessState, codes, x.text())
	}
	after, err := unix.IoctlGetTermios(int(x.keyboard.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	if after.Iflag != x.before.Iflag || after.Oflag != x.before.Oflag || after.Lflag != x.before.Lflag {
		x.t.Errorf("the terminal's modes were %+v and are %+v", x.before, after)
	}
	if text := x.text(); strings.LastIndex(text, "\x1b[?25l") > strings.LastIndex(text, "\x1b[?25h") {
		x.t.Error("the cursor is hidden")
	}
}

const ctrlC, ctrlD = "\x03", "\x04"

func TestTerminalInterrupts(t *testing.T) {
	t.Parallel()
	t.Run("generate", func(t *testing.T) {
		t.Parallel()
		x := openTerminal(t, 80, nil, "generate", "--device", "cpu", "-n", "-1", "--ignore-eos", "--seed", "1", "Once upon a time")
		x.wait("Once upon a time")
		x.press(ctrlC)
		x.end(exitInterrupted, 0) // a fast machine may have filled the context by then
	})
	t.Run("bench", func(t *testing.T) {
		t.Parallel()
		x := openTerminal(t, 80, nil, "bench", "--device", "cpu", "-r", "1000000", "-p", "8", "-n", "0")
		x.wait("runs, ")
		x.press(ctrlC)
		x.end(exitInterrupted)
		x.wait("potion: interrupted")
	})
	t.Run("chat", func(t *testing.T) {
		t.Parallel()
		x := openTerminal(t, 80, nil, "chat", "--device", "cpu", "--chat-template", "chatml", "-n", "20")
		x.wait("> ")
		x.press(ctrlC) // at the prompt it does nothing
		x.wait("ends the talk")
		x.press("hello\r")
		x.wait("stop: ")
		x.press(ctrlD)
		x.end(0)
	})
	t.Run("chat is terminated", func(t *testing.T) {
		t.Parallel()
		x := openTerminal(t, 80, nil, "chat", "--device", "cpu", "--chat-template", "chatml")
		x.wait("> ")
		x.press("half a li")
		x.wait("half a li")
		if err := x.program.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		x.end(exitInterrupted)
	})
}

func TestTerminalWidthAndColours(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		columns  uint16
		env      []string
		coloured bool
	}{
		"ordinary": {80, nil, true}, "tiny": {10, nil, true}, "of no width": {0, nil, true}, "without colours": {80, []string{"NO_COLOR=1"}, false}, "dumb": {80, []string{"TERM=dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := openTerminal(t, test.columns, test.env, "explain", "--device", "cpu", "-q", "Sarah lies")
			x.end(0)
			x.wait("settled")
			if coloured := strings.Contains(x.text(), "\x1b["); coloured != test.coloured {
				t.Errorf("colours: %v, want %v", coloured, test.coloured)
			}
		})
	}
}
