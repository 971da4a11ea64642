package scenarios

import (
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
)

// smaller is what a scenario that loses every host but one, and restores a backup, is
// for less than three members. Of a single one nobody survives: it is lost itself, and
// recovered by that procedure, with this for a summary.
func smaller(summary string, alone harness.Procedure) func(*harness.Scenario, int) {
	return func(s *harness.Scenario, members int) {
		expendable(s, members)
		if members > 1 {
			return
		}
		s.Summary = summary
		s.Break = []harness.Fault{fault.LoseHost{Who: harness.Everyone}}
		s.Premises = []harness.Check{check.HostsWereLost{Who: harness.Everyone}, check.WritesWereAcknowledged{}}
		s.Recover = alone
		s.Promises = without(s.Promises, check.ReplicasAgree{})
	}
}

// expendable takes the promise back that one member can be lost, where less than three
// are no majority without it.
func expendable(s *harness.Scenario, members int) {
	if members < 3 {
		s.Promises = without(s.Promises, check.SurvivesOneMemberLoss{})
	}
}

func without(checks []harness.Check, one harness.Check) []harness.Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c harness.Check) bool { return c.Name() == one.Name() })
}
