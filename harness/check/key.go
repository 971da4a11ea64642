package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// keyBook is one key's history, sorted into what can be reasoned about.
type keyBook struct {
	h     *histories
	key   harness.KeyHistory
	old   []*step // acknowledged and effective, old history, by revision
	anew  []*step // the same of the new history
	loose []*step // of unknown outcome
}

// step is an operation and what it does to the key.
type step struct {
	*harness.Operation
	effect harness.Effect
	era    era
}

// leased tells of a key outside the cut: it goes when its lease does.
func leased(k *harness.KeyHistory) bool {
	return slices.ContainsFunc(k.Ops, func(o harness.Operation) bool { return o.Kind == harness.LeaseOp })
}

// bookOf sorts a key's history.
func (h *histories) bookOf(k harness.KeyHistory) *keyBook {
	b := &keyBook{h: h, key: k}
	for i := range k.Ops {
		o := &k.Ops[i]
		e, _ := o.EffectOn(k.Key)
		s := &step{o, e, h.eraOf(o)}
		switch {
		case o.Outcome == harness.Unknown:
			b.loose = append(b.loose, s)
		case o.Outcome == harness.Acked && o.Effective && s.era == old:
			b.old = append(b.old, s)
		case o.Outcome == harness.Acked && o.Effective && s.era == renewed:
			b.anew = append(b.anew, s)
		}
	}
	byRevision := func(a, b *step) int { return cmp.Compare(a.Revision, b.Revision) }
	slices.SortFunc(b.old, byRevision)
	slices.SortFunc(b.anew, byRevision)
	return b
}

// puts tells whether a step put the value that was found.
func (b *keyBook) puts(s *step) bool {
	return !s.effect.Delete && s.effect.Value == b.key.Final.Value
}

// earliest is the smallest revision at which a step of unknown outcome can have
// taken effect: after everything on the key that was acknowledged before it
// was sent, and after what its guard compares with.
func (b *keyBook) earliest(s *step) int64 {
	from := max(1, s.effect.Guard+1)
	for _, a := range b.old {
		if a.Return < s.Call {
			from = max(from, a.Revision+1)
		}
	}
	return from
}

// until is the revision before the first acknowledged change of the old history
// behind a revision: until then what was there stayed, if nothing unknown came.
func (b *keyBook) until(revision int64) int64 {
	for _, a := range b.old {
		if a.Revision > revision {
			return a.Revision - 1
		}
	}
	return math.MaxInt64
}

// cuts returns the revisions at which the old history can have been cut for the
// key to be as it was found. Where there is none, why says what is wrong with
// the key whatever the cut.
func (b *keyBook) cuts() (revisions admissible, why string) {
	all := admissible{{0, math.MaxInt64}}
	if len(b.anew) > 0 {
		return all, b.anewWrong()
	}
	if b.key.Final == nil {
		return b.absent(), ""
	}
	found := b.key.Final
	for _, a := range b.old {
		if !b.puts(a) {
			continue
		}
		if a.Revision != found.ModRevision {
			return nil, fmt.Sprintf("%s has mod_revision %d, and the write of its value was acknowledged with %d: %s", found.Key, found.ModRevision, a.Revision, a)
		}
		return admissible{{found.ModRevision, b.until(found.ModRevision)}}, ""
	}
	for _, s := range b.loose {
		if !b.puts(s) {
			continue
		}
		// In the old history its revision is in the cut, in the new one beyond
		// it; one that was under way at the moment may belong to either.
		var out admissible
		if s.era != old {
			out = b.atGuard(s).meet(admissible{{0, found.ModRevision - 1}})
		}
		from := b.earliest(s)
		if s.era != renewed && found.ModRevision >= from && b.open(s, found.ModRevision) {
			out = out.add(found.ModRevision, b.until(found.ModRevision))
		}
		switch {
		case len(out) > 0:
			return out, ""
		case found.ModRevision < from:
			return nil, fmt.Sprintf("%s has mod_revision %d, and the write of its value was sent after revision %d was acknowledged: %s", found.Key, found.ModRevision, from-1, s)
		}
		return nil, fmt.Sprintf("%s has mod_revision %d, and the write of its value compares with %d, at which the key did not stand: %s", found.Key, found.ModRevision, s.effect.Guard, s)
	}
	return nil, b.stranger()
}

// stranger says where a value came from that no accepted write put there.
func (b *keyBook) stranger() string {
	for i := range b.key.Ops {
		o := &b.key.Ops[i]
		e, _ := o.EffectOn(b.key.Key)
		if e.Delete || e.Value != b.key.Final.Value {
			continue
		}
		if b.h.eraOf(o) == zombie {
			return fmt.Sprintf("%s holds what the cluster that was replaced acknowledged afterwards: %s", b.key.Key, o)
		}
		return fmt.Sprintf("%s holds what was refused, or changed nothing: %s", b.key.Key, o)
	}
	return fmt.Sprintf("%s holds a value that nobody wrote, at revision %d", b.key.Key, b.key.Final.ModRevision)
}

// absent returns the cuts at which the key is not there: before it was put,
// from a delete to the next put, and wherever a delete of unknown outcome may
// have come between.
func (b *keyBook) absent() admissible { return b.absentBut(nil) }

// absentBut is absent without one of the deletes of unknown outcome.
func (b *keyBook) absentBut(without *step) admissible {
	var out admissible
	there, from := false, int64(0)
	for _, a := range append(slices.Clone(b.old), nil) {
		to := int64(math.MaxInt64)
		if a != nil {
			to = a.Revision - 1
		}
		if !there {
			out = out.add(from, to)
		} else if deleted, ok := b.deletable(from, a, without); ok {
			if a != nil && a.effect.Guard > 0 {
				to = a.effect.Guard - 1 // by then it was there again, for the change succeeded
			}
			out = out.add(max(from+1, deleted), to)
		}
		if a != nil {
			there, from = !a.effect.Delete, a.Revision
		}
	}
	// What a delete may have done in the new history, it did to the key as the
	// cut left it.
	for _, s := range b.loose {
		if s.effect.Delete && s != without && s.era != old {
			out = out.join(b.atGuard(s))
		}
	}
	return out
}

// anewWrong judges a key that the new history changed: its last acknowledged
// change must be there, or one of unknown outcome behind it.
func (b *keyBook) anewWrong() string {
	last := b.anew[len(b.anew)-1]
	found := b.key.Final
	for _, s := range b.loose {
		if !b.follows(s, last) {
			continue
		}
		if found == nil && s.effect.Delete || found != nil && b.puts(s) && found.ModRevision > last.Revision {
			return ""
		}
	}
	switch {
	case found == nil && last.effect.Delete:
		return ""
	case found == nil:
		return fmt.Sprintf("%s is gone, and the recovered cluster acknowledged its write: %s", b.key.Key, last)
	case b.puts(last) && found.ModRevision == last.Revision:
		return ""
	}
	return fmt.Sprintf("%s is at revision %d, and the recovered cluster last acknowledged: %s", b.key.Key, found.ModRevision, last)
}

// missing says, for a cut that the key does not admit, what is not there.
func (b *keyBook) missing(cut int64) string {
	var last *step
	for _, a := range b.old {
		if a.Revision <= cut {
			last = a
		}
	}
	found := "is absent"
	if f := b.key.Final; f != nil {
		found = fmt.Sprintf("is as of revision %d", f.ModRevision)
		if f.ModRevision > cut {
			return fmt.Sprintf("%s %s, beyond the cut at %d", b.key.Key, found, cut)
		}
	}
	at := fmt.Sprintf("at the cut, revision %d,", cut)
	if cut == math.MaxInt64 {
		at = "at the end"
	}
	if last == nil {
		return fmt.Sprintf("%s %s, and %s nobody had written it", b.key.Key, found, at)
	}
	return fmt.Sprintf("%s %s, and %s it should be as of %s", b.key.Key, found, at, last)
}
