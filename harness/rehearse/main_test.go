package rehearse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/fixtures/required"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/container"
	"github.com/etcd-firedrill/firedrill/harness/process"
	"github.com/etcd-firedrill/firedrill/reports"
)

// The hosts run this very binary: as their agent, as etcd, as its tools.
func TestMain(m *testing.M) {
	localetcd.Main()
	if process.Main(os.Args) {
		return
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		_ = os.Unsetenv(name) // no test may see the credentials of whoever runs it
	}
	// The container runtime's connections to the engine end with the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// onProcess is the process runtime in a directory of the test's own, in which
// nothing must be left.
func onProcess(t testing.TB) harness.Runtime {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a cluster")
	}
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	rt, err := process.New(process.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nothingIn(t, tmp) })
	return rt
}

// nothingIn sees to it that no host was left below dir: no directory, and no process
// that has its root there.
func nothingIn(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "firedrill-"+strconv.Itoa(os.Geteuid())))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, e := range entries {
		t.Errorf("%s was left behind", e.Name())
	}
	roots, err := filepath.Glob("/proc/[0-9]*/root")
	if err != nil {
		t.Error(err)
	}
	for _, link := range roots {
		if root, err := os.Readlink(link); err == nil && strings.HasPrefix(root, dir) {
			t.Errorf("%s is %s", link, root)
		}
	}
}

// onContainers is the container runtime. Where no engine answers the test is
// skipped, unless one is required.
func onContainers(t testing.TB) harness.Runtime {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a cluster")
	}
	if !required.Is(required.Container) {
		if _, err := container.Available(t.Context()); err != nil {
			t.Skipf("no Docker engine answers: %v", err)
		}
	}
	rt, err := container.New(t.Context(), container.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// progress is what a rehearsal told.
type progress struct {
	mu    sync.Mutex
	lines []string
	told  func(harness.Event) // of each; may be nil
}

func (p *progress) take(e harness.Event) {
	p.mu.Lock()
	p.lines = append(p.lines, fmt.Sprintf("%s %s %s", e.Kind, e.Host, e.Text))
	p.mu.Unlock()
	if p.told != nil {
		p.told(e)
	}
}

// rehearsed runs a rehearsal that must come to a verdict.
func rehearsed(t *testing.T, rt harness.Runtime, o Options) reports.Rehearsal {
	t.Helper()
	var told progress
	o.Version, o.Progress = "test", told.take
	report, err := Run(t.Context(), rt, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(told.lines, "\n"))
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("%s", strings.Join(told.lines, "\n"))
	}
	return report
}

// verdicts are the findings by check.
func verdicts(r reports.Rehearsal) map[string]harness.Finding {
	by := map[string]harness.Finding{}
	for _, f := range r.Findings {
		by[f.Check] = f
	}
	return by
}

// expect compares some verdicts, and the one of all.
func expect(t *testing.T, r reports.Rehearsal, all harness.Verdict, want map[string]harness.Verdict) {
	t.Helper()
	if r.Verdict != all {
		t.Errorf("the verdict is %s, want %s", r.Verdict, all)
	}
	by := verdicts(r)
	for check, v := range want {
		if f, ok := by[check]; !ok || f.Verdict != v {
			t.Errorf("%s is %s, want %s: %s", check, f.Verdict, v, f.Detail)
		}
	}
	if t.Failed() {
		for _, f := range r.Findings {
			t.Logf("%s %s: %s %q", f.Verdict, f.Check, f.Detail, f.Offending)
		}
		t.Logf("notes: %q", r.Notes)
	}
}

// aFile is a snapshot of so many keys, made offline.
func aFile(t testing.TB, keys int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.db")
	if _, err := dataset.Write(t.Context(), path, dataset.Spec{Keys: keys, ValueSize: 100, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	return path
}
