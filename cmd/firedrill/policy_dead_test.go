package main

import (
	"context"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/process"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// A backup job that stops without a word is caught by what the policy explains, on real
// etcd and whatever else is promised: one run is enough, and the command ends with 1.
func TestADeadBackupJobIsCaughtByThePolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a drill")
	}
	th := newTheatre(t)
	th.scenarios = func() []harness.Scenario {
		all := scenarios.All()
		for i := range all {
			all[i].Backups.Dies, all[i].Backups.Age = 2, 0
		}
		return all
	}
	th.run = drill.Run
	th.runtime = func(context.Context, place) (harness.Runtime, string, error) {
		rt, err := process.New(process.Options{})
		return rt, "", err
	}
	code := th.policy(t, "--interval", "1h", "--time-scale", "3600", "--sizes", "1MiB", "--members", "1", "--procedures", "etcd-snapshot-restore", "--runs", "1", "--rto", "10m", "--out", "s")
	if code != exitViolated {
		t.Fatalf("exit %d\n%s%s", code, th.stdout.String(), th.stderr.String())
	}
	r := stored(t, "s")
	for _, v := range r.Targets {
		if (v.Target == policy.TargetBound) != (v.Verdict == harness.Violated) && v.Target != policy.TargetHeld {
			t.Errorf("%+v", v)
		}
	}
	if len(r.Runs) != 1 || strings.Join(r.Runs[0].Failed, " ") != "loss-within-policy" || !r.Runs[0].Loss.Exceeded() {
		t.Errorf("%+v", r.Runs)
	}
	for _, says := range []string{"MORE THAN THE ", "backups were not taken as the policy says", "VIOLATED  policy"} {
		if !strings.Contains(th.stdout.String(), says) {
			t.Errorf("%q is not in %s", says, th.stdout.String())
		}
	}
}
