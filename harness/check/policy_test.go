package check_test

import (
	"slices"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// bounded is a policy of a backup a second. With backedUp it explains 1.1 s.
var bounded = check.LossWithinPolicy{Interval: time.Second}

// backedUp gives the honest drill a backup that took 100 ms and was kept 400 ms
// before the strike.
func backedUp(ev *harness.Evidence, b *book) { backups(backup("b1", 1500*time.Millisecond))(ev, b) }

func backup(name string, begun time.Duration) harness.Backup {
	return harness.Backup{Name: name, Host: "m1", Begun: begun, Took: 100 * time.Millisecond, Verified: true, Revision: lastOld}
}

// tight is a policy of an interval in which no long backup can be taken.
var tight = check.LossWithinPolicy{Interval: 300 * time.Millisecond}

func long(begun time.Duration) harness.Backup {
	b := backup("b1", begun)
	b.Took = 600 * time.Millisecond
	return b
}

// seen is a backup into which the drill looked for 500 ms after it was kept.
func seen(begun time.Duration) harness.Backup {
	b := backup("b1", begun)
	b.Snapshot, b.Verify, b.Upload, b.Status = 70*time.Millisecond, 10*time.Millisecond, 20*time.Millisecond, 500*time.Millisecond
	return b
}

// seenBefore is one as older versions took it, which looked into it first.
func seenBefore(begun time.Duration) harness.Backup {
	b := seen(begun)
	b.Took += b.Status
	return b
}

func backups(list ...harness.Backup) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { ev.Backups = slices.Clone(list) }
}

// begun is one backup, begun then.
func begun(at time.Duration) func(*harness.Evidence, *book) { return backups(backup("b1", at)) }

// beside is b1, begun at 0.85 s, and b2.
func beside(at time.Duration, alter func(*harness.Backup)) func(*harness.Evidence, *book) {
	other := backup("b2", at)
	alter(&other)
	return backups(backup("b1", 850*time.Millisecond), other)
}

// fetched are hosts that looked at b2.
func fetched(looks ...harness.FetchRecord) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		for _, f := range looks {
			f.Backup = "b2"
			ev.Fetches = append(ev.Fetches, f)
		}
	}
}

var (
	damaged = harness.FetchRecord{Host: "m1", Problem: "its checksum does not match"}
	brought = harness.FetchRecord{Host: "m2", Brought: true}
	skipped = harness.FetchRecord{Host: "m3"} // the procedure asked for an older one
)

// cutAt takes away all that the old history was acknowledged beyond a revision.
func cutAt(revision int64) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		for _, o := range b.ops {
			if o.Call < struckAt {
				delete(b.final, o.Effects[0].Key)
			}
		}
		for _, o := range b.ops {
			e := o.Effects[0]
			if o.Call >= struckAt || o.Revision > revision {
				continue
			}
			delete(b.final, e.Key)
			if !e.Delete {
				b.final[e.Key] = &harness.KeyState{Key: e.Key, Value: e.Value, ModRevision: o.Revision, CreateRevision: o.Revision, Version: 1, Lease: e.Lease}
			}
		}
	}
}

func unverified(b *harness.Backup) { b.Verified, b.Unverified = false, true }

// In the honest drill revision r was acknowledged at 0.201 s + (r-3) * 20 ms, and the
// last one, 72, at 1.901 s.
var policyCases = []judged{
	{bounded, "nothing lost", backedUp, harness.Held, "0 of 70 acknowledged writes are lost"},
	{bounded, "no more lost than is explained", both(backedUp, cutAt(40)), harness.Held, "32 of 70 acknowledged writes are lost, 0.94 s of them, and the newest backup was begun 0.50 s before the strike; the policy explains 1.10 s"},
	{bounded, "an older backup than the newest came back", both(backedUp, cutAt(10)), harness.Violated, "62 of 70 acknowledged writes are lost, 1.54 s of them"},
	{bounded, "the job stopped", both(begun(500*time.Millisecond), cutAt(40)), harness.Violated, "begun 1.50 s before the strike"},
	{bounded, "the job stopped, and nobody wrote", begun(500 * time.Millisecond), harness.Violated, "0 of 70 acknowledged writes are lost"},
	{bounded, "as old as can be", begun(900 * time.Millisecond), harness.Held, ""},
	{bounded, "older", begun(900*time.Millisecond - 1), harness.Violated, ""},

	{bounded, "while another was taken that took longer than any", beside(1800*time.Millisecond, func(b *harness.Backup) { b.Took = time.Second }), harness.Held, "a backup of 0.20 s"},
	{bounded, "while another had been taken no longer than others", beside(1920*time.Millisecond, func(b *harness.Backup) { b.Took = time.Second }), harness.Violated, "a backup of 0.10 s"},
	{bounded, "while another hung", both(beside(1100*time.Millisecond, func(b *harness.Backup) { b.Took = time.Minute }), func(ev *harness.Evidence, _ *book) { ev.Backups[0].Begun = 700 * time.Millisecond }), harness.Violated, "a backup of 0.20 s"},
	{bounded, "one that failed took longest", beside(900*time.Millisecond, func(b *harness.Backup) { b.Verified, b.Took = false, time.Second }), harness.Violated, "a backup of 0.10 s"},
	{bounded, "one before it took longest", both(beside(1000*time.Millisecond, func(*harness.Backup) {}), func(ev *harness.Evidence, _ *book) {
		ev.Backups[0].Took, ev.Backups[1].Begun = 200*time.Millisecond, 850*time.Millisecond
	}), harness.Held, "a backup of 0.20 s"},

	{bounded, "the strike took time", both(begun(850*time.Millisecond), mark(harness.TookEffect, struckAt+100*time.Millisecond)), harness.Held, "a strike of 0.10 s"},
	{bounded, "timers were late at another time", both(begun(850*time.Millisecond), func(ev *harness.Evidence, _ *book) {
		ev.Machine.StallWorst, ev.Machine.Stalls = 300*time.Millisecond, []harness.Stall{{At: 9 * time.Second, Late: 300 * time.Millisecond}}
	}), harness.Violated, "timers late by 0.00 s"},
	{bounded, "timers were late before the strike", both(begun(850*time.Millisecond), func(ev *harness.Evidence, _ *book) {
		ev.Machine.StallWorst, ev.Machine.Stalls = 300*time.Millisecond, []harness.Stall{{At: 1900 * time.Millisecond, Late: 300 * time.Millisecond}}
	}), harness.Held, "timers late by 0.30 s"},
	{bounded, "timers were late", both(begun(850*time.Millisecond), stalled), harness.Held, "timers late by 0.30 s"},

	{bounded, "the newest was removed", beside(1500*time.Millisecond, func(b *harness.Backup) { b.Removed = 1900 * time.Millisecond }), harness.Violated, "begun 1.15 s"},
	{bounded, "the newest was removed after the strike", beside(1500*time.Millisecond, func(b *harness.Backup) { b.Removed = 2100 * time.Millisecond }), harness.Held, "begun 0.50 s"},
	{bounded, "the newest is kept unverified", beside(1500*time.Millisecond, unverified), harness.Held, "begun 0.50 s"},
	{bounded, "the newest is damaged", both(beside(1500*time.Millisecond, unverified), fetched(damaged, skipped)), harness.Violated, "begun 1.15 s"},
	{bounded, "the newest was damaged on one host only", both(beside(1500*time.Millisecond, unverified), fetched(damaged, brought)), harness.Held, "begun 0.50 s"},

	{tight, "backups take longer than the interval", backups(long(1300 * time.Millisecond)), harness.Held, "the policy explains 0.90 s"},
	{tight, "and the newest is older for that", backups(long(900 * time.Millisecond)), harness.Inconclusive, "which the job could not keep"},
	{bounded, "what is in it was seen after it was kept", backups(seen(1300 * time.Millisecond)), harness.Held, "a backup of 0.10 s"},
	{bounded, "it was late by as much as seeing that took", backups(seen(850 * time.Millisecond)), harness.Violated, "begun 1.15 s before the strike; the policy explains 1.10 s"},
	{tight, "seeing that takes longer than the interval", backups(seen(1600 * time.Millisecond)), harness.Held, "the policy explains 0.40 s"},
	{tight, "and it is older for that", backups(seen(1350 * time.Millisecond)), harness.Inconclusive, "backups, and seeing what is in them, took 0.60 s, longer than the interval"},
	{tight, "and it is older than that explains", backups(seen(1250 * time.Millisecond)), harness.Violated, "begun 0.75 s before the strike"},
	{tight, "seen before it was kept, by an older version", backups(seenBefore(850 * time.Millisecond)), harness.Inconclusive, "backups took longer than the interval"},
	{tight, "and older than that explains", backups(seenBefore(750 * time.Millisecond)), harness.Violated, "a backup of 0.60 s"},
	{tight, "and it is older than even that explains", backups(long(700 * time.Millisecond)), harness.Violated, "begun 1.30 s before the strike"},

	{check.LossWithinPolicy{}, "no interval", backedUp, harness.Inconclusive, "no interval"},
	{bounded, "nothing struck", both(backedUp, without(harness.Struck)), harness.Inconclusive, "nothing was struck"},
	{bounded, "nothing restored", both(backedUp, inPlace), harness.Inconclusive, "never restored"},
	{bounded, "no cut", both(backedUp, found("g0/nobody", 9, 60)), harness.Inconclusive, "cannot be told: there is no consistent cut"},
	{bounded, "no backup", backups(), harness.Inconclusive, "not seen to run"},
	{bounded, "only after the strike", begun(struckAt + 1), harness.Inconclusive, "not seen to run"},
	{bounded, "none kept", backups(harness.Backup{Name: "b1", Begun: time.Second, Problem: "no leader"}), harness.Inconclusive, "1 backups were begun before the strike, and none"},
	{bounded, "none kept by the strike", begun(1950 * time.Millisecond), harness.Inconclusive, "none of them could be restored"},

	{atSnapshot, "the newest is damaged", both(beside(1500*time.Millisecond, func(b *harness.Backup) { b.Revision-- }), fetched(damaged)), harness.Held, "; b2 was passed over"},
	{atSnapshot, "the newest was damaged on one host only", both(beside(1500*time.Millisecond, func(b *harness.Backup) { b.Revision-- }), fetched(damaged, brought)), harness.Violated, "no consistent cut"},
	{atSnapshot, "an older one was asked for", both(beside(1500*time.Millisecond, func(b *harness.Backup) { b.Revision-- }), fetched(skipped)), harness.Violated, "no consistent cut"},
	{atSnapshot, "the newest was removed", beside(1500*time.Millisecond, func(b *harness.Backup) { b.Revision, b.Removed = lastOld-1, 1900*time.Millisecond }), harness.Held, ""},
	{atSnapshot, "kept unverified, and whole", both(beside(1500*time.Millisecond, unverified), fetched(brought)), harness.Held, ""},
	{atSnapshot, "kept unverified, and nobody looked", beside(1500*time.Millisecond, unverified), harness.Inconclusive, "nobody looked whether it is whole"},
	{atSnapshot, "only damaged ones", both(func(ev *harness.Evidence, b *book) { backups(backup("b2", time.Second))(ev, b) }, fetched(damaged)), harness.Inconclusive, "no backup was taken"},
}

// The bound is told with the loss, whatever the verdict.
func TestTheBoundIsToldWithTheLoss(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		want harness.Verdict
	}{{1500 * time.Millisecond, harness.Held}, {100 * time.Millisecond, harness.Violated}} {
		ev, b := honest()
		both(begun(c.at), cutAt(40))(ev, b)
		r := bounded.Judge(ev)
		if r.Verdict != c.want || r.Loss == nil || r.Loss.Bound != 1100*time.Millisecond || r.Loss.LostWrites != 32 || r.Loss.LostSpan != 940*time.Millisecond {
			t.Errorf("a backup begun at %v: %s, %+v", c.at, r.Verdict, r.Loss)
		}
	}
}
