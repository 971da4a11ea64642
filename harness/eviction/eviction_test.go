//go:build linux

package eviction_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

// TestMain makes this binary whatever a test wants processes to be, by its
// arguments: a role and a name, by which the tests' rule knows the process.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		if play, ok := roles[os.Args[1]]; ok {
			play(os.Args[2])
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}

var roles = map[string]func(name string){
	"stays":    func(string) { stay() },
	"fathers":  father,
	"multiply": multiply,
	"evicts":   evict,
	"succeeds": succeed,
}

// stay ignores every signal that it can.
func stay() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	fmt.Println("up")
	limit() // a test that fails to end it must not leave it for ever
}

func limit() { <-time.After(time.Minute) }

// father starts another one, in a session of its own.
func father(name string) {
	child := exec.Command(os.Args[0], "stays", name)
	child.Stdout = os.Stdout
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		fmt.Println(err)
		return
	}
	limit()
}

// multiply starts others without end.
func multiply(name string) {
	for n := range 1000 {
		child := exec.Command(os.Args[0], "stays", name)
		if err := child.Start(); err != nil {
			fmt.Println(err)
			return
		}
		if n == 3 {
			fmt.Println("up")
		}
	}
	limit()
}

// heirs is the limit on file locks of those who succeed each other. While a process becomes
// another program its arguments cannot be read, and its limits can.
const heirs = 7_412_091

func succeeding(proc string) bool {
	text, err := os.ReadFile(filepath.Join(proc, "limits"))
	return err == nil && bytes.Contains(text, []byte(" "+strconv.Itoa(heirs)+" "))
}

// succeed starts another one in its place, and ends.
func succeed(name string) {
	generation, _ := strconv.Atoi(os.Getenv("GENERATION"))
	if generation == 0 {
		limit := unix.Rlimit{Cur: heirs, Max: unix.RLIM_INFINITY}
		if err := unix.Setrlimit(unix.RLIMIT_LOCKS, &limit); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("up")
	if generation == 5000 { // a test that fails to end them must not leave them for ever
		return
	}
	child := exec.Command(os.Args[0], "succeeds", name)
	child.Stdout = os.Stdout
	child.Env = append(os.Environ(), "GENERATION="+strconv.Itoa(generation+1))
	if err := child.Start(); err != nil {
		fmt.Println(err)
	}
}

// evict ends the processes of a name, and says how that went.
func evict(name string) {
	ended, err := eviction.End(context.Background(), named(name))
	fmt.Println(ended, err)
}

// named knows processes by their arguments, which say "stays NAME" and the like.
func named(name string) eviction.Rule {
	return func(proc string) bool {
		text, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		return err == nil && bytes.HasSuffix(text, []byte("\x00"+name+"\x00"))
	}
}

// start starts a process and waits until it is up. It is reaped at the end of the test.
func start(t *testing.T, role, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], role, name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := eviction.End(context.Background(), named(name)); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("%s says %q, %v", role, line, err)
	}
	return cmd
}

func count(t *testing.T, name string) int {
	t.Helper()
	found, err := eviction.Find(named(name))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		p.Close()
	}
	return len(found)
}

// name is one that no other test's processes have.
func name(t *testing.T) string { return t.Name() + strconv.Itoa(os.Getpid()) }

func TestEndEndsWhomTheRuleMeans(t *testing.T) {
	meant, other := name(t), name(t)+"-other"
	start(t, "fathers", meant)
	start(t, "stays", other)
	if a, b := count(t, meant), count(t, other); a != 2 || b != 1 {
		t.Fatalf("%d and %d processes are seen, want 2 and 1", a, b)
	}
	ended, err := eviction.End(t.Context(), named(meant))
	if err != nil || ended != 2 {
		t.Errorf("ended %d, %v; want 2", ended, err)
	}
	if a, b := count(t, meant), count(t, other); a != 0 || b != 1 {
		t.Errorf("%d and %d processes are left, want 0 and 1", a, b)
	}
}

// TestEndOutrunsBirths ends processes while they start more of themselves.
func TestEndOutrunsBirths(t *testing.T) {
	start(t, "multiply", name(t))
	ended, err := eviction.End(t.Context(), named(name(t)))
	if err != nil || ended < 4 {
		t.Errorf("ended %d, %v; want 4 at least", ended, err)
	}
	if n := count(t, name(t)); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestEndOutrunsSuccession ends processes of which each starts another in its place and ends
// at once: one may have ended before it is looked at, and its successor not be listed yet.
func TestEndOutrunsSuccession(t *testing.T) {
	for range 3 {
		ours, theirs, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		first := exec.Command(os.Args[0], "succeeds", name(t))
		first.Stdout = theirs
		err = first.Start()
		if err = errors.Join(err, theirs.Close()); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, len("up\n"))
		if _, err := io.ReadFull(ours, line); err != nil {
			t.Fatal(err)
		}
		if _, err := eviction.End(t.Context(), succeeding); err != nil {
			t.Error(err)
		}
		// They hold it open as long as there is one.
		if err := ours.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, ours); err != nil {
			t.Errorf("some are left: %v", err)
		}
		_ = ours.Close()
		_ = first.Wait()
	}
}

// TestTheDeadAreNotFound has a process that ended and that nobody reaps, as an
// orphan's is where the first process of a container does not care.
func TestTheDeadAreNotFound(t *testing.T) {
	cmd := start(t, "stays", name(t))
	found, err := eviction.Find(named(name(t)))
	if err != nil || len(found) != 1 || found[0].PID != cmd.Process.Pid {
		t.Fatalf("found %v, %v; want process %d", found, err, cmd.Process.Pid)
	}
	p := found[0]
	defer p.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Await(ended); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", p.PID)) {
		t.Errorf("awaiting the living: %v", err)
	}
	if err := p.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	same := func(proc string) bool { return proc == fmt.Sprintf("/proc/%d", p.PID) }
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", p.PID)); err != nil {
		t.Fatal("nobody reaped it, and it is gone:", err)
	}
	if n, err := eviction.End(t.Context(), same); n != 0 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
}

func TestNobodyEndsHimself(t *testing.T) {
	self := func(proc string) bool { return proc == fmt.Sprintf("/proc/%d", os.Getpid()) }
	if n, err := eviction.End(t.Context(), self); n != 0 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
}

// TestAnothers has an ordinary user evict a process of root's.
func TestAnothers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	other := start(t, "stays", name(t))
	program := publicCopy(t)
	cmd := exec.Command(program, "evicts", name(t))
	cmd.Dir = "/"
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	// It would mean itself too, were it not itself.
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	for _, want := range []string{"0 end process " + strconv.Itoa(other.Process.Pid), "another user's", "\nhint: "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it says %q, without %q", out, want)
		}
	}
	if n := count(t, name(t)); n != 1 {
		t.Errorf("%d are left, want 1", n)
	}
}

// publicCopy copies this test binary to where any user may run it.
func publicCopy(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "firedrill-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "eviction.test")
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	// A child that is forked now holds what we write open, and the kernel runs
	// no program that anybody has open for writing.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	to, err := os.OpenFile(program, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return program
}
