package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/recovery"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// theatre is a stage whose scenarios restore snapshots, but for one.
type theatre struct {
	*stage
	report func(n int, r *reports.Report) error // what the nth drill tells, from 1; nil: that all went well
	births []dataset.Info                       // what each drill's cluster was born from
}

func newTheatre(t *testing.T) *theatre {
	th := &theatre{stage: newStage(t)}
	t.Chdir(t.TempDir())
	th.scenarios = func() []harness.Scenario {
		var all []harness.Scenario
		for _, name := range []string{"restore-here", "restore-there", "task-crash"} {
			sc := harness.Scenario{Name: name, Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic}
			if name != "task-crash" {
				sc.Backups.Every, sc.Recover, sc.Within = time.Second, recovery.EtcdSnapshotRestore{}, time.Minute
			}
			all = append(all, sc)
		}
		return all
	}
	th.run = func(ctx context.Context, rt harness.Runtime, sc harness.Scenario, o drill.Options) (reports.Report, error) {
		th.options = append(th.options, o)
		info, err := dataset.Read(ctx, o.PreloadFrom, "/firedrill/")
		if err != nil {
			return reports.Report{}, err
		}
		th.births = append(th.births, info)
		if th.during != nil {
			th.during(ctx)
		}
		if err := context.Cause(ctx); err != nil {
			return reports.Report{}, err
		}
		n := int64(len(th.options))
		r := reports.Report{
			Schema: 1, Drill: "d", Scenario: sc.Name, Runtime: rt.Name(), EtcdVersion: "3.7.3", Seed: o.Seed, Verdict: harness.Held,
			Backups: []reports.Backup{{Name: "b", Snapshot: 40, Verify: 5, Upload: 10, Bytes: 1 << 20, Keys: info.Dataset.Keys, Kept: true}},
			Fetches: []reports.Fetch{{Backup: "b", Host: "m1", Fetch: 5, Verify: 3}},
			Steps:   []reports.Step{{Number: 1, Host: "m1", Took: 60 + n, Phase: "restore"}},
			Phases:  reports.Phases{FirstAck: 300 + n, Recovered: 400 + n, Redundancy: 700, Outage: 390 + n},
			Loss:    &reports.Loss{AckedWrites: 100, LostWrites: 4, LostSpan: 30 + n},
		}
		if th.report != nil {
			return r, th.report(int(n), &r)
		}
		return r, nil
	}
	return th
}

const small = `
policy: {interval: 1h, targets: {rto: 5m, rpo: 2h}}
sweep: {sizes: [1MiB, 2MiB], procedures: [restore-here, restore-there], runs: 3, time_scale: 3600, value_sizes: [2048]}
`

func (th *theatre) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (th *theatre) policy(t *testing.T, args ...string) int {
	t.Helper()
	th.stdout.Reset()
	th.stderr.Reset()
	th.code = 0
	return th.execute(t.Context(), append([]string{"policy"}, args...)...)
}

func stored(t *testing.T, dir string) policy.Result {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "sweep.json"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := policy.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPolicyRunsItsSweep(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	if code := th.policy(t, "small.yaml", "--markdown", "s.md", "--csv", "s.csv", "--prometheus", "s.prom"); code != exitHeld {
		t.Fatalf("exit %d\n%s%s", code, th.stdout.String(), th.stderr.String())
	}
	dirs, err := filepath.Glob("firedrill-runs/*-policy-small")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("%v, %v", dirs, err)
	}
	r := stored(t, dirs[0])
	if !r.Finished || len(r.Runs) != 12 || r.Policy.Name != "small" || r.Runtime != "process" || r.Etcd != "3.7.3" || r.Machine.CPUs == 0 {
		t.Errorf("%d runs, %+v", len(r.Runs), r)
	}
	left, err := os.ReadDir(dirs[0])
	if err != nil || len(left) != 2 {
		t.Errorf("left in the sweep's directory: %v, %v", left, err)
	}
	for _, want := range []string{
		"a database of 1.0 MiB: ", "run 1 of 12: restore-here, 1.0 MiB of 2048-byte values, 3 members, number 1, seed 1; 12 left, no estimate yet",
		"HELD  policy small", "3600: in the drills the interval of 1 h was 1 s", "etcd 3.7.3",
	} {
		if !strings.Contains(th.stdout.String(), want) {
			t.Errorf("%q is not in\n%s", want, th.stdout.String())
		}
	}
	for name, want := range map[string]string{"s.md": "## Policy small: HELD", "s.csv": "small,1h,3600,process", "s.prom": `firedrill_policy_time_scale{policy="small"} 3600`} {
		text, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if others, err := filepath.Glob(".s.*"); err != nil || len(others) > 0 {
		t.Errorf("left behind: %v, %v", others, err)
	}
}

// What a drill is told is the policy, compressed, and the point.
func TestTheOptionsOfADrill(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	th.policy(t, "small.yaml", "--sizes", "2MiB,4MiB", "--keep-backups", "--procedures", "restore-there", "--runs", "1", "--seed", "40", "--members", "1", "--interval", "2h",
		"--retention-count", "5", "--retention-age", "48h", "--verify", "none", "--store", "backups", "--writers", "2", "--rate", "30", "--etcd-arg", "--quota-backend-bytes=1", "--out", "here")
	if len(th.options) != 2 {
		t.Fatalf("%d drills\n%s", len(th.options), th.stderr.String())
	}
	got := th.options[1]
	again := got.Rerun
	got.Progress, got.Version, got.Rerun = nil, "", ""
	want := drill.Options{
		Members: 1, Seed: 41, Within: 5*time.Minute + time.Second, Out: "here/drills", ValueSize: 2048, Writers: 2, Rate: 30, Store: "backups", EtcdArgs: []string{"--quota-backend-bytes=1"},
		PreloadFrom: "here/datasets/4194304-2048.db", BackupEvery: 2 * time.Second, BackupKeep: harness.Retention{Count: 5, Age: 48 * time.Second},
		BackupUnverified: true, Promises: []harness.Check{check.LossWithinPolicy{Interval: 2 * time.Second}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(check.LossWithinPolicy{})); diff != "" {
		t.Error(diff)
	}
	// The command that runs it again does, on the same data.
	words := strings.Split(strings.ReplaceAll(again, "'4.0 MiB'", "4.0MiB"), " ")
	if code := th.policy(t, append(words[2:], "--out", "again")...); code == exitBroke || len(th.options) != 3 {
		t.Fatalf("%q: exit %d, %d drills, %s", again, code, len(th.options), th.stderr.String())
	}
	same := th.options[2]
	if same.Rerun != again || th.births[2] != th.births[1] || !strings.HasPrefix(same.PreloadFrom, "again/") {
		t.Errorf("run again by %q, from %s: %+v", same.Rerun, same.PreloadFrom, th.births[1:])
	}
	same.Out, same.PreloadFrom, same.Rerun, same.Progress, same.Version = got.Out, got.PreloadFrom, "", nil, ""
	if diff := cmp.Diff(got, same, cmpopts.EquateComparable(check.LossWithinPolicy{})); diff != "" {
		t.Errorf("run again: %s", diff)
	}
	// Each is born with a database of about its size.
	for i, of := range []int64{2 << 20, 4 << 20} {
		if bytes := th.births[i].Dataset.Bytes; bytes < of*4/10 || bytes > of {
			t.Errorf("the database of %d bytes holds %d", of, bytes)
		}
	}
}

func TestPolicyByFlagsAlone(t *testing.T) {
	th := newTheatre(t)
	if code := th.policy(t, "--interval", "1h", "--sizes", "1MiB", "--sizes", "2MiB", "--procedures", "restore-here", "--time-scale", "3600", "--name", "by hand", "--runs", "3", "--json"); code != exitHeld {
		t.Fatalf("exit %d: %s", code, th.stderr.String())
	}
	r, err := policy.Decode(th.stdout.Bytes())
	if err != nil || len(r.Runs) != 6 || r.Policy.Name != "by hand" {
		t.Errorf("%v: %+v", err, r)
	}
	if !strings.Contains(th.stderr.String(), "run 6 of 6: ") {
		t.Errorf("no progress on standard error: %s", th.stderr.String())
	}
	if dirs, err := filepath.Glob("firedrill-runs/*-policy-by-hand"); err != nil || len(dirs) != 1 {
		t.Errorf("%v, %v", dirs, err)
	}
}

// Every key of the file is a flag, and says what it takes.
func TestEveryKeyIsAFlag(t *testing.T) {
	var keys []string
	taken := map[string]bool{}
	for _, f := range planFlags() {
		keys = append(keys, f.key)
		if f.usage == "" || f.kind == "" || taken[f.flag] {
			t.Errorf("%+v", f)
		}
		taken[f.flag] = true
	}
	if diff := cmp.Diff(policy.Keys(), keys); diff != "" {
		t.Error(diff)
	}
}

func TestExitCodesOfPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		report func(n int, r *reports.Report) error
		args   []string
		want   int
		says   string
	}{
		"held":              {nil, nil, exitHeld, "HELD  policy small"},
		"a target violated": {func(_ int, r *reports.Report) error { r.Phases.Recovered = 400_000; return nil }, nil, exitViolated, "VIOLATED  policy small"},
		"a backup job that stopped": {func(n int, r *reports.Report) error {
			if n == 5 {
				r.Loss.LostSpan = 7000
			}
			return nil
		}, nil, exitViolated, "1 run lost more than"},
		"too few runs": {nil, []string{"--runs", "2"}, exitInconclusive, "too few runs"},
		"one run broke": {func(n int, _ *reports.Report) error {
			if n == 2 {
				return errors.New("boot m1: no")
			}
			return nil
		}, nil, exitBroke, "the harness broke"},
		"a busy machine": {func(_ int, r *reports.Report) error { r.Unfit = []string{"busy"}; return nil }, nil, exitInconclusive, "INCONCLUSIVE  policy small"},
	} {
		th := newTheatre(t)
		th.write(t, "small.yaml", small)
		th.report = c.report
		if code := th.policy(t, append([]string{"small.yaml"}, c.args...)...); code != c.want || !strings.Contains(th.stdout.String(), c.says) {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", name, code, c.want, c.says, th.stdout.String(), th.stderr.String())
		}
	}
}

func TestAnInterruptedPolicyIsResumed(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	ctx, cancel := context.WithCancelCause(t.Context())
	th.during = func(context.Context) {
		if len(th.options) == 5 {
			cancel(errInterrupted)
		}
	}
	if code := th.execute(ctx, "policy", "small.yaml", "--out", "s"); code != exitBroke || !strings.Contains(th.stderr.String(), "--resume s goes on with it") {
		t.Errorf("exit %d, %s", code, th.stderr.String())
	}
	if r := stored(t, "s"); r.Finished || len(r.Runs) != 4 {
		t.Errorf("%d runs are kept", len(r.Runs))
	}
	if _, err := os.Stat("s/datasets"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the datasets are left behind: %v", err)
	}
	th.during = nil

	// Another plan is refused, and costs nothing.
	for says, args := range map[string][]string{
		"sweep.runs is 4, and was 3":             {"--runs", "4"},
		"the list of etcd flags is --x=1":        {"--etcd-arg", "--x=1"},
		"policy.interval is 30m, and was 1h":     {"other.yaml"},
		"give one of them":                       {"--out", "t"},
		"there is no sweep":                      {"--resume", "nowhere"},
		"scenario task-crash restores no backup": {"--procedures", "task-crash"},
	} {
		th.write(t, "other.yaml", strings.Replace(small, "1h", "30m", 1))
		before := len(th.options)
		if code := th.policy(t, append([]string{"--resume", "s"}, args...)...); code != exitBroke || !strings.Contains(th.stderr.String(), says) || len(th.options) != before {
			t.Errorf("%v: exit %d, %q, want %q", args, code, th.stderr.String(), says)
		}
	}

	if code := th.policy(t, "--resume", "s"); code != exitHeld {
		t.Errorf("exit %d, %s", code, th.stderr.String())
	}
	if r := stored(t, "s"); !r.Finished || len(r.Runs) != 12 || len(th.options) != 13 {
		t.Errorf("%d runs after %d drills", len(r.Runs), len(th.options))
	}
	// What is finished is shown again, with the file or without, and nothing is run.
	for _, args := range [][]string{nil, {"small.yaml"}} {
		if code := th.policy(t, append(args, "--resume", "s", "--csv", "again.csv")...); code != exitHeld || len(th.options) != 13 || !strings.Contains(th.stdout.String(), "HELD  policy small") {
			t.Errorf("%v: exit %d after %d drills, %s", args, code, len(th.options), th.stderr.String())
		}
	}
	if code := th.policy(t, "other.yaml", "--resume", "s"); code != exitBroke || !strings.Contains(th.stderr.String(), "with another plan") {
		t.Errorf("exit %d, %s", code, th.stderr.String())
	}
	if text, err := os.ReadFile("again.csv"); err != nil || bytes.Count(text, []byte("\n")) != 13 {
		t.Errorf("%d lines, %v", bytes.Count(text, []byte("\n")), err)
	}
	if code := th.policy(t, "small.yaml", "--out", "s"); code != exitBroke || !strings.Contains(th.stderr.String(), "there is one already") {
		t.Errorf("begun again: exit %d, %s", code, th.stderr.String())
	}
}

func TestMisusedPoliciesStartNothing(t *testing.T) {
	for line, want := range map[string][]string{
		"":                                            {"policy.interval (--interval): it is missing", "sweep.sizes (--sizes)", "sweep.procedures (--procedures)", "hint: firedrill policy --help"},
		"missing.yaml":                                {"missing.yaml", "hint: name a YAML file"},
		"a.yaml b.yaml":                               {"takes one argument"},
		"bad.yaml":                                    {"bad.yaml: something is wrong", "sweep.sises: there is no such key, did you mean sizes?", "policy.interval (--interval): \"soon\" is no duration", "policy.zebra: there is no such key: there are name"},
		"text.yaml":                                   {"text.yaml: it is no policy file"},
		"small.yaml --procedures restore":             {`there is no procedure "restore"`, "did you mean restore-here or restore-there?"},
		"small.yaml --procedures xyzzy":               {"those that restore a backup: restore-here, restore-there"},
		"small.yaml --procedures task-crash":          {"restores no backup", "those that do: restore-here, restore-there"},
		"small.yaml --interval soon":                  {`"soon" is no duration`, "hint: firedrill policy --help"},
		"small.yaml --runs 0":                         {"sweep.runs (--runs): 0"},
		"small.yaml --runs many":                      {`"many" is no whole number`},
		"small.yaml --intervall 1h":                   {"did you mean --interval?"},
		"small.yaml --value-sizes 4":                  {"values of 4 bytes", "hint: firedrill explain restore-here"},
		"small.yaml --members 3,12":                   {"12 is none of members"},
		"small.yaml --runtime prozess":                {"did you mean process?"},
		"small.yaml --image x --etcd-bin y":           {"both were given"},
		"small.yaml --markdown no/such/dir/x":         {"--markdown: ", "hint: the directory must be there"},
		"small.yaml --csv .":                          {"--csv: . is a directory"},
		"small.yaml --time-scale 100000":              {"sweep.time_scale (--time-scale): compressed 100000 times"},
		"small.yaml --s3-endpoint http://x --store d": {"policy.s3_endpoint (--s3-endpoint)"},
		"small.yaml --etcd-arg --data-dir=/x":         {"data-dir"},
	} {
		th := newTheatre(t)
		th.write(t, "small.yaml", small)
		th.write(t, "text.yaml", "hello\n")
		th.write(t, "bad.yaml", "policy: {interval: soon, zebra: 1}\nsweep: {sises: [1MiB]}\n")
		files, err := os.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		code := th.policy(t, strings.Fields(line)...)
		for _, w := range want {
			if !strings.Contains(th.stderr.String(), w) {
				t.Errorf("%s: got %q, want %q in it", line, th.stderr.String(), w)
			}
		}
		left, err := os.ReadDir(".")
		if code != exitBroke || len(th.options) > 0 || th.stdout.Len() > 0 || err != nil || len(left) != len(files) {
			t.Errorf("%s: exit %d, %d drills, output %q, files %v, %v", line, code, len(th.options), th.stdout.String(), left, err)
		}
	}
}

// A panic in a drill is a run that broke, and the sweep goes on.
func TestAPanicInADrillIsABrokenRun(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	th.report = func(n int, _ *reports.Report) error {
		if n == 2 {
			panic("a nil map")
		}
		return nil
	}
	if code := th.policy(t, "small.yaml", "--out", "s"); code != exitBroke {
		t.Errorf("exit %d", code)
	}
	r := stored(t, "s")
	broke := slices.IndexFunc(r.Runs, func(run policy.Run) bool { return strings.Contains(run.Broke, "a nil map") })
	if len(r.Runs) != 12 || broke < 0 {
		t.Errorf("%d runs, %d broke", len(r.Runs), broke)
	}
}

func TestTrendCommand(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	sweepOf := func(dir string, extra int64) {
		th.options = nil
		th.report = func(_ int, r *reports.Report) error {
			r.Phases.FirstAck += extra
			r.Phases.Outage += extra
			return nil
		}
		if code := th.policy(t, "small.yaml", "--runs", "5", "--out", dir); code != exitHeld {
			t.Fatalf("exit %d: %s", code, th.stderr.String())
		}
	}
	sweepOf("before", 0)
	sweepOf("after", 0)
	sweepOf("slow", 5000)
	th.write(t, "damaged.json", `{"kind":"policy","schema":1,`)
	for line, want := range map[string]struct {
		code int
		out  string
	}{
		"before after":                         {exitHeld, "UNCHANGED  between before and after"},
		"before/sweep.json after/sweep.json":   {exitHeld, "UNCHANGED"},
		"before slow":                          {exitViolated, "SLOWER  restoring takes longer in slow than in before"},
		"before slow after":                    {exitHeld, "UNCHANGED"},
		"slow before":                          {exitHeld, "FASTER"},
		"before slow --json":                   {exitViolated, `"change": "slower"`},
		"before slow --markdown":               {exitViolated, "## Restore time: SLOWER"},
		"before":                               {exitBroke, "needs two files or more"},
		"before damaged.json":                  {exitBroke, "damaged.json: "},
		"before missing.json":                  {exitBroke, "missing.json"},
		"before after --json --markdown":       {exitBroke, "json"},
		"before firedrill-runs-that-never-was": {exitBroke, "no such file"},
	} {
		th.stdout.Reset()
		th.stderr.Reset()
		th.code = 0
		code := th.execute(t.Context(), append([]string{"report", "trend"}, strings.Fields(line)...)...)
		said := th.stdout.String()
		if want.code == exitBroke {
			said = th.stderr.String()
		}
		if code != want.code || !strings.Contains(said, want.out) {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", line, code, want.code, want.out, th.stdout.String(), th.stderr.String())
		}
	}
	th.stderr.Reset()
	if code := th.execute(t.Context(), "report", "trnd"); code != exitBroke || !strings.Contains(th.stderr.String(), "did you mean trend?") {
		t.Errorf("exit %d, %s", code, th.stderr.String())
	}
}
