package drill

import (
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// anew is the proof that what serves is not what a member told of: a revision that it told
// is given out once more, to a write that was sent after that. What serves was then begun
// from less, whoever began it, and from whatever.
type anew struct {
	highest int64         // revision that a member told
	at      time.Duration // and had told by then

	again int64         // the lowest revision that was given out once more; 0: none
	lost  time.Duration // service last was, and not for a moment: again is of what came back then
	down  time.Duration // it last was, if only for a moment
}

// told is told a revision that a member had told by now.
func (a *anew) told(revision int64, now time.Duration) {
	if revision > a.highest {
		a.highest, a.at = revision, now
	}
}

// heard looks at what a client was told.
func (a *anew) heard(op harness.Operation) {
	if op.Outcome == harness.Acked && op.Effective && op.Call > a.at && op.Revision <= a.highest && (a.again == 0 || op.Revision < a.again) {
		a.again = op.Revision
	}
}

// heard is told each operation of a client's that ended.
func (g *game) heard(op harness.Operation) {
	g.exercise.heard(op)
	g.moves.told.Lock()
	defer g.moves.told.Unlock()
	g.moves.serves.heard(op)
}

// saw is told each change of service. What comes back may have been begun from other data
// than what was lost, unless that was for a moment.
func (g *game) saw(at time.Duration, serving bool) {
	g.exercise.saw(at, serving)
	g.moves.told.Lock()
	defer g.moves.told.Unlock()
	s := &g.moves.serves
	switch {
	case !serving:
		s.down = at
	case at-s.down >= confirmed:
		s.again, s.lost = 0, s.down
	}
}

// beginsAnew is told that somebody begins another history. It may be from all that there is.
func (g *game) beginsAnew() {
	if g == nil {
		return // a runbook recovers
	}
	g.moves.told.Lock()
	defer g.moves.told.Unlock()
	g.moves.serves.again = 0
}

// beyond says what was lost with a host's data although another history serves by now, ""
// if nothing was for all that is known: what serves was certainly begun from less than this
// host held, and no other host and no backup goes as far. What the scenario gives up anyhow
// is not missed: where a backup is restored all the rest, and where one survivor is all that
// it did not have. A member that is removed, or wiped to be added again, by the document
// holds nothing that its cluster did not begin with.
func (m *moves) beyond(host string, was *held) string {
	if was.taken || !m.g.d.marked(harness.HistoryReplaced) || m.g.restoresBackup() {
		return ""
	}
	kept, _ := m.g.d.backups.newestFirst() // a site may take none
	serving := m.g.led()
	m.told.Lock()
	defer m.told.Unlock()
	missed := m.missed(host)
	if again := m.serves.again; again == 0 || missed < again {
		return ""
	}
	for name, c := range m.copies {
		if name == host || !c.still || serving[name] > m.serves.lost {
			continue // that is what serves
		}
		if theirs := m.known[name]; theirs.at < m.serves.lost || theirs.revision >= missed {
			return ""
		}
	}
	if slices.ContainsFunc(kept, func(b harness.Backup) bool { return b.Revision >= missed }) {
		return ""
	}
	return fmt.Sprintf("wiped %s's data (revision %d), the last that went so far; what serves was begun from before revision %d", host, m.known[host].revision, m.serves.again)
}

// missed is how much of a host's data is missed when they are gone: where the scenario keeps
// what one survivor has, no more than that. m.told is held.
func (m *moves) missed(host string) int64 {
	mine := m.known[host].revision
	if survivor := m.g.survivor(); survivor != "" {
		return min(mine, m.known[survivor].revision)
	}
	return mine
}

// led are the hosts whose members knew a leader when they were last asked, and when that was.
func (e *exercise) led() map[string]time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	led := map[string]time.Duration{}
	for _, h := range e.hosts {
		if h.Leader != "" {
			led[h.Name] = h.Asked
		}
	}
	return led
}

// survivor is the host whose data the scenario keeps, "" if it names none.
func (g *game) survivor() string {
	for _, c := range g.d.plan.promises {
		if c, ok := c.(check.CutAtSurvivor); ok {
			return c.Host
		}
	}
	return ""
}
