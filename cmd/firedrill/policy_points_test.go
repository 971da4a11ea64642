package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/recovery"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// The committed policies can be run, every point of them, by the command's own
// validation, and none looks like somebody's production.
func TestCommittedPoliciesCanBeRun(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/policies/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	a := &app{scenarios: scenarios.All, validate: drill.Validate}
	for _, file := range files {
		s := study{file: file, typed: map[string]*planFlag{}}
		for _, f := range planFlags() {
			s.typed[f.key] = f
		}
		plan, err := s.plan(nil)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		chosen, err := a.procedures(plan.Sweep.Procedures)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		r := rounds{app: a, plan: plan, scenarios: chosen}
		if err := r.suit(); err != nil || len(r.untried) > 0 {
			t.Errorf("%s: %v, %v", file, r.untried, err)
		}
		if strings.Contains(plan.Policy.Store, "production") {
			t.Errorf("%s keeps synthetic backups in %s", file, plan.Policy.Store)
		}
	}
}

// For a number of members that a procedure is not for, nothing is run, it is said, and the
// sweep is not held.
func TestAPointThatNoProcedureSuits(t *testing.T) {
	th := newTheatre(t)
	all := th.scenarios()
	survived := all[0]
	survived.Name, survived.Recover = "restore-survived", recovery.EtcdSnapshotRestore{Survivor: "m1"}
	th.scenarios = func() []harness.Scenario { return append(all, survived) }
	th.write(t, "small.yaml", small)
	if code := th.policy(t, "small.yaml", "--members", "1,3", "--procedures", "restore-here,restore-survived", "--sizes", "1MiB", "--out", "s", "--markdown", "s.md"); code != exitInconclusive {
		t.Fatalf("exit %d\n%s%s", code, th.stdout.String(), th.stderr.String())
	}
	r := stored(t, "s")
	if len(r.Runs) != 9 || r.Planned != 9 || !r.Finished || len(th.options) != 9 {
		t.Errorf("%d runs of %d planned, %d drills", len(r.Runs), r.Planned, len(th.options))
	}
	const says = "restore-survived with 1 member was not tried, because with m1 as the only host nothing is lost"
	text, err := os.ReadFile("s.md")
	if err != nil || !strings.Contains(string(text), says) || strings.Count(th.stdout.String(), "restore-survived with 1 member") != 2 {
		t.Errorf("%v: not said in %s\nor %s", err, text, th.stdout.String())
	}
	// It is resumed as it was, to the same end, and what suits nobody at all is misuse.
	if code := th.policy(t, "--resume", "s"); code != exitInconclusive || len(th.options) != 9 {
		t.Errorf("resumed: exit %d, %d drills", code, len(th.options))
	}
	if code := th.policy(t, "small.yaml", "--members", "1", "--procedures", "restore-survived"); code != exitBroke || !strings.Contains(th.stderr.String(), says) || len(th.options) != 9 {
		t.Errorf("exit %d, %s", code, th.stderr.String())
	}
}

// What would not fit is refused before anything is made, with what is needed and what
// is there.
func TestASweepNeedsRoom(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	if code := th.policy(t, "small.yaml", "--sizes", "1MiB,1TiB"); code != exitBroke || len(th.options) > 0 {
		t.Errorf("exit %d, %d drills", code, len(th.options))
	}
	for _, want := range []string{" left, and about ", "1.0 TiB for the datasets", "4.0 TiB for the backups of a drill", "7.0 TiB for the hosts of a drill", "hint: smaller --sizes"} {
		if !strings.Contains(th.stderr.String(), want) {
			t.Errorf("%q is not in %s", want, th.stderr.String())
		}
	}
	if made, err := filepath.Glob("firedrill-runs/*/datasets"); err != nil || len(made) > 0 {
		t.Errorf("%v, %v", made, err)
	}
}

// A large restore has time, and a promise as long is held against what it took.
func TestHowLongAProcedureMayTake(t *testing.T) {
	p := policy.Defaults()
	for _, c := range []struct {
		rto, within time.Duration
		size        policy.Size
		want        time.Duration
	}{
		{0, 0, 1 << 20, time.Minute},
		{0, 0, 4 << 30, time.Minute + 1024*time.Second},
		{5 * time.Minute, 0, 1 << 20, 5 * time.Minute},
		{time.Second, 0, 1 << 20, time.Minute},
		{5 * time.Minute, 90 * time.Second, 4 << 30, 90 * time.Second},
	} {
		p.Policy.Targets.RTO, p.Sweep.Within = policy.Duration(c.rto), policy.Duration(c.within)
		if got := p.Limit(time.Minute, c.size); got != c.want {
			t.Errorf("%s with an RTO of %v and %v typed: %v, want %v", c.size, c.rto, c.within, got, c.want)
		}
	}
}
