package drill

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// What a member tells is shown by names, as far as there are any.
func TestSeen(t *testing.T) {
	host := gameday.Inside{Host: gameday.Host{Name: "m1", Answers: true, Members: []string{}}, Power: "on", Alarms: []string{}}
	view := harness.MemberView{
		Host: "m1", Leader: 2, Revision: 17, Alarms: []string{"NOSPACE of 2"},
		Members: []harness.Member{{ID: 2, Name: "m2"}, {ID: 1, Name: "m1"}, {ID: 0xabc}, {ID: 4, Name: "m4", Learner: true}},
	}
	want := host
	want.EtcdAnswers, want.Leader, want.Revision, want.Alarms = true, "m2", 17, []string{"NOSPACE of 2"}
	want.Members = []string{"abc (never started)", "m1", "m2", "m4 (learner)"}
	if diff := cmp.Diff(want, seen(host, view)); diff != "" {
		t.Error(diff)
	}
	view.Leader = 0xdead // which it does not list
	if got := seen(host, view); got.Leader != "dead" {
		t.Errorf("%+v", got)
	}
	view.Leader = 0
	if got := seen(host, view); got.Leader != "" {
		t.Errorf("%+v", got)
	}
	want = host
	want.Error = "it does not answer"
	if diff := cmp.Diff(want, seen(host, harness.MemberView{Host: "m1", Error: "it does not answer", Revision: 4})); diff != "" {
		t.Error(diff)
	}
}

// Empty disks make another history only where they are enough for a cluster.
func TestBlankQuorum(t *testing.T) {
	wiped := func(by string, hosts ...string) harness.FaultRecord {
		return harness.FaultRecord{Fault: "wipe the data directory on " + strings.Join(hosts, ","), By: by, Hosts: hosts}
	}
	for name, c := range map[string]struct {
		hosts  []string
		before []harness.FaultRecord
		want   bool
	}{
		"of a lone one":             {hosts: []string{"m1"}, want: true},
		"of three":                  {hosts: []string{"m1", "m2", "m3"}},
		"the same once more":        {hosts: []string{"m1", "m2", "m3"}, before: []harness.FaultRecord{wiped(facilitator, "m1")}},
		"a second of three":         {hosts: []string{"m1", "m2", "m3"}, before: []harness.FaultRecord{wiped("", "m3")}, want: true},
		"beside one that is ruined": {hosts: []string{"m1", "m2", "m3"}, before: []harness.FaultRecord{{Fault: "ruin the data directory on m2", Hosts: []string{"m2"}}}},
	} {
		g := &game{d: &drill{plan: plan{hosts: c.hosts}, ev: &harness.Evidence{Faults: c.before}}}
		if got := g.blankQuorum("m1"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Orders are refused before the scenario's own strike was looked at, and once it is over.
func TestOrdersHaveTheirTime(t *testing.T) {
	r := newRules()
	g := &game{exercise: r.exercise}
	order := gameday.Order{Kind: "power-off", Host: "m1"}
	refuses(t, "before the strike", g.Inject(t.Context(), order), "own strike comes first")
	r.strikes()
	refuses(t, "before it was looked at", g.Inject(t.Context(), order), "own strike comes first")
	r.begins()
	r.set(time.Minute)
	r.finish("enough")
	refuses(t, "afterwards", g.Inject(t.Context(), order), "enough")
}
