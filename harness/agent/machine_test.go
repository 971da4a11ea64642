//go:build linux

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/harness"
)

// machine is the least that a Power can be: a chroot with the test binary in it.
type machine struct {
	root  string
	pids  bool // in a PID namespace, so that the agent is the first process
	agent *exec.Cmd
	ended chan struct{}
	exit  error  // once ended is closed
	said  locked // standard error of agents and relays
}

var program = sync.OnceValues(func() (string, error) {
	if err := embedded.Static(); err != nil {
		return "", err
	}
	return os.Executable()
})

func newMachine(t *testing.T) *machine {
	t.Helper()
	if _, err := program(); err != nil {
		t.Skip(err)
	}
	m, err := makeMachine(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func makeMachine(root string) (*machine, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	m := &machine{root: root}
	for _, dir := range []string{"usr/local/bin", "fake", "etc/kubernetes/manifests", "tmp", "root", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			return nil, err
		}
	}
	first := filepath.Join(m.root, "usr/local/bin/etcd")
	if err := os.Link(path, first); err != nil {
		if err := copyProgram(path, first); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"usr/local/bin/etcdctl", "usr/local/bin/etcdutl", "fake/etcd", "firedrill"} {
		if err := os.Link(first, filepath.Join(m.root, name)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (m *machine) PeerAddress() string   { return "127.0.0.1" }
func (m *machine) ClientAddress() string { return "127.0.0.1:2379" }

func (m *machine) command(args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: "/firedrill", Args: append([]string{"firedrill", "agent"}, args...), Dir: "/", Env: []string{"PATH=/bin:/opt/etcd/bin", "ETCDCTL_API=2"}, Stderr: &m.said}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root, Setsid: true}
	if m.pids {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	return cmd
}

func (m *machine) PowerOn(context.Context) (io.ReadWriteCloser, error) {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	m.agent = m.command("stdio", "m1")
	m.agent.Stdin, m.agent.Stdout = theirIn, theirOut
	if err := m.agent.Start(); err != nil {
		return nil, err
	}
	_, _ = theirIn.Close(), theirOut.Close()
	m.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan<- struct{}) {
		defer close(ended)
		m.exit = cmd.Wait()
	}(m.agent, m.ended)
	return stream{in: ourIn, out: ourOut}, nil
}

// PowerOff returns when nothing runs there: what an agent started dies with it, and the
// kernel tells them of its death a moment later.
func (m *machine) PowerOff(ctx context.Context) error {
	if m.agent == nil {
		return nil
	}
	_ = m.agent.Process.Kill()
	<-m.ended
	m.agent = nil
	for {
		left, err := rootedIn(m.root)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("power off: %v run on after %w", left, context.Cause(ctx))
		}
	}
}

func (m *machine) Destroy(ctx context.Context) error {
	return errors.Join(m.PowerOff(ctx), os.RemoveAll(m.root))
}

// file is the path, from outside, of a path on the machine.
func (m *machine) file(path string) string { return filepath.Join(m.root, path) }

// events collects what happens on a host.
type events struct {
	mu   sync.Mutex
	list []harness.HostEvent
	more chan struct{}
}

func (e *events) add(ev harness.HostEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
	close(e.more)
	e.more = make(chan struct{})
}

func (e *events) all() []harness.HostEvent {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

func (e *events) of(kind harness.HostEventKind) []harness.HostEvent {
	return slices.DeleteFunc(e.all(), func(ev harness.HostEvent) bool { return ev.Kind != kind })
}

// await waits for the nth event of a kind, from 1.
func (e *events) await(t *testing.T, kind harness.HostEventKind, n int) harness.HostEvent {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		e.mu.Lock()
		more := e.more
		e.mu.Unlock()
		if list := e.of(kind); len(list) >= n {
			return list[n-1]
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("no event %s number %d within 20 s; there were %v", kind, n, e.list)
		}
	}
}

// locked is a buffer that may be read while it is written.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// world is a host with what watches it.
type world struct {
	*Host
	machine *machine
	events  *events
	log     *locked
}

// boot powers a machine on. When the test ends the session is released, and
// the agent must have ended by itself, in order, with nothing left.
func boot(t *testing.T, m *machine) *world {
	t.Helper()
	w := &world{machine: m, events: &events{more: make(chan struct{})}, log: &locked{}}
	ctx := within(t, 20*time.Second)
	h, err := NewHost(ctx, harness.HostSpec{Name: "m1", Event: w.events.add, Log: w.log}, m)
	if err != nil {
		t.Fatalf("%v\nthe agent said: %s", err, m.said.String())
	}
	w.Host = h
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if m.agent == nil {
			return
		}
		select {
		case <-m.ended:
			if m.exit != nil {
				t.Errorf("the agent ended with %v; it said: %s", m.exit, m.said.String())
			}
		case <-time.After(20 * time.Second):
			t.Errorf("the agent did not end with its session; it said: %s", m.said.String())
			_ = m.agent.Process.Kill()
			<-m.ended
		}
	})
	return w
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// sh runs a script that must succeed and returns what it printed.
func (w *world) sh(t *testing.T, script string) string {
	t.Helper()
	out, err := w.Run(within(t, 30*time.Second), script)
	if err != nil {
		t.Fatal(err)
	}
	if out.ExitCode != 0 {
		t.Fatalf("%s\nexits with %d: %s%s", script, out.ExitCode, out.Stdout, out.Stderr)
	}
	return out.Stdout
}

// manifest puts a manifest in place that runs the fake etcd.
func (w *world) manifest(t *testing.T, args ...string) {
	t.Helper()
	text := fakeManifest(args...)
	if err := w.Upload(within(t, 10*time.Second), harness.ManifestPath, 0o600, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func fakeManifest(args ...string) string {
	text := harness.Manifest("m1", nil)
	text = strings.Replace(text, "- etcd\n", "- /fake/etcd\n", 1)
	for _, a := range args {
		text += fmt.Sprintf("    - %q\n", a)
	}
	return text
}

func (w *world) awaitEtcd(t *testing.T, what string, cond func(harness.EtcdState) bool) harness.EtcdState {
	t.Helper()
	state, err := w.AwaitEtcd(within(t, 20*time.Second), what, cond)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func running(s harness.EtcdState) bool { return s.PID != 0 && !s.Paused }
func stopped(s harness.EtcdState) bool { return s.PID == 0 && !s.Manifest }

// alive tells whether a process of this machine exists and is no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(state, "Z")
}

// awaitGone waits for a process to be gone.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for alive(pid) {
		select {
		case <-limit:
			t.Fatalf("process %d is still there after 10 s", pid)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
