package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	fenced = check.DeadStayOut{}
	off    = check.HostsWereOff{Who: harness.AllBut("m1")}
)

// deadReturn adds two hosts that were left behind and come back: m8's etcd ends
// again and again, m9's finds no leader.
func deadReturn(ev *harness.Evidence, _ *book) {
	ev.BornHosts = append(ev.BornHosts, "m8", "m9")
	alone := view("m9", 9)
	alone.Leader, alone.Serves, alone.ServeError = 0, false, "context deadline exceeded"
	var copies []harness.Copy
	for _, host := range ev.Hosts {
		copies = append(copies, harness.Copy{Host: host, Found: 20})
	}
	ev.Trials = append(ev.Trials, harness.TrialRecord{
		Spec: harness.TrialSpec{Name: "power-on-the-dead"}, Ran: true, Struck: []string{"m8", "m9"},
		Sent: 20, Acked: 20, Read: true, Found: 20, Told: views(),
		Return: &harness.Return{
			Before: views(), Watched: 10 * time.Second, Copies: copies,
			Dead: []harness.DeadHost{
				{Host: "m8", Starts: 4, Exits: 3, Last: &harness.EtcdExit{}, View: harness.MemberView{Host: "m8", Error: "refused"}},
				{Host: "m9", Starts: 1, View: alone},
			},
		},
	})
}

// back alters the trial in which the dead return.
func back(alter func(*harness.TrialRecord)) func(*harness.Evidence, *book) {
	return both(deadReturn, func(ev *harness.Evidence, _ *book) { alter(&ev.Trials[len(ev.Trials)-1]) })
}

// ends lets m9's etcd end.
func ends(t *harness.TrialRecord, how harness.EtcdExit) {
	t.Return.Dead[1].Exits, t.Return.Dead[1].Last = 1, &how
}

// known tells which member a host had before the strike.
func known(host string, member uint64) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.Before = append(slices.Clone(ev.Before), view(host, member))
	}
}

// apart lets the dead serve.
func apart(t *harness.TrialRecord) {
	for i := range t.Return.Dead {
		d := &t.Return.Dead[i]
		d.Exits, d.Last, d.Served, d.View = 0, nil, true, view(d.Host, uint64(8+i))
		d.View.Leader = 8
	}
	t.Return.Sent, t.Return.Acked, t.Return.Found = 20, 20, 20
}

// apartAnd lets them serve and do something else.
func apartAnd(alter func(*harness.TrialRecord)) func(*harness.Evidence, *book) {
	return back(func(t *harness.TrialRecord) { apart(t); alter(t) })
}

// wentOff tells of m2 and m3, in the honest drill gone, as hosts that are off.
func wentOff(ev *harness.Evidence, _ *book) {
	ev.Gone = map[string]time.Duration{}
	for _, host := range ev.BornHosts {
		ev.Power = append(ev.Power, harness.PowerRecord{Host: host, At: time.Millisecond, On: true})
	}
	ev.Power = append(ev.Power, harness.PowerRecord{Host: "m2", At: struckAt + 1}, harness.PowerRecord{Host: "m3", At: struckAt + 2})
}

// power alters what was seen of it.
func power(alter func(*harness.Evidence)) func(*harness.Evidence, *book) {
	return both(wentOff, func(ev *harness.Evidence, _ *book) { alter(ev) })
}

func on(host string, at time.Duration) func(*harness.Evidence) {
	return func(ev *harness.Evidence) {
		ev.Power = append(ev.Power, harness.PowerRecord{Host: host, At: at, On: true})
	}
}

var deadCases = []judged{
	{fenced, "refused", deadReturn, harness.Held, "watched for 10.0 s: etcd on m8 ended 3 times, and last exited with status 0, m9 knows no leader; all 20 writes"},
	{fenced, "another leader", back(func(t *harness.TrialRecord) { t.Told[0].Leader, t.Told[0].Term = 2, 4 }), harness.Held, ""},
	{fenced, "they serve apart", back(apart), harness.Violated, "the old majority serves apart at its old addresses: m8, m9 answered linearizable reads, of m1 (0000000000000001)"},
	{fenced, "they serve apart, and say what was written there", back(apart), harness.Violated, "20 of 20 writes were acknowledged there, and 20 found again"},
	{fenced, "they serve apart and depose a leader", apartAnd(func(t *harness.TrialRecord) { t.Told[0].Term = 5 }), harness.Violated, "elected a leader anew: from term 3 to 5"},
	{fenced, "one served for a moment", back(func(t *harness.TrialRecord) { t.Return.Dead[1].Served = true }), harness.Violated, "serves apart at its old addresses: m9"},
	{fenced, "a write was acknowledged there", back(func(t *harness.TrialRecord) { t.Return.Sent, t.Return.Acked = 20, 1 }), harness.Violated, "1 of 20 writes were acknowledged there"},
	{fenced, "one that was never removed serves again", back(func(t *harness.TrialRecord) {
		t.Return.Dead[0] = harness.DeadHost{Host: "m8", Starts: 1, Served: true, View: view("m8", 3)}
	}), harness.Violated, "whoever came back is still a member of the recovered cluster: m8 answered linearizable reads"},
	{fenced, "of two that serve, one was never removed", apartAnd(func(t *harness.TrialRecord) { t.Return.Dead[0].View = view("m8", 3) }), harness.Violated, "the old majority serves apart"},
	{fenced, "one serves under the ID of a member, in another cluster", back(func(t *harness.TrialRecord) {
		t.Return.Dead[0] = harness.DeadHost{Host: "m8", Starts: 1, Served: true, View: view("m8", 3)}
		t.Return.Dead[0].View.ClusterID = 0xc2
	}), harness.Violated, "the old majority serves apart"},

	{fenced, "a member lists the dead", apartAnd(func(t *harness.TrialRecord) { t.Told[0].Members[2].Name = "m8" }), harness.Violated, "m1 was captured: it lists m1 (0000000000000001), m2 (0000000000000002), m8"},
	{fenced, "a member is of another cluster", back(func(t *harness.TrialRecord) { t.Told[2].ClusterID = 0xc2 }), harness.Violated, "m3 was captured: it lists"},
	{fenced, "a member followed one of the dead", apartAnd(func(t *harness.TrialRecord) {
		t.Return.Followed = []harness.Following{{Host: "m1", Leader: 8, Term: 4}}
	}), harness.Violated, "m1 was captured: in term 4 it followed m8 (0000000000000008), whom it does not list"},
	{fenced, "a member followed nobody knows whom", back(func(t *harness.TrialRecord) {
		t.Return.Followed = []harness.Following{{Host: "m1", Leader: 0xff, Term: 4}}
	}), harness.Violated, "it followed 00000000000000ff"},
	{fenced, "a member holds what was written through the dead", apartAnd(func(t *harness.TrialRecord) { t.Return.Copies[0].Foreign = 7 }), harness.Violated, "m1 was captured: it holds 7 of the 20"},
	{fenced, "a member lacks what was acknowledged", back(func(t *harness.TrialRecord) { t.Return.Copies[1].Found = 13 }), harness.Violated, "m2 holds 13 of the 20"},
	{fenced, "a member no longer answers", back(func(t *harness.TrialRecord) { t.Told[0] = harness.MemberView{Host: "m1", Error: "refused"} }), harness.Violated, "m1 no longer answers: refused"},
	{fenced, "a member no longer serves", back(func(t *harness.TrialRecord) { t.Told[1].Serves, t.Told[1].ServeError = false, "no leader" }), harness.Violated, "m2 no longer serves: no leader"},
	{fenced, "a member's etcd ends", back(func(t *harness.TrialRecord) {
		t.Exits = []harness.HostExit{{Host: "m1", EtcdExit: harness.EtcdExit{Code: 2}}}
	}), harness.Violated, "etcd on m1 exited with status 2"},
	{fenced, "a write is not acknowledged", back(func(t *harness.TrialRecord) { t.Acked = 0 }), harness.Violated, "0 of 20 writes"},
	{fenced, "a write is not acknowledged, on a busy machine", both(back(func(t *harness.TrialRecord) { t.Acked = 19; ends(t, harness.EtcdExit{}) }), busy), harness.Inconclusive, "19 of 20"},
	{fenced, "an acknowledged write is not found again", back(func(t *harness.TrialRecord) { t.Found = 19 }), harness.Violated, "of 20 acknowledged writes 19"},

	{fenced, "not asked for", nothing, harness.Inconclusive, "not asked for"},
	{fenced, "not tried", back(notRun), harness.Inconclusive, "no leader could be chosen"},
	{fenced, "what came of them is not recorded", back(func(t *harness.TrialRecord) { t.Return = nil }), harness.Inconclusive, "not recorded"},
	{fenced, "nobody was powered on", back(func(t *harness.TrialRecord) { t.Struck = nil }), harness.Inconclusive, "not recorded"},
	{fenced, "one was not powered on", back(func(t *harness.TrialRecord) { t.Struck = t.Struck[:1] }), harness.Inconclusive, "m9 was not powered on"},
	{fenced, "one is gone for good", both(back(func(t *harness.TrialRecord) { t.Struck = t.Struck[:1] }), goneAt("m9", struckAt)), harness.Held, ""},
	{fenced, "one did not start", back(func(t *harness.TrialRecord) { t.Return.Dead[1].Starts = 0 }), harness.Inconclusive, "etcd on m9 was not seen to start"},
	{fenced, "one was not looked at", back(func(t *harness.TrialRecord) { t.Return.Dead = t.Return.Dead[:1] }), harness.Inconclusive, "m9 was not seen to start"},
	{fenced, "one neither ended nor answered", back(func(t *harness.TrialRecord) { t.Return.Dead[0].Exits = 0 }), harness.Inconclusive, "m8 neither ended nor answered: refused"},
	{fenced, "one follows somebody", back(func(t *harness.TrialRecord) { t.Return.Dead[1].View.Leader = 8 }), harness.Inconclusive, "yet it follows 0000000000000008"},
	{fenced, "one knows no leader, on a busy machine", both(deadReturn, busy), harness.Inconclusive, "m9 knows no leader, which may be"},
	{fenced, "all of them are expelled, on a busy machine", both(back(func(t *harness.TrialRecord) { ends(t, harness.EtcdExit{}) }), busy), harness.Held, "etcd on m9 ended 1 times, and last exited with status 0"},
	{fenced, "one is expelled, and started again", both(back(func(t *harness.TrialRecord) { ends(t, harness.EtcdExit{Code: 1}) }), known("m9", 9)), harness.Held, "last exited with status 1"},
	{fenced, "one ends with status 1, and is still listed", both(back(func(t *harness.TrialRecord) { ends(t, harness.EtcdExit{Code: 1}) }), known("m9", 3)), harness.Inconclusive, "need not be a refusal"},
	{fenced, "one ends with status 1, and nobody knows who it was", back(func(t *harness.TrialRecord) { ends(t, harness.EtcdExit{Code: 1}) }), harness.Inconclusive, "need not be a refusal"},
	{fenced, "one fails", back(func(t *harness.TrialRecord) { ends(t, harness.EtcdExit{Code: 2}) }), harness.Inconclusive, "etcd on m9 ended 1 times, and last exited with status 2, which need not be a refusal"},
	{fenced, "one is killed", back(func(t *harness.TrialRecord) { ends(t, harness.EtcdExit{Signal: "killed"}) }), harness.Inconclusive, "need not be a refusal"},
	{fenced, "one ended, and nobody knows how", back(func(t *harness.TrialRecord) { t.Return.Dead[1].Exits = 1 }), harness.Inconclusive, "need not be a refusal"},
	{fenced, "one ended, and then follows somebody", back(func(t *harness.TrialRecord) {
		ends(t, harness.EtcdExit{})
		t.Return.Dead[1].View.Leader = 8
	}), harness.Inconclusive, "need not be a refusal"},
	{fenced, "a member no longer answers, on a busy machine", both(back(func(t *harness.TrialRecord) {
		ends(t, harness.EtcdExit{})
		t.Told[0] = harness.MemberView{Host: "m1", Error: "refused"}
	}), busy), harness.Inconclusive, "m1 no longer answers: refused"},
	{fenced, "a member was silent before", back(func(t *harness.TrialRecord) { t.Return.Before[0] = harness.MemberView{Host: "m1", Error: "refused"} }), harness.Inconclusive, "m1 did not serve before"},
	{fenced, "a member was not asked before", back(func(t *harness.TrialRecord) { t.Return.Before = t.Return.Before[:2] }), harness.Inconclusive, "m3 did not serve before"},
	{fenced, "a member was not asked afterwards", back(func(t *harness.TrialRecord) { t.Told = t.Told[:2] }), harness.Inconclusive, "m3 was not asked beside"},
	{fenced, "a member was not read", back(func(t *harness.TrialRecord) { t.Return.Copies = nil }), harness.Inconclusive, "what m1 holds was not read"},
	{fenced, "a member could not be read", back(func(t *harness.TrialRecord) { t.Return.Copies[0] = harness.Copy{Host: "m1", Error: "late"} }), harness.Inconclusive, "m1 holds could not be read: late"},
	{fenced, "nothing sent", back(func(t *harness.TrialRecord) { t.Sent, t.Acked = 0, 0 }), harness.Inconclusive, "only 0 writes"},
	{fenced, "they are not looked for again", back(func(t *harness.TrialRecord) { t.Read = false }), harness.Inconclusive, "could not be read back"},

	{off, "honest", wentOff, harness.Held, "seen of m2, m3"},
	{off, "they come back in the procedure", power(on("m2", beganAt+1)), harness.Held, ""},
	{off, "one was on again before it", power(on("m2", beganAt-1)), harness.Inconclusive, "m2 was not seen to go off"},
	{off, "nothing was seen of their power", power(func(ev *harness.Evidence) { ev.Power = nil }), harness.Inconclusive, "m2 was not seen to go off"},
	{off, "one went off before the strike", power(func(ev *harness.Evidence) { ev.Power[3].At = struckAt - 1 }), harness.Inconclusive, "m2 was not seen to go off"},
	{off, "one went off in the procedure", power(func(ev *harness.Evidence) { ev.Power[4].At = beganAt + 1 }), harness.Inconclusive, "m3 was not seen to go off"},
	{off, "one is gone for good", both(wentOff, goneAt("m3", struckAt+3)), harness.Inconclusive, "m3 was gone, machine and disk"},
	{off, "nothing struck", both(wentOff, without(harness.Struck)), harness.Inconclusive, "cannot be told"},
	{off, "no procedure", both(wentOff, without(harness.ProcedureBegan)), harness.Inconclusive, "cannot be told"},
	{check.HostsWereOff{}, "nobody is meant", wentOff, harness.Inconclusive, "cannot be told"},
	{check.HostsWereOff{Who: harness.Hosts("m7")}, "no such host", wentOff, harness.Inconclusive, "no host m7"},
}

// Which outcome it was is told in one word wherever there is a verdict.
func TestTheDeadHaveAnOutcome(t *testing.T) {
	seen := map[string]int{}
	for _, c := range deadCases {
		ev, b := honest()
		c.alter(ev, b)
		r := c.check.Judge(ev)
		want := ""
		switch {
		case c.check.Name() != fenced.Name() || r.Verdict == harness.Inconclusive:
		case r.Verdict == harness.Held:
			want = check.OutcomeRefused
		case strings.Contains(r.Detail, "captured"):
			want = check.OutcomeCaptured
		case strings.Contains(r.Detail, "serves apart"):
			want = check.OutcomeServingApart
		case strings.Contains(r.Detail, "still a member"):
			want = check.OutcomeRejoined
		default:
			want = check.OutcomeHarmed
		}
		if r.Outcome != want {
			t.Errorf("%s, %s: the outcome is %q, want %q: %s", c.check.Name(), c.name, r.Outcome, want, r.Detail)
		}
		seen[r.Outcome]++
	}
	for _, outcome := range []string{check.OutcomeRefused, check.OutcomeRejoined, check.OutcomeServingApart, check.OutcomeHarmed, check.OutcomeCaptured} {
		if seen[outcome] == 0 {
			t.Errorf("no case ends %s", outcome)
		}
	}
}
