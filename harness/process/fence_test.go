//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness/agent"
	"github.com/etcd-firedrill/firedrill/harness/eviction"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// inFence starts this test binary as an inmate of a host whose disk is root.
// It and a child of its own, in another session, ignore every signal they can.
func inFence(t *testing.T, f fence, l *agent.Parent, root string) *os.Process {
	t.Helper()
	for _, dir := range []string{root, filepath.Join(root, "tmp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyProgram("/proc/self/exe", filepath.Join(root, "inmate")); err != nil {
		t.Fatal(err)
	}
	stdin, lifeline, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	said, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startFrom(l, "/inmate", []string{inmateName, "parent"}, &os.ProcAttr{
		Dir: "/", Env: []string{}, Files: []*os.File{stdin, stdout, os.Stderr}, Sys: f.attr(root),
	})
	stdin.Close()
	stdout.Close()
	t.Cleanup(func() { lifeline.Close(); said.Close() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Kill()
		_, _ = p.Wait()
		if _, err := eviction.End(context.Background(), inmates(root)); err != nil {
			t.Error(err)
		}
	})
	if err := said.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var line string
	if _, err := fmt.Fscanln(said, &line); err != nil || line != "up" {
		t.Fatalf("the inmate said %q, %v", line, err)
	}
	return p
}

const inmateName = "firedrill-test-inmate"

// inmateMain is the inmate's side.
func inmateMain(args []string) bool {
	if len(args) != 2 || args[0] != inmateName {
		return false
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		ignore(sig)
	}
	var lifeline *os.File // stays open as long as we live
	if args[1] == "parent" {
		r, w, err := os.Pipe()
		lifeline = w
		if err == nil {
			child := exec.Command("/inmate", "child")
			child.Args[0] = inmateName
			child.Env = []string{}
			child.Stdin, child.Stdout, child.Stderr = r, os.Stdout, os.Stderr
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // and no parent-death signal
			err = child.Start()
		}
		if err != nil {
			fmt.Println("bad", err)
			os.Exit(1)
		}
	} else {
		fmt.Println("up")
	}
	// A test that fails to end it must not leave it for ever.
	<-time.After(inmateLimit)
	runtime.KeepAlive(lifeline)
	os.Exit(1)
	return true
}

const inmateLimit = time.Minute

func ours(t *testing.T, root string) int {
	t.Helper()
	found, err := eviction.Find(inmates(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range found {
		i.Close()
	}
	return len(found)
}

func newTestParent(t *testing.T) *agent.Parent {
	l := agent.NewParent()
	t.Cleanup(l.Close)
	return l
}

func TestEvictEndsAHostAndNoOther(t *testing.T) {
	needRoot(t)
	base := t.TempDir()
	l := newTestParent(t)
	host, neighbour := filepath.Join(base, "m1"), filepath.Join(base, "m10")
	inFence(t, fence{}, l, host)
	inFence(t, fence{}, l, neighbour)
	if here, there := ours(t, host), ours(t, neighbour); here != 2 || there != 2 {
		t.Fatalf("%d and %d processes are seen on the hosts, want 2 and 2", here, there)
	}
	ended, err := eviction.End(t.Context(), inmates(host))
	if err != nil || ended != 2 {
		t.Errorf("evicted %d, %v; want 2", ended, err)
	}
	if here, there := ours(t, host), ours(t, neighbour); here != 0 || there != 2 {
		t.Errorf("%d and %d processes are left, want 0 and 2", here, there)
	}
}

// TestSweepEndsProcesses gives up a drill in which processes still run.
func TestSweepEndsProcesses(t *testing.T) {
	needRoot(t)
	base := t.TempDir()
	own, err := owner.Claim(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(own.Dir(), rackDir, "hosts", "m1", "root")
	inFence(t, fence{}, newTestParent(t), root)
	if lines, err := Sweep(t.Context(), base); err != nil || len(lines) != 0 || ours(t, root) != 2 {
		t.Fatalf("the living were swept: %q, %v", lines, err)
	}
	if err := own.Release(true); err != nil {
		t.Fatal(err)
	}
	lines, err := Sweep(t.Context(), base)
	if err != nil || len(lines) != 1 || !strings.HasSuffix(lines[0], "ended 2 processes") {
		t.Errorf("swept %q, %v", lines, err)
	}
	if n := ours(t, root); n != 0 {
		t.Errorf("%d processes were not swept", n)
	}
}

// TestSweepClearsTheDesk gives up a drill of which there is nothing but a desk.
func TestSweepClearsTheDesk(t *testing.T) {
	base := t.TempDir()
	desk, err := operator.OpenDesk(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := Sweep(t.Context(), base); err != nil || len(lines) != 0 {
		t.Fatalf("the living were swept: %q, %v", lines, err)
	}
	if err := desk.Close(true); err != nil {
		t.Fatal(err)
	}
	lines, err := Sweep(t.Context(), base)
	if err != nil || len(lines) != 1 {
		t.Errorf("swept %q, %v", lines, err)
	}
	if _, err := os.Stat(base); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is still something: %v", err)
	}
}

// TestPIDNamespaceDiesAsOne shows what makes evicting needless where the kernel
// grants a PID namespace: the child has a session of its own and no
// parent-death signal, and still ends before its parent can be awaited.
func TestPIDNamespaceDiesAsOne(t *testing.T) {
	needRoot(t)
	root := filepath.Join(t.TempDir(), "m1")
	p := inFence(t, fence{pids: true}, newTestParent(t), root)
	if n := ours(t, root); n != 2 {
		t.Fatalf("%d processes are seen on the host, want 2", n)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := ours(t, root); n != 0 {
		t.Errorf("%d processes outlived the first one", n)
	}
}

// TestTheParentIsALifeline ends the thread that started a host. That the host
// dies shows why nothing else may start one.
func TestTheParentIsALifeline(t *testing.T) {
	needRoot(t)
	root := filepath.Join(t.TempDir(), "m1")
	l := agent.NewParent()
	for onMainThread(l) {
		// The Go runtime never ends that one. While it is locked to this
		// parent, the next gets another.
		defer l.Close()
		l = agent.NewParent()
	}
	p := inFence(t, fence{pids: true}, l, root)
	l.Close()
	overdue := time.AfterFunc(inmateLimit/4, func() {
		t.Error("it outlived the thread that started it")
		_ = p.Kill()
	})
	defer overdue.Stop()
	state, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if status := state.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Errorf("the inmate %v, want it killed", state)
	}
}

func onMainThread(l *agent.Parent) bool {
	thread := 0
	_ = l.Start(func() error { thread = unix.Gettid(); return nil })
	return thread == os.Getpid()
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		path string
		want bool
	}{
		{"/b/d/m1", true}, {"/b/d/m1/var", true}, {"/b/d/m1 (deleted)", true}, {"/b/d/m1/var (deleted)", true},
		{"/b/d/m10", false}, {"/b/d", false}, {"/", false}, {"", false},
	} {
		if got := within("/b/d/m1", c.path); got != c.want {
			t.Errorf("within(%q) is %v", c.path, got)
		}
	}
}

// TestFenceForbidden runs New where user namespaces are used up, as an ordinary
// user: in a user namespace that allows none within.
func TestFenceForbidden(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	outer := exec.Command(publicCopy(t, dir))
	outer.Env = append(os.Environ(), "TMPDIR="+dir, forbiddenStage+"=outer")
	outer.Dir = "/"
	outer.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: nobody, HostID: nobody, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: nobody, HostID: nobody, Size: 1}},

		GidMappingsEnableSetgroups: true,
	}
	out, err := outer.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("user namespaces are forbidden here anyway:", err)
	}
	for _, want := range []string{"forbids", "user.max_user_namespaces", "sudo", "--runtime container"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("New said %q (%v), without %q", out, err, want)
		}
	}
}

const (
	forbiddenStage = "FIREDRILL_TEST_FORBIDDEN"
	nobody         = 65534
)

func forbiddenMain() bool {
	switch os.Getenv(forbiddenStage) {
	case "outer":
		if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
			fmt.Println(err)
			return true
		}
		inner := exec.Command("/proc/self/exe")
		inner.Env = append(os.Environ(), forbiddenStage+"=inner")
		inner.Stdout, inner.Stderr = os.Stdout, os.Stderr
		inner.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := inner.Run(); err != nil {
			fmt.Println(err)
		}
		return true
	case "inner":
		_, err := New(Options{})
		fmt.Println(err)
		return true
	}
	return false
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to chroot without a user namespace")
	}
	if err := unix.Access("/proc/self/exe", unix.R_OK); err != nil {
		t.Skip("needs /proc:", err)
	}
}
