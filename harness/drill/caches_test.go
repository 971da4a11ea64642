package drill_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
)

// The step that restarts the components restarts what long-lived clients hold,
// and their records are in the evidence.
func TestAProcedureRestartsTheComponents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := stopped(harness.Step{Name: "restart the components", Do: harness.RestartComponents{}})
	s.Promises = append(s.Promises, check.CachesFresh{})
	report := r.held(t, s, drill.Options{})
	says(t, report.Findings[len(report.Findings)-1].Detail, "kube-apiserver holds all", "it listed again (restarted) at")
	says(t, read(t, r.latest(t), "transcript.txt"), "$ firedrill restart-components")
	var ev harness.Evidence
	if err := json.Unmarshal([]byte(read(t, r.latest(t), "evidence.json")), &ev); err != nil {
		t.Fatal(err)
	}
	if len(ev.Caches) != 2 {
		t.Fatalf("%+v", ev.Caches)
	}
	step := ev.Steps[len(ev.Steps)-1]
	for _, c := range ev.Caches {
		if len(c.Lists) != 2 || c.Lists[1].Reason != harness.CacheRestarted || c.Lists[1].At < step.At || c.Lists[1].At > step.At+step.Took {
			t.Errorf("%+v, restarted by %+v", c, step)
		}
	}
}

// A component that cannot come up because etcd does not serve is the procedure's
// failure.
func TestComponentsThatDoNotComeUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := stopped()
	s.Recover = runbook{{Name: "restart the components", Do: harness.RestartComponents{}}, startAgain, awaitServe}
	s.Promises = []harness.Check{check.ProcedureCompleted{}}
	report, err := r.run(t.Context(), t, s, drill.Options{Within: 2 * time.Second})
	if err != nil || report.Verdict != harness.Violated {
		t.Fatalf("%s, %v", report.Verdict, err)
	}
	says(t, report.Findings[1].Detail, "step 1 (restart the components) was not done when the time limit of 2s passed")
}
