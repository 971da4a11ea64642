package harness

import (
	"context"
	"fmt"
	"time"
)

// TrialSpec asks for a trial by name and parameter.
type TrialSpec struct {
	Name string `json:"name"` // "kill-one-member", "restart-member"
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
	Select(ctx context.Context, who Selector) ([]Host, error)
	// Lead makes the member on a host the leader.
	Lead(ctx context.Context, host string) error
	// Write sends n writes to keys below a name through a fresh client that knows
	// these hosts, and returns how many were acknowledged before ctx ended.
	Write(ctx context.Context, below string, n int, hosts []string) (acked int, err error)
	// Read counts the keys below a name, linearizably, through such a client.
	Read(ctx context.Context, below string, hosts []string) (found int, err error)
	// Members asks every host that is up for its own view.
	Members(ctx context.Context) []MemberView
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
	Exits  []HostExit    `json:"exits,omitempty"`  // etcd processes that ended during it, unasked
}

// HostExit is an etcd process that ended on a host.
type HostExit struct {
	Host string        `json:"host"`
	At   time.Duration `json:"at_ns"`
	EtcdExit
}
