package sweep

import (
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// Whoever waits for the rest hears of those that did not recover, beside the worst of
// those that did.
func TestKnownTellsWhatDidNotRecover(t *testing.T) {
	r := policy.Result{Runs: []policy.Run{
		{Verdict: harness.Held, Recovered: 4200},
		{Verdict: harness.Violated, Unrecovered: 140_000},
		{Verdict: harness.Violated, Unrecovered: 150_000, Unfit: []string{"busy"}},
	}}
	r.Policy.Targets.RTO = policy.Duration(5 * time.Minute)
	const want = "2 of 3 runs count; worst recovery 4.20 s of 5 min promised; 1 not seen to recover; worst loss 0.00 s; 2 did not hold"
	if got := known(r); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
