package drill_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/fixtures/s3gateway"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/process"
	"github.com/etcd-firedrill/firedrill/reports"
)

// The hosts run this very binary: as their agent, as etcd, as its tools.
func TestMain(m *testing.M) {
	s3gateway.Main()
	if bastion.Main(os.Args) || embedded.Main(os.Args) || process.Main(os.Args) || operator.Main(os.Args) {
		return
	}
	if filepath.Base(os.Args[0]) == "firedrill" {
		os.Exit(ask(os.Args[1:]))
	}
	// Drills wait more than they work. A number on the command line wins.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// ask is as much of the command as runbooks need here: `firedrill host VERB…`.
func ask(words []string) (code int) {
	if len(words) < 2 || words[0] != "host" {
		fmt.Fprintf(os.Stderr, "firedrill %v is not known here\n", words)
		return 99
	}
	streams := harness.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	args := slices.DeleteFunc(words[2:], func(word string) bool { return word == "--" })
	if len(args) > 0 && args[0] == "-n" {
		streams.In, args = nil, args[1:]
	}
	code, err := bastion.Do(context.Background(), os.Getenv(bastion.SocketVariable), bastion.Call{By: os.Getenv(bastion.ByVariable), Verb: words[1], Args: args}, streams)
	if err != nil {
		fmt.Fprintln(os.Stderr, "firedrill:", err)
	}
	return code
}

// aloneMark names, in a process of its own, the test that it is for.
const aloneMark = "FIREDRILL_TEST_ALONE"

// alone runs a test that sets variables of the environment in a process of its own, beside
// the other tests. It tells whether this is that process: elsewhere the test is over.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneMark) == t.Name() {
		return true
	}
	if testing.Short() {
		t.Skip("drills are not short")
	}
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.parallel=1")
	if end, bounded := t.Deadline(); bounded {
		cmd.Args = append(cmd.Args, "-test.timeout="+time.Until(end).String())
	}
	cmd.Env = append(os.Environ(), aloneMark+"="+t.Name())
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	switch said := string(out); {
	case err != nil:
		t.Error(err)
	case strings.Contains(said, "\n--- SKIP: "+t.Name()+" "):
		t.Skip("it was skipped")
	case !strings.Contains(said, "\n--- PASS: "+t.Name()+" "):
		t.Error("it did not run")
	}
	return false
}

// rig is a process runtime in a directory of its own, in which nothing may be
// left when the test ends.
type rig struct {
	harness.Runtime
	base, out string
}

func newRig(t *testing.T) rig {
	t.Helper()
	if testing.Short() {
		t.Skip("drills are not short")
	}
	dir := t.TempDir()
	r := rig{base: filepath.Join(dir, "base"), out: filepath.Join(dir, "runs")}
	var err error
	if r.Runtime, err = process.New(process.Options{Dir: r.base}); err != nil {
		t.Fatal(err)
	}
	return r
}

// left lists what is left of drills: files under the base directory, and
// processes with their root there.
func (r rig) left(t *testing.T) []string {
	t.Helper()
	var found []string
	entries, err := os.ReadDir(r.base)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		found = append(found, filepath.Join(r.base, e.Name()))
	}
	for pid, cmd := range r.processes(t) {
		found = append(found, fmt.Sprintf("process %d: %s", pid, cmd))
	}
	return found
}

// processes are those that run on the rig's hosts, with their command lines.
func (r rig) processes(t *testing.T) map[int]string {
	t.Helper()
	found := map[int]string{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		root, err := os.Readlink(filepath.Join("/proc", e.Name(), "root"))
		if err != nil || !strings.HasPrefix(root, r.base+"/") {
			continue
		}
		cmd, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil {
			found[pid] = strings.ReplaceAll(string(cmd), "\x00", " ")
		}
	}
	return found
}

// killAgent ends the agent of a host by its process ID, as the kernel does when
// memory is short.
func (r rig) killAgent(t *testing.T, host string) {
	for pid, cmd := range r.processes(t) {
		if strings.HasPrefix(cmd, "firedrill agent stdio "+host) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("no agent of %s runs", host)
}

// run runs a drill and makes sure that nothing is left of it but its directory.
func (r rig) run(ctx context.Context, t *testing.T, s harness.Scenario, o drill.Options) (reports.Report, error) {
	t.Helper()
	return r.runOn(ctx, t, r, s, o)
}

func (r rig) runOn(ctx context.Context, t *testing.T, rt harness.Runtime, s harness.Scenario, o drill.Options) (reports.Report, error) {
	t.Helper()
	if o.Out == "" {
		o.Out = r.out
	}
	told := o.Progress
	o.Progress = func(e harness.Event) {
		t.Logf("%8.3fs %-8s %-4s %s", e.At.Seconds(), e.Kind, e.Host, e.Text)
		if told != nil {
			told(e)
		}
	}
	o.Version = "test"
	report, err := drill.Run(ctx, rt, s, o)
	if left := r.left(t); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "\n"))
	}
	if err != nil && report.Schema != 0 {
		t.Error("there is a report beside an error")
	}
	return report, err
}

// held runs a drill that holds.
func (r rig) held(t *testing.T, s harness.Scenario, o drill.Options) reports.Report {
	t.Helper()
	report, err := r.run(t.Context(), t, s, o)
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict != harness.Held {
		t.Fatalf("%s: %+v", report.Verdict, report.Findings)
	}
	return report
}

// latest is the directory of the rig's last drill.
func (r rig) latest(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(r.out, "latest"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// says fails the test unless the text contains all of these.
func says(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("it does not say %q:\n%s", w, text)
		}
	}
}

// runbook is a procedure that is its steps.
type runbook []harness.Step

func (r runbook) Steps([]string) ([]harness.Step, error) { return r, nil }

// act is an action of the test's own.
type act func(context.Context, harness.Host) (harness.Output, error)

func (act) String() string { return "act" }

func (a act) Do(ctx context.Context, _ harness.Site, on harness.Host, _ string) (harness.Output, error) {
	return a(ctx, on)
}

// blow is a fault of the test's own.
type blow func(context.Context, harness.Strike) error

func (blow) String() string { return "blow" }

func (b blow) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return []string{"m1"}, b(ctx, s)
}

// stop is fault.StopEtcd without the seconds that a lone etcd takes to end when
// it is asked to.
func stop(ctx context.Context, s harness.Strike) error {
	hosts, err := s.Select(ctx, harness.Everyone)
	for _, h := range hosts {
		if err == nil {
			_, err = h.Run(ctx, "mkdir -p /root && mv "+harness.ManifestPath+" /root/etcd.yaml")
		}
		if err == nil {
			err = h.Signal(ctx, syscall.SIGKILL)
		}
		if err == nil {
			_, err = h.AwaitEtcd(ctx, "etcd is gone", func(now harness.EtcdState) bool { return now.PID == 0 })
		}
	}
	return err
}

var lightTraffic = harness.Traffic{Writers: 2, Rate: 200, ValueSize: 64, Leases: 1}

// crash is the smallest drill: one member dies and is restarted in place.
func crash() harness.Scenario {
	return harness.Scenario{
		Name: "crash", Summary: "the only member dies", Given: harness.ClusterSpec{Members: 1}, Under: lightTraffic,
		Break:    []harness.Fault{fault.KillEtcd{Who: harness.Everyone}},
		Premises: []harness.Check{check.WritesWereAcknowledged{}},
		Promises: []harness.Check{check.NothingLost{}, check.DatasetIntact{}, check.MembersAre{Who: harness.Everyone}},
		Within:   20 * time.Second,
	}
}

var (
	startAgain = harness.Step{Name: "start etcd", On: harness.Everyone, Do: harness.Script("mv /root/etcd.yaml " + harness.ManifestPath)}
	awaitServe = harness.Step{Name: "wait until etcd serves", On: harness.Everyone, Await: true,
		Do: harness.Script(`etcdctl --endpoints={{client name}} endpoint health`)}
)

// stopped is a small drill with a procedure: etcd is stopped, and started again
// before the steps given.
func stopped(then ...harness.Step) harness.Scenario {
	s := crash()
	s.Name, s.Summary = "stopped", "the only member is stopped"
	s.Break = []harness.Fault{blow(stop)}
	s.Recover = append(runbook{startAgain, awaitServe}, then...)
	s.Promises = append(s.Promises, check.ProcedureCompleted{})
	return s
}
