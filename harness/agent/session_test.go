//go:build linux

package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestPowerOffAndOn(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 30*time.Second)
	w.manifest(t, "--print=last words")
	w.awaitLog(t, "last words\n")
	if err := w.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	w.events.await(t, harness.HostUnpowered, 1)
	if found := processesIn(t, w.machine.root); len(found) > 0 {
		t.Errorf("still running: %v", found)
	}
	_, runErr := w.Run(ctx, "true")
	_, execErr := w.Exec(ctx, []string{"true"}, harness.Streams{})
	_, etcdErr := w.Etcd(ctx)
	_, awaitErr := w.AwaitEtcd(ctx, "anything", running)
	for _, err := range []error{
		runErr, execErr, etcdErr, awaitErr, w.Signal(ctx, syscall.SIGKILL), w.Download(ctx, "/x", io.Discard),
		w.Upload(ctx, "/x", 0, strings.NewReader("")), w.UploadTree(ctx, "/x", strings.NewReader("")), w.DownloadTree(ctx, "/x", io.Discard),
	} {
		if !errors.Is(err, harness.ErrHostOff) || !strings.Contains(err.Error(), "m1") {
			t.Errorf("while it is off: %v", err)
		}
	}
	if err := w.PowerOff(ctx); err != nil {
		t.Errorf("off twice: %v", err)
	}
	if err := w.PowerOn(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.PowerOn(ctx); err == nil {
		t.Error("on twice is no error")
	}
	if state := w.awaitEtcd(t, "etcd to run from the manifest on its disk", running); state.Starts != 1 {
		t.Errorf("a new agent counts anew: %+v", state)
	}
	if err := w.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	w.events.await(t, harness.HostDestroyed, 1)
	if _, err := w.Run(ctx, "true"); !errors.Is(err, harness.ErrHostGone) {
		t.Errorf("after Destroy: %v", err)
	}
	if _, err := w.Exec(ctx, []string{"true"}, harness.Streams{}); !errors.Is(err, harness.ErrHostGone) {
		t.Errorf("after Destroy: %v", err)
	}
	if err := w.PowerOn(ctx); !errors.Is(err, harness.ErrHostGone) {
		t.Errorf("power on after Destroy: %v", err)
	}
	if err := w.PowerOff(ctx); !errors.Is(err, harness.ErrHostGone) {
		t.Errorf("power off after Destroy: %v", err)
	}
	if err := w.Destroy(ctx); err != nil {
		t.Errorf("destroyed twice: %v", err)
	}
	var kinds []harness.HostEventKind
	for _, ev := range w.events.list {
		if ev.Kind != harness.EtcdStarted {
			kinds = append(kinds, ev.Kind)
		}
	}
	want := []harness.HostEventKind{harness.HostPowered, harness.HostUnpowered, harness.HostPowered, harness.HostDestroyed}
	if len(kinds) != len(want) || kinds[0] != want[0] || kinds[1] != want[1] || kinds[2] != want[2] || kinds[3] != want[3] {
		t.Errorf("the events are %v, want %v", kinds, want)
	}
}

// An agent that goes away by itself ends what was asked of it, is told once,
// and takes etcd along.
func TestAgentLost(t *testing.T) {
	w := boot(t, newMachine(t))
	w.manifest(t)
	etcd := w.awaitEtcd(t, "etcd to run", running).PID
	ctx := within(t, 20*time.Second)
	pending := make(chan error, 4)
	go func() { _, err := w.Run(ctx, "sleep 60"); pending <- err }()
	go func() {
		_, err := w.Exec(ctx, []string{"cat"}, harness.Streams{In: endless{}, Out: io.Discard})
		pending <- err
	}()
	go func() { _, err := w.Exec(ctx, []string{"sh"}, harness.Streams{In: silent(t)}); pending <- err }()
	go func() { _, err := w.AwaitEtcd(ctx, "never", stopped); pending <- err }()
	w.sh(t, "true")
	if err := w.machine.agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for range cap(pending) {
		if err := <-pending; !errors.Is(err, harness.ErrAgentLost) || !strings.Contains(err.Error(), "m1") {
			t.Errorf("what was pending ends with %v", err)
		}
	}
	w.events.await(t, harness.AgentLost, 1)
	awaitGone(t, etcd)
	if _, err := w.Run(ctx, "true"); !errors.Is(err, harness.ErrAgentLost) {
		t.Errorf("afterwards: %v", err)
	}
	if err := w.PowerOn(ctx); !errors.Is(err, harness.ErrAgentLost) {
		t.Errorf("power on without power off: %v", err)
	}
	if err := errors.Join(w.PowerOff(ctx), w.PowerOn(ctx)); err != nil {
		t.Fatal(err)
	}
	w.awaitEtcd(t, "etcd to run again", running)
	if list := w.events.of(harness.AgentLost); len(list) != 1 {
		t.Errorf("it was told %d times", len(list))
	}
}

// Power that is cut while things are asked for ends them with ErrHostOff.
func TestPowerCutInTheMiddle(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 20*time.Second)
	errs := make(chan error, 3)
	go func() { _, err := w.Run(ctx, "sleep 60"); errs <- err }()
	go func() {
		_, err := w.Exec(ctx, []string{"cat"}, harness.Streams{In: endless{}, Out: io.Discard})
		errs <- err
	}()
	go func() { errs <- w.Upload(ctx, "/x", 0o600, endless{}) }()
	w.sh(t, "sleep 0.1")
	if err := w.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, harness.ErrHostOff) {
			t.Errorf("it ended with %v", err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// scripted is a Power whose sessions are given.
type scripted struct {
	machine
	session func() io.ReadWriteCloser
	offs    int
}

func (s *scripted) PowerOn(context.Context) (io.ReadWriteCloser, error) { return s.session(), nil }
func (s *scripted) PowerOff(context.Context) error                      { s.offs++; return nil }

func TestHandshake(t *testing.T) {
	for said, want := range map[string]string{
		"OCI runtime exec failed: no such file\n": "OCI runtime exec failed: no such file",
		"firedrill agent, protocol 0\n":           "hint: remove the image",
		"":                                        "before it said anything",
		greeting + "\nand then no multiplexing":   "m1",
	} {
		p := &scripted{session: func() io.ReadWriteCloser {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				_, _ = io.WriteString(theirs, said)
			}()
			return ours
		}}
		_, err := NewHost(within(t, 10*time.Second), harness.HostSpec{Name: "m1"}, p)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m1") {
			t.Errorf("%q: %v, want %q", said, err, want)
		}
		if p.offs != 1 {
			t.Errorf("%q: the machine was powered off %d times", said, p.offs)
		}
	}
	t.Run("silence", func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err := NewHost(ctx, harness.HostSpec{Name: "m1"}, &scripted{session: func() io.ReadWriteCloser { return ours }})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		}
	})
}

// serve runs an agent in this process and returns the raw far end of a session.
func serveHere(t *testing.T) net.Conn {
	t.Helper()
	a := newBareAgent(t, ServeOptions{Host: "m1"})
	ctx, cancel := context.WithCancel(context.Background())
	ours, theirs := net.Pipe()
	var done sync.WaitGroup
	done.Go(func() { _ = a.Serve(ctx, theirs) })
	t.Cleanup(func() { cancel(); _ = ours.Close(); done.Wait() })
	return ours
}

// Whatever a session sends, the agent refuses it and lives.
func TestHostileSession(t *testing.T) {
	t.Run("noise", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 50 {
			conn := serveHere(t)
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			noise := make([]byte, random.IntN(4000))
			for i := range noise {
				noise[i] = byte(random.Uint32())
			}
			_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
			_, _ = conn.Write(noise)
			_ = conn.Close()
		}
	})
	t.Run("streams", func(t *testing.T) {
		conn := serveHere(t)
		if err := readGreeting(conn); err != nil {
			t.Fatal(err)
		}
		mux, err := yamux.Client(conn, muxConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer mux.Close()
		for said, want := range map[string]string{
			"\xff\xff\xff\xff":                     "at most",
			"\x00\x00\x00\x04nope":                 "read the request",
			"\x00\x00\x00\x10{\"verb\":\"dance\"}": "knows how to",
			"\x00\x00\x00\x02{}":                   "knows how to",
		} {
			s, err := mux.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.Write([]byte(said))
			var rep reply
			if err := readFrame(s, &rep); err != nil || !strings.Contains(rep.Error, want) {
				t.Errorf("%q: %+v, %v, want %q", said, rep, err, want)
			}
			_ = s.Close()
		}
	})
}

// A log that nobody reads never blocks etcd; what was dropped is counted, and
// the host has it.
func TestLogReaderBlocks(t *testing.T) {
	m := newMachine(t)
	w := &world{machine: m, events: &events{more: make(chan struct{})}}
	gate := &gatedWriter{open: make(chan struct{})}
	h, err := NewHost(within(t, 20*time.Second), harness.HostSpec{Name: "m1", Event: w.events.add, Log: gate}, m)
	if err != nil {
		t.Fatal(err)
	}
	w.Host = h
	const lines = 150_000 // 15 MB: more than all buffers between etcd and here
	w.manifest(t, "--lines=150000", "--print=all printed")
	limit := time.After(30 * time.Second)
	for {
		text, err := os.ReadFile(m.file(LogPath))
		if err == nil && bytes.HasSuffix(text, []byte("all printed\n")) {
			break
		}
		select {
		case <-limit:
			t.Fatalf("etcd is blocked by its log after %d bytes, %v", len(text), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	close(gate.open)
	limit = time.After(30 * time.Second)
	for !strings.HasSuffix(gate.String(), "all printed\n") {
		select {
		case <-limit:
			t.Fatalf("the log does not come to its end: %d bytes", len(gate.String()))
		case <-time.After(10 * time.Millisecond):
		}
	}
	text := gate.String()
	if !strings.Contains(text, " lines of etcd's log were dropped here; /var/log/etcd.log") {
		t.Error("nobody said that lines were dropped")
	}
	if n := strings.Count(text, "\n"); n >= lines {
		t.Errorf("%d lines came through", n)
	}
	if err := errors.Join(w.PowerOff(within(t, 10*time.Second)), w.Close()); err != nil {
		t.Error(err)
	}
}

type gatedWriter struct {
	open chan struct{}
	locked
}

func (g *gatedWriter) Write(p []byte) (int, error) {
	<-g.open
	return g.locked.Write(p)
}

// A log writer that fails does not hold anything up either.
func TestLogReaderFails(t *testing.T) {
	m := newMachine(t)
	h, err := NewHost(within(t, 20*time.Second), harness.HostSpec{Name: "m1", Log: brokenWriter{}}, m)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Host: h, machine: m}
	w.manifest(t, "--lines=200000")
	w.awaitEtcd(t, "etcd to run", running)
	if err := errors.Join(w.PowerOff(within(t, 10*time.Second)), w.Close()); err != nil {
		t.Error(err)
	}
}

// An agent behind a socket outlives its sessions, and etcd with it.
func TestSocketAndAttach(t *testing.T) {
	const path = "/run/firedrill/agent.sock"
	m := newMachine(t)
	life := m.command("socket", path, "m1")
	if err := life.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { defer close(ended); ended <- life.Wait() }()
	t.Cleanup(func() { // nothing of it is left, however the test ends
		_ = life.Process.Kill()
		for range ended {
		}
	})
	attach := func() (io.ReadWriteCloser, *exec.Cmd) {
		cmd := m.command("attach", path)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return &exchange{Reader: out, WriteCloser: in}, cmd
	}
	session := func() (*world, *exec.Cmd) {
		var cmd *exec.Cmd
		p := &scripted{session: func() io.ReadWriteCloser {
			var s io.ReadWriteCloser
			s, cmd = attach()
			return s
		}}
		w := &world{machine: m, events: &events{more: make(chan struct{})}, log: &locked{}}
		h, err := NewHost(within(t, 20*time.Second), harness.HostSpec{Name: "m1", Event: w.events.add, Log: w.log}, p)
		if err != nil {
			t.Fatalf("%v\nthe agent said: %s", err, m.said.String())
		}
		w.Host = h
		return w, cmd
	}
	first, relay := session()
	first.manifest(t)
	pid := first.awaitEtcd(t, "etcd to run", running).PID
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := relay.Wait(); err != nil {
		t.Errorf("the relay ended with %v", err)
	}
	second, relay := session()
	if state, err := second.Etcd(within(t, 5*time.Second)); err != nil || state.PID != pid || state.Starts != 1 {
		t.Errorf("in the second session: %+v, %v", state, err)
	}
	second.events.await(t, harness.EtcdStarted, 1) // what came before is told

	var once sync.Once
	begun, pending := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := second.Exec(within(t, 20*time.Second), []string{"sh", "-c", "echo begun; sleep 60"}, harness.Streams{
			Out: writerFunc(func(p []byte) (int, error) { once.Do(func() { close(begun) }); return len(p), nil }),
		})
		pending <- err
	}()
	<-begun
	third, thirdRelay := session() // takes the second's place
	second.events.await(t, harness.AgentLost, 1)
	if err := <-pending; !errors.Is(err, harness.ErrAgentLost) {
		t.Errorf("a command of the second session ends with %v", err)
	}
	if got := third.sh(t, "echo here"); got != "here\n" {
		t.Errorf("the third session answers %q", got)
	}
	for _, w := range []*world{second, third} {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	_, _ = relay.Wait(), thirdRelay.Wait()

	if err := life.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the agent ended with %v; it said: %s", err, m.said.String())
	}
	if found := processesIn(t, m.root); len(found) > 0 {
		t.Errorf("still running: %v", found)
	}
}

type exchange struct {
	io.Reader
	io.WriteCloser
}
