package trend

import (
	"cmp"
	"fmt"
	"math/bits"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// Subject is what can be compared: the same drill on the same kind of host, or
// rehearsals there of backups of about the same size.
type Subject struct {
	Kind      Kind        `json:"kind"`
	Procedure string      `json:"procedure,omitempty"` // or any scenario; "": of rehearsals
	Runtime   string      `json:"runtime"`
	Members   int         `json:"members"`
	Size      policy.Size `json:"size_bytes,omitempty"` // of a sweep, aimed at; of rehearsals, see sizeClass; 0: of a drill that was no part of a sweep
	ValueSize int         `json:"value_size,omitempty"` // of a sweep
}

// Kind is what a subject's figures were measured in.
type Kind string

// The kinds.
const (
	Drills     Kind = "drills"
	Rehearsals Kind = "rehearsals"
)

// The phases of a rehearsal that no drill has.
const (
	Serving   policy.Phase = "serving"   // from the fetched file until every member served and had told the same hash
	Recovered policy.Phase = "recovered" // the same from the beginning of the fetch
)

// phases are those whose time is restoring.
func (k Kind) phases() []policy.Phase {
	if k == Rehearsals {
		return []policy.Phase{policy.RestoreHost, policy.Ack, Serving, Recovered}
	}
	return []policy.Phase{policy.RestoreHost, policy.Ack, policy.Outage}
}

// sizeClass is the power of two that a backup is no smaller than: it grows from night
// to night, and what takes longer because there is more is no change of restoring.
func sizeClass(bytes int64) policy.Size {
	if bytes < 1 {
		return 0
	}
	return policy.Size(1) << (bits.Len64(uint64(bytes)) - 1)
}

// String is a subject in words.
func (s Subject) String() string {
	members := fmt.Sprintf("%d members", s.Members)
	if s.Members == 1 {
		members = "1 member"
	}
	if s.Kind == Rehearsals {
		text := fmt.Sprintf("rehearsals on %s, %s", s.Runtime, members)
		if s.Size > 0 {
			text += fmt.Sprintf(", backups of %s to %s", s.Size, 2*s.Size)
		}
		return text
	}
	text := fmt.Sprintf("%s on %s, %s", s.Procedure, s.Runtime, members)
	if s.Size > 0 {
		text += fmt.Sprintf(", %s of %d-byte values", s.Size, s.ValueSize)
	}
	return text
}

func (s Subject) compare(o Subject) int {
	return cmp.Or(cmp.Compare(s.Kind, o.Kind), cmp.Compare(s.Procedure, o.Procedure), cmp.Compare(s.Runtime, o.Runtime),
		cmp.Compare(s.Members, o.Members), cmp.Compare(s.ValueSize, o.ValueSize), cmp.Compare(s.Size, o.Size))
}

func rehearsed(r reports.Rehearsal) Subject {
	return Subject{Kind: Rehearsals, Runtime: r.Runtime, Members: r.Members, Size: sizeClass(r.Source.Bytes)}
}
