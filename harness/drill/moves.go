package drill

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// moves looks for moves that destroy data which are still needed. What was typed says
// little of that: a script does what it does, a directory may have been copied before.
// So the hosts are looked at: who held the data of the old history, and who still does.
type moves struct {
	g *game

	mu     sync.Mutex // held while hosts are looked at, and while the facilitator breaks more
	copies map[string]*held

	told     sync.Mutex // guards the rest
	known    map[string]extent
	underWay map[string][]doing // see suspects
	serves   anew
}

// held is the old history's data on one host, as it was last seen. A host without one was
// not looked at.
type held struct {
	data
	still bool // it is there
	taken bool // a copy left the host, by ways that cannot be looked at
}

// extent is how far a host's data were told to go, and when that was asked.
type extent struct {
	revision int64
	at       time.Duration
}

func newMoves(g *game) *moves {
	return &moves{g: g, copies: map[string]*held{}, known: map[string]extent{}, underWay: map[string][]doing{}}
}

// lookLimit bounds a look at the hosts' disks.
const lookLimit = 20 * time.Second

// learns notes down how far a host's data went when it was asked at this offset.
func (m *moves) learns(host string, revision int64, at time.Duration) {
	m.told.Lock()
	defer m.told.Unlock()
	m.serves.told(revision, m.g.clock())
	if k := m.known[host]; revision > 0 && at >= k.at {
		m.known[host] = extent{max(revision, k.revision), at}
	}
}

// take looks at what the members of a cluster that is still the old one hold; all of
// them, or those that were not looked at yet.
func (m *moves) take(ctx context.Context, all bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.g.d.everywhere(ctx, func(ctx context.Context, h harness.Host) error {
		m.told.Lock()
		_, seen := m.copies[h.Name()]
		m.told.Unlock()
		if seen && !all {
			return nil
		}
		state, err := h.Etcd(ctx)
		if err != nil || state.PID == 0 {
			m.g.d.noteLost(h, err)
			return nil
		}
		is, err := m.look(ctx, h)
		m.g.d.noteLost(h, err)
		if err == nil && is.there {
			m.told.Lock()
			defer m.told.Unlock()
			m.copies[h.Name()] = &held{data: is, still: true}
		}
		return ctx.Err()
	})
}

// struck looks at what a fault left: it is nobody's move. A host that is off has what it
// had, unless it is lost for good: no power brings that back. m.mu is held.
func (m *moves) struck(ctx context.Context) {
	for name, c := range m.copies {
		if !c.still {
			continue
		}
		h := m.g.d.host(name)
		if h == nil || m.g.d.power(h) != nil {
			c.still = false
			continue
		}
		is, err := m.look(ctx, h)
		m.g.d.noteLost(h, err)
		c.still = err != nil || c.same(is)
	}
}

// after looks at a host once a call to it has ended, and marks the move if it was a
// wrong one.
func (m *moves) after(c bastion.Call, step harness.StepRecord, printed int64) {
	host := hostOf(c)
	h := m.g.d.host(host)
	if !m.g.isStruck() || m.g.isOver() {
		m.forget(host, step.Number)
		return
	}
	m.savedBy(c, step)
	if h == nil {
		m.forget(host, step.Number)
		return
	}
	// Whoever typed it may have hung up.
	ctx, cancel := context.WithTimeout(m.g.ctx, lookLimit)
	defer cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended(host, step.Number)
	had := m.copies[host]
	if had == nil || !had.still {
		m.acquit(host)
		return
	}
	if m.leaves(h, c, printed) {
		had.taken = true
	}
	if !touches(c) {
		return
	}
	is, err := m.look(ctx, h)
	m.g.d.noteLost(h, err)
	switch {
	case err != nil: // it is off, and has what it had
	case had.same(is):
		had.data = is
		m.acquit(host)
	default:
		m.gone(ctx, h, had, step)
		m.acquit(host)
	}
}

// gone is told that a host has its data no more, when a call had ended. m.mu is held.
func (m *moves) gone(ctx context.Context, h harness.Host, had *held, step harness.StepRecord) {
	host := h.Name()
	w := harness.WrongMove{At: m.g.clock(), Step: step.Number, Host: host}
	w.By, w.During = m.suspects(host, step)
	needed := m.g.needed()
	if needed {
		m.g.d.lookAtShelf(ctx) // what backups are left by now
		w.Text = m.loss(host, had)
	} else {
		w.Text = m.beyond(host, had)
	}
	if (needed || w.Text != "") && m.elsewhere(ctx, h, had.data) {
		return
	}
	m.told.Lock()
	had.still = false
	if !needed { // what comes there now is seen when it is looked at again
		delete(m.copies, host)
		delete(m.known, host)
	}
	m.told.Unlock()
	switch {
	case w.Text == "":
	case m.g.restoresBackup():
		w.Text = fmt.Sprintf("by the document: what only %s held is given up; a backup is what is restored", host)
		m.g.givesUp(w)
	default:
		w.Text += whileOthers(w.During)
		m.g.wrong(w)
	}
}

// needed tells whether the old history's data are still needed: nothing serves, and
// nothing did since another history began.
func (g *game) needed() bool {
	g.d.mu.Lock()
	replaced, ok := g.d.ev.Marks[harness.HistoryReplaced]
	g.d.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.service
	if g.struck == 0 || !s.known || s.serving {
		return false
	}
	return !ok || s.back <= replaced
}

// loss says what was lost with a host's data, "" if other hosts have as much, for all
// that is known: how far a host's data go that was not asked since the service was
// lost, nobody knows.
func (m *moves) loss(host string, was *held) string {
	lost := m.g.lostAt()
	m.told.Lock()
	defer m.told.Unlock()
	mine, missed := m.known[host], m.missed(host)
	best, of := int64(0), ""
	for name, c := range m.copies {
		if name == host || !c.still {
			continue
		}
		theirs := m.known[name]
		if theirs.at < lost || theirs.revision >= missed {
			return ""
		}
		if of == "" || theirs.revision > best {
			best, of = theirs.revision, name
		}
	}
	switch {
	case was.taken:
		return ""
	case of != "":
		return fmt.Sprintf("wiped %s's data (revision %d); what is left, %s's, ends at %d", host, mine.revision, of, best)
	}
	kept := m.g.d.backupsLeft()
	if len(kept) == 0 {
		return fmt.Sprintf("wiped %s's data (revision %d), the last that were left; there is no backup", host, mine.revision)
	}
	age := m.g.struckAt() - kept[0].Begun
	return fmt.Sprintf("wiped %s's data, the last that held what was written after the newest backup, %.1f s old at the strike", host, age.Seconds())
}

// restoresBackup tells whether the scenario promises what a backup holds and nothing else,
// and there is one that verifies: whatever else hosts hold is given up by its document.
func (g *game) restoresBackup() bool {
	promised := slices.ContainsFunc(g.d.plan.promises, func(c harness.Check) bool { return c.Name() == check.CutAtSnapshot{}.Name() })
	return promised && slices.ContainsFunc(g.d.backupsLeft(), func(b shelved) bool { return b.Verified })
}

// wrong marks a wrong move.
func (g *game) wrong(w harness.WrongMove) {
	g.mu.Lock()
	if len(g.kept.WrongMoves) < mostWrongMoves {
		g.kept.WrongMoves = append(g.kept.WrongMoves, w)
	}
	g.change()
	g.mu.Unlock()
	g.d.timeline.say(harness.WarningEvent, w.Host, "a wrong move by %s: %s", w.By, w.Text)
}

// givesUp notes down what was destroyed by the document.
func (g *game) givesUp(w harness.WrongMove) {
	g.mu.Lock()
	if len(g.kept.GivenUp) < mostWrongMoves {
		g.kept.GivenUp = append(g.kept.GivenUp, w)
	}
	g.change()
	g.mu.Unlock()
	g.d.timeline.say(harness.TeamEvent, w.Host, "wiped by %s, %s", w.By, w.Text)
}

// mostWrongMoves is how many are kept; a cluster has not so many hosts.
const mostWrongMoves = 1000
