package check_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// expected is what an expectation can say in a word.
type expected struct{ ClusterID, Loss string }

func TestExpectation(t *testing.T) {
	scenario := []harness.Check{check.ProcedureCompleted{}, check.CutAtSurvivor{Host: "m1"}, check.MembersAre{Who: harness.Everyone}, check.ClusterID{Kept: true}}
	for _, c := range []struct {
		of   check.Expectation
		want []harness.Check
	}{
		{check.Expectation{}, scenario},
		{check.Expectation{Members: []string{"m1", "m4"}},
			[]harness.Check{check.ProcedureCompleted{}, check.CutAtSurvivor{Host: "m1"}, check.MembersAre{Who: harness.Hosts("m1", "m4")}, check.ClusterID{Kept: true}}},
		{check.Expectation{ClusterID: "new", Loss: "snapshot"},
			[]harness.Check{check.ProcedureCompleted{}, check.CutAtSnapshot{}, check.MembersAre{Who: harness.Everyone}, check.ClusterID{}}},
		{check.Expectation{Loss: "survivor=m2"},
			[]harness.Check{check.ProcedureCompleted{}, check.CutAtSurvivor{Host: "m2"}, check.MembersAre{Who: harness.Everyone}, check.ClusterID{Kept: true}}},
	} {
		got, err := c.of.Of(scenario)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v, %v", c.of, got, err)
		}
	}
	// Who was lost is gone, whoever is expected; its name is a new one's if it is expected.
	replaced := []harness.Check{check.NothingLost{}, check.MembersAre{Who: harness.Everyone}, check.MemberReplaced{Host: "m3"}}
	for members, want := range map[string]check.MemberReplaced{
		"m1 m2 m3": {Host: "m3"},
		"m1 m2 m4": {Host: "m3", Elsewhere: true},
	} {
		names := strings.Fields(members)
		got, err := check.Expectation{Members: names}.Of(replaced)
		if err != nil || !reflect.DeepEqual(got, []harness.Check{check.NothingLost{}, check.MembersAre{Who: harness.Hosts(names...)}, want}) {
			t.Errorf("%s: %v, %v", members, got, err)
		}
	}
	if replaced[2] != (check.MemberReplaced{Host: "m3"}) {
		t.Errorf("the scenario's own promises were changed: %v", replaced)
	}
	// What the scenario does not promise is promised then.
	got, err := check.Expectation{Loss: "none", ClusterID: "kept", Members: []string{"m1"}}.Of(nil)
	if err != nil || len(got) != 3 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	if scenario[1] != (check.CutAtSurvivor{Host: "m1"}) {
		t.Errorf("the scenario's own promises were changed: %v", scenario)
	}
	for bad, says := range map[expected]string{
		{ClusterID: "old"}:    "kept, or new",
		{Loss: "some"}:        "none, snapshot",
		{Loss: "survivor="}:   "survivor=HOST",
		{Loss: "survivor=M1"}: "survivor=HOST",
	} {
		if _, err := (check.Expectation{ClusterID: bad.ClusterID, Loss: bad.Loss}).Of(scenario); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := (check.Expectation{Members: []string{"M 1"}}).Of(scenario); err == nil {
		t.Error("a member that is no host is expected")
	}
}
