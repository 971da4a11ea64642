package drill_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
)

// leftBehind is a drill in which m3 goes off, its member is removed, and clients
// are pointed at the others. So it is fenced: the others tell it that it was removed.
func leftBehind() harness.Scenario {
	on := harness.Hosts("m1")
	return harness.Scenario{
		Name: "left-behind", Summary: "one of three goes off and is removed", Given: harness.ClusterSpec{Members: 3}, Under: lightTraffic,
		Break:    []harness.Fault{fault.PowerOff{Who: harness.Hosts("m3")}},
		Premises: []harness.Check{check.HostsWereOff{Who: harness.Hosts("m3")}, check.WritesWereAcknowledged{}},
		Recover: runbook{
			{Name: "find the member on m3", On: on, Do: harness.Script(`{{etcdctl "m1" "m2"}} member list`),
				Learns: []harness.Fact{{Name: "ID", Pattern: `(?m)^([0-9a-f]+), \w+, m3, `}}},
			{Name: "remove it", On: on, Await: true, Do: harness.Script(`{{etcdctl "m1" "m2"}} member remove {{known "ID"}}`)},
			{Name: "point clients at the others", Do: harness.Announce{Hosts: []string{"m1", "m2"}}},
		},
		Promises: []harness.Check{
			check.ProcedureCompleted{}, check.NothingLost{}, check.ReplicasAgree{}, check.MembersAre{Who: harness.AllBut("m3")},
			check.EveryMemberServes{}, check.ServiceRestored{}, check.DeadStayOut{},
		},
		Within: 20 * time.Second,
	}
}

// Who is off and was left behind is no host of the recovered cluster, is waited
// for by nobody, and is refused when it comes back.
func TestTheDeadAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	report := r.held(t, leftBehind(), drill.Options{})
	last := report.Findings[len(report.Findings)-1]
	if last.Check != "dead-stay-out" || last.Verdict != harness.Held {
		t.Fatalf("%+v", last)
	}
	says(t, last.Detail, "etcd on m3 ended", "all 20 writes were acknowledged beside them")
	var ev harness.Evidence
	if err := json.Unmarshal([]byte(read(t, r.latest(t), "evidence.json")), &ev); err != nil {
		t.Fatal(err)
	}
	if len(ev.Hosts) != 2 || ev.Hosts[0] != "m1" || ev.Hosts[1] != "m2" {
		t.Errorf("hosts of the recovered cluster: %v", ev.Hosts)
	}
	if at, redundant := ev.At(harness.Redundant); !redundant {
		t.Errorf("redundant at %v: %v", at, redundant)
	}
	back := ev.Trials[0].Return
	if took := back.Watched; took < 8*time.Second || took > 20*time.Second {
		t.Errorf("they were watched for %v", took)
	}
}

// Until the procedure points clients elsewhere, and is complete, a host that is off
// is missed.
func TestWhoIsOffIsMissed(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]runbook{
		"nobody left it": {{Name: "point clients at all", Do: harness.Announce{Hosts: []string{"m1", "m2", "m3"}}}},
		"the procedure failed half-way": {
			{Name: "point clients at the others", Do: harness.Announce{Hosts: []string{"m1", "m2"}}},
			{Name: "fail", On: harness.Hosts("m1"), Do: harness.Script("exit 1")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := leftBehind()
			s.Recover = steps
			report, err := r.run(t.Context(), t, s, drill.Options{})
			if err != nil || report.Verdict != harness.Violated {
				t.Fatalf("%s, %v", report.Verdict, err)
			}
			for _, f := range report.Findings {
				switch f.Check {
				case "every-member-serves":
					if f.Verdict != harness.Violated {
						t.Errorf("%+v", f)
					}
					says(t, f.Detail, "m3 does not answer")
				case "dead-stay-out":
					if f.Verdict != harness.Inconclusive {
						t.Errorf("%+v", f)
					}
					says(t, f.Detail, "no host is off that the recovery left behind")
				}
			}
		})
	}
}
