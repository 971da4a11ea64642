package outage

import (
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Service is what clients of one kind got, from the strike until the drill had
// settled; trials lie outside.
type Service struct {
	Acks  int64 // throughout the drill
	Since int64 // of these, after the strike
	Gaps  []Silence
	Open  bool // the last gap had not ended when watching ended
}

// Seen is what was seen of service in a drill.
type Seen struct {
	// Unwatched: no traffic ran after a strike. Unserved: it began only after the
	// strike, so that nobody lost service. Nothing below is set then.
	Unwatched, Unserved bool

	Probes Service // linearizable writes, by which the outage is told
	Stock  Service // of the client with stock settings
	// First is when the history that replaced another first acknowledged a probe, of
	// those sent since; 0: it never did.
	First time.Duration
}

// Of reads the ledger once, in bounded memory. A damaged ledger is an error.
func Of(ev *harness.Evidence) (Seen, error) {
	watch, watched := window(ev)
	if !watched {
		return Seen{Unwatched: true}, nil
	}
	if began, _ := ev.At(harness.TrafficBegan); began > watch.from { // struck at birth
		return Seen{Unserved: true}, nil
	}
	probes := newSilences(harness.GapThreshold, watch.from, watch.until)
	stock := newSilences(harness.GapThreshold+harness.StockPeriod, watch.from, watch.until)
	zombie := zombies(ev)
	moment, _ := ev.At(harness.HistoryReplaced)
	first := acknowledged{since: moment}
	for op, err := range ev.Ledger.Operations() {
		if err != nil {
			return Seen{}, err
		}
		client := probes
		switch op.Kind {
		case harness.ProbeOp:
		case harness.StockOp:
			client = stock
		default:
			continue
		}
		if op.Outcome == harness.Acked && !zombie(op) {
			client.ack(op.Return)
			if op.Kind == harness.ProbeOp {
				first.see(op)
			}
		} else {
			client.attempt(op.Call)
		}
	}
	return Seen{Probes: probes.service(), Stock: stock.service(), First: first.at}, nil
}

// acknowledged finds the first acknowledged probe of a history that replaced
// another one. A probe that was sent before the moment and answered after it may be
// of either; the next one is sent 20 ms later, and tells as much.
type acknowledged struct {
	since time.Duration
	at    time.Duration // 0: none yet
}

func (a *acknowledged) see(op harness.Operation) {
	if op.Call >= a.since && (a.at == 0 || op.Return < a.at) {
		a.at = op.Return
	}
}

// span is what is watched for gaps.
type span struct {
	from  time.Duration // the strike
	until time.Duration // settled; math.MaxInt64 if it never did
}

// window is absent if nothing was struck or no traffic ran.
func window(ev *harness.Evidence) (w span, ok bool) {
	struck, wasStruck := ev.At(harness.Struck)
	_, ran := ev.At(harness.TrafficBegan)
	if !wasStruck || !ran || ev.Ledger == nil {
		return span{}, false
	}
	w = span{from: struck, until: math.MaxInt64}
	if at, ok := ev.At(harness.Settled); ok {
		w.until = at
	}
	return w, true
}

// zombies tells acknowledgements that do not count as service: those that came
// from another cluster than the recovered one once history was replaced. An old
// majority may well go on serving on its old addresses; that is no recovery.
func zombies(ev *harness.Evidence) func(harness.Operation) bool {
	moment, replaced := ev.At(harness.HistoryReplaced)
	clusters := ev.Clusters()
	if !replaced || len(clusters) == 0 {
		return func(harness.Operation) bool { return false }
	}
	return func(op harness.Operation) bool {
		return op.Return >= moment && !slices.Contains(clusters, op.ClusterID)
	}
}
