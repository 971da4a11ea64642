package trend

import (
	"cmp"
	"fmt"
	"math/bits"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// Subject is what can be compared: the same drill on the same kind of host, of a
// database of about the same size, or rehearsals there of backups of about the same
// size.
type Subject struct {
	Kind      Kind        `json:"kind"`
	Procedure string      `json:"procedure,omitempty"` // or any scenario; "": of rehearsals
	Runtime   string      `json:"runtime"`
	Members   int         `json:"members"`
	Size      policy.Size `json:"size_bytes,omitempty"` // of a sweep, aimed at; of rehearsals, see sizeClass; of other drills, see drilled
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

// smallest is the least class of a drill's database. What is smaller is restored in
// next to no time, and differs in size from drill to drill by what the traffic wrote.
const smallest policy.Size = 4 << 20

// drilled is the subject of a drill that was no part of a sweep. Its database is as large
// as the largest backup of it, whichever was restored and whether any was, so that a
// drill that did not recover has the same subject as one that did; where no backup was
// taken, as large as what the cluster was born with. 0: smaller than the smallest, or
// nothing tells.
func drilled(r reports.Report) Subject {
	var bytes int64
	for _, b := range r.Backups {
		bytes = max(bytes, b.Bytes)
	}
	if bytes == 0 {
		bytes = r.Dataset
	}
	size := sizeClass(bytes)
	if size < smallest {
		size = 0
	}
	return Subject{Kind: Drills, Procedure: r.Scenario, Runtime: r.Runtime, Members: len(r.MembersBefore), Size: size}
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
	switch {
	case s.ValueSize > 0:
		text += fmt.Sprintf(", %s of %d-byte values", s.Size, s.ValueSize)
	case s.Size > 0:
		text += fmt.Sprintf(", a database of %s to %s", s.Size, 2*s.Size)
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
