package drill_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
)

// An etcd that does not start before the steady state is not waited for.
func TestEtcdThatDoesNotStart(t *testing.T) {
	t.Parallel()
	for arg, word := range map[string]string{
		"--listen-metrics-urls=bogus": `invalid value "bogus" for flag -listen-metrics-urls`,
		"--no-such-flag=1":            "flag provided but not defined: -no-such-flag",
		"--heartbeat-interval=5000":   "should be at least as 5 times as",
		"--log-level=info:":           "the manifest on m1 cannot be run",
	} {
		t.Run(arg, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			begun := time.Now()
			_, err := r.run(t.Context(), t, crash(), drill.Options{EtcdArgs: []string{arg}})
			if err == nil {
				t.Fatal("no error")
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			says(t, err.Error(), "boot the cluster: ", "m1", word, "\nhint: ", r.latest(t)+")")
			says(t, read(t, r.latest(t), "timeline.jsonl"), "1 host up")
		})
	}
}

// lossy is a runtime whose hosts lose their agent at one method.
type lossy struct {
	harness.Runtime
	at func(method string) bool
}

type lossyRack struct {
	harness.Rack
	lossy
}

type lossyHost struct {
	harness.Host
	lossy
}

func (l lossy) Build(ctx context.Context, drill string) (harness.Rack, error) {
	rack, err := l.Runtime.Build(ctx, drill)
	return lossyRack{rack, l}, err
}

func (k lossyRack) Provision(ctx context.Context, spec harness.HostSpec) (harness.Host, error) {
	h, err := k.Rack.Provision(ctx, spec)
	return lossyHost{h, k.lossy}, err
}

func (h lossyHost) Name() string { return h.Host.Name() }

func (h lossyHost) Run(ctx context.Context, script string) (harness.Output, error) {
	if h.at("run " + script) {
		return harness.Output{}, harness.ErrAgentLost
	}
	return h.Host.Run(ctx, script)
}

func (h lossyHost) Exec(ctx context.Context, argv []string, s harness.Streams) (int, error) {
	if h.at("exec " + strings.Join(argv, " ")) {
		return 0, harness.ErrAgentLost
	}
	return h.Host.Exec(ctx, argv, s)
}

func (h lossyHost) Upload(ctx context.Context, path string, mode fs.FileMode, content io.Reader) error {
	if h.at("upload " + path) {
		return harness.ErrAgentLost
	}
	return h.Host.Upload(ctx, path, mode, content)
}

func (h lossyHost) Download(ctx context.Context, path string, w io.Writer) error {
	if h.at("download") {
		return harness.ErrAgentLost
	}
	return h.Host.Download(ctx, path, w)
}

func (h lossyHost) Etcd(ctx context.Context) (harness.EtcdState, error) {
	if h.at("etcd") {
		return harness.EtcdState{}, harness.ErrAgentLost
	}
	return h.Host.Etcd(ctx)
}

// A host whose methods say that the agent is lost, and tells no event: the error
// comes from wherever it was noticed, also where other errors are seen as etcd's.
func TestAMethodLosesTheAgent(t *testing.T) {
	t.Parallel()
	fetching := stopped(harness.Step{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}})
	fetching.Backups.Every = 200 * time.Millisecond
	backups := crash()
	backups.Backups.Every = 200 * time.Millisecond
	for name, c := range map[string]struct {
		s     harness.Scenario
		at    string
		phase string
	}{
		"manifest": {crash(), "upload " + harness.ManifestPath, "boot the cluster"},
		"backup":   {backups, "download", "reach a steady state"},
		"strike":   {stopped(), "run mkdir", "strike"},
		"detect":   {stopped(), "etcd", ""},
		"step":     {stopped(), "run mv /root", "recover"},
		"fetch":    {fetching, "upload /root/x.db", "recover"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			at := func(method string) bool { return strings.HasPrefix(method, c.at) }
			_, err := r.runOn(t.Context(), t, lossy{r, at}, c.s, drill.Options{})
			if !errors.Is(err, harness.ErrAgentLost) {
				t.Fatalf("%v", err)
			}
			says(t, err.Error(), c.phase, "\nhint: ")
		})
	}
}

func TestAnAgentIsKilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ at, phase string }{
		{"etcd started", "boot the cluster"},
		{"etcd acknowledges writes", "reach a steady state"},
		{"step 2 on m1", "recover"},
		{"redundant:", "settle"},
		{"collecting evidence", "collect evidence"},
		{"trial:", "try the recovered cluster"},
	} {
		t.Run(c.phase, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := stopped()
			s.Promises = append(s.Promises, check.RestartKeepsMembers{Host: "m1"})
			done := false
			_, err := r.run(t.Context(), t, s, drill.Options{Progress: func(e harness.Event) {
				if !done && strings.HasPrefix(e.Text, c.at) {
					done = true
					r.killAgent(t, "m1")
				}
			}})
			if !errors.Is(err, harness.ErrAgentLost) {
				t.Fatalf("%v", err)
			}
			says(t, err.Error(), c.phase+": ", "m1", "the last lines of etcd's log on m1:\n", "\nhint: ")
		})
	}
}

var errEnough = errors.New("somebody had enough")

// Whenever the drill is told to end, it says where it was and leaves its
// directory and nothing else.
func TestCancelledAtEveryPhase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ at, phase string }{
		{"host is on", "provision hosts"},
		{"preloading", "preload"},
		{"etcd started", "boot the cluster"},
		{"etcd acknowledges writes", "reach a steady state"},
		{"strike:", "strike"},
		{"detected: quorum is lost", "detect"},
		{"step 1 on", "recover"},
		{"step 2 on", "recover"},
		{"redundant:", "settle"},
		{"collecting evidence", "collect evidence"},
		{"trial:", "try the recovered cluster"},
	} {
		t.Run(c.at, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := stopped()
			s.Backups.Every = 300 * time.Millisecond
			s.Premises = append(s.Premises, check.QuorumWasLost{})
			s.Promises = append(s.Promises, check.RestartKeepsMembers{Host: "m1"})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var told time.Time
			_, err := r.run(ctx, t, s, drill.Options{PreloadKeys: 10, Progress: func(e harness.Event) {
				if told.IsZero() && strings.HasPrefix(e.Text, c.at) {
					told = time.Now()
					cancel(errEnough)
				}
			}})
			if !errors.Is(err, errEnough) {
				t.Fatalf("%v", err)
			}
			if took := time.Since(told); took > 10*time.Second {
				t.Errorf("it took %v to end", took)
			}
			says(t, err.Error(), "): "+c.phase+": ", errEnough.Error())
			dir := r.latest(t)
			says(t, read(t, dir, "timeline.jsonl"), c.at)
			if _, err := os.Stat(filepath.Join(dir, "born.db")); err == nil {
				t.Error("the preloaded file is still there")
			}
		})
	}
}

// A deadline of the caller's is no deadline of the drill's.
func TestTheCallersDeadline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := r.run(ctx, t, crash(), drill.Options{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
}

// panicky is a check that panics when it is asked what it needs.
type panicky struct{ check.NoAlarms }

func (panicky) Needs() []harness.TrialSpec { panic("out of order") }

func TestPanics(t *testing.T) {
	t.Parallel()
	broken := func() (harness.Output, error) { panic("out of order") }
	inCheck, inFault := crash(), crash()
	inCheck.Promises = []harness.Check{panicky{}}
	inFault.Break = []harness.Fault{blow(func(context.Context, harness.Strike) error { panic("out of order") })}
	inStep := stopped(harness.Step{Name: "break", Do: act(func(context.Context, harness.Host) (harness.Output, error) { return broken() })})
	atOnce := stopped(harness.Step{Name: "break", On: harness.Everyone, AtOnce: true, Do: act(func(context.Context, harness.Host) (harness.Output, error) { return broken() })})
	for name, s := range map[string]harness.Scenario{"check": inCheck, "fault": inFault, "step": inStep, "step at once": atOnce} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			_, err := r.run(t.Context(), t, s, drill.Options{})
			if err == nil {
				t.Fatal("no error")
			}
			says(t, err.Error(), "panicked: out of order", "breakage_test.go:")
		})
	}
}

// What watches a drill is called from its hosts' goroutines and its clients' too.
func TestTheAudiencePanics(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"host is on", "etcd started", "etcd acknowledges writes", "backup backup-002", "host is gone"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := stopped()
			s.Backups.Every = 300 * time.Millisecond
			_, err := r.run(t.Context(), t, s, drill.Options{Progress: func(e harness.Event) {
				if strings.HasPrefix(e.Text, at) {
					panic("out of order")
				}
			}})
			if err == nil {
				t.Fatal("no error")
			}
			says(t, err.Error(), "panicked: out of order", "breakage_test.go:")
		})
	}
}

// A check that panics over evidence is named.
func TestACheckPanics(t *testing.T) {
	stored, err := check.Store(harness.Promise, check.NothingLost{})
	if err != nil {
		t.Fatal(err)
	}
	ev := &harness.Evidence{Checks: []harness.StoredCheck{stored}, Marks: map[harness.Mark]time.Duration{harness.Struck: 1}}
	_, err = drill.Judge(ev) // it has no ledger
	if err == nil {
		t.Fatal("no error")
	}
	says(t, err.Error(), "check nothing-lost panicked: ")
}

func TestUnwritableOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.run(t.Context(), t, crash(), drill.Options{Out: filepath.Join(file, "runs")})
	if err == nil {
		t.Fatal("no error")
	}
	says(t, err.Error(), "make the run directory: ", "\nhint: --out")
}

// full is a small file system of its own, and fill fills it.
func full(t *testing.T, size string) (dir string, fill func()) {
	t.Helper()
	// Not t.TempDir: a desk's socket in it needs a short path.
	dir, err := os.MkdirTemp("", "full-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func() {
		f, err := os.Create(filepath.Join(dir, "filler"))
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for _, chunk := range []int{1 << 20, 4096, 1} {
			for err = nil; err == nil; {
				_, err = f.Write(make([]byte, chunk))
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
	}
}

func TestTheDiskOfTheEvidenceIsFull(t *testing.T) {
	r := newRig(t)
	dir, fill := full(t, "8m")
	s := stopped()
	s.Break = []harness.Fault{blow(func(context.Context, harness.Strike) error { fill(); return nil }), blow(stop)}
	begun := time.Now()
	_, err := r.run(t.Context(), t, s, drill.Options{Out: dir})
	if err == nil {
		t.Fatal("no error")
	}
	says(t, err.Error(), "no space left on device", "\nhint: free some space")
	if time.Since(begun) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}

// A disk that is full from the beginning leaves not even the descriptors open.
func TestTheDiskIsFullFromTheBeginning(t *testing.T) {
	r := newRig(t)
	dir, fill := full(t, "64k")
	fill()
	before, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.run(t.Context(), t, crash(), drill.Options{Out: dir})
	if err == nil {
		t.Fatal("no error")
	}
	says(t, err.Error(), "no space left on device", "\nhint: ")
	after, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	if len(after) > len(before) {
		t.Errorf("%d descriptors before, %d after", len(before), len(after))
	}
}
