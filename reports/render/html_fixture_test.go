package render_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// restored is a report with all that a timeline is drawn from: a restore on three
// hosts from the newer of two backups, a third having failed.
func restored() reports.Report {
	upTo := func(from, to int64) reports.Span { return reports.Span{From: from, To: &to} }
	step := func(number int, name, host string, at, took int64) reports.Step {
		return reports.Step{Number: number, Name: name, Host: host, At: at, Took: took, Attempts: 1}
	}
	hosts := []string{"m1", "m2", "m3"}
	r := reports.Report{
		Schema: 1, Drill: "5d1c07aa", Scenario: "etcd-snapshot-restore", Runtime: "process", EtcdVersion: "3.7.3", Firedrill: "v0.4.0", Seed: 11,
		Started: time.Date(2026, 11, 25, 20, 14, 5, 0, time.UTC), CPUs: 8, Verdict: harness.Held,
		Faults:    []string{"lose the data directory on m2, m3", "kill etcd on m1"},
		Procedure: reports.Procedure{Outcome: "completed", Within: 120000},
		Findings: []harness.Finding{
			{Check: "quorum-was-lost", Kind: harness.Premise, Verdict: harness.Held, Claim: "no member reports a leader, and a fresh client is not served", Detail: "no member reported a leader from 21.310 s on"},
			{Check: "cut-at-snapshot", Kind: harness.Promise, Verdict: harness.Held, Claim: "everything up to the snapshot's revision is there, and nothing after it", Detail: "the cut is revision 4831, that of the snapshot"},
			{Check: "replicas-agree", Kind: harness.Promise, Verdict: harness.Held, Claim: "every member holds the same data", Detail: "m1, m2 and m3 hash to 4ad0c1f3 at revision 9044"},
			{Check: "members-are", Kind: harness.Promise, Verdict: harness.Held, Claim: "every member tells the same members: all of the site's hosts", Detail: "m1, m2 and m3, as each of them tells it"},
			{Check: "dead-stay-out", Kind: harness.Hazard, Verdict: harness.Violated, Claim: "the dead, powered on with their old disks, do not serve", Detail: "m2 served on its old disk, apart from the new cluster", Offending: []string{"m2 was read at 61.204 s: revision 4977 of cluster cdf818194e3a8c32"}},
			{Check: "revisions-unique", Kind: harness.Hazard, Verdict: harness.Held, Claim: "no revision was handed out twice", Detail: "9044 changes, each with a revision of its own"},
		},
		Moments: map[string]int64{
			"provisioned": 410, "booted": 1890, "traffic-began": 1902, "steady-state-seen": 4120, "struck": 20140, "took-effect": 20610, "detected": 20655,
			"quorum-lost": 21310, "procedure-began": 21420, "fetched": 22980, "restored": 24100, "history-replaced": 24130, "procedure-ended": 27905,
			"redundant": 28240, "settled": 29930, "traffic-ended": 30011, "collected": 31870,
		},
		Strikes: []reports.Strike{
			{Fault: "lose the data directory", Hosts: []string{"m2", "m3"}, At: 20140, Took: 312},
			{Fault: "kill etcd", Hosts: []string{"m1"}, At: 20460, Took: 150},
		},
		Backups: []reports.Backup{
			{Name: "20261125T201411Z.db", Host: "m1", At: 6200, Took: 640, Snapshot: 410, Verify: 90, Upload: 130, Bytes: 46 << 20, Keys: 41000, Revision: 2210, Kept: false},
			{Name: "20261125T201416Z.db", Host: "m1", At: 11200, Took: 655, Snapshot: 420, Verify: 92, Upload: 133, Bytes: 47 << 20, Keys: 41800, Revision: 4831, Kept: true},
			{Name: "20261125T201421Z.db", Host: "m1", At: 16200, Took: 210, Problem: "the trailer hash does not match"},
		},
		Fetches: []reports.Fetch{
			{Backup: "20261125T201416Z.db", Host: "m1", At: 21900, Fetch: 830, Verify: 95, Bytes: 47 << 20},
			{Backup: "20261125T201416Z.db", Host: "m2", At: 21900, Fetch: 940, Verify: 95, Bytes: 47 << 20},
			{Backup: "20261125T201416Z.db", Host: "m3", At: 21900, Fetch: 910, Verify: 95, Bytes: 47 << 20},
		},
		Phases: reports.Phases{Detection: 515, Fetch: 1560, Restore: 2680, Outage: 6840, OutageSpan: 8210, Redundancy: 6820, FirstAck: 5210, Recovered: 6490},
		Gaps: []reports.Gap{
			{From: 20135, To: 26630, MS: 6495, Cause: "lose the data directory on m2, m3"},
			{From: 27990, To: 28335, MS: 345, Cause: "a leader was elected"},
		},
		StockOutage:   9120,
		Loss:          &reports.Loss{AckedWrites: 5120, LostWrites: 1861, LostSpan: 8905, Cut: 4831},
		MembersBefore: slices.Clone(hosts), MembersAfter: slices.Clone(hosts),
		MemberIDsBefore: map[string]string{"m1": "8e9e05c52164694d", "m2": "91bc3c398fb3c146", "m3": "fd422379fda50e48"},
		MemberIDsAfter:  map[string]string{"m1": "71bc3c398fb3c11a", "m2": "5d0b1c398fb3c146", "m3": "a0422379fda50e48"},
		ClusterIDBefore: "cdf818194e3a8c32", ClusterIDAfter: "3e8a1b194e3a8c77",
		Directory: "firedrill-runs/20261125T201405Z-etcd-snapshot-restore",
		Rerun:     "firedrill run etcd-snapshot-restore --runtime process --seed 11",
	}
	for i, host := range hosts {
		r.Steps = append(r.Steps, step(1, "stop what is left of etcd", host, 21420, 40+int64(i)*9))
	}
	for i, host := range hosts {
		r.Steps = append(r.Steps, step(2, "fetch the newest backup that verifies", host, 21480, 1440+int64(i)*30))
	}
	for i, host := range hosts {
		r.Steps = append(r.Steps, step(3, "etcdutl snapshot restore", host, 23010, 1060+int64(i)*15))
	}
	for i, host := range hosts {
		r.Steps = append(r.Steps, step(4, "start etcd on the restored data", host, 24130, 2380+int64(i)*60))
	}
	r.Steps = append(r.Steps, step(5, "wait until every member is healthy", "m1", 26640, 1240))
	r.Tracks = []reports.Track{
		{Host: "m1", Power: []reports.Span{{From: 120}}, Etcd: []reports.Span{upTo(480, 20590), {From: 24190}}},
		{Host: "m2", Power: []reports.Span{upTo(130, 20450), {From: 21380}}, Etcd: []reports.Span{upTo(500, 20440), upTo(24230, 30600)}},
		{Host: "m3", Power: []reports.Span{upTo(140, 20450), {From: 21390}}, Etcd: []reports.Span{upTo(510, 20440), {From: 24260}}},
	}
	return r
}

// sweptByHand is a sweep of three sizes and two procedures, five runs each, with figures as
// a disk and an etcd make them; the same every time.
func sweptByHand() policy.Result {
	meets, fails := true, false
	result := policy.Result{
		Schema: 1, Kind: "policy", Firedrill: "v0.4.0", Started: time.Date(2026, 11, 25, 18, 0, 0, 0, time.UTC), Finished: true, Planned: 30,
		Runtime: "process", Etcd: "3.7.3",
		Machine: reports.Machine{CPUs: 8, Model: "AMD EPYC 7763", Memory: 32 << 30, OS: "linux/amd64", Kernel: "6.1.0", Disk: "ext4"},
		Policy: policy.Policy{
			Name: "production", Interval: policy.Duration(30 * time.Minute), Retention: policy.Retention{Count: 48, Age: policy.Duration(24 * time.Hour)},
			Store: "s3://backups/etcd", Verify: policy.VerifyTrailer, Targets: policy.Targets{RTO: policy.Duration(30 * time.Second), RPO: policy.Duration(time.Hour)},
		},
		Sweep: policy.Sweep{
			Sizes: []policy.Size{256 << 20, 1 << 30, 4 << 30}, ValueSizes: []int{1024}, Members: []int{3},
			Procedures: []string{"etcd-snapshot-restore", "kubeadm-snapshot-restore"}, Runs: 5, Seed: 1, TimeScale: 60,
		},
		Targets: []policy.Verdict{
			{Target: "rto", Wanted: 30000, Worst: 26800, Verdict: harness.Held, Detail: "every run was acknowledged again within 30 s of the strike"},
			{Target: "rpo", Wanted: 3600000, Worst: 31200, Verdict: harness.Held, Detail: "the policy's bound in real time is 30 min 08 s"},
			{Target: "loss-bound", Verdict: harness.Held, Detail: "no run of 30 lost more than the policy explains"},
			{Target: "every drill held", Verdict: harness.Held, Detail: "30 of 30"},
		},
		Alternatives: []policy.Alternative{
			{Name: "cheaper", Interval: policy.Duration(time.Hour), Count: 24, LossMS: 3608000, Bytes: 96 << 30, SnapshotsPerDay: 24, MeetsRPO: &fails, Detail: "half as many snapshots; it may lose 8 s more than the RPO"},
			{Name: "safer", Interval: policy.Duration(15 * time.Minute), Count: 96, LossMS: 908000, Bytes: 384 << 30, SnapshotsPerDay: 96, MeetsRPO: &meets, Detail: "twice as many snapshots; members are read for 8 s in every 15 min"},
		},
	}
	dice := rand.New(rand.NewPCG(1, 2))
	about := func(ms float64) int64 { return int64(ms * (0.92 + 0.2*dice.Float64())) }
	for _, p := range result.Sweep.Points() {
		gib := float64(p.Size) / (1 << 30)
		slow := 1.0
		if p.Procedure == "kubeadm-snapshot-restore" {
			slow = 1.35
		}
		s := policy.Summary{Point: p, Runs: 5, Held: 5, Counted: 5, Phases: map[policy.Phase]policy.Spread{}}
		figures := map[policy.Phase][]int64{}
		var recovered, lost, writes, bounds []int64
		for i := range 5 {
			phases := map[policy.Phase]int64{
				policy.Snapshot: about(300 + 1900*gib), policy.VerifyTaken: about(20 + 420*gib), policy.Upload: about(60 + 800*gib),
				policy.Fetch: about(80 + 900*gib), policy.VerifyFetched: about(20 + 430*gib), policy.RestoreHost: about(200 + 2100*gib),
			}
			phases[policy.Ack] = phases[policy.Fetch] + phases[policy.VerifyFetched] + phases[policy.RestoreHost] + about((1500+350*gib)*slow)
			phases[policy.Redundancy] = phases[policy.Ack] + about(900*slow+200*gib)
			phases[policy.Outage] = phases[policy.Ack] + about(1300)
			run := policy.Run{
				Point: p, Number: i + 1, Seed: int64(len(result.Runs) + 1), Started: result.Started.Add(time.Duration(len(result.Runs)) * time.Minute),
				Drill: fmt.Sprintf("d%d", len(result.Runs)+1), Took: phases[policy.Redundancy] + 41000, Verdict: harness.Held, Phases: phases,
				DatabaseBytes: int64(p.Size) + int64(p.Size)/50, Keys: int64(gib * 900000), Recovered: phases[policy.Ack] + about(1200),
			}
			bound := 30000 + phases[policy.Snapshot] + phases[policy.Upload]
			loss := int64(dice.Float64() * float64(bound))
			run.Loss = &policy.Loss{AckedWrites: 9000, LostWrites: loss / 5, LostMS: loss, BoundMS: bound}
			run.Directory = "firedrill-runs/" + run.Drill
			result.Runs = append(result.Runs, run)
			for phase, ms := range phases {
				figures[phase] = append(figures[phase], ms)
			}
			recovered, lost = append(recovered, run.Recovered), append(lost, loss)
			writes, bounds = append(writes, loss/5), append(bounds, bound)
		}
		for phase, ms := range figures {
			s.Phases[phase] = spread(ms)
		}
		s.Recovered, s.LostMS, s.LostWrites, s.BoundMS = spread(recovered), spread(lost), spread(writes), spread(bounds)
		result.Summaries = append(result.Summaries, s)
	}
	for _, procedure := range result.Sweep.Procedures {
		for _, phase := range policy.Phases() {
			result.Fits = append(result.Fits, fitted(result.Runs, procedure, phase))
		}
	}
	return result
}

// spread of five figures or fewer.
func spread(ms []int64) policy.Spread {
	slices.Sort(ms)
	low, high := ms[0], ms[len(ms)-1]
	return policy.Spread{Of: len(ms), P50: ms[len(ms)/2], Worst: high, Low: &low, High: &high, Confidence: 0.9375}
}

// fitted is a line by the two outermost sizes: a page must show what it is given.
func fitted(runs []policy.Run, procedure string, phase policy.Phase) policy.Fit {
	var from, to, worst float64
	f := policy.Fit{Procedure: procedure, Members: 3, ValueSize: 1024, Phase: phase, R2: 0.994, Figures: 15, From: (256 << 20) * 51 / 50, To: (4 << 30) * 51 / 50}
	for _, r := range runs {
		if r.Procedure != procedure {
			continue
		}
		switch r.Size {
		case 256 << 20:
			from += float64(r.Phases[phase]) / 5
		case 4 << 30:
			to += float64(r.Phases[phase]) / 5
		}
	}
	f.PerGiB = (to - from) / (3.75 * 1.02)
	f.Fixed = from - f.PerGiB*0.255
	var squares float64
	for _, r := range runs {
		if r.Procedure != procedure {
			continue
		}
		off := float64(r.Phases[phase]) - f.Fixed - f.PerGiB*float64(r.DatabaseBytes)/(1<<30)
		squares += off * off
		worst = max(worst, math.Abs(off))
	}
	f.Residual, f.Worst = math.Sqrt(squares/13), worst
	return f
}
