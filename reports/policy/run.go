package policy

import (
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// Phase is a part of backing up or recovering that is timed.
type Phase string

// The phases, in the order in which they occur. Snapshot to Upload are of the
// backup that was restored. Fetch, VerifyFetched and RestoreHost are of the
// slowest host; Ack and Redundancy count from the procedure's beginning, Outage
// from the strike.
const (
	Snapshot      Phase = "snapshot"       // etcdctl snapshot save, and the file pulled off its host
	VerifyTaken   Phase = "verify_taken"   // by the backup job
	Upload        Phase = "upload"         // into the store
	Fetch         Phase = "fetch"          // out of the store and onto the host
	VerifyFetched Phase = "verify_fetched" // before it is restored
	RestoreHost   Phase = "restore"        // etcdutl snapshot restore
	Ack           Phase = "first_ack"      // until the first acknowledged write of the recovered cluster
	Redundancy    Phase = "redundancy"     // until every member is healthy and equal
	Outage        Phase = "outage"         // gaps without an acknowledged write
)

// Phases lists all of them in order.
func Phases() []Phase {
	return []Phase{Snapshot, VerifyTaken, Upload, Fetch, VerifyFetched, RestoreHost, Ack, Redundancy, Outage}
}

// Run is one drill of a point, reduced to figures in whole milliseconds. A phase
// that did not occur or was not seen is absent.
type Run struct {
	Point
	Number    int             `json:"number"` // from 1, within its point
	Seed      int64           `json:"seed"`
	Started   time.Time       `json:"started"`
	Drill     string          `json:"drill,omitempty"`
	Directory string          `json:"directory,omitempty"` // of the evidence
	Took      int64           `json:"took_ms"`             // the whole drill
	Verdict   harness.Verdict `json:"verdict"`
	// Broke: the harness broke, so that nothing below was measured.
	Broke  string          `json:"broke,omitempty"`
	Failed []string        `json:"failed,omitempty"` // checks of promises that were not Held
	Unfit  []string        `json:"unfit,omitempty"`  // why figures are not to be counted
	Phases map[Phase]int64 `json:"phases_ms,omitempty"`

	EtcdArgs []string    `json:"etcd_args,omitempty"`       // server flags that members had, the sweep's and what the size asked for
	Backups  []Backup    `json:"backups,omitempty"`         // all that the job took or tried to take, in order; absent in runs of older versions too
	Hosts    []HostTimes `json:"hosts,omitempty"`           // what Fetch, VerifyFetched and RestoreHost are the slowest of; likewise
	Removed  int         `json:"backups_removed,omitempty"` // that the retention removed

	DatabaseBytes int64 `json:"database_bytes,omitempty"` // of the snapshot that was restored
	Keys          int64 `json:"keys,omitempty"`
	// Recovered is the time from the strike to the first acknowledged write of the
	// recovered cluster, which is held against the RTO. Absent: never seen.
	Recovered int64 `json:"recovered_ms,omitempty"`
	// Unrecovered is for how long at least there was no service, which was not back when
	// watching ended. Absent: it was.
	Unrecovered int64 `json:"unrecovered_ms,omitempty"`
	Loss        *Loss `json:"loss,omitempty"` // absent: no consistent cut was found
}

// Loss is what a run lost, beside what the policy says it may lose at most.
type Loss struct {
	AckedWrites int64 `json:"acked_writes"`
	LostWrites  int64 `json:"lost_writes"`
	LostMS      int64 `json:"lost_ms"` // from the first lost acknowledgement to the last
	// AgeMS is how old the newest backup that could be restored was at the strike,
	// from its beginning. It shows a job that stopped even where nobody wrote much.
	// Absent: no such backup was seen.
	AgeMS int64 `json:"backup_age_ms,omitempty"`
	// BoundMS is what the policy explains at most, as check.LossWithinPolicy has it:
	// interval (compressed) + snapshot with its verification + upload of this very
	// run, and what strike and machine took besides.
	BoundMS int64 `json:"bound_ms"`
	// Verdict is what that check found, which knows when a figure above the bound
	// proves nothing: Violated is a violation, whatever the targets. Absent: nobody
	// judged it, and whatever is above the bound is one.
	Verdict *harness.Verdict `json:"verdict,omitempty"`
}

// Exceeded tells whether more was lost than the policy can explain.
func (l Loss) Exceeded() bool {
	if l.Verdict != nil {
		return *l.Verdict == harness.Violated
	}
	return max(l.LostMS, l.AgeMS) > l.BoundMS
}

// Undecided tells whether the check could not tell, because backups took longer than
// the interval.
func (l Loss) Undecided() bool { return l.Verdict != nil && *l.Verdict == harness.Inconclusive }

// Counts tells whether a run's figures are to be counted.
func (r Run) Counts() bool {
	return r.Broke == "" && len(r.Unfit) == 0 && r.Verdict != harness.Inconclusive
}

// NewRun reduces a drill's report to what a sweep counts. It took so long, from the
// first host to the last thing torn down. The backup that was restored is the one
// that was fetched last; of a drill that fetched none, nothing of backups is known.
func (p Plan) NewRun(point Point, number int, r reports.Report, took time.Duration) Run {
	run := Run{
		Point: point, Number: number, Seed: r.Seed, Started: r.Started, Drill: r.Drill, Directory: r.Directory,
		Took: took.Milliseconds(), Verdict: r.Verdict, Unfit: slices.Clone(r.Unfit), Phases: map[Phase]int64{},
		Recovered: r.Phases.Recovered, EtcdArgs: slices.Clone(r.EtcdArgs), Backups: backupsOf(r), Hosts: hostsOf(r),
	}
	for _, b := range r.Backups {
		if b.Removed > 0 {
			run.Removed++
		}
	}
	for _, f := range r.Findings {
		if f.Verdict != harness.Held && f.Kind != harness.Hazard {
			run.Failed = append(run.Failed, f.Check)
		}
	}
	for _, h := range run.Hosts {
		run.slower(Fetch, h.Fetch)
		run.slower(VerifyFetched, h.Verify)
		run.slower(RestoreHost, h.Restore)
	}
	run.note(Ack, r.Phases.FirstAck)
	run.note(Redundancy, r.Phases.Redundancy)
	switch {
	case r.OutageUnmeasured != "":
	case !r.OutageOpen:
		run.note(Outage, r.Phases.Outage)
	case run.Recovered == 0:
		run.Unrecovered = r.Phases.Outage
	}
	if i := slices.IndexFunc(run.Backups, func(b Backup) bool { return b.Restored }); i >= 0 {
		restored := run.Backups[i]
		run.note(Snapshot, restored.Snapshot)
		run.note(VerifyTaken, restored.Verify)
		run.note(Upload, restored.Upload)
		run.DatabaseBytes, run.Keys = restored.Bytes, restored.Keys
	}
	if r.Loss != nil {
		run.Loss = &Loss{AckedWrites: r.Loss.AckedWrites, LostWrites: r.Loss.LostWrites, LostMS: r.Loss.LostSpan}
		run.Loss.AgeMS = newestAge(r)
		if run.Loss.BoundMS = r.Loss.Bound; run.Loss.BoundMS == 0 { // nobody judged it
			run.Loss.BoundMS = p.Sweep.Scaled(p.Policy.Interval).Milliseconds() + slowest(r.Backups)
		}
		if i := slices.IndexFunc(r.Findings, func(f harness.Finding) bool { return f.Check == bounding }); i >= 0 {
			run.Loss.Verdict = &r.Findings[i].Verdict
		}
	}
	return run
}

// bounding is the name of check.LossWithinPolicy, which no report may import.
const bounding = "loss-within-policy"

// note keeps what occurred.
func (r *Run) note(phase Phase, ms int64) {
	if ms > 0 {
		r.Phases[phase] = ms
	}
}

// slower keeps what took longer than what is known already.
func (r *Run) slower(phase Phase, ms int64) { r.note(phase, max(ms, r.Phases[phase])) }
