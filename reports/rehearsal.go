package reports

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// RehearsalSchemaVersion is the value of Rehearsal.Schema; it is raised as
// SchemaVersion is.
const RehearsalSchemaVersion = 1

// RehearsalKind is the value of Rehearsal.Kind.
const RehearsalKind = "rehearsal"

//go:embed rehearsal.schema.json
var rehearsalSchema []byte

// RehearsalSchema is the JSON Schema (draft 2020-12) of what `firedrill
// rehearse --json` prints. It documents every key, with its unit.
func RehearsalSchema() []byte { return rehearsalSchema }

// Rehearsal is what came of restoring one snapshot into a throw-away cluster.
// What did not occur or was not seen is absent, never 0. No value of any key is
// in it, and no key: only what many keys begin with.
type Rehearsal struct {
	Schema      int             `json:"schema"`
	Kind        string          `json:"kind"` // RehearsalKind, so that documents can be told apart
	ID          string          `json:"rehearsal"`
	Started     time.Time       `json:"started"`
	Firedrill   string          `json:"firedrill_version"`
	Runtime     string          `json:"runtime"`
	EtcdVersion string          `json:"etcd_version,omitempty"` // of the hosts
	Members     int             `json:"members"`                // of the throw-away cluster
	Verdict     harness.Verdict `json:"verdict"`

	Source   RehearsedSource   `json:"source"`
	Snapshot *RehearsedFile    `json:"snapshot,omitempty"` // what the file says of itself; absent if it is none
	Phases   RehearsalPhases   `json:"phases_ms"`
	Hosts    []RehearsedHost   `json:"hosts"`
	Cluster  string            `json:"cluster_id,omitempty"` // hexadecimal, of the throw-away cluster, where all told one
	Keys     *int64            `json:"keys,omitempty"`       // at the snapshot's revision
	Census   *Census           `json:"census,omitempty"`     // absent if it was not wanted or could not be taken
	Findings []harness.Finding `json:"findings"`
	// Notes are what a reader should know who sees figures or findings: what was
	// done otherwise than on a plain cluster, and why.
	Notes   []string `json:"notes,omitempty"`
	Machine Machine  `json:"machine"`
	// PeakMemory is what firedrill itself had resident at most, etcd not counted;
	// absent where the kernel does not tell.
	PeakMemory int64 `json:"peak_memory_bytes,omitempty"`
}

// RehearsedSource is where the snapshot came from.
type RehearsedSource struct {
	Location string     `json:"location"`         // as it was given, without credentials: there never are any in it
	Object   string     `json:"object,omitempty"` // the file or object that was chosen, where a directory or prefix was given
	Bytes    int64      `json:"bytes,omitempty"`
	SHA256   string     `json:"sha256,omitempty"` // of the whole file, in hex
	Taken    *time.Time `json:"taken,omitempty"`  // when it was last modified, which a copy or a touch renews
	Age      *int64     `json:"age_s,omitempty"`  // at the start; negative: it is of the future
}

// RehearsedFile is what the snapshot says of itself.
type RehearsedFile struct {
	Revision       int64    `json:"revision"`
	Compacted      int64    `json:"compact_revision,omitempty"`
	StorageVersion string   `json:"storage_version,omitempty"`
	ClusterVersion string   `json:"cluster_version,omitempty"`
	Auth           bool     `json:"auth,omitempty"`
	Leases         int      `json:"leases,omitempty"`
	Alarms         []string `json:"alarms,omitempty"`
	TakenOf        []string `json:"taken_of,omitempty"` // names of the members of the cluster that it was taken of
}

// RehearsalPhases are how long parts took, in milliseconds. 0 stands for a part
// that did not come to its end and is not encoded. Parts overlap.
type RehearsalPhases struct {
	Fetch   int64 `json:"fetch,omitempty"`   // from the source's first byte wanted to the last on our disk
	Verify  int64 `json:"verify,omitempty"`  // what the checksum took beyond that
	Hosts   int64 `json:"hosts,omitempty"`   // until all hosts were up; beside the fetching
	Restore int64 `json:"restore,omitempty"` // the slowest host's etcdutl snapshot restore
	// FirstAck, Serving and Recovered end at the first acknowledged write, and when
	// every member served and had told the same hash. The first two count from the
	// fetched and verified file, Recovered from the beginning of the fetch.
	FirstAck   int64 `json:"first_ack,omitempty"`
	Serving    int64 `json:"serving,omitempty"`
	Recovered  int64 `json:"recovered,omitempty"`
	Census     int64 `json:"census,omitempty"`
	MemberLoss int64 `json:"member_loss,omitempty"` // from a member's loss to the next acknowledged write
	Total      int64 `json:"total,omitempty"`       // without tearing down
}

// RehearsedHost is one host of the throw-away cluster.
type RehearsedHost struct {
	Host     string `json:"host"`
	Place    int64  `json:"place_ms,omitempty"`   // to bring the file there
	Restore  int64  `json:"restore_ms,omitempty"` // etcdutl snapshot restore
	Up       int64  `json:"up_ms,omitempty"`      // from etcd's start until it answered
	HashKV   int64  `json:"hash_ms,omitempty"`
	Version  string `json:"etcd_version,omitempty"`
	MemberID string `json:"member_id,omitempty"` // hexadecimal
	Hash     string `json:"hash,omitempty"`      // HashKV at the snapshot's revision, hexadecimal
	Compact  int64  `json:"compact_revision,omitempty"`
	DBBytes  int64  `json:"db_bytes,omitempty"` // of its database, as it tells
	Problem  string `json:"problem,omitempty"`
}

// Census is how many keys there are of what kind: by what they begin with, up to
// a "/", so deep that about twenty prefixes tell them apart.
type Census struct {
	Keys     int64       `json:"keys"`
	Bytes    int64       `json:"bytes"` // of keys and values
	Prefixes []CensusRow `json:"prefixes"`
}

// CensusRow is the keys of one prefix that no longer prefix in the census has.
type CensusRow struct {
	Prefix string `json:"prefix"` // bytes that do not print are escaped as in Go; "": whatever has no prefix of many
	Others int    `json:"others,omitempty"`
	Keys   int64  `json:"keys"`
	Bytes  int64  `json:"bytes"`
}

// Held tells whether the rehearsal held.
func (r Rehearsal) Held() bool { return r.Verdict == harness.Held }

// Age is how old the snapshot was at the start; ok is false if nothing tells.
func (r Rehearsal) Age() (age time.Duration, ok bool) {
	if r.Source.Taken == nil {
		return 0, false
	}
	return r.Started.Sub(*r.Source.Taken), true
}

// Encode writes the report as one line of JSON.
func (r Rehearsal) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report of rehearsal %s: %w", r.ID, err)
	}
	return nil
}

// DecodeRehearsal reads what Encode wrote; older versions wrote no kind. A report of
// another schema version and anything that is none are errors.
func DecodeRehearsal(from io.Reader) (Rehearsal, error) {
	var r Rehearsal
	if err := json.NewDecoder(from).Decode(&r); err != nil {
		return Rehearsal{}, fmt.Errorf("read the report of a rehearsal: %w", err)
	}
	if r.Schema != RehearsalSchemaVersion {
		return Rehearsal{}, fmt.Errorf("read the report of a rehearsal: its schema is %d, this firedrill reads %d", r.Schema, RehearsalSchemaVersion)
	}
	if r.ID == "" || r.Kind != RehearsalKind && r.Kind != "" {
		return Rehearsal{}, errors.New("read the report of a rehearsal: it is none")
	}
	return r, nil
}
