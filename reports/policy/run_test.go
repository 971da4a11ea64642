package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

var began = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

// drilled is the report of a drill that fetched a damaged backup first.
func drilled() reports.Report {
	return reports.Report{
		Drill: "d1", Scenario: "etcd-snapshot-restore", Runtime: "process", EtcdVersion: "3.7.3", EtcdArgs: []string{"snapshot-count=7"}, Seed: 12, Started: began,
		Verdict: harness.Violated, Directory: "runs/d1",
		Findings: []harness.Finding{
			{Check: "cut-at-snapshot", Kind: harness.Promise, Verdict: harness.Held},
			{Check: "no-alarms", Kind: harness.Promise, Verdict: harness.Violated},
			{Check: "quorum-was-lost", Kind: harness.Premise, Verdict: harness.Inconclusive},
			{Check: "loss-within-policy", Kind: harness.Promise, Verdict: harness.Held},
			{Check: "lease-terms-kept", Kind: harness.Hazard, Verdict: harness.Violated},
		},
		Backups: []reports.Backup{
			{Name: "b1", At: 1000, Took: 900, Snapshot: 400, Verify: 50, Upload: 30, Bytes: 1000, Keys: 10, Kept: true, Removed: 9500},
			{Name: "b2", At: 7000, Took: 500, Snapshot: 300, Status: 90, Verify: 40, Upload: 20, Bytes: 1100, Keys: 11, Kept: true},
			{Name: "b3", At: 8900, Took: 9000, Snapshot: 8000, Problem: "the host was lost"},
		},
		Fetches: []reports.Fetch{
			{Backup: "b1", Host: "m1", Fetch: 999, Verify: 999},
			{Backup: "b2", Host: "m1", Fetch: 70, Verify: 9},
			{Backup: "b2", Host: "m2", Fetch: 60, Verify: 11},
		},
		Steps: []reports.Step{
			{Number: 1, Host: "m1", Took: 5000, Phase: "fetch"},
			{Number: 2, Host: "m1", Took: 210, Phase: "restore"},
			{Number: 2, Host: "m2", Took: 100, Phase: "restore"},
			{Number: 3, Host: "m2", Took: 130, Phase: "restore"},
			{Number: 4, Host: "m1", Took: 9999},
		},
		Phases:  reports.Phases{FirstAck: 2000, Recovered: 3500, Redundancy: 4000, Outage: 3400},
		Strikes: []reports.Strike{{Fault: "lose m2", At: 9000}, {Fault: "lose m3", At: 9100}},
		Loss:    &reports.Loss{AckedWrites: 900, LostWrites: 40, LostSpan: 700},
	}
}

func TestNewRun(t *testing.T) {
	p := nightly(t)
	point := p.Sweep.Points()[0]
	want := policy.Run{
		Point: point, Number: 2, Seed: 12, Started: began, Drill: "d1", Directory: "runs/d1", Took: 21500, Verdict: harness.Violated,
		Failed: []string{"no-alarms", "quorum-was-lost"},
		Phases: map[policy.Phase]int64{
			policy.Snapshot: 300, policy.VerifyTaken: 40, policy.Upload: 20, policy.Fetch: 70, policy.VerifyFetched: 11,
			policy.RestoreHost: 230, policy.Ack: 2000, policy.Redundancy: 4000, policy.Outage: 3400,
		},
		DatabaseBytes: 1100, Keys: 11, Recovered: 3500,
		// The interval of 6 s, and the slowest backup that was one.
		Loss:     &policy.Loss{AckedWrites: 900, LostWrites: 40, LostMS: 700, AgeMS: 2000, BoundMS: 6000 + 480, Verdict: ptr(harness.Held)},
		EtcdArgs: []string{"snapshot-count=7"}, Removed: 1,
		Backups: []policy.Backup{
			{Name: "b1", Snapshot: 400, Verify: 50, Upload: 30, Bytes: 1000, Keys: 10, Completed: true},
			{Name: "b2", Snapshot: 300, Verify: 40, Upload: 20, Bytes: 1100, Keys: 11, Completed: true, Restored: true},
			{Name: "b3", Snapshot: 8000, UnderWay: 100, Problem: "the host was lost"},
		},
		Hosts: []policy.HostTimes{{Host: "m1", Fetch: 70, Verify: 9, Restore: 210}, {Host: "m2", Fetch: 60, Verify: 11, Restore: 230}},
	}
	if diff := cmp.Diff(want, p.NewRun(point, 2, drilled(), 21500*time.Millisecond)); diff != "" {
		t.Error(diff)
	}
	looked := drilled()
	looked.Backups[1].Status = 5000 // by the drill, which is no part of the policy
	if got := p.NewRun(point, 2, looked, 0).Loss.BoundMS; got != 6480 {
		t.Errorf("with a long look into a backup the bound is %d", got)
	}
	judged := drilled()
	judged.Loss.Bound = 7100 // by the check, which knows more
	if got := p.NewRun(point, 2, judged, 0).Loss.BoundMS; got != 7100 {
		t.Errorf("the bound is %d", got)
	}
}

// What a report does not tell is absent, and never 0.
func TestNewRunOfWhatWasNotSeen(t *testing.T) {
	p := nightly(t)
	r := drilled()
	r.Fetches, r.Steps, r.Loss, r.Findings = nil, nil, nil, nil
	r.Phases = reports.Phases{Outage: 60_000}
	r.OutageOpen = true // it is longer than anybody watched
	r.Unfit = []string{"busy"}
	got := p.NewRun(policy.Point{}, 1, r, 0)
	want := policy.Run{Number: 1, Seed: 12, Started: began, Drill: "d1", Directory: "runs/d1", Verdict: harness.Violated, Unfit: []string{"busy"}, Phases: map[policy.Phase]int64{}, EtcdArgs: []string{"snapshot-count=7"}, Removed: 1, Unrecovered: 60_000}
	for _, b := range r.Backups { // none of which was restored
		want.Backups = append(want.Backups, policy.Backup{Name: b.Name, Snapshot: b.Snapshot, Verify: b.Verify, Upload: b.Upload, Bytes: b.Bytes, Keys: b.Keys, Completed: b.Kept, Problem: b.Problem})
	}
	want.Backups[2].UnderWay = 100
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r = drilled()
	r.OutageUnmeasured = "no traffic"
	r.Fetches = []reports.Fetch{{Backup: "of another name", Host: "m1", Fetch: 5, Verify: 6}}
	got = p.NewRun(policy.Point{}, 1, r, 0)
	if _, seen := got.Phases[policy.Outage]; seen || got.DatabaseBytes != 0 || got.Phases[policy.Fetch] != 5 {
		t.Errorf("%+v", got)
	}
}

// What a policy loses beyond its interval is told by the longest of all backups that
// came about before the strike, whatever became of them, and of the one that was restored.
func TestLongestBackup(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*reports.Report)
		want   int64
	}{
		"the restored one is quicker": {func(*reports.Report) {}, 480},
		"retention removed the longest before the strike": {func(r *reports.Report) {
			r.Backups[0].Kept, r.Backups[0].Removed = false, 8000
		}, 480},
		"it was passed over": {func(r *reports.Report) { r.Backups[0].Problem = "passed over when it was fetched: torn" }, 480},
		"it was under way at the strike": {func(r *reports.Report) {
			r.Backups[0].Kept, r.Backups[0].Removed, r.Backups[0].At = false, 0, 8500
		}, 500},
		"it hung": {func(r *reports.Report) {
			r.Backups[0].Kept, r.Backups[0].Removed, r.Backups[0].Took = false, 0, 9000
		}, 720},
		"it was begun after the strike": {func(r *reports.Report) {
			r.Backups[0].Kept, r.Backups[0].Removed, r.Backups[0].At = false, 0, 9100
		}, 360},
		"it was under way, and removed later": {func(r *reports.Report) {
			r.Backups[0].Kept, r.Backups[0].Removed, r.Backups[0].At = false, 9950, 8500
		}, 500},
		"it was under way, and is the one that was restored": {func(r *reports.Report) {
			r.Backups[0].Kept, r.Backups[0].At = false, 8500
			r.Fetches = []reports.Fetch{{Backup: "b1", Host: "m1", Fetch: 1}}
		}, 480},
		"nothing struck": {func(r *reports.Report) { r.Strikes, r.Backups[0].Kept = nil, false }, 480},
		"none was kept": {func(r *reports.Report) {
			for i := range r.Backups {
				r.Backups[i].Kept, r.Backups[i].Removed = false, 0
			}
			r.Fetches = nil
		}, 0},
	} {
		r := drilled()
		c.change(&r)
		run := nightly(t).NewRun(policy.Point{}, 1, r, 0)
		if got := run.LongestBackup(); got != c.want {
			t.Errorf("%s: %d ms, want %d", name, got, c.want)
		}
		for _, b := range run.Backups {
			if b.UnderWay < 0 {
				t.Errorf("%s: %s was under way for %d ms", name, b.Name, b.UnderWay)
			}
		}
	}
}

// m2 comes before m10, and a host that only fetched, or only restored, is one.
func TestHostsOfARun(t *testing.T) {
	r := drilled()
	r.Fetches = append(r.Fetches, reports.Fetch{Backup: "b2", Host: "m10", Fetch: 80, Verify: 12}, reports.Fetch{Backup: "b2", Host: "m2", Fetch: 90, Verify: 10})
	r.Steps = append(r.Steps, reports.Step{Number: 5, Host: "m3", Took: 900, Phase: "restore"})
	run := nightly(t).NewRun(policy.Point{}, 1, r, 0)
	want := []policy.HostTimes{
		{Host: "m1", Fetch: 70, Verify: 9, Restore: 210}, {Host: "m2", Fetch: 90, Verify: 11, Restore: 230}, {Host: "m3", Restore: 900}, {Host: "m10", Fetch: 80, Verify: 12},
	}
	if diff := cmp.Diff(want, run.Hosts); diff != "" {
		t.Error(diff)
	}
	if run.Phases[policy.Fetch] != 90 || run.Phases[policy.VerifyFetched] != 12 || run.Phases[policy.RestoreHost] != 900 {
		t.Errorf("the slowest are %v", run.Phases)
	}
}

func TestWhatCounts(t *testing.T) {
	for name, c := range map[string]struct {
		run  policy.Run
		want bool
	}{
		"held":         {policy.Run{Verdict: harness.Held}, true},
		"violated":     {policy.Run{Verdict: harness.Violated}, true},
		"inconclusive": {policy.Run{}, false},
		"unfit":        {policy.Run{Verdict: harness.Held, Unfit: []string{"busy"}}, false},
		"broke":        {policy.Run{Verdict: harness.Held, Broke: "no disk"}, false},
	} {
		if got := c.run.Counts(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for lost, exceeded := range map[int64]bool{0: false, 6480: false, 6481: true} {
		if got := (policy.Loss{LostMS: lost, BoundMS: 6480}).Exceeded(); got != exceeded {
			t.Errorf("%d ms of 6480: %v", lost, got)
		}
		if got := (policy.Loss{AgeMS: lost, BoundMS: 6480}).Exceeded(); got != exceeded {
			t.Errorf("a backup %d ms old, of 6480: %v", lost, got)
		}
	}
}
