package policy

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
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

	DatabaseBytes int64 `json:"database_bytes,omitempty"` // of the snapshot that was restored
	Keys          int64 `json:"keys,omitempty"`
	// Recovered is the time from the strike to the first acknowledged write of the
	// recovered cluster, which is held against the RTO. Absent: never seen.
	Recovered int64 `json:"recovered_ms,omitempty"`
	Loss      *Loss `json:"loss,omitempty"` // absent: no consistent cut was found
}

// Loss is what a run lost, beside what the policy says it may lose at most.
type Loss struct {
	AckedWrites int64 `json:"acked_writes"`
	LostWrites  int64 `json:"lost_writes"`
	LostMS      int64 `json:"lost_ms"` // from the first lost acknowledgement to the last
	// BoundMS is interval (compressed) + snapshot + upload of this very run: a loss
	// above it is a violation, whatever the targets.
	BoundMS int64 `json:"bound_ms"`
}

// Exceeded tells whether more was lost than the policy can explain.
func (l Loss) Exceeded() bool { return l.LostMS > l.BoundMS }

// Counts tells whether a run's figures are to be counted.
func (r Run) Counts() bool {
	return r.Broke == "" && len(r.Unfit) == 0 && r.Verdict != harness.Inconclusive
}
