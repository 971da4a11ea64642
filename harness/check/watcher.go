package check

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// WatcherInformed holds when the watcher that was held open through the
// disaster saw every change of the history that is now the cluster's, and none
// that is not, or was told that it cannot ("compacted").
type WatcherInformed struct{ none }

// Name is watcher-informed.
func (WatcherInformed) Name() string { return "watcher-informed" }

// Claim says what Held affirms.
func (WatcherInformed) Claim() string {
	return "the held watcher saw every change, or was told that it cannot"
}

// catchUp is how long before the traffic's end a change must have been
// acknowledged for the watcher to have had time to see it.
const catchUp = time.Second

// Judge holds what the watcher saw against what was acknowledged.
func (WatcherInformed) Judge(ev *harness.Evidence) harness.Result {
	w := ev.Watcher
	ended, ok := ev.At(harness.TrafficEnded)
	if !w.Opened || !ok {
		return notSeen("no watcher was held until the traffic ended")
	}
	if strings.Contains(w.Told, "compacted") {
		return held("it was told %q at %.2f s, after %d events", w.Told, w.ToldAt.Seconds(), w.Events)
	}
	h, err := readHistories(ev)
	if err != nil {
		return notSeen("the ledger cannot be read: %v", err)
	}
	c, err := findCut(ev, h, interval{0, math.MaxInt64})
	if err != nil {
		return notSeen("what came back cannot be read: %v", err)
	}
	kept := int64(math.MaxInt64)
	if h.replaced {
		if kept = c.at(); kept == 0 {
			return notSeen("there is no consistent cut, so it cannot be told what a watcher should have seen")
		}
	}
	stale := staleness{from: w.From, kept: kept, until: ended - catchUp, h: h}
	for k, err := range ev.Ledger.Keys() {
		if err != nil {
			return notSeen("what came back cannot be read: %v", err)
		}
		stale.key(k)
	}
	switch {
	case stale.missed+stale.phantom > 0:
		return violated(stale.wrong, "nobody told it, and it missed %d changes and holds %d that are gone", stale.missed, stale.phantom)
	case stale.seen < minimum:
		return notSeen("only %d changes were there to be seen", stale.seen)
	}
	return held("it saw all %d acknowledged changes", stale.seen)
}

// staleness compares one watcher with the histories.
type staleness struct {
	h                     *histories
	from, kept            int64
	until                 time.Duration
	seen, missed, phantom int
	wrong                 []string
}

// sight is what identifies an event: a revision alone may be handed out twice.
type sight struct {
	revision int64
	deleted  bool
	value    uint64
}

func (s *staleness) key(k harness.KeyHistory) {
	seen := map[sight]bool{}
	for _, e := range k.Seen {
		seen[sight{e.Revision, e.Delete, e.Value}] = true
	}
	for i := range k.Ops {
		o := &k.Ops[i]
		if o.Outcome != harness.Acked || !o.Effective || o.Revision < s.from {
			continue
		}
		e, _ := o.EffectOn(k.Key)
		at := sight{o.Revision, e.Delete, e.Value}
		if e.Delete {
			at.value = 0
		}
		era := s.h.eraOf(o)
		lost := era == zombie || era == old && o.Revision > s.kept
		switch {
		case lost && seen[at]:
			s.phantom++
			s.complain("it holds a change that is gone: %s", o)
		case !lost && seen[at]:
			s.seen++
		case !lost && o.Return <= s.until:
			s.missed++
			s.complain("it never saw %s", o)
		}
	}
}

func (s *staleness) complain(format string, args ...any) {
	if len(s.wrong) < most {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}
