package harness

import (
	"context"
	"fmt"
	"time"
)

// TrialSpec asks for a trial by name and parameter.
type TrialSpec struct {
	Name string `json:"name"` // "kill-one-member", "restart-member", "power-on-the-dead"
	Host string `json:"host,omitempty"`
}

func (t TrialSpec) String() string {
	if t.Host == "" {
		return t.Name
	}
	return t.Name + "(" + t.Host + ")"
}

// Trial is something done to the recovered cluster to learn more. It runs after
// the evidence was collected and leaves evidence of its own.
type Trial interface {
	fmt.Stringer
	Spec() TrialSpec
	// Try does it. What etcd did is in the record; an error means that the
	// harness could not try.
	Try(ctx context.Context, r Recovered) (TrialRecord, error)
}

// Recovered is the recovered cluster as a trial sees it.
type Recovered interface {
	// Select resolves a selector against the recovered cluster's hosts.
	Select(ctx context.Context, who Selector) ([]Host, error)
	// Dead lists the hosts that are off, with their old disks, and no part of it.
	Dead(ctx context.Context) []Host
	// Lead makes the member on a host the leader.
	Lead(ctx context.Context, host string) error
	// Write sends n writes to keys below a name through a fresh client that knows
	// these hosts, and returns how many were acknowledged before ctx ended.
	Write(ctx context.Context, below string, n int, hosts []string) (acked int, err error)
	// Read counts the keys below a name, linearizably, through such a client.
	Read(ctx context.Context, below string, hosts []string) (found int, err error)
	// Members asks every host of the cluster that is up for its own view.
	Members(ctx context.Context) []MemberView
	// Look asks any hosts for their own views, once: Members asks those again that
	// are late, and the dead may be for ever.
	Look(ctx context.Context, hosts []Host) []MemberView
}

// TrialRecord is the evidence of one trial.
type TrialRecord struct {
	Spec   TrialSpec     `json:"spec"`
	Ran    bool          `json:"ran"`              // false: it could not be tried, Reason says why
	Reason string        `json:"reason,omitempty"` // not Ran
	Begun  time.Duration `json:"begun_ns"`         // offset
	Took   time.Duration `json:"took_ns"`          //
	Struck []string      `json:"struck,omitempty"` // hosts it acted on
	Sent   int           `json:"sent"`             // writes sent afterwards
	Acked  int           `json:"acked"`            // of these, acknowledged
	Read   bool          `json:"read"`             // they were read back
	Found  int           `json:"found"`            // keys that were found then
	Told   []MemberView  `json:"told,omitempty"`   // members as each host tells them afterwards
	Notes  []string      `json:"notes,omitempty"`  // for people
	Exits  []HostExit    `json:"exits,omitempty"`  // etcd processes of the recovered cluster that ended during it, unasked
	Return *Return       `json:"return,omitempty"` // of the dead; power-on-the-dead alone
}

// Return is what came of the dead that were powered on again with their old
// disks, and of the cluster that was recovered without them.
type Return struct {
	Before  []MemberView  `json:"before"`     // the recovered cluster's members before it
	Watched time.Duration `json:"watched_ns"` // from when they were on
	Dead    []DeadHost    `json:"dead"`
	// Followed are members of the recovered cluster that followed one whom they did
	// not list before.
	Followed []Following `json:"followed,omitempty"`
	Sent     int         `json:"sent"`   // writes sent through the dead alone, once one served
	Acked    int         `json:"acked"`  // of these, acknowledged
	Found    int         `json:"found"`  // keys that were found then, through the dead alone
	Copies   []Copy      `json:"copies"` // what each of the recovered cluster's members holds of the writes
}

// DeadHost is one of the dead after it was powered on.
type DeadHost struct {
	Host   string     `json:"host"`
	Starts int        `json:"starts"` // of its etcd since then
	Exits  int        `json:"exits"`  // and its ends
	Last   *EtcdExit  `json:"last_exit,omitempty"`
	Served bool       `json:"served"` // it answered a linearizable read at some time
	View   MemberView `json:"view"`   // as it was last looked at while it was watched
}

// Following is a member as it follows another.
type Following struct {
	Host   string `json:"host"`
	Leader uint64 `json:"leader,string"`
	Term   uint64 `json:"term"`
}

// Copy is what one member holds, by a linearizable read, of a trial's writes.
type Copy struct {
	Host    string `json:"host"`
	Error   string `json:"error,omitempty"` // it could not be read
	Found   int    `json:"found"`           // keys put through the recovered cluster
	Foreign int    `json:"foreign"`         // keys put through the dead
}

// HostExit is an etcd process that ended on a host.
type HostExit struct {
	Host string        `json:"host"`
	At   time.Duration `json:"at_ns"`
	EtcdExit
}
