package check

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// LeasesAgree holds when no lease that cannot have run out is gone, or lacks a
// key that was acknowledged and not lost; every lease knows the keys that carry
// it; and no key carries a lease that is gone (which would keep it for ever).
type LeasesAgree struct{ none }

// Name is leases-agree.
func (LeasesAgree) Name() string { return "leases-agree" }

// Claim says what Held affirms.
func (LeasesAgree) Claim() string {
	return "leases and the keys that carry them agree, and what cannot have run out is there"
}

// Judge compares both ways, and the end with what was before.
func (LeasesAgree) Judge(ev *harness.Evidence) harness.Result {
	if len(ev.LeasesBefore) == 0 || len(ev.LeasesAfter) == 0 {
		return notSeen("%d leases were seen before the strike and %d at the end", len(ev.LeasesBefore), len(ev.LeasesAfter))
	}
	carried := false
	for _, l := range ev.LeasesBefore {
		carried = carried || len(l.Found) > 0
		if _, asked := leaseOf(ev.LeasesAfter, l.ID); !asked {
			return notSeen("lease %x was there before the strike, and nobody asked for it at the end", l.ID)
		}
	}
	h, err := readHistories(ev)
	if err != nil {
		return notSeen("what came back cannot be read: %v", err)
	}
	return h.eitherWay(func(h *histories) harness.Result { return judgeLeases(ev, h, carried) })
}

// judgeLeases compares leases with their keys, and both with what must be there.
// carried tells that a key was seen to carry a lease before the strike.
func judgeLeases(ev *harness.Evidence, h *histories, carried bool) harness.Result {
	due, err := duties(ev, h)
	if err != nil {
		return notSeen("what came back cannot be read: %v", err)
	}
	var wrong []string
	for _, l := range ev.LeasesAfter {
		carried = carried || len(l.Found) > 0
		if text := discord(l); text != "" {
			wrong = append(wrong, text)
		} else if text := due.neglected(l); text != "" {
			wrong = append(wrong, text)
		}
	}
	wrong = append(wrong, due.wrong...)
	if len(wrong) > 0 {
		return violated(wrong[:min(most, len(wrong))], "%s", wrong[0])
	}
	if !carried {
		return notSeen("no key was ever seen to carry one of the %d leases", len(ev.LeasesAfter))
	}
	if due.unclear != "" {
		return notSeen("what their keys must be is not known: %s", due.unclear)
	}
	kept, open := 0, ""
	for _, l := range ev.LeasesAfter {
		if l.Remaining >= 0 && len(l.Found) > 0 {
			kept++
		} else if open == "" {
			open = due.excuse(l)
		}
	}
	switch {
	case kept == 0:
		return notSeen("of %d leases none is alive with keys, and none had to be: %s", len(ev.LeasesAfter), open)
	case kept < len(ev.LeasesAfter):
		return held("%d of %d leases are alive with their keys; the others are not judged: %s", kept, len(ev.LeasesAfter), open)
	}
	return held("%d of %d leases are alive with their keys", kept, len(ev.LeasesAfter))
}

func leaseOf(views []harness.LeaseView, id int64) (l harness.LeaseView, ok bool) {
	at := slices.IndexFunc(views, func(l harness.LeaseView) bool { return l.ID == id })
	if at < 0 {
		return harness.LeaseView{}, false
	}
	return views[at], true
}

// discord says where a lease and the keys found do not agree, "" if they do.
func discord(l harness.LeaseView) string {
	keys, found := slices.Sorted(slices.Values(l.Keys)), slices.Sorted(slices.Values(l.Found))
	switch {
	case l.Remaining < 0 && l.Granted > 0 && slices.Equal(keys, found):
		return "" // it has run out and is about to be revoked with its keys
	case l.Remaining < 0 && len(found) > 0:
		return fmt.Sprintf("lease %x is gone and %d keys still carry it", l.ID, len(found))
	case l.Remaining >= 0 && !slices.Equal(keys, found):
		return fmt.Sprintf("lease %x knows keys %v, and those that carry it are %v", l.ID, keys, found)
	}
	return ""
}

// leaseLag bounds how long after a lease was asked for its view was stamped: each
// question is given up after 2 s.
const leaseLag = 3 * time.Second

// outlives tells whether a lease cannot have run out when it was looked at in
// the end. Renewals and new leaders only ever extend it, so what it had left
// before the strike is the least that it had.
func outlives(before, after harness.LeaseView) bool {
	return before.Remaining >= 0 && after.At-before.At+leaseLag < before.Remaining
}

// duty is what must be there of leases that cannot have run out.
type duty struct {
	before  []harness.LeaseView
	keys    map[int64][]string // by lease: keys whose put was acknowledged and is not lost
	lasting map[int64]bool     // leases that cannot have run out
	wrong   []string
	unclear string // why nothing is known of keys, "" if it is
}

// duties reads what was acknowledged on leased keys. Those of a lease that cannot
// have run out are as every other key: there is a cut that explains them.
func duties(ev *harness.Evidence, h *histories) (*duty, error) {
	d := &duty{before: ev.LeasesBefore, keys: map[int64][]string{}, lasting: map[int64]bool{}}
	for _, l := range ev.LeasesBefore {
		after, _ := leaseOf(ev.LeasesAfter, l.ID)
		d.lasting[l.ID] = outlives(l, after)
	}
	within := interval{math.MaxInt64, math.MaxInt64}
	if h.replaced {
		within.from = 0
	}
	c, err := findCut(ev, h, within)
	if err != nil {
		return nil, err
	}
	cuts := c.revisions
	switch {
	case !h.replaced:
		cuts = admissible{within} // that other keys are missing excuses nothing
	case len(cuts) == 0:
		d.unclear = "there is no consistent cut, so it cannot be told which of their keys were kept"
		return d, nil
	}
	for _, k := range c.leased {
		d.key(h.bookOf(k), cuts)
	}
	return d, nil
}

// key judges a leased key, and notes it as its lease's if it must be there.
func (d *duty) key(b *keyBook, cuts admissible) {
	id := carriedBy(b.key)
	if !d.lasting[id] {
		return
	}
	kept := cuts[0].from // at least
	revisions, why := b.cuts()
	switch found := b.key.Final; {
	case why != "":
		d.wrong = append(d.wrong, why)
	case len(revisions.meet(cuts)) == 0:
		d.wrong = append(d.wrong, b.missing(kept))
	case found != nil && found.Lease != id:
		d.wrong = append(d.wrong, fmt.Sprintf("%s was put with lease %x and carries %x", b.key.Key, id, found.Lease))
	}
	if len(b.anew) > 0 || slices.ContainsFunc(b.old, func(s *step) bool { return s.Revision <= kept }) {
		d.keys[id] = append(d.keys[id], b.key.Key)
	}
}

// carriedBy is the one lease that every write of a key attached to it, 0 if
// there was another, or a delete.
func carriedBy(k harness.KeyHistory) (id int64) {
	for i := range k.Ops {
		e, _ := k.Ops[i].EffectOn(k.Key)
		if e.Delete || e.Lease == 0 || id != 0 && e.Lease != id {
			return 0
		}
		id = e.Lease
	}
	return id
}

// neglected says what a lease lacks that must be there, "" if nothing.
func (d *duty) neglected(l harness.LeaseView) string {
	keys := d.keys[l.ID]
	if len(keys) == 0 {
		return ""
	}
	before, _ := leaseOf(d.before, l.ID)
	left := fmt.Sprintf("%.0f s before it had %.0f s left", (l.At - before.At).Seconds(), before.Remaining.Seconds())
	if l.Remaining < 0 {
		return fmt.Sprintf("lease %x is gone with its %d keys, and %s", l.ID, len(keys), left)
	}
	for _, key := range keys {
		if !slices.Contains(l.Found, key) {
			return fmt.Sprintf("lease %x is alive and its key %s is gone, and %s", l.ID, key, left)
		}
	}
	return ""
}

// excuse says why a lease need not be alive with keys.
func (d *duty) excuse(l harness.LeaseView) string {
	before, known := leaseOf(d.before, l.ID)
	switch {
	case !known || before.Remaining < 0:
		return fmt.Sprintf("lease %x was not there before the strike", l.ID)
	case !d.lasting[l.ID]:
		return fmt.Sprintf("lease %x had %.0f s left before the strike, %.0f s before the end, and can have run out", l.ID, before.Remaining.Seconds(), (l.At - before.At).Seconds())
	}
	return fmt.Sprintf("no key that lease %x must carry was acknowledged up to the cut", l.ID)
}
