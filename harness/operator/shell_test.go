//go:build linux

package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shell is another program's process, which starts a shell on its own standard streams,
// until it gets SIGUSR1.
func shell([]string) error {
	over := errors.New("the drill is over")
	ctx, cancel := context.WithCancelCause(context.Background())
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	go func() {
		<-told
		cancel(over)
	}()
	code, err := Shell{Path: "/bin/sh", Env: append(os.Environ(), "PS1=> ", "GIVEN=yes"), In: os.Stdin, Out: os.Stdout, Err: os.Stderr}.Run(ctx)
	holder, _ := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	fmt.Printf("ended with %d, %v, and the terminal is ours again: %v\n", code, err, holder == unix.Getpgrp())
	return nil
}

// screen is what was printed on a terminal.
type screen struct {
	t      *testing.T
	master *os.File
	worker *exec.Cmd

	mu   sync.Mutex
	text string
	more chan struct{} // closed and replaced when more was printed; nil: nothing more will be
}

// inTerminal starts the worker in a session of its own whose terminal the test holds.
func inTerminal(t *testing.T) *screen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	s := &screen{t: t, master: master, more: make(chan struct{}), worker: exec.Command("/proc/self/exe", "play", "shell")}
	s.worker.Stdin, s.worker.Stdout, s.worker.Stderr = slave, slave, slave
	s.worker.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if err := s.worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.worker.Process.Kill() })
	go s.read()
	return s
}

func (s *screen) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.text += string(buf[:n])
		close(s.more)
		s.more = make(chan struct{})
		if err != nil {
			s.more = nil
		}
		s.mu.Unlock()
		if err != nil {
			return // EIO: nobody has the terminal any more
		}
	}
}

func (s *screen) types(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, text); err != nil {
		s.t.Fatal(err)
	}
}

// typesUntil types something again and again until the screen shows a text.
func (s *screen) typesUntil(text, shown string) {
	s.t.Helper()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	s.types(text)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-again.C:
				_, _ = io.WriteString(s.master, text)
			case <-done:
				return
			}
		}
	}()
	defer close(done)
	s.shows(shown)
}

// shows waits until the screen shows a text, and forgets what was before.
func (s *screen) shows(text string) (line string) {
	s.t.Helper()
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	for {
		s.mu.Lock()
		if _, rest, ok := strings.Cut(s.text, text); ok {
			if line, after, whole := strings.Cut(rest, "\n"); whole {
				s.text = after
				s.mu.Unlock()
				return text + strings.TrimRight(line, "\r")
			}
		}
		more, shown := s.more, s.text
		s.mu.Unlock()
		if more == nil {
			s.t.Fatalf("it ended, and never showed %q:\n%s", text, shown)
		}
		select {
		case <-more:
		case <-patience.C:
			s.t.Fatalf("after a minute it does not show %q:\n%s", text, shown)
		}
	}
}

// state is a process's, as the kernel tells it: T where it is stopped.
func state(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

// awaitState waits until a process is in one of these states; "" is none any more.
func awaitState(t *testing.T, pid int, want ...string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !slices.Contains(want, state(pid)) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute process %d is %q, and not %q", pid, state(pid), want)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// The shell has the terminal while it runs, and then it is ours again.
func TestShellInATerminal(t *testing.T) {
	s := inTerminal(t)
	s.types("read pid comm state ppid group session tty holder rest </proc/$$/stat; echo \"group $group holder $holder pid $$ $GIVEN \"\n")
	var group, holder, pid int
	s.shows("group ") // as it was typed
	line := s.shows("group ")
	if _, err := fmt.Sscanf(line, "group %d holder %d pid %d yes", &group, &holder, &pid); err != nil || group != pid || holder != pid {
		t.Errorf("%q (%v): it should lead a group of its own, which has the terminal", line, err)
	}
	// Ctrl-C is for what runs in it. It also throws away what was typed and printed just
	// then.
	s.types("sh -c 'echo be\"\"gun; exec sleep 600'\n")
	s.shows("begun")
	s.types("\x03")
	s.typesUntil("\necho still the\"\"re\n", "still there")
	// Where it is suspended, so are we; and it goes on with us.
	s.types("kill -STOP $$\n")
	awaitState(t, s.worker.Process.Pid, "T")
	if err := s.worker.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.typesUntil("\necho ba\"\"ck\n", "back")
	s.types("exit 7\n")
	if line := s.shows("ended with "); line != "ended with 7, <nil>, and the terminal is ours again: true" {
		t.Errorf("%q", line)
	}
	if err := s.worker.Wait(); err != nil {
		t.Error(err)
	}
}

// When the drill is over the shell is hung up on, and what has its terminal with it.
func TestShellIsHungUpOn(t *testing.T) {
	for name, ignores := range map[string]string{"it ends": "", "it ignores that": "trap '' HUP; "} {
		t.Run(name, func(t *testing.T) {
			s := inTerminal(t)
			at := filepath.Join(t.TempDir(), "pid")
			s.types(ignores + "sh -c 'echo $$ >" + at + "; echo be\"\"gun; exec sleep 600'\n")
			s.shows("begun")
			if err := s.worker.Process.Signal(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			if line := s.shows("ended with "); !strings.Contains(line, "the drill is over") || !strings.HasSuffix(line, "ours again: true") {
				t.Errorf("%q", line)
			}
			if err := s.worker.Wait(); err != nil {
				t.Error(err)
			}
			text, err := os.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			var pid int
			if _, err := fmt.Sscan(string(text), &pid); err != nil {
				t.Fatal(err)
			}
			awaitState(t, pid, "", "Z")
		})
	}
}

// Where there is no terminal it reads its script and is done.
func TestShellWithoutATerminal(t *testing.T) {
	worker := exec.Command("/proc/self/exe", "play", "shell")
	worker.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	worker.Stdin = strings.NewReader("read pid comm state ppid group rest </proc/$$/stat; test $group = $$ && echo leads $GIVEN; exit 3\n")
	out, err := worker.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "leads yes\nended with 3, <nil>") {
		t.Errorf("%v: %q", err, out)
	}
}

func TestShellThatIsNone(t *testing.T) {
	none, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	s := Shell{Path: filepath.Join(t.TempDir(), "none"), In: none, Out: os.Stdout, Err: os.Stderr}
	if code, err := s.Run(t.Context()); code != -1 || err == nil || !strings.Contains(err.Error(), "\nhint: SHELL ") {
		t.Errorf("%d, %v", code, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if code, err := s.Run(over); code != -1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", code, err)
	}
}
