package drill

import (
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// acked is a write that was sent then, and that this revision was given to.
func acked(sent time.Duration, revision int64) harness.Operation {
	return harness.Operation{Kind: harness.ProbeOp, Call: sent, Return: sent + time.Millisecond, Outcome: harness.Acked, Effective: true, Revision: revision}
}

// Once another history serves, a wrong move is whatever ends data that go beyond what it was
// begun from, where that is certain, and nothing else.
func TestBeyondWhatServes(t *testing.T) {
	// m1 holds 1042 and m2, from which another history is begun, 990.
	const text = "wiped m1's data (revision 1042), the last that went so far; what serves was begun from before revision 991"
	serves := func(g *game, first int64) { g.saw(14*time.Second, true); g.heard(acked(15*time.Second, first)) }
	for name, c := range map[string]struct {
		then func(*game)
		want string
	}{
		"it was begun from less":       {func(g *game) { serves(g, 991) }, text},
		"writes go on":                 {func(g *game) { serves(g, 991); g.heard(acked(16*time.Second, 1100)) }, text},
		"it was begun from as much":    {func(g *game) { serves(g, 1043) }, ""},
		"its revisions were moved up":  {func(g *game) { serves(g, 1_000_000_990) }, ""},
		"no write is acknowledged yet": {func(g *game) { g.saw(14*time.Second, true) }, ""},
		"the write was sent before":    {func(g *game) { g.saw(14*time.Second, true); g.heard(acked(10*time.Second, 991)) }, ""},
		"the write changed nothing": {func(g *game) {
			op := acked(15*time.Second, 991)
			op.Effective = false
			g.saw(14*time.Second, true)
			g.heard(op)
		}, ""},
		"the write was not answered": {func(g *game) {
			op := acked(15*time.Second, 991)
			op.Outcome = harness.Unknown
			g.saw(14*time.Second, true)
			g.heard(op)
		}, ""},
		"nothing says that it is other": {func(g *game) { delete(g.d.ev.Marks, harness.HistoryReplaced); serves(g, 991) }, ""},
		"a third, from all of it": {func(g *game) {
			serves(g, 991)
			g.saw(16*time.Second, false)
			g.saw(18*time.Second, true)
			g.heard(acked(19*time.Second, 1043))
		}, ""},
		"it was away for a moment": {func(g *game) {
			serves(g, 991)
			g.saw(16*time.Second, false)
			g.saw(16300*time.Millisecond, true)
			g.heard(acked(17*time.Second, 1100))
		}, text},
		"somebody has begun a third": {func(g *game) {
			serves(g, 991)
			g.beginsAnew()
			g.heard(acked(17*time.Second, 1043))
		}, ""},
		"another host has as much":    {func(g *game) { g.moves.learns("m3", 1042, 13*time.Second); serves(g, 991) }, ""},
		"nobody knows how far it has": {func(g *game) { g.moves.known["m3"] = extent{900, 9 * time.Second}; serves(g, 991) }, ""},
		"it is what serves": {func(g *game) {
			g.moves.known["m2"] = extent{990, 9 * time.Second}
			g.show([]gameday.Inside{{Host: gameday.Host{Name: "m2", Leader: "m2", Asked: 15 * time.Second}}, {Host: gameday.Host{Name: "m3"}}}, nil)
			serves(g, 991)
		}, text},
		"it was led before": {func(g *game) {
			g.moves.known["m2"] = extent{990, 9 * time.Second}
			g.show([]gameday.Inside{{Host: gameday.Host{Name: "m2", Leader: "m1", Asked: 10 * time.Second}}, {Host: gameday.Host{Name: "m3"}}}, nil)
			serves(g, 991)
		}, ""},
		"a copy was taken away": {func(g *game) { g.moves.copies["m1"].taken = true; serves(g, 991) }, ""},
		"a copy was put aside": {func(g *game) {
			h := g.d.hosts["m1"].(*disk)
			h.files["/root/m1"] = h.files[dbAt]
			serves(g, 991)
		}, ""},
		"a backup has as much": {func(g *game) {
			g.d.backups = &backupJob{d: g.d, taken: []harness.Backup{{Name: "backup-001.db", Verified: true, Revision: 1042}}}
			serves(g, 991)
		}, ""},
		"the document restores a backup": {func(g *game) {
			g.d.backups = &backupJob{d: g.d, taken: []harness.Backup{{Name: "backup-001.db", Verified: true, Revision: 700}}}
			g.d.plan.promises = []harness.Check{check.CutAtSnapshot{}}
			serves(g, 701)
		}, ""},
		"the document keeps what m2 has": {func(g *game) { g.d.plan.promises = []harness.Check{check.CutAtSurvivor{Host: "m2"}}; serves(g, 991) }, ""},
		"the document keeps what m1 has": {func(g *game) { g.d.plan.promises = []harness.Check{check.CutAtSurvivor{Host: "m1"}}; serves(g, 991) }, text},
	} {
		t.Run(name, func(t *testing.T) {
			m1 := etcdsDisk("m1")
			g, _ := lostService(t, m1, etcdsDisk("m2"), etcdsDisk("m3"))
			g.saw(11*time.Second, false)
			for host, revision := range map[string]int64{"m1": 1042, "m2": 990, "m3": 980} {
				g.moves.learns(host, revision, 12*time.Second)
			}
			g.d.ev.Marks[harness.HistoryReplaced] = 13 * time.Second
			c.then(g)
			g.did(m1, rm(), func() { clearData(m1) })
			if text := g.moved(t); text != c.want || len(g.record().GivenUp) > 0 {
				t.Errorf("marked: %q; given up: %+v", text, g.record().GivenUp)
			}
			g.did(m1, rm(), func() {})
			if n := len(g.record().WrongMoves); n > 1 {
				t.Errorf("it is marked %d times", n)
			}
		})
	}
}
