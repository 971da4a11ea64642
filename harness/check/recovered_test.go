package check

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
)

const leaveIt = "Where there is nothing to recover, or nothing that may be touched, the team leaves the cluster as it is, and says so."

func TestRecovered(t *testing.T) {
	born := []string{"m1", "m2", "m3"}
	for name, c := range map[string]struct {
		promises []harness.Check
		want     []string
	}{
		"from a survivor, on new hosts": {
			[]harness.Check{ProcedureCompleted{}, CutAtSurvivor{Host: "m1"}, MembersAre{Who: harness.Hosts("m1", "m4", "m5")}, ClusterID{}, EveryMemberServes{}, NoAlarms{}},
			[]string{
				"m1, m4 and m5 are the members, all of them voters, and nobody else is.", "The cluster ID is a new one.",
				"Writes that were acknowledged and that m1 never had may be lost, and no others.", "Every member serves and none reports an alarm.", leaveIt,
			},
		},
		"from a snapshot": {
			[]harness.Check{CutAtSnapshot{}, BackupsKept{}, MembersAre{Who: harness.Everyone}, ReplicasAgree{}, UsersBind{}, CachesFresh{}},
			[]string{
				"m1, m2 and m3 are the members, all of them voters, and nobody else is.", "The cluster ID may be another one than it was.",
				"What comes back is the newest backup that verifies, no other and nothing else. What was acknowledged after it may be lost.",
				"All hold the same.", "Users, roles and passwords are as they were.", "No backup is removed or changed.", "No client goes on with what it knew of a history that is gone.", leaveIt,
			},
		},
		"a member replaced": {
			[]harness.Check{NothingLost{}, MembersAre{Who: harness.AllBut("m3")}, MemberReplaced{Host: "m2"}, ClusterID{Kept: true}},
			[]string{
				"m1 and m2 are the members, all of them voters, and nobody else is.", "A member that is lost for good is removed, and a new one takes its name.",
				"The cluster ID is the one that it was.", "No write that was acknowledged is lost.", leaveIt,
			},
		},
		"a member replaced by one of another name": {
			[]harness.Check{MembersAre{Who: harness.AllBut("m3")}, MemberReplaced{Host: "m3", Elsewhere: true}},
			[]string{
				"m1 and m2 are the members, all of them voters, and nobody else is.", "A member that is lost for good is removed.",
				"The cluster ID may be another one than it was.", leaveIt,
			},
		},
		"one that is to be left alone": {
			[]harness.Check{ProcedureRefused{}, NothingChanged{}},
			[]string{
				"m1, m2 and m3 are the members, each with the ID that it had.", "The cluster ID is the one that it was.", "No write that was acknowledged is lost.", leaveIt,
			},
		},
	} {
		if diff := cmp.Diff(c.want, Recovered(c.promises, born)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if all := Recovered([]harness.Check{MembersAre{Who: harness.Everyone}}, born[:1]); all[0] != "m1 is the only member." {
		t.Errorf("of one: %q", all)
	}
	// Which host was lost is nobody's to know.
	if all := strings.Join(Recovered([]harness.Check{MemberReplaced{Host: "m2"}}, born), "\n"); strings.Contains(all, "m2") {
		t.Errorf("it tells who was lost: %s", all)
	}
}
