package harness

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// EvidenceSchema is the version of Evidence's JSON form. It is raised when a
// reader of the old form would misread the new one.
const EvidenceSchema = 2

// Mark names a moment of a drill. A mark that did not occur is absent.
type Mark string

// The marks, in the order in which they usually occur. All are offsets on the
// drill's one clock. Where the strike comes while the cluster is first created,
// it and the procedure precede Booted, TrafficBegan and SteadyStateSeen.
const (
	Provisioned     Mark = "provisioned" // every host is up
	Booted          Mark = "booted"      // every member serves for the first time
	TrafficBegan    Mark = "traffic-began"
	SteadyStateSeen Mark = "steady-state-seen"
	Struck          Mark = "struck"           // the first fault begins
	TookEffect      Mark = "took-effect"      // the last fault has taken effect
	Detected        Mark = "detected"         // a fresh client's probe failed
	QuorumLost      Mark = "quorum-lost"      // seen: no member reports a leader, a fresh client is not served
	ProcedureBegan  Mark = "procedure-began"  //
	Fetched         Mark = "fetched"          // backup and keys are on the hosts
	Restored        Mark = "restored"         // data directories are ready
	HistoryReplaced Mark = "history-replaced" // members start from other data than clients were told
	ProcedureEnded  Mark = "procedure-ended"  // completed, refused or failed
	Redundant       Mark = "redundant"        // every expected voter healthy, caught up, hashes equal
	Settled         Mark = "settled"          // 2 s without a gap after the procedure ended
	TrafficEnded    Mark = "traffic-ended"    // every operation has returned
	Collected       Mark = "collected"
)

// Evidence is all that a drill observed. Its JSON form is evidence.json; the
// ledger lies beside it. What could not be observed is absent or carries an
// error text, and the checks take it as not seen.
type Evidence struct {
	Schema        int       `json:"schema"`
	Drill         string    `json:"drill"`
	Scenario      string    `json:"scenario"`
	Runtime       string    `json:"runtime"`
	EtcdVersion   string    `json:"etcd_version"` // as the first member told it
	Firedrill     string    `json:"firedrill_version"`
	Seed          int64     `json:"seed"`
	Strict        bool      `json:"strict"`
	Started       time.Time `json:"started"` // wall clock at offset 0; for people only
	Hosts         []string  `json:"hosts"`   // hosts of the recovered cluster's site that are neither lost nor dead, in order
	BornHosts     []string  `json:"born_hosts"`
	EtcdArgs      []string  `json:"etcd_args,omitempty"` // server flags of every member beyond those that make it one, without dashes
	Rerun         string    `json:"rerun,omitempty"`     // the command that runs this drill again, where it is no firedrill run
	TrafficPrefix string    `json:"traffic_prefix"`
	Writers       int       `json:"writers"`
	// Rate is how many writes were meant to be made a second, by all writers together, and
	// ValueSize how many bytes each value has. Absent in evidence of older versions.
	Rate      int `json:"rate_per_second,omitempty"`
	ValueSize int `json:"value_size_bytes,omitempty"`
	// Keeping is where backups were kept. Absent in evidence of older versions.
	Keeping Keeping `json:"keeping,omitempty"`
	// ElectionTimeout is the members' --election-timeout. Absent in evidence of older
	// versions.
	ElectionTimeout time.Duration `json:"election_timeout_ns,omitempty"`

	Checks    []StoredCheck          `json:"checks"`
	Marks     map[Mark]time.Duration `json:"marks_ns"`
	Faults    []FaultRecord          `json:"faults"`
	Steps     []StepRecord           `json:"steps"`
	StepsMore int                    `json:"steps_more,omitempty"` // that were made by hand, and are not in Steps because those are very many
	Procedure ProcedureRecord        `json:"procedure"`
	Exits     []HostExit             `json:"exits"` // etcd processes that ended, on any host, until collection
	// Gone is when a host was first seen to be destroyed, by name, until collection.
	Gone map[string]time.Duration `json:"gone_ns"`
	// Power is when hosts were seen to go on and off, in order, until collection.
	Power []PowerRecord `json:"power"`
	// Starts are etcd processes that were started, on any host, in order, until
	// collection. Absent in evidence of older versions.
	Starts    []HostStart    `json:"starts"`
	Backups   []Backup       `json:"backups"`
	Fetches   []FetchRecord  `json:"fetches"` // backups that were looked at to be brought onto a host; absent in evidence of older versions
	Survivors []SurvivorRead `json:"survivors"`
	// Listed is the member list that was asked for while quorum was seen to be lost. nil:
	// nobody asked.
	Listed *ListRecord  `json:"listed,omitempty"`
	Before []MemberView `json:"before"` // each host's view in steady state; none if the strike came before it
	After  []MemberView `json:"after"`  // each host's view at collection
	// DisksBegan and DisksAfter are what of etcd's lay on every host that was there as
	// the procedure began, and at collection. Absent where no check compares them, and
	// in evidence of older versions.
	DisksBegan []HostDisk `json:"disks_began,omitempty"`
	DisksAfter []HostDisk `json:"disks_after,omitempty"`
	// KeptBegan and KeptAfter are how backups lay where they are kept: all as the
	// procedure began, and at collection; before that any that was asked for and was not
	// as it had been. Absent where no check compares them, and in evidence of older
	// versions.
	KeptBegan []KeptBackup `json:"kept_began,omitempty"`
	KeptAfter []KeptBackup `json:"kept_after,omitempty"`
	// FullDisks are the hosts on which etcd found no space left while somebody recovered
	// by hand, in order, until collection.
	FullDisks     []FullDisk     `json:"full_disks,omitempty"`
	Hashes        []MemberHash   `json:"hashes"` // HashKV of every member at one revision
	DatasetBefore *Dataset       `json:"dataset_before,omitempty"`
	DatasetAfter  *Dataset       `json:"dataset_after,omitempty"`
	LeasesBefore  []LeaseView    `json:"leases_before"` // in steady state
	LeasesAfter   []LeaseView    `json:"leases_after"`
	Watcher       WatcherRecord  `json:"watcher"`
	Caches        []CacheRecord  `json:"caches"`
	Login         *LoginRecord   `json:"login,omitempty"` // nil: the cluster has no authentication
	Trials        []TrialRecord  `json:"trials"`
	GameDay       *GameDayRecord `json:"game_day,omitempty"` // nil: no people recovered it
	Machine       MachineRecord  `json:"machine"`

	Ledger Ledger `json:"-"`
}

// At returns the offset of a mark; ok is false if it did not occur.
func (e *Evidence) At(m Mark) (offset time.Duration, ok bool) {
	offset, ok = e.Marks[m]
	return offset, ok
}

// Clusters lists the IDs of the recovered cluster, as its members tell them. One
// that fell apart has several.
func (e *Evidence) Clusters() (ids []uint64) {
	for _, v := range e.After {
		if v.Error == "" && !slices.Contains(ids, v.ClusterID) {
			ids = append(ids, v.ClusterID)
		}
	}
	return ids
}

// Trial returns the record of a trial that ran; ok is false if none did.
func (e *Evidence) Trial(spec TrialSpec) (record TrialRecord, ok bool) {
	for _, t := range e.Trials {
		if t.Spec == spec {
			return t, t.Ran
		}
	}
	return TrialRecord{Spec: spec, Reason: "it was not asked for when the drill ran"}, false
}

// FaultRecord is one fault as it struck.
type FaultRecord struct {
	Fault string        `json:"fault"`
	By    string        `json:"by,omitempty"` // the facilitator of a game day; "" for the scenario's own
	Hosts []string      `json:"hosts"`
	At    time.Duration `json:"at_ns"`
	Took  time.Duration `json:"took_ns"`
}

// PowerRecord is a host that was seen to go on or off, with its disk.
type PowerRecord struct {
	Host string        `json:"host"`
	At   time.Duration `json:"at_ns"`
	On   bool          `json:"on"`
}

// HostStart is an etcd process that was started on a host.
type HostStart struct {
	Host string        `json:"host"`
	At   time.Duration `json:"at_ns"`
}

// StepRecord is one step on one host, as it went.
type StepRecord struct {
	Number  int    `json:"number"` // from 1
	Name    string `json:"name"`
	Host    string `json:"host,omitempty"` // "" at the desk
	By      string `json:"by,omitempty"`   // who typed it: a runbook, or a shell of a game day; "" for a step of a procedure
	Command string `json:"command"`
	// Input is the beginning of what was fed to the command, where that is text;
	// InputDropped counts the bytes of the rest.
	Input        string        `json:"input,omitempty"`
	InputDropped int64         `json:"input_dropped_bytes,omitempty"`
	Output       Output        `json:"output"`          // of the last attempt
	Error        string        `json:"error,omitempty"` // why it was not run to its end; the exit code then means nothing
	Attempts     int           `json:"attempts"`
	At           time.Duration `json:"at_ns"`
	Took         time.Duration `json:"took_ns"`
	// Completes is the phase that ended with it; "" if none does, or it failed.
	Completes Phase `json:"completes,omitempty"`
}

// FullDisk is a host on whose disk etcd found no space left, and when it did first.
type FullDisk struct {
	Host string        `json:"host"`
	At   time.Duration `json:"at_ns"`
}

// ProcedureRecord is how the procedure ended. Exactly one of Completed,
// Refused and Failed is set; none if it never began.
type ProcedureRecord struct {
	Completed bool          `json:"completed"`
	Refused   string        `json:"refused,omitempty"`   // a precondition did not hold: its step and output
	Failed    string        `json:"failed,omitempty"`    // a step failed or the deadline passed: which, and its output
	TimedOut  bool          `json:"timed_out,omitempty"` // Failed: because the deadline passed; absent in evidence of older versions
	Announced []string      `json:"announced,omitempty"`
	Within    time.Duration `json:"within_ns"` // its deadline
}

// Backup is one backup that the site's backup job took.
type Backup struct {
	Name     string        `json:"name"` // file name where backups are kept
	Host     string        `json:"host"` // taken from
	Begun    time.Duration `json:"begun_ns"`
	Took     time.Duration `json:"took_ns"` // until it was kept, or given up
	Bytes    int64         `json:"bytes"`
	Verified bool          `json:"verified"`          // its trailer hash is right
	Problem  string        `json:"problem,omitempty"` // it was not kept
	Revision int64         `json:"revision"`
	Keys     int64         `json:"keys"`
	Hash     uint32        `json:"hash"`
	SHA256   string        `json:"sha256"`     // of the file, as it was kept
	Size     int64         `json:"total_size"` // of the database, as etcdutl tells it: Bytes without the trailer

	// Unverified: it was kept as it came, and nobody knew whether its trailer hash
	// is right.
	Unverified bool `json:"unverified,omitempty"`
	// What Took is made of, one after another. 0: it did not come to that, or the
	// evidence is of an older version.
	Snapshot time.Duration `json:"snapshot_ns,omitempty"` // saved on its host, and pulled off it
	Verify   time.Duration `json:"verify_ns,omitempty"`   // its trailer hash computed
	Upload   time.Duration `json:"upload_ns,omitempty"`   // put where backups are kept
	// Status is what the drill took to see what is in it, by etcdutl snapshot status,
	// after it was kept; no other backup is begun meanwhile. In older versions it came
	// before, and was a part of Took, or of Snapshot.
	Status time.Duration `json:"status_ns,omitempty"`
	// Removed is when it was removed from where backups are kept, because newer ones
	// were; 0: it was not.
	Removed time.Duration `json:"removed_ns,omitempty"`
}

// Busy is how long the job was busy with the backup, so that it could not begin another.
func (b Backup) Busy() time.Duration { return max(b.Took, b.Snapshot+b.Verify+b.Upload+b.Status) }

// Kept tells whether the backup was ever put where backups are kept, verified or not.
func (b Backup) Kept() bool { return b.Verified || b.Unverified }

// KeptAt tells whether the backup was there to be restored at this offset: kept
// by then, and not removed.
func (b Backup) KeptAt(at time.Duration) bool {
	return b.Kept() && b.Begun+b.Took <= at && (b.Removed == 0 || b.Removed > at)
}

// FetchRecord is one backup that was looked at to be brought onto one host. A
// procedure that asks for an older one looks at the newer ones as well.
type FetchRecord struct {
	Backup  string        `json:"backup"`
	Host    string        `json:"host"`
	At      time.Duration `json:"at_ns"`
	Read    time.Duration `json:"read_ns"`   // out of the store; 0 where backups are plain files
	Verify  time.Duration `json:"verify_ns"` // its trailer hash computed
	Carry   time.Duration `json:"carry_ns"`  // onto the host
	Bytes   int64         `json:"bytes"`
	Brought bool          `json:"brought"`           // it is on the host now
	Problem string        `json:"problem,omitempty"` // it was passed over: missing, damaged, or another than was kept
}

// PassedOver says why a backup was passed over by whoever fetched backups, "" if
// it was not, or was brought onto some host all the same; looked tells whether
// anybody looked at it.
func (e *Evidence) PassedOver(backup string) (why string, looked bool) {
	for _, f := range e.Fetches {
		switch {
		case f.Backup != backup:
			continue
		case f.Brought:
			return "", true
		case f.Problem != "":
			why = f.Problem
		}
		looked = true
	}
	return why, looked
}

// SurvivorRead is what a serializable read of a host returned between the
// strike and the procedure's beginning.
type SurvivorRead struct {
	Host      string        `json:"host"`
	At        time.Duration `json:"at_ns"`
	Revision  int64         `json:"revision"`
	HasLeader bool          `json:"has_leader"`
}

// ListRecord is a linearizable member list, asked of every member there is at once by a
// fresh client. Without a quorum etcd does not answer, until whoever asks gives up.
type ListRecord struct {
	At    time.Duration `json:"at_ns"`
	Took  time.Duration `json:"took_ns"`
	Error string        `json:"error,omitempty"` // it was not answered
}

// MemberView is what one host's etcd says of itself and its cluster.
type MemberView struct {
	Host       string   `json:"host"`
	Error      string   `json:"error,omitempty"` // could not be asked: nothing below was seen
	ClusterID  uint64   `json:"cluster_id,string"`
	MemberID   uint64   `json:"member_id,string"`
	Leader     uint64   `json:"leader,string"` // 0: it knows none
	Term       uint64   `json:"term"`
	Revision   int64    `json:"revision"`
	Version    string   `json:"version"`
	Members    []Member `json:"members"` // its own member list, read serializably
	Alarms     []string `json:"alarms"`  // "NOSPACE of <member ID>"
	Serves     bool     `json:"serves"`  // answered a linearizable read
	ServeError string   `json:"serve_error,omitempty"`
	// TimedOut: Error or ServeError is nothing that it answered, but that no answer came
	// in time, however often it was asked. Told of members that were asked for evidence
	// only, and absent in evidence of older versions.
	TimedOut bool `json:"timed_out,omitempty"`
}

// Membership prints whom the host takes for a member of which cluster, in order.
func (v MemberView) Membership() string {
	list := make([]string, 0, len(v.Members))
	for _, m := range v.Members {
		text := fmt.Sprintf("%s (%016x)", m.Name, m.ID)
		if m.Learner {
			text += " as a learner"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return fmt.Sprintf("%s in cluster %x", strings.Join(list, ", "), v.ClusterID)
}

// Lists tells whether a member of this ID is in the host's list.
func (v MemberView) Lists(id uint64) bool {
	return slices.ContainsFunc(v.Members, func(m Member) bool { return m.ID == id })
}

// Member is what a cluster believes of a member. An empty Name: never started.
type Member struct {
	ID       uint64   `json:"id,string"`
	Name     string   `json:"name"`
	PeerURLs []string `json:"peer_urls"`
	Learner  bool     `json:"learner"`
}

// MemberHash is a member's HashKV.
type MemberHash struct {
	Host            string `json:"host"`
	Error           string `json:"error,omitempty"`
	Revision        int64  `json:"revision"`                   // asked for
	Reached         int64  `json:"reached_revision,omitempty"` // with an Error: how far the member, which answered to the last, had come when nobody waited any longer
	CompactRevision int64  `json:"compact_revision"`
	Hash            uint32 `json:"hash"`
}

// Dataset sums up the keys outside the traffic's prefix: preloaded, or the
// user's own. Digest covers key, value and mod_revision of each, in byte order of
// the keys. Keys that carry a lease are left out: they go when it does.
type Dataset struct {
	Keys   int64  `json:"keys"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"` // hexadecimal
}

// LeaseView is one lease as the cluster tells it.
type LeaseView struct {
	ID        int64         `json:"id"`
	Granted   time.Duration `json:"granted_ns"`
	Remaining time.Duration `json:"remaining_ns"` // negative: expired or unknown to the cluster
	Keys      []string      `json:"keys"`         // attached, as the lease tells
	Found     []string      `json:"found"`        // keys found that carry this lease
	Asked     time.Duration `json:"asked_ns"`     // when the question was sent
	At        time.Duration `json:"at_ns"`        // when it was answered
	// Unrenewed: no client renews it, so that what it has left at the end tells
	// what was done to its time. Set before the strike.
	Unrenewed bool `json:"unrenewed,omitempty"`
}

// WatcherRecord is the held watcher: opened before the strike on the traffic's
// prefix, never closed by the harness, resuming at the last revision it saw.
type WatcherRecord struct {
	Opened   bool          `json:"opened"`
	From     int64         `json:"from_revision"`        // first revision it watches
	Last     int64         `json:"last_revision"`        // greatest revision seen
	Told     string        `json:"told,omitempty"`       // the error that ended it: "compacted", …
	ToldAt   time.Duration `json:"told_at_ns,omitempty"` //
	Events   int64         `json:"events"`
	Progress int64         `json:"progress_revision"` // at the end: revision up to which the watch is known to be complete; 0 unknown
}

// MachineRecord tells how busy the machine was, by which figures are judged fit.
type MachineRecord struct {
	CPUs       int           `json:"cpus"`
	StallWorst time.Duration `json:"stall_worst_ns"` // worst lateness of a 10 ms timer
	StallTotal time.Duration `json:"stall_total_ns"`
	// Stalls are the worst of each second in which there was one, in order. Absent in
	// evidence of older versions.
	Stalls     []Stall       `json:"stalls,omitempty"`
	FsyncWorst time.Duration `json:"fsync_worst_ns"`  // of a small file beside the hosts' disks
	Unfit      string        `json:"unfit,omitempty"` // it was too busy, at whatever time: what was late may be its doing
	// FiguresFit: although it was, no stall beyond the limit fell between the strike
	// and the settling, so that figures do not suffer from it.
	FiguresFit bool `json:"figures_fit,omitempty"`
}

// Stall is a timer of 10 ms that fired late.
type Stall struct {
	At   time.Duration `json:"at_ns"` // when it fired
	Late time.Duration `json:"late_ns"`
}

// WorstStall is the worst lateness of a timer between two moments; where only the
// worst of a second was kept, of any in that second, and where none was, of all.
func (m MachineRecord) WorstStall(from, to time.Duration) (worst time.Duration) {
	if m.Stalls == nil {
		return m.StallWorst
	}
	for _, s := range m.Stalls {
		second := s.At.Truncate(time.Second)
		if second+time.Second > from && min(second, s.At-s.Late) <= to {
			worst = max(worst, s.Late)
		}
	}
	return worst
}
