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
	return "the held watcher saw every change and none that is gone, or was told that it cannot"
}

// catchUp is how long before the traffic's end a change must have been
// acknowledged for the watcher to have had time to see it.
const catchUp = time.Second

// Judge holds what the watcher saw against what was acknowledged.
func (WatcherInformed) Judge(ev *harness.Evidence) harness.Result {
	w := ev.Watcher
	ended, over := ev.At(harness.TrafficEnded)
	struck, ok := ev.At(harness.Struck)
	if !w.Opened || !over || !ok {
		return notSeen("no watcher was held through the disaster until the traffic ended")
	}
	if strings.Contains(w.Told, "compacted") {
		if w.ToldAt < struck {
			return notSeen("it was told %q at %.2f s, before the strike, and held no more", w.Told, w.ToldAt.Seconds())
		}
		return held("it was told %q at %.2f s, after %d events", w.Told, w.ToldAt.Seconds(), w.Events)
	}
	h, err := readHistories(ev)
	if err != nil {
		return notSeen("the ledger cannot be read: %v", err)
	}
	if len(h.undecided) > 0 {
		return notSeen("the history of %d writes cannot be told, the first: %s", len(h.undecided), h.undecided[0])
	}
	s := staleness{h: h, from: w.From, kept: math.MaxInt64, gone: math.MaxInt64, since: struck, until: ended - catchUp}
	if h.replaced {
		c, err := findCut(ev, h, interval{0, math.MaxInt64})
		if err != nil {
			return notSeen("what came back cannot be read: %v", err)
		}
		if len(c.revisions) == 0 || len(c.wrong) > 0 {
			return notSeen("there is no consistent cut, so it cannot be told what a watcher should have seen")
		}
		s.since, s.kept, s.gone = h.moment, c.revisions[0].from, c.revisions[len(c.revisions)-1].to
	}
	for k, err := range ev.Ledger.Keys() {
		if err != nil {
			return notSeen("what came back cannot be read: %v", err)
		}
		s.key(&k)
	}
	return s.result()
}

// staleness compares one watcher with the histories.
//
// Where several cuts explain what came back, nothing is said of the changes
// between the first and the last: they were kept or lost, and either looks the
// same in the end.
type staleness struct {
	h            *histories
	from         int64         // the old history was watched from here on
	kept, gone   int64         // the old history is kept up to kept at least, and gone beyond gone
	since, until time.Duration // changes acknowledged since show that it was informed; none behind until is asked for

	seen, late, missed, phantom int
	wrong                       []string

	told   map[sight]bool                // of the present key, as are:
	puts   map[uint64]*harness.Operation // by value
	erased map[int64]*harness.Operation  // acknowledged deletes by revision
}

// sight is what identifies an event: a revision alone may be handed out twice.
type sight struct {
	revision int64
	deleted  bool
	value    uint64
}

func sightOf(revision int64, deleted bool, value uint64) sight {
	if deleted {
		value = 0
	}
	return sight{revision, deleted, value}
}

func (s *staleness) result() harness.Result {
	switch {
	case s.missed+s.phantom > 0:
		return violated(s.wrong, "nobody told it, and it missed %d changes and holds %d that are gone or never were", s.missed, s.phantom)
	case s.seen < minimum || s.late < minimum:
		return notSeen("only %d changes were there to be seen, %d of them after the disaster", s.seen, s.late)
	}
	return held("it saw all %d acknowledged changes", s.seen)
}

// key compares what the watcher saw of one key with what was done to it.
func (s *staleness) key(k *harness.KeyHistory) {
	if s.told == nil {
		s.told, s.puts, s.erased = map[sight]bool{}, map[uint64]*harness.Operation{}, map[int64]*harness.Operation{}
	}
	clear(s.told)
	clear(s.puts)
	clear(s.erased)
	for _, e := range k.Seen {
		s.told[sightOf(e.Revision, e.Delete, e.Value)] = true
	}
	mayVanish := false
	for i := range k.Ops {
		o := &k.Ops[i]
		e, _ := o.EffectOn(k.Key)
		switch took := o.Outcome == harness.Acked && o.Effective; {
		case !e.Delete:
			s.puts[e.Value] = o
		case took:
			s.erased[o.Revision] = o
		case o.Outcome == harness.Unknown:
			mayVanish = true // at any revision
		}
		// A leased key goes when its lease does, and no client asked for it.
		mayVanish = mayVanish || o.Kind == harness.LeaseOp
		s.change(o, e)
	}
	for i := range k.Seen {
		switch e := &k.Seen[i]; {
		case !e.Delete:
			s.event(k, e, s.puts[e.Value])
		case s.erased[e.Revision] == nil && !mayVanish:
			s.event(k, e, nil)
		}
	}
}

// change judges an acknowledged change by whether it was seen.
func (s *staleness) change(o *harness.Operation, e harness.Effect) {
	if o.Outcome != harness.Acked || !o.Effective {
		return
	}
	seen := s.told[sightOf(o.Revision, e.Delete, e.Value)]
	lost, due := true, false
	switch s.h.eraOf(o) {
	case old:
		lost, due = o.Revision > s.gone, o.Revision >= s.from && o.Revision <= s.kept
	case renewed:
		// Whatever its revision: one below what is watched is missed all the more.
		lost, due = false, true
	}
	switch {
	case lost && seen:
		s.phantom++
		s.complain("it holds a change that is gone: %s", o)
	case due && seen:
		s.seen++
		if o.Return >= s.since {
			s.late++
		}
	case due && o.Return <= s.until:
		s.missed++
		s.complain("it never saw %s", o)
	}
}

// event judges an event by the write it tells of, nil for none. Those of writes
// that were acknowledged are change's.
func (s *staleness) event(k *harness.KeyHistory, e *harness.WatchEvent, o *harness.Operation) {
	what := "the value"
	if e.Delete {
		what = "the absence"
	}
	switch {
	case o == nil:
		s.phantom++
		s.complain("it was told at revision %d of %s of %s, which is nobody's doing", e.Revision, what, k.Key)
	case o.Outcome == harness.Rejected || o.Outcome == harness.Acked && !o.Effective:
		s.phantom++
		s.complain("it was told at revision %d of what was refused, or changed nothing: %s", e.Revision, o)
	case o.Outcome == harness.Acked && o.Revision != e.Revision && !s.h.spans(o):
		s.phantom++
		s.complain("it was told at revision %d of what was acknowledged with %d: %s", e.Revision, o.Revision, o)
	case o.Outcome == harness.Unknown && s.abandoned(k, e, o):
		s.phantom++
		s.complain("it was told at revision %d of a change that is gone: %s", e.Revision, o)
	}
}

// abandoned tells whether an event of a write of unknown outcome is certainly of
// the old history beyond the cut: the write cannot be of the new history, or
// the event came before there was one.
func (s *staleness) abandoned(k *harness.KeyHistory, e *harness.WatchEvent, o *harness.Operation) bool {
	if !s.h.replaced || e.Revision <= s.gone || s.h.eraOf(o) != old && e.At >= s.h.moment {
		return false
	}
	// Sent again by its connection, it may have got the same revision anew.
	return k.Final == nil || k.Final.Value != e.Value || k.Final.ModRevision != e.Revision
}

func (s *staleness) complain(format string, args ...any) {
	if len(s.wrong) < most {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}
