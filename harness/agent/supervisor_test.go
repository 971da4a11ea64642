//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestManifestPresentAndRemoved(t *testing.T) {
	w := boot(t, newMachine(t))
	w.manifest(t, "--print=hello from etcd")
	state, err := w.Etcd(within(t, 5*time.Second))
	if err != nil || state.PID == 0 || !state.Manifest || state.Starts != 1 {
		t.Fatalf("right after the upload: %v, %v", state, err)
	}
	w.events.await(t, harness.EtcdStarted, 1)
	w.awaitLog(t, "hello from etcd\n")

	if got := w.sh(t, "pidof etcd"); got != itoa(state.PID)+"\n" {
		t.Errorf("pidof prints %q, the state is %v", got, state)
	}

	w.sh(t, "mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml; while pidof etcd > /dev/null; do sleep 0.001; done")
	if state, err = w.Etcd(within(t, 5*time.Second)); err != nil || !stopped(state) {
		t.Errorf("after the move and its wait: %v, %v", state, err)
	}
	if state.LastExit == nil || !state.LastExit.Asked || state.LastExit.Code != 0 || state.Exits != 1 {
		t.Errorf("it stopped as %+v: %v", state, state.LastExit)
	}
	if ev := w.events.await(t, harness.EtcdExited, 1); ev.Exit == nil || !ev.Exit.Asked || ev.Host != "m1" {
		t.Errorf("the event is %+v", ev)
	}

	w.sh(t, "mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml")
	if state = w.awaitEtcd(t, "etcd to run", running); state.Starts != 2 {
		t.Errorf("after it was moved back: %+v", state)
	}
	if n := w.events.of(harness.EtcdBackOff); len(n) > 0 {
		t.Errorf("a back-off where nothing failed: %v", n)
	}
}

// The manifest is also watched without anybody asking through the agent, and a
// whole directory that goes away and comes back is as good as the file.
func TestManifestFromElsewhere(t *testing.T) {
	w := boot(t, newMachine(t))
	dir := w.machine.file("etc/kubernetes/manifests")
	if err := os.WriteFile(filepath.Join(dir, "etcd.yaml"), []byte(fakeManifest()), 0o600); err != nil {
		t.Fatal(err)
	}
	w.events.await(t, harness.EtcdStarted, 1)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	w.events.await(t, harness.EtcdExited, 1)
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	w.events.await(t, harness.EtcdStarted, 2)
}

func TestManifestChanged(t *testing.T) {
	w := boot(t, newMachine(t))
	w.manifest(t, "--print=one")
	first := w.awaitEtcd(t, "etcd to run", running)
	w.awaitLog(t, "one\n")

	// A comment and another order of keys change nothing.
	same := "# a remark\n" + fakeManifest("--print=one")
	if err := w.Upload(within(t, 5*time.Second), harness.ManifestPath, 0o600, strings.NewReader(same)); err != nil {
		t.Fatal(err)
	}
	w.sh(t, "sleep 0.2") // for a signal, had one been sent, to be obeyed
	if state, err := w.Etcd(within(t, 5*time.Second)); err != nil || state.PID != first.PID {
		t.Errorf("a remark in the manifest made of %v: %v, %v", first, state, err)
	}
	w.manifest(t, "--print=two")
	second := w.awaitEtcd(t, "another etcd to run", func(s harness.EtcdState) bool { return running(s) && s.PID != first.PID })
	if second.Starts != 2 || second.Exits != 1 || !second.LastExit.Asked {
		t.Errorf("after the change: %+v, %v", second, second.LastExit)
	}
	w.awaitLog(t, "two\n")
}

// awaitLog waits until etcd's log has a text.
func (w *world) awaitLog(t *testing.T, text string) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for !strings.Contains(w.log.String(), text) {
		select {
		case <-limit:
			t.Fatalf("the log has no %q after 10 s: %q", text, w.log.String())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func TestManifestBad(t *testing.T) {
	w := boot(t, newMachine(t))
	w.manifest(t)
	w.awaitEtcd(t, "etcd to run", running)
	w.sh(t, "echo 'kind: Deployment' > /etc/kubernetes/manifests/etcd.yaml")
	if ev := w.events.await(t, harness.ManifestBad, 1); !strings.Contains(ev.Text, "Deployment") {
		t.Errorf("the event says %q", ev.Text)
	}
	w.awaitEtcd(t, "the previous etcd to stop", func(s harness.EtcdState) bool { return s.PID == 0 && s.Manifest })

	w.sh(t, "rm /etc/kubernetes/manifests/etcd.yaml && mkdir /etc/kubernetes/manifests/etcd.yaml")
	w.events.await(t, harness.ManifestBad, 2)
	w.sh(t, "rm -r /etc/kubernetes/manifests/etcd.yaml")
	w.manifest(t)
	w.awaitEtcd(t, "etcd to run again", running)
}

// Half a manifest, as it is there between the truncation and the last write of
// a file that is written in place, is not acted upon, though a whole one is.
func TestManifestWrittenSlowly(t *testing.T) {
	a := newBareAgent(t, ServeOptions{})
	s := a.supervisor
	s.path = filepath.Join(t.TempDir(), "etcd.yaml")
	s.resting = true // nothing is started: what is wanted is looked at
	seen := func() string {
		switch {
		case s.wanted != nil:
			return strings.Join(s.wanted.argv, " ")
		case s.seen != nil:
			return "bad"
		}
		return "none"
	}
	for i, step := range []struct {
		file    string // "": removed
		settled bool
		want    string
	}{
		{"", false, "none"},
		{"kind:", false, "none"},
		{fakeManifest("half"), false, "none"},
		{fakeManifest("half", "whole"), false, "none"},
		{fakeManifest("half", "whole"), false, "/fake/etcd half whole"},
		{fakeManifest("half"), false, "/fake/etcd half whole"},
		{fakeManifest("half", "whole"), false, "/fake/etcd half whole"},
		{fakeManifest("half"), false, "/fake/etcd half whole"},
		{fakeManifest("half"), false, "/fake/etcd half"},
		{fakeManifest("settled"), true, "/fake/etcd settled"},
		{"kind:", false, "/fake/etcd settled"},
		{"kind:", false, "bad"},
		{"", false, "none"},
	} {
		var err error
		if step.file == "" {
			err = os.RemoveAll(s.path)
		} else {
			err = os.WriteFile(s.path, []byte(step.file), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.look(step.settled)
		if got := seen(); got != step.want {
			t.Errorf("at step %d what is wanted is %q, want %q", i, got, step.want)
		}
		s.resting = true
	}
}

// The first end is followed by a start at once, those after it by a wait; exit
// status 0 is an end like any other.
func TestRestartAndBackOff(t *testing.T) {
	for name, tt := range map[string]struct {
		flag string
		code int
		sig  string
	}{
		"exit 0": {"--exit=0", 0, ""},
		"exit 3": {"--exit=3", 3, ""},
		"crash":  {"--crash", -1, "killed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := boot(t, newMachine(t))
			w.sh(t, "mkdir /tmp/failures && touch /tmp/failures/1 /tmp/failures/2 /tmp/failures/3")
			w.manifest(t, "--while=/tmp/failures", tt.flag)
			w.events.await(t, harness.EtcdBackOff, 2)
			state := w.awaitEtcd(t, "etcd to stay up", running)
			if state.LastExit == nil || state.LastExit.Asked || state.LastExit.Code != tt.code || state.LastExit.Signal != tt.sig {
				t.Errorf("the last exit is %+v", state.LastExit)
			}
			if state.Exits != 3 || state.Starts != 4 {
				t.Errorf("%d exits and %d starts, want 3 and 4", state.Exits, state.Starts)
			}
			w.events.await(t, harness.EtcdStarted, 4)
			var told []string
			for _, ev := range w.events.all() {
				switch _, wait, _ := strings.Cut(ev.Text, "; the next start is in "); ev.Kind {
				case harness.EtcdStarted, harness.EtcdExited, harness.EtcdBackOff:
					told = append(told, strings.TrimSpace(string(ev.Kind)+" "+wait))
				}
			}
			if want := []string{
				"etcd-started", "etcd-exited", "etcd-started", "etcd-exited", "etcd-back-off 200ms",
				"etcd-started", "etcd-exited", "etcd-back-off 400ms", "etcd-started",
			}; !slices.Equal(told, want) {
				t.Errorf("it went %q, not %q", told, want)
			}
		})
	}
}

// What the old manifest's etcd would have to wait for, here an hour, is not waited for by a new one's.
func TestBackOffEndsWithTheManifest(t *testing.T) {
	a := newBareAgent(t, ServeOptions{BackOff: BackOff{First: time.Hour, Most: time.Hour}})
	dir := t.TempDir()
	etcd := filepath.Join(dir, "etcd")
	if err := os.Symlink("/bin/sh", etcd); err != nil {
		t.Fatal(err)
	}
	a.supervisor.path = filepath.Join(dir, "etcd.yaml")
	declare := func(script string) {
		t.Helper()
		text := strings.Replace(harness.Manifest("m1", nil), "- etcd\n", fmt.Sprintf("- %s\n    - -c\n    - %q\n", etcd, script), 1)
		if err := os.WriteFile(a.supervisor.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	state := func() harness.EtcdState {
		n, _ := a.board.latest()
		return n.State
	}
	declare("exit 1")
	go func() { _ = a.Run(t.Context()) }() // the agent's Close waits for it
	becomes(t, "its next start is put off", func() bool {
		items, _ := a.board.since(0)
		return slices.ContainsFunc(items, func(n news) bool { return n.Event != nil && n.Event.Kind == harness.EtcdBackOff })
	})
	declare("exec sleep 3600")
	becomes(t, "the mended etcd runs", func() bool { return running(state()) })
	if s := state(); s.Starts != 3 || s.Exits != 2 {
		t.Errorf("%d starts and %d exits, want 3 and 2", s.Starts, s.Exits)
	}
	if err := os.Remove(a.supervisor.path); err != nil {
		t.Fatal(err)
	}
	becomes(t, "etcd stops", func() bool { return stopped(state()) })
}

func TestNoSuchProgram(t *testing.T) {
	w := boot(t, newMachine(t))
	text := strings.Replace(fakeManifest(), "/fake/etcd", "/nowhere/etcd", 1)
	if err := w.Upload(within(t, 5*time.Second), harness.ManifestPath, 0o600, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if ev := w.events.await(t, harness.EtcdBackOff, 2); !strings.Contains(ev.Text, "/nowhere/etcd") {
		t.Errorf("the event says %q", ev.Text)
	}
	if state, _ := w.Etcd(within(t, 5*time.Second)); state.Starts != 0 || state.Exits != 0 || !state.Manifest {
		t.Errorf("the state is %+v", state)
	}
}

func TestPauseAndResume(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 20*time.Second)
	if err := w.Signal(ctx, syscall.SIGSTOP); err == nil || !strings.Contains(err.Error(), "not running") {
		t.Errorf("without etcd: %v", err)
	}
	w.manifest(t)
	pid := w.awaitEtcd(t, "etcd to run", running).PID
	for range 20 {
		if err := w.Signal(ctx, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		if state, _ := w.Etcd(ctx); !state.Paused || state.PID != pid {
			t.Fatalf("after SIGSTOP: %+v", state)
		}
		if err := w.Signal(ctx, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if state, _ := w.Etcd(ctx); state.Paused {
			t.Fatalf("after SIGCONT: %+v", state)
		}
	}
	// A paused etcd can be killed, and comes back unpaused.
	if err := errors.Join(w.Signal(ctx, syscall.SIGSTOP), w.Signal(ctx, syscall.SIGSTOP), w.Signal(ctx, syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	state := w.awaitEtcd(t, "etcd to be back", func(s harness.EtcdState) bool { return s.Exits == 1 && running(s) })
	if state.LastExit.Signal != "killed" || state.LastExit.Asked {
		t.Errorf("the last exit is %+v", state.LastExit)
	}
}

// What does not stop when asked is killed after the grace.
func TestStubbornEtcd(t *testing.T) {
	a := newBareAgent(t, ServeOptions{Grace: 100 * time.Millisecond})
	run, err := a.supervisor.startEtcd(pod{argv: []string{"/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"}, dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := a.log.fetch(ctx); err != nil {
		t.Fatal(err)
	}
	a.supervisor.running = run
	cancel()
	began := time.Now()
	a.supervisor.run(ctx, context.Background())
	if took := time.Since(began); took < 100*time.Millisecond || took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	n, _ := a.board.latest()
	if n.State.LastExit == nil || n.State.LastExit.Signal != "killed" || !n.State.LastExit.Asked {
		t.Errorf("it ended as %+v", n.State.LastExit)
	}
}

// newBareAgent is an agent on this machine, for what needs no host.
func newBareAgent(t *testing.T, opt ServeOptions) *Agent {
	t.Helper()
	a := New(opt)
	a.log.path = filepath.Join(t.TempDir(), "etcd.log")
	t.Cleanup(a.Close)
	return a
}

// Whatever etcd leaves behind in its process group goes with it, and does not
// hold its log open.
func TestEtcdLeavesNothing(t *testing.T) {
	m := newMachine(t)
	w := boot(t, m)
	w.manifest(t, "--child", "--print=parent is done", "--exit=5")
	w.events.await(t, harness.EtcdBackOff, 1)
	w.sh(t, "rm /etc/kubernetes/manifests/etcd.yaml")
	w.awaitEtcd(t, "etcd to stop", stopped)
	if found := processesIn(t, m.root); len(found) != 1 {
		t.Errorf("still running: %v", found)
	}
}

// Where the agent is the first process it inherits orphans, and must not leave
// them as zombies.
func TestFirstProcessReaps(t *testing.T) {
	m := newMachine(t)
	m.pids = true
	if cmd := m.command("stdio"); cmd.Start() != nil {
		t.Skip("no PID namespaces here")
	} else {
		_ = cmd.Wait()
	}
	w := boot(t, m)
	for range 5 {
		w.sh(t, "/fake/etcd --child --exit=0; /fake/etcd --stubborn & sleep 0.05")
	}
	children := 0
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "status"))
		if err == nil && strings.Contains(string(text), "\nPPid:\t"+itoa(m.agent.Process.Pid)+"\n") {
			children++
		}
	}
	if children > 0 {
		t.Errorf("the agent has %d children although nothing runs", children)
	}
}

func TestBackOffDelays(t *testing.T) {
	b := ServeOptions{}.complete().BackOff
	want := []string{"200ms", "400ms", "800ms", "1.6s", "3.2s", "5s", "5s"}
	for i, w := range want {
		if got := b.delay(i + 2).String(); got != w {
			t.Errorf("after %d failures the wait is %v, want %v", i+2, got, w)
		}
	}
	if got := (BackOff{First: time.Second, Most: time.Minute}).delay(1_000_000); got != time.Minute {
		t.Errorf("after a million failures the wait is %v", got)
	}
}

// A script that ends while another one is writing the manifest does not make
// half a manifest be believed, and what it did itself is in the state.
func TestManifestWrittenByAnotherScript(t *testing.T) {
	w := boot(t, newMachine(t))
	w.sh(t, "true")
	text := fakeManifest("--print=whole")
	half := strings.Index(text, "spec:")
	slow := make(chan error, 1)
	go func() {
		out, err := w.Run(context.Background(), "exec > /etc/kubernetes/manifests/etcd.yaml; printf '%s' '"+text[:half]+"'; printf '%s' '"+text[half:]+"'; touch /tmp/written; while test ! -e /tmp/seen; do sleep 0.005; done")
		if err == nil && out.ExitCode != 0 {
			err = errors.New(out.Stderr)
		}
		slow <- err
	}()
	w.sh(t, "while test ! -e /tmp/written; do sleep 0.001; done")
	if state, err := w.Etcd(within(t, 5*time.Second)); err != nil || !state.Manifest {
		t.Errorf("after the second script: %v, %v", state, err)
	}
	w.sh(t, "touch /tmp/seen")
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
	w.awaitLog(t, "whole\n")
	if list := w.events.of(harness.ManifestBad); len(list) > 0 {
		t.Errorf("half a manifest was taken for one: %v", list)
	}
}
