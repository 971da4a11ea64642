package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

func TestNotes(t *testing.T) {
	r := head(t)
	runs := all(r)
	for i := range runs {
		runs[i].Removed = i % 2
	}
	if notes := r.Assemble(runs).Notes(); len(notes) != 0 {
		t.Errorf("of a sweep that needs none: %q", notes)
	}

	for i := range runs {
		runs[i].Removed = 0
	}
	r.Untried = []policy.Untried{{Procedure: "talos-init-node-converted", Members: 1, Reason: "no node survives"}}
	r.EtcdArgs = []string{"--snapshot-count=7"}
	runs[3].EtcdArgs = []string{"snapshot-count=7", "quota-backend-bytes=8589934592"}
	runs[9].EtcdArgs = runs[3].EtcdArgs // of the same size
	runs[5].Unfit, runs[5].Recovered = []string{"busy"}, 9000
	r = r.Assemble(runs)
	got := strings.Join(r.Notes(), "\n")
	for _, want := range []string{
		"talos-init-node-converted with 1 member was not tried, because no node survives",
		"members with a database of " + runs[3].Size.String() + " were started with --quota-backend-bytes=8589934592",
		"the retention was not exercised",
		runs[5].Title() + ": 1 run left out of the figures, for the machine was too busy; their worst recovery was 9 s",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not once in\n%s", want, got)
		}
	}
	if rto := target(t, r, policy.TargetRTO); !strings.Contains(rto.Detail, "1 run left out") || !strings.Contains(rto.Detail, "the worst of 9 s") {
		t.Errorf("%+v", rto)
	}
	for want, change := range map[string]func(*policy.Run){
		"1 run left out of the figures, for the drill was inconclusive; their worst recovery was 9 s":                                             func(run *policy.Run) { run.Unfit, run.Verdict = nil, harness.Inconclusive },
		"1 run left out of the figures, for the machine was too busy; one had no service for 2 min 20 s, and it was not back when watching ended": func(run *policy.Run) { run.Recovered, run.Unrecovered = 0, 140_000 },
		"2 runs left out of the figures, for the machine was too busy; their worst recovery was 9 s, and 1 not seen": func(*policy.Run) {
			runs[11].Unfit, runs[11].Recovered = []string{"busy"}, 0
		},
	} {
		kept, other := runs[5], runs[11]
		change(&runs[5])
		if got := strings.Join(r.Assemble(runs).Notes(), "\n"); !strings.HasSuffix(got, "\n"+runs[5].Title()+": "+want) {
			t.Errorf("%q does not end\n%s", want, got)
		}
		runs[5], runs[11] = kept, other
	}
	// Who gave a quota knows it, and who keeps everything exercises no retention.
	r.EtcdArgs, r.Policy.Retention, r.Untried = []string{"--quota-backend-bytes=8589934592"}, policy.Retention{}, nil
	if notes := r.Assemble(runs).Notes(); len(notes) != 1 {
		t.Errorf("%q", notes)
	}
}

// What was not tried is not held, however well the rest did.
func TestUntriedIsNotHeld(t *testing.T) {
	r := head(t)
	if got := r.Assemble(all(r)).Verdict(); got != harness.Held {
		t.Fatalf("the whole of it is %s", got)
	}
	r.Untried = []policy.Untried{{Procedure: "talos-single-node", Members: 3, Reason: "it is about a single node"}}
	r = r.Assemble(all(r))
	at := slices.IndexFunc(r.Targets, func(v policy.Verdict) bool { return v.Target == policy.TargetHeld })
	if r.Verdict() != harness.Inconclusive || !strings.Contains(r.Targets[at].Detail, "1 pair of procedure and members not tried") {
		t.Errorf("%s: %+v", r.Verdict(), r.Targets[at])
	}
}
