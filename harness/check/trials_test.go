package check_test

import (
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	survives = check.SurvivesOneMemberLoss{}
	keeps    = check.RestartKeepsMembers{Host: "m1"}
)

func restart(alter func(*harness.TrialRecord)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.Trials[0]) }
}

func kill(alter func(*harness.TrialRecord)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.Trials[1]) }
}

func notRun(t *harness.TrialRecord) {
	*t = harness.TrialRecord{Spec: t.Spec, Reason: "no leader could be chosen"}
}

var trialCases = []judged{
	{survives, "honest", nothing, harness.Held, "with m2 off all 20 writes"},
	{survives, "a write is not acknowledged", kill(func(t *harness.TrialRecord) { t.Acked = 19 }), harness.Violated, "with m2 off 19 of 20"},
	{survives, "a write is not acknowledged, on a busy machine", both(kill(func(t *harness.TrialRecord) { t.Acked = 19 }), busy), harness.Inconclusive, "19 of 20 writes were acknowledged in time"},
	{survives, "no write is acknowledged, on a busy machine", both(kill(func(t *harness.TrialRecord) { t.Acked = 0 }), busy), harness.Violated, "0 of 20"},
	{survives, "no write is acknowledged", kill(func(t *harness.TrialRecord) { t.Acked = 0 }), harness.Violated, "0 of 20"},
	{survives, "an acknowledged write is not found again", kill(func(t *harness.TrialRecord) { t.Found = 19 }), harness.Violated, "of 20 acknowledged writes 19"},
	{survives, "they are not looked for again", kill(func(t *harness.TrialRecord) { t.Read = false }), harness.Inconclusive, "could not be read back"},
	{survives, "not asked for", func(ev *harness.Evidence, _ *book) { ev.Trials = nil }, harness.Inconclusive, "not asked for"},
	{survives, "not tried", kill(notRun), harness.Inconclusive, "no leader could be chosen"},
	{survives, "one host", both(kill(notRun), func(ev *harness.Evidence, _ *book) { ev.Hosts = ev.Hosts[:1] }), harness.Inconclusive, "m1 is the only host"},
	{survives, "nothing sent", kill(func(t *harness.TrialRecord) { t.Sent, t.Acked = 0, 0 }), harness.Inconclusive, "only 0 writes"},
	{survives, "nobody was off", kill(func(t *harness.TrialRecord) { t.Struck = nil }), harness.Inconclusive, "not recorded"},
	{survives, "the one that was off answered", kill(func(t *harness.TrialRecord) { t.Told = views() }), harness.Inconclusive, "m2 was not seen to be off"},
	{survives, "the one that was off was not asked", kill(func(t *harness.TrialRecord) { t.Told = nil }), harness.Inconclusive, "m2 was not seen to be off"},

	{keeps, "honest", nothing, harness.Held, "m1 (0000000000000001), m2 (0000000000000002), m3 (0000000000000003) in cluster c1"},
	{keeps, "another leader", restart(func(t *harness.TrialRecord) { t.Told[0].Leader, t.Told[0].Term = 2, 4 }), harness.Held, ""},
	{keeps, "the others are expelled and exit", restart(func(t *harness.TrialRecord) {
		t.Exits = []harness.HostExit{{Host: "m2", EtcdExit: harness.EtcdExit{Code: 0}}}
	}), harness.Violated, "etcd on m2 exited with status 0"},
	{keeps, "the others are expelled", restart(func(t *harness.TrialRecord) { t.Told[0].Members = t.Told[0].Members[:1] }), harness.Violated, "m1 lists m1 (0000000000000001) in"},
	{keeps, "as many, and one is another", restart(func(t *harness.TrialRecord) { t.Told[1].Members[2].ID = 99 }), harness.Violated, "m3 (0000000000000063)"},
	{keeps, "as many, and one has another name", restart(func(t *harness.TrialRecord) { t.Told[1].Members[2].Name = "m4" }), harness.Violated, "m4 (0000000000000003)"},
	{keeps, "one is a learner now", restart(func(t *harness.TrialRecord) { t.Told[1].Members[2].Learner = true }), harness.Violated, "as a learner"},
	{keeps, "another cluster", restart(func(t *harness.TrialRecord) { t.Told[0].ClusterID = 0xc2 }), harness.Violated, "in cluster c2"},
	{keeps, "one no longer answers", restart(func(t *harness.TrialRecord) { t.Told[0] = harness.MemberView{Host: "m1", Error: "refused"} }), harness.Violated, "m1 no longer answers: refused"},
	{keeps, "a write is not acknowledged", restart(func(t *harness.TrialRecord) { t.Acked = 0 }), harness.Violated, "0 of 20 writes"},
	{keeps, "a write is not acknowledged, on a busy machine", both(restart(func(t *harness.TrialRecord) { t.Acked = 19 }), busy), harness.Inconclusive, "19 of 20 writes were acknowledged in time"},
	{keeps, "no write is acknowledged, on a busy machine", both(restart(func(t *harness.TrialRecord) { t.Acked = 0 }), busy), harness.Violated, "0 of 20"},
	{keeps, "an acknowledged write is not found again", restart(func(t *harness.TrialRecord) { t.Found = 0 }), harness.Violated, "of 20 acknowledged writes 0"},
	{keeps, "they are not looked for again", restart(func(t *harness.TrialRecord) { t.Read = false }), harness.Inconclusive, "could not be read back"},
	{keeps, "one did not answer before either", both(silent("m3"), restart(func(t *harness.TrialRecord) {
		t.Told[2] = harness.MemberView{Host: "m3", Error: "refused"}
		t.Exits = []harness.HostExit{{Host: "m3", EtcdExit: harness.EtcdExit{Code: 1}}}
	})), harness.Inconclusive, "m3 did not answer"},
	{keeps, "members were missing before already", func(ev *harness.Evidence, _ *book) {
		for i := range 3 {
			ev.After[i].Members = ev.After[i].Members[:2]
			ev.Trials[0].Told[i].Members = ev.Trials[0].Told[i].Members[:2]
		}
	}, harness.Held, "m1 (0000000000000001), m2 (0000000000000002) in cluster c1"},
	{keeps, "one was not asked", restart(func(t *harness.TrialRecord) { t.Told = t.Told[:2] }), harness.Inconclusive, "m3 was not asked after the restart"},
	{keeps, "nothing sent", restart(func(t *harness.TrialRecord) { t.Sent, t.Acked = 0, 0 }), harness.Inconclusive, "only 0 writes"},
	{keeps, "not tried", restart(notRun), harness.Inconclusive, "no leader could be chosen"},
	{keeps, "not seen to be restarted", restart(func(t *harness.TrialRecord) { t.Struck = nil }), harness.Inconclusive, "not seen to be restarted"},
	{check.RestartKeepsMembers{Host: "m2"}, "of another host", nothing, harness.Inconclusive, "not asked for"},
}
