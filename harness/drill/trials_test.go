package drill

import (
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// A hazard's trial may end the cluster: a promise's would then be tried on
// something else than what the recovery left.
func TestPromisesAreTriedFirst(t *testing.T) {
	specs := trialsOf(harness.Scenario{
		Promises: []harness.Check{check.NothingLost{}, check.SurvivesOneMemberLoss{}, check.RestartKeepsMembers{Host: "m2"}, check.SurvivesOneMemberLoss{}},
		Hazards:  []harness.Check{check.RestartKeepsMembers{Host: "m1"}, check.RestartKeepsMembers{Host: "m2"}},
	})
	want := []harness.TrialSpec{{Name: "restart-member", Host: "m2"}, {Name: "kill-one-member"}, {Name: "restart-member", Host: "m1"}}
	if !slices.Equal(specs, want) {
		t.Errorf("%v, not %v", specs, want)
	}
}

// Whoever needs the return of the dead, it comes when all else was tried.
func TestTheDeadReturnLast(t *testing.T) {
	specs := trialsOf(harness.Scenario{
		Promises: []harness.Check{check.DeadStayOut{}, check.SurvivesOneMemberLoss{}},
		Hazards:  []harness.Check{check.RestartKeepsMembers{Host: "m1"}, check.DeadStayOut{}},
	})
	want := []harness.TrialSpec{{Name: "kill-one-member"}, {Name: "restart-member", Host: "m1"}, {Name: "power-on-the-dead"}}
	if !slices.Equal(specs, want) {
		t.Errorf("%v, not %v", specs, want)
	}
}

func TestChanged(t *testing.T) {
	views := func() []harness.MemberView {
		var list []harness.MemberView
		for _, host := range []string{"m1", "m2", "m3"} {
			list = append(list, harness.MemberView{Host: host, ClusterID: 7, Serves: true, Members: []harness.Member{{ID: 1, Name: "m1"}, {ID: 2, Name: "m2"}}})
		}
		return list
	}
	for name, c := range map[string]struct {
		alter func(before, now []harness.MemberView)
		want  string
	}{
		"nothing":                  {func(_, _ []harness.MemberView) {}, ""},
		"another order of members": {func(_, now []harness.MemberView) { slices.Reverse(now[0].Members) }, ""},
		"another leader":           {func(_, now []harness.MemberView) { now[0].Leader, now[0].Term = 2, 9 }, ""},
		"one was silent before":    {func(before, now []harness.MemberView) { before[2].Error, now[2].Error = "refused", "refused" }, ""},
		"one is silent now":        {func(_, now []harness.MemberView) { now[2].Error = "refused" }, "m3 no longer answers: refused"},
		"one does not serve now":   {func(_, now []harness.MemberView) { now[2].Serves, now[2].ServeError = false, "no leader" }, "m3 no longer serves: no leader"},
		"another cluster":          {func(_, now []harness.MemberView) { now[1].ClusterID = 8 }, "m2 lists"},
		"a member less":            {func(_, now []harness.MemberView) { now[0].Members = now[0].Members[:1] }, "m1 lists m1 (0000000000000001) in"},
		"a learner":                {func(_, now []harness.MemberView) { now[0].Members[1].Learner = true }, "m2 (0000000000000002) as a learner"},
		"one is gone":              {func(_, now []harness.MemberView) { now[1].Host = "m9" }, "m2 is no longer there"},
	} {
		before, now := views(), views()
		c.alter(before, now)
		if got := changed(before, now); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
