package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	members = check.MembersAre{Who: harness.Everyone}
	kept    = check.ClusterID{Kept: true}
	anew    = check.ClusterID{}
	alarms  = check.NoAlarms{}
	serving = check.EveryMemberServes{}
	another = check.MemberReplaced{Host: "m3"}
	removed = check.MemberReplaced{Host: "m3", Elsewhere: true}
)

func clusters(ids ...uint64) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		for i, id := range ids {
			ev.After[i].ClusterID = id
		}
	}
}

// tooLate has m2's answer not come in time.
func tooLate(ev *harness.Evidence, _ *book) {
	ev.After[1] = harness.MemberView{Host: "m2", Error: "context deadline exceeded", TimedOut: true}
}

var memberCases = []judged{
	{members, "honest", nothing, harness.Held, "m1, m2, m3"},
	{members, "in another order", told(func(v *harness.MemberView) { v.Members[0], v.Members[2] = v.Members[2], v.Members[0] }), harness.Held, ""},
	{members, "one is missing", told(func(v *harness.MemberView) { v.Members = v.Members[:2] }), harness.Violated, "m3 lists m1, m2, not m1, m2, m3"},
	{members, "one too many", told(func(v *harness.MemberView) { v.Members = append(v.Members, harness.Member{ID: 4, Name: "m4"}) }), harness.Violated, "m1, m2, m3, m4"},
	{members, "one is another", told(func(v *harness.MemberView) { v.Members[0].Name = "m9" }), harness.Violated, "m2, m3, m9"},
	{members, "one twice", told(func(v *harness.MemberView) { v.Members[0].Name = "m2" }), harness.Violated, "m2, m2, m3"},
	{members, "one never started", told(func(v *harness.MemberView) { v.Members[1].Name = "" }), harness.Violated, "never started"},
	{members, "one is a learner", told(func(v *harness.MemberView) { v.Members[1].Learner = true }), harness.Violated, "m2 as a learner"},
	{members, "an empty list", told(func(v *harness.MemberView) { v.Members = nil }), harness.Violated, "m3 lists"},
	{another, "honest", nothing, harness.Held, "21 before, 3 after"},
	{another, "the old one is still listed", func(ev *harness.Evidence, _ *book) {
		ev.After[0].Members = append(ev.After[0].Members, harness.Member{ID: 33, Name: "m3"})
	}, harness.Violated, "m1 still lists the lost member 21"},
	{another, "it is the old one", func(ev *harness.Evidence, _ *book) { ev.Before[2].MemberID = 3 }, harness.Violated, "still lists"},
	{another, "nobody has its name", told(func(v *harness.MemberView) { v.Members = v.Members[:2] }), harness.Violated, "m3 lists no member m3"},
	{another, "who was there before is not known", func(ev *harness.Evidence, _ *book) { ev.Before[2].Error = "refused" }, harness.Inconclusive, "not known"},
	{another, "it was not asked before", func(ev *harness.Evidence, _ *book) { ev.Before = ev.Before[:2] }, harness.Inconclusive, "not known"},
	{another, "one is silent", silent("m2"), harness.Inconclusive, "m2 did not answer"},
	{removed, "nobody has its name", told(func(v *harness.MemberView) { v.Members = v.Members[:2] }), harness.Held, "21 is in nobody's list"},
	{removed, "the old one is still listed", func(ev *harness.Evidence, _ *book) {
		ev.After[0].Members = append(ev.After[0].Members, harness.Member{ID: 33, Name: "m3"})
	}, harness.Violated, "m1 still lists the lost member 21"},
	{removed, "one is silent", silent("m2"), harness.Inconclusive, "m2 did not answer"},

	{members, "one was lost and never replaced", func(ev *harness.Evidence, _ *book) {
		ev.Hosts, ev.After = ev.Hosts[:2], ev.After[:2]
		for i := range ev.After {
			ev.After[i].Members = ev.After[i].Members[:2]
		}
	}, harness.Violated, "m1 lists m1, m2, not m1, m2, m3"},
	{check.MembersAre{Who: harness.Hosts("m1", "m2")}, "one was lost, and is not to be replaced", func(ev *harness.Evidence, _ *book) {
		ev.Hosts, ev.After = ev.Hosts[:2], ev.After[:2]
		for i := range ev.After {
			ev.After[i].Members = ev.After[i].Members[:2]
		}
	}, harness.Held, "m1, m2"},
	{members, "one is silent", silent("m2"), harness.Inconclusive, "m2 did not answer"},
	{members, "one was not asked", unasked("m2"), harness.Inconclusive, "m2 was not asked"},
	{members, "one is silent and another wrong", both(silent("m2"), told(func(v *harness.MemberView) { v.Members = v.Members[:2] })), harness.Violated, "m3 lists"},
	{check.MembersAre{Who: harness.Leader}, "who leads is not known", nothing, harness.Inconclusive, "no leader is known"},
	{check.MembersAre{}, "nobody is meant", nothing, harness.Inconclusive, "cannot be told"},
	{check.MembersAre{Who: harness.AllBut("m3")}, "one too many by the procedure", nothing, harness.Violated, "m1 lists m1, m2, m3, not m1, m2"},
	{check.MembersAre{Who: harness.AllBut("m3")}, "who should not be a member need not answer", both(silent("m3"), func(ev *harness.Evidence, _ *book) {
		for i := range ev.After[:2] {
			ev.After[i].Members = ev.After[i].Members[:2]
		}
	}), harness.Held, "m1, m2"},

	{kept, "honest", nothing, harness.Held, "c1 before, c1 after"},
	{kept, "a new one", clusters(0xc2, 0xc2, 0xc2), harness.Violated, "m1 has cluster ID c2"},
	{kept, "a new one on one", clusters(bornID, bornID, 0xc2), harness.Violated, "m3 has cluster ID c2"},
	{kept, "one is silent", silent("m1"), harness.Inconclusive, "m1 did not answer"},
	{kept, "not known before", func(ev *harness.Evidence, _ *book) { ev.Before = nil }, harness.Inconclusive, "not seen"},
	{kept, "two before", func(ev *harness.Evidence, _ *book) { ev.Before[1].ClusterID = 0xc9 }, harness.Inconclusive, "not seen"},
	{kept, "one was silent before", func(ev *harness.Evidence, _ *book) { ev.Before[2] = harness.MemberView{Host: "m3", Error: "refused"} }, harness.Held, ""},
	{anew, "a new one", clusters(0xc2, 0xc2, 0xc2), harness.Held, "c1 before, c2 after"},
	{anew, "the old one", nothing, harness.Violated, "m1 has cluster ID c1; before the strike it was c1"},
	{anew, "the old one on one", clusters(0xc2, 0xc2, bornID), harness.Violated, "m3 has cluster ID c1"},
	{anew, "two new ones", clusters(0xc2, 0xc3, 0xc2), harness.Violated, "m2 has cluster ID c3 and m1 c2"},
	{anew, "none told", clusters(0xc2, 0xc2, 0), harness.Inconclusive, "m3 told no cluster ID"},

	{alarms, "honest", nothing, harness.Held, "3 of 3 members"},
	{alarms, "one", told(func(v *harness.MemberView) { v.Alarms = []string{"NOSPACE of 3"} }), harness.Violated, "m3 reports NOSPACE of 3"},
	{alarms, "one, and another is silent", both(silent("m1"), told(func(v *harness.MemberView) { v.Alarms = []string{"CORRUPT of 3"} })), harness.Violated, "CORRUPT"},
	{alarms, "one of before", both(told(func(v *harness.MemberView) { v.Alarms = []string{"NOSPACE of 3"} }), func(ev *harness.Evidence, _ *book) {
		ev.Before[0].Alarms = []string{"NOSPACE of 3"}
	}), harness.Violated, "m3 reports NOSPACE of 3, which was there before the strike"},
	{alarms, "one of a member that is no more", told(func(v *harness.MemberView) { v.Alarms = []string{"NOSPACE of 21"} }), harness.Violated, "NOSPACE of 21, the member that m3 had before: it was carried over"},
	{alarms, "one that tells of no member", told(func(v *harness.MemberView) { v.Alarms = []string{"etcdserver: out of order"} }), harness.Violated, "m3 reports etcdserver: out of order"},
	{alarms, "one is silent", silent("m1"), harness.Inconclusive, "m1 did not answer"},
	{alarms, "one was not asked", unasked("m1"), harness.Inconclusive, "m1 was not asked"},

	{serving, "honest", nothing, harness.Held, "3 of 3"},
	{serving, "one does not", told(func(v *harness.MemberView) { v.Serves, v.ServeError = false, "no leader" }), harness.Violated, "m3 does not serve: no leader"},
	{serving, "one does not answer", silent("m2"), harness.Violated, "m2 does not answer: connection refused"},
	{serving, "one was not in time, on a machine that stood still", both(tooLate, standstill(trafficEnd+time.Second, time.Second)), harness.Inconclusive, "m2 did not answer in time, which may be this machine's doing: the machine was too busy"},
	{serving, "one was not in time, on a machine that was busy but did not stand still", both(tooLate, standstill(trafficEnd+time.Second, 900*time.Millisecond)), harness.Violated, "m2 does not answer: context deadline exceeded"},
	{serving, "one was not in time, on a machine that had stood still before", both(tooLate, standstill(trafficEnd-2*time.Second, time.Second)), harness.Violated, "m2 does not answer"},
	{serving, "one refuses, on a machine that stood still", both(silent("m2"), standstill(trafficEnd+time.Second, time.Second)), harness.Violated, "m2 does not answer: connection refused"},
	{serving, "one was not in time and another does not serve, on a machine that stood still", both(tooLate, both(standstill(trafficEnd+time.Second, time.Second), told(func(v *harness.MemberView) { v.Serves, v.ServeError = false, "no leader" }))), harness.Violated, "m3 does not serve: no leader"},
	{serving, "one was not asked", unasked("m2"), harness.Inconclusive, "m2 was not asked"},
	{serving, "nobody was asked", func(ev *harness.Evidence, _ *book) { ev.After = nil }, harness.Inconclusive, "no member was asked"},
}
