package harness

import (
	"fmt"
	"iter"
	"time"
)

// Outcome is how an operation ended for the client that asked for it.
type Outcome uint8

// The zero Outcome is Unknown: it may have taken effect, or may yet.
const (
	Unknown  Outcome = iota // everything that is neither of the others
	Acked                   // etcd answered that it is done
	Rejected                // refused with an error that is proven to precede proposing: it never takes effect
)

func (o Outcome) String() string { return [...]string{"unknown", "acked", "rejected"}[o] }

// OpKind tells what an operation is for, so that each check takes its own.
type OpKind uint8

// The kinds of operation. Lease operations are outside the cut.
const (
	WriteOp OpKind = iota // by a writer
	ProbeOp               // by the availability probe, from which outage is measured
	StockOp               // by a client with stock settings, shown beside the outage
	LeaseOp               // on a leased key
)

func (k OpKind) String() string { return [...]string{"write", "probe", "stock", "lease"}[k] }

// Operation is one request that changes keys, as its client saw it.
type Operation struct {
	ID      uint64 // position in the ledger, from 1
	Client  string // "writer-3", "probe"
	Kind    OpKind
	Call    time.Duration // offset from the drill's start at which it was sent
	Return  time.Duration // offset at which the client knew its outcome, or gave up
	Outcome Outcome
	Error   string // not Acked: what etcd or the client library said
	// Sent is the offset before which the request that was acknowledged had been given to
	// no connection: a client without one waits until it has. 0: that was not noted, as in
	// ledgers of older versions. See SentAt.
	Sent time.Duration
	// Epoch counts the announcements made when it was called: 0 before the first. A
	// stock client's that was not sent by then may go to whom the next one names.
	Epoch int
	// Effects are what it does to keys if it takes effect: all or none.
	Effects []Effect

	// Of an acknowledgement:
	Effective bool   // it changed the store (a failed compare does not)
	Revision  int64  // header revision; if Effective, the revision of the change
	ClusterID uint64 // who answered
	MemberID  uint64
	Term      uint64
}

// SentAt is the offset before which no member can have had the request that was acknowledged.
func (o *Operation) SentAt() time.Duration { return max(o.Call, o.Sent) }

func (o Operation) String() string {
	text := fmt.Sprintf("#%d %s by %s at %.3fs", o.ID, o.Kind, o.Client, o.Call.Seconds())
	if o.SentAt() >= o.Call+time.Millisecond {
		text += fmt.Sprintf(", sent at %.3fs", o.SentAt().Seconds())
	}
	for _, e := range o.Effects {
		verb := "put"
		if e.Delete {
			verb = "delete"
		}
		text += fmt.Sprintf(", %s %s", verb, e.Key)
	}
	if o.Outcome == Acked {
		return text + fmt.Sprintf(": acked at %.3fs, revision %d by member %x of cluster %x in term %d", o.Return.Seconds(), o.Revision, o.MemberID, o.ClusterID, o.Term)
	}
	return text + fmt.Sprintf(": %s at %.3fs (%s)", o.Outcome, o.Return.Seconds(), o.Error)
}

// Effect is what an operation does to one key.
type Effect struct {
	Key    string
	Delete bool
	Value  uint64 // hash of the value put; values are unique in a run. Puts only
	Lease  int64  // lease the key is attached to, 0 for none
	// Guarded: the operation takes effect only while the key's mod_revision is
	// Guard; 0: while it is absent.
	Guarded bool
	Guard   int64
}

// KeyState is a key as it was found in the recovered cluster.
type KeyState struct {
	Key            string
	Value          uint64 // hash, as in Effect
	CreateRevision int64
	ModRevision    int64
	Version        int64
	Lease          int64
}

// WatchEvent is a change that the held watcher was told of.
type WatchEvent struct {
	Key      string
	Delete   bool
	Value    uint64
	Revision int64
	At       time.Duration
}

// KeyHistory is all that is known of one key.
type KeyHistory struct {
	Key   string
	Ops   []Operation  // every operation with an effect on the key, in order of ID
	Seen  []WatchEvent // in order of arrival
	Final *KeyState    // nil: the key is absent at the end
}

// EffectOn returns the operation's effect on the key; ok is false if it has none.
func (o Operation) EffectOn(key string) (e Effect, ok bool) {
	for _, e := range o.Effects {
		if e.Key == key {
			return e, true
		}
	}
	return Effect{}, false
}

// Ledger is what clients were told, and what was found at the end. Its iterators
// may be used any number of times; they stream, so memory does not grow with
// the number of operations. An error ends the iteration and names the damaged
// file and the record.
type Ledger interface {
	// Operations yields every operation in order of ID, the order in which they
	// were recorded: Return is out of order by a few milliseconds at most.
	Operations() iter.Seq2[Operation, error]
	// Keys yields every key that traffic touched, was told of, or that was found
	// under the traffic's prefix, in byte order.
	Keys() iter.Seq2[KeyHistory, error]
}
