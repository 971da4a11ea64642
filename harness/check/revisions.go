package check

import (
	"fmt"
	"math"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// RevisionsUnique holds when no revision was handed out twice: two changes of
// different requests acknowledged with one revision mislead every client that
// resumes by revision. Where a backup was restored beyond which nothing lay there was
// none to be handed out twice, and nothing is said of what the procedure does to them,
// unless the new history is seen to begin far beyond.
type RevisionsUnique struct{ none }

// Name is revisions-unique.
func (RevisionsUnique) Name() string { return "revisions-unique" }

// Claim says what Held affirms.
func (RevisionsUnique) Claim() string { return "no revision was handed out twice" }

// Judge marks every acknowledged revision in a paged bitmap, so that memory
// grows with the revisions used, an eighth of a byte each, and bumps are free.
func (RevisionsUnique) Judge(ev *harness.Evidence) harness.Result {
	var seen bitmap
	twice := map[int64][]string{}
	count, again := 0, 0
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return notSeen("the ledger cannot be read: %v", err)
		}
		if o.Outcome != harness.Acked || !o.Effective {
			continue
		}
		count++
		if !seen.set(o.Revision) {
			again++
			if len(twice) < most {
				twice[o.Revision] = nil
			}
		}
	}
	if count < minimum {
		return notSeen("only %d writes were acknowledged", count)
	}
	if again == 0 {
		if why := noneToRepeat(ev); why != "" {
			return notSeen("%s", why)
		}
		return held("%d changes, each with a revision of its own", count)
	}
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return notSeen("the ledger cannot be read: %v", err)
		}
		if _, ok := twice[o.Revision]; ok && o.Outcome == harness.Acked && o.Effective {
			twice[o.Revision] = append(twice[o.Revision], o.String())
		}
	}
	var offending []string
	for revision, ops := range twice {
		offending = append(offending, fmt.Sprintf("revision %d: %q", revision, ops))
	}
	slices.Sort(offending)
	return violated(offending, "%d revisions were handed out twice", again)
}

// noneToRepeat says why no revision could have been handed out twice; "": some could.
func noneToRepeat(ev *harness.Evidence) string {
	h, err := readHistories(ev)
	if err != nil {
		return fmt.Sprintf("the ledger cannot be read: %v", err)
	}
	if !h.replaced {
		return ""
	}
	for _, b := range ev.Backups {
		switch {
		case !b.Kept() || b.Revision < h.greatest:
			continue // were it restored, something would be lost
		case h.firstAnew != math.MaxInt64 && h.firstAnew-b.Revision > h.acked:
			continue // more were left out than could have been lost
		}
		c, err := findCut(ev, h, interval{b.Revision, b.Revision})
		if err != nil {
			return fmt.Sprintf("what came back cannot be read: %v", err)
		}
		if len(c.revisions) > 0 && len(c.wrong) == 0 {
			return fmt.Sprintf("nothing that was acknowledged lay beyond %s, so no revision could be handed out twice", b.Name)
		}
	}
	return ""
}

// bitmap is a set of revisions.
type bitmap struct{ pages map[int64]*[1 << 12]uint64 }

// set adds n; it is false if n was there.
func (b *bitmap) set(n int64) bool {
	if b.pages == nil {
		b.pages = map[int64]*[1 << 12]uint64{}
	}
	page := b.pages[n>>18]
	if page == nil {
		page = new([1 << 12]uint64)
		b.pages[n>>18] = page
	}
	word, bit := &page[n>>6&(1<<12-1)], uint64(1)<<(n&63)
	fresh := *word&bit == 0
	*word |= bit
	return fresh
}
