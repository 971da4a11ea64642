package check

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// cut is what came of looking for a consistent cut: a revision R such that every
// key is as the old history up to R left it, completed by some choice of its
// operations of unknown outcome, and everything that the new history
// acknowledged is there.
type cut struct {
	*histories
	keys      int
	revisions admissible           // where R can be
	surviving int64                // greatest mod_revision that an acknowledged old write has among the keys found
	wrong     []string             // what no R explains
	leased    []harness.KeyHistory // outside the cut; a few for each lease
}

// findCut looks for R within the given bounds.
func findCut(ev *harness.Evidence, h *histories, within interval) (*cut, error) {
	c := &cut{histories: h}
	if h.replaced {
		// The new history goes on from R, or, bumped, from beyond it.
		within.to = min(within.to, h.firstAnew-1)
	}
	c.revisions = admissible{}.add(within.from, within.to)
	var torn halves
	for k, err := range ev.Ledger.Keys() {
		if err != nil {
			return nil, err
		}
		if leased(&k) {
			c.leased = append(c.leased, k)
			continue
		}
		b := h.bookOf(k)
		c.keys++
		revisions, why := b.cuts()
		if why != "" {
			c.complain(why)
			continue
		}
		if k.Final != nil && len(b.anew) == 0 && k.Final.ModRevision < h.firstAnew {
			c.surviving = max(c.surviving, k.Final.ModRevision)
		}
		c.revisions = c.revisions.meet(revisions)
		torn.key(b)
	}
	for _, text := range torn.torn(c.revisions) {
		c.complain(text)
	}
	return c, nil
}

// complain keeps the first few.
func (c *cut) complain(text string) {
	if len(c.wrong) < most {
		c.wrong = append(c.wrong, text)
	}
}

// at is the cut that loses least.
func (c *cut) at() int64 {
	if len(c.revisions) == 0 {
		return 0
	}
	last := c.revisions[len(c.revisions)-1]
	if !c.replaced {
		return last.to
	}
	// Beyond what was acknowledged there is nothing to tell cuts apart by.
	return max(last.from, min(last.to, c.greatest))
}

// blame goes over the keys again and names those that do not admit a cut.
func (c *cut) blame(ev *harness.Evidence, revision int64) error {
	for k, err := range ev.Ledger.Keys() {
		if err != nil {
			return err
		}
		if leased(&k) {
			continue
		}
		b := c.bookOf(k)
		if revisions, why := b.cuts(); why == "" && !revisions.has(revision) {
			c.complain(b.missing(revision))
		}
		if len(c.wrong) == most {
			return nil
		}
	}
	return nil
}

// judgeCut looks for a cut within bounds. blamed is the revision at which keys
// are held responsible if there is none; 0: the greatest that survived.
func judgeCut(ev *harness.Evidence, bounds func(*histories) (within interval, blamed int64)) harness.Result {
	h, err := readHistories(ev)
	if err != nil {
		return notSeen("the ledger cannot be read: %v", err)
	}
	if h.beforeFall == 0 {
		return notSeen("no write was acknowledged before the strike, so nothing could be lost")
	}
	return judgeAll(ev, h, bounds)
}

// judgeAll is judgeCut for histories that were read, whatever came before the strike.
func judgeAll(ev *harness.Evidence, h *histories, bounds func(*histories) (within interval, blamed int64)) harness.Result {
	return h.eitherWay(func(h *histories) harness.Result { return judgeCutOf(ev, h, bounds) })
}

// eitherWay judges histories of which some writes may be of either, several of them
// some of one and some of the other: so only what holds both ways is said; what fails
// both ways is a violation where there is no third.
func (h *histories) eitherWay(judge func(*histories) harness.Result) harness.Result {
	if len(h.undecided) == 0 {
		return judge(h)
	}
	asOld, asNew := judge(h.assuming(old)), judge(h.assuming(renewed))
	switch {
	case asOld.Verdict == harness.Held && asNew.Verdict == harness.Held && asNew.Loss != nil && asNew.Loss.LostWrites > asOld.Loss.LostWrites:
		return asNew
	case asOld.Verdict == asNew.Verdict && (asOld.Verdict == harness.Held || len(h.undecided) == 1):
		return asOld
	}
	return notSeen("the history of %d writes cannot be told, the first: %s. If the old one: %s. If the new one: %s",
		len(h.undecided), h.undecided[0], asOld.Detail, asNew.Detail)
}

func judgeCutOf(ev *harness.Evidence, h *histories, bounds func(*histories) (within interval, blamed int64)) harness.Result {
	within, blamed := bounds(h)
	c, err := findCut(ev, h, within)
	if err != nil {
		return notSeen("what came back cannot be read: %v", err)
	}
	if c.keys == 0 {
		return notSeen("no key was written or found")
	}
	if len(c.revisions) == 0 {
		if blamed == 0 {
			blamed = c.surviving
		}
		if err := c.blame(ev, blamed); err != nil {
			return notSeen("what came back cannot be read: %v", err)
		}
		if len(c.wrong) == 0 {
			c.complain(fmt.Sprintf("the new history begins with revision %d, and revision %d should be kept", h.firstAnew, within.from))
		}
	}
	if len(c.wrong) > 0 {
		return violated(c.wrong, "there is no consistent cut: %s", c.wrong[0])
	}
	return c.describe(ev)
}

func (c *cut) describe(ev *harness.Evidence) harness.Result {
	loss, err := c.loss(ev, c.at())
	if err != nil {
		return notSeen("the ledger cannot be read: %v", err)
	}
	text := fmt.Sprintf("all %d acknowledged writes are there", loss.AckedWrites)
	if c.replaced {
		text = fmt.Sprintf("everything up to revision %d is there, and all that was acknowledged since", loss.Cut)
		if loss.LostWrites > 0 {
			text += fmt.Sprintf("; %d of %d acknowledged writes are lost, %.2f s of them", loss.LostWrites, loss.AckedWrites, loss.LostSpan.Seconds())
		}
	}
	if c.zombies > 0 && byHand(ev) {
		// What a document's procedure leaves behind on the way is known; who recovers by
		// hand and lets clients write to a cluster that he then replaces has lost that.
		loss.AckedWrites += c.zombies
		loss.LostWrites += c.zombies
		lost := fmt.Sprintf("a cluster that is not the recovered one acknowledged %d writes after the recovery had begun a new history", c.zombies)
		return harness.Result{Verdict: harness.Violated, Detail: lost + "; " + text, Offending: []string{lost}, Loss: loss}
	}
	if c.zombies > 0 {
		text += fmt.Sprintf("; the cluster that was replaced acknowledged %d writes after that", c.zombies)
	}
	return harness.Result{Verdict: harness.Held, Detail: text, Loss: loss}
}

// byHand tells whether somebody else recovered than the scenario's own procedure.
func byHand(ev *harness.Evidence) bool {
	return slices.ContainsFunc(ev.Steps, func(s harness.StepRecord) bool { return s.By != "" })
}

// NothingLost holds when every acknowledged write is there.
type NothingLost struct{ none }

// Name is nothing-lost.
func (NothingLost) Name() string { return "nothing-lost" }

// Claim says what Held affirms.
func (NothingLost) Claim() string { return "every acknowledged write is there, as it was acknowledged" }

// Judge holds every key against its whole history.
func (NothingLost) Judge(ev *harness.Evidence) harness.Result {
	return judgeCut(ev, func(h *histories) (interval, int64) {
		if !h.replaced {
			return interval{math.MaxInt64, math.MaxInt64}, math.MaxInt64
		}
		return interval{h.greatest, math.MaxInt64}, h.greatest
	})
}

// CutAtSurvivor holds when a consistent cut is kept that has all that the
// survivor held: the greatest revision that a serializable read of it returned
// between the loss of quorum and its stop.
type CutAtSurvivor struct {
	none
	Host string
}

// Name is cut-at-survivor.
func (CutAtSurvivor) Name() string { return "cut-at-survivor" }

// heldBy is the greatest revision that a serializable read of a host returned
// between the loss of quorum and its stop, and when first; 0: it was not read then.
func heldBy(ev *harness.Evidence, host string) (revision int64, at time.Duration) {
	for _, r := range ev.Survivors {
		if r.Host == host && !r.HasLeader && r.Revision > revision {
			revision, at = r.Revision, r.At
		}
	}
	return revision, at
}

// Claim says what Held affirms.
func (c CutAtSurvivor) Claim() string {
	return "a consistent cut is kept with all that " + c.Host + " held when quorum was lost"
}

// Judge looks for the cut.
func (c CutAtSurvivor) Judge(ev *harness.Evidence) harness.Result {
	had, _ := heldBy(ev, c.Host)
	if had == 0 {
		return notSeen("what %s held was not read between the loss of quorum and its stop", c.Host)
	}
	if _, ok := ev.At(harness.HistoryReplaced); !ok {
		return notSeen("the procedure never began a new history from %s", c.Host)
	}
	return judgeCut(ev, func(*histories) (interval, int64) { return interval{had, math.MaxInt64}, had })
}

// CutAtSnapshot holds when what came back is exactly the newest backup that
// verified and was kept when the procedure began. One that was found damaged when
// it was fetched did not verify, unless whoever recovered damaged it; one that the site
// kept unverified must have been looked at by then.
type CutAtSnapshot struct{ none }

// Name is cut-at-snapshot.
func (CutAtSnapshot) Name() string { return "cut-at-snapshot" }

// Claim says what Held affirms.
func (CutAtSnapshot) Claim() string {
	return "what came back is exactly the newest backup that verified, and all that was acknowledged since"
}

// Judge looks for a cut at the backup's revision.
func (CutAtSnapshot) Judge(ev *harness.Evidence) harness.Result {
	began, ok := ev.At(harness.ProcedureBegan)
	if !ok {
		return notSeen("the procedure never began")
	}
	var newest *harness.Backup
	passed := ""
	for i, b := range ev.Backups {
		if !b.KeptAt(began) {
			continue
		}
		if why, _ := ev.PassedOver(b.Name); why != "" && ev.Harmed(b) == "" {
			passed += "; " + b.Name + " was passed over"
			continue
		}
		newest, passed = &ev.Backups[i], ""
	}
	if newest == nil {
		return notSeen("no backup was taken and verified before the procedure began")
	}
	if _, looked := ev.PassedOver(newest.Name); newest.Unverified && !looked {
		return notSeen("%s was kept unverified, and nobody looked whether it is whole", newest.Name)
	}
	if _, ok := ev.At(harness.HistoryReplaced); !ok {
		return notSeen("the procedure never restored a backup")
	}
	found := judgeCut(ev, func(*histories) (interval, int64) {
		return interval{newest.Revision, newest.Revision}, newest.Revision
	})
	found.Detail += passed
	if harm := ev.Harmed(*newest); harm != "" {
		found.Detail += "; " + harm + ", and was whole when the procedure began"
	}
	return found
}
