package drill_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// TestTheSoleSurvivor: the other hosts are off for good, so what the survivor has is the last that
// there is. A snapshot of it is as good, as long as that is there.
func TestTheSoleSurvivor(t *testing.T) {
	t.Parallel()
	s := stoppedByHand()
	s.Name, s.Given.Members, s.Break = "sole-survivor", 3, []harness.Fault{fault.PowerOff{Who: harness.AllBut("m1")}}
	p := plays(t, s, drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		here := knows(t, m.does(ctx, bastion.Env))["FIREDRILL_CLIENT_URL_m1"]
		m.does(ctx, bastion.Exec, "m1", "etcdctl", "--endpoints="+here, "snapshot", "save", "/root/m1.db")
		m.does(ctx, bastion.Stop, "m1")
		m.does(ctx, bastion.Exec, "m1", "rm", "-rf", harness.DataDir)
		if moves := m.Stage().WrongMoves; len(moves) != 0 {
			t.Errorf("what a snapshot holds is taken for lost: %+v", moves)
		}
		m.does(ctx, bastion.Exec, "m1", "rm", "/root/m1.db")
		m.does(ctx, bastion.CallOff, "enough was seen")
	})
	moves := p.evidence.GameDay.WrongMoves
	if len(moves) != 1 || moves[0].Host != "m1" || moves[0].By != "ann" || !strings.Contains(moves[0].Text, "the last that were left; there is no backup") {
		t.Fatalf("%+v", moves)
	}
}

// goesOn is a fault that breaks nothing, and waits until some writes more are in m1's data.
func goesOn(ctx context.Context, s harness.Strike) error {
	hosts, err := s.Select(ctx, harness.Hosts("m1"))
	first := int64(0)
	for err == nil && ctx.Err() == nil {
		var out harness.Output
		out, err = hosts[0].Run(ctx, "etcdctl --endpoints=http://"+hosts[0].ClientAddress()+" get nothing -w json")
		var told struct{ Header struct{ Revision int64 } }
		if json.Unmarshal([]byte(out.Stdout), &told) != nil {
			continue // it has no leader just now
		}
		if first == 0 {
			first = told.Header.Revision
		}
		if told.Header.Revision > first+20 {
			return nil
		}
	}
	return errors.Join(err, ctx.Err())
}

// TestTheStaleSurvivor: a cluster is made of a member that was behind, and serves. Whoever then
// wipes the one that had all of it ends what was still to be had.
func TestTheStaleSurvivor(t *testing.T) {
	t.Parallel()
	s := stoppedByHand()
	s.Name, s.Given.Members = "stale-survivor", 3
	s.Break = []harness.Fault{fault.StopEtcd{Who: harness.Hosts("m3")}, blow(goesOn), fault.LoseHost{Who: harness.Hosts("m2")}}
	s.Promises = []harness.Check{check.ProcedureCompleted{}}
	p := plays(t, s, drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		m.does(ctx, bastion.Start, "m3", "--force-new-cluster=true")
		m.await(ctx, "m3 serves alone", func(w gameday.Wall) bool {
			return serves(w) && slices.ContainsFunc(w.Hosts, func(h gameday.Host) bool { return h.Name == "m3" && h.Leader == "m3" && len(h.Members) == 1 })
		})
		m.does(ctx, bastion.Stop, "m1")
		m.does(ctx, bastion.Exec, "m1", "rm", "-rf", harness.DataDir)
		m.does(ctx, bastion.Done)
	})
	moves := p.evidence.GameDay.WrongMoves
	if len(moves) != 1 || moves[0].Host != "m1" || !strings.Contains(moves[0].Text, "the last that went so far; what serves was begun from before revision ") {
		t.Fatalf("%+v", moves)
	}
}

// restoresABackup is a scenario whose document gives up what the one host left holds.
func restoresABackup(name string) harness.Scenario {
	s := stoppedByHand()
	s.Name, s.Given.Members, s.Break = name, 3, []harness.Fault{fault.LoseHost{Who: harness.AllBut("m1")}}
	s.Backups.Every = 300 * time.Millisecond
	s.Promises = []harness.Check{check.ProcedureCompleted{}, check.CutAtSnapshot{}}
	return s
}

// TestTheDocumentRestoresABackup: whoever wipes what is left by the document, which promises what a
// backup holds and nothing else, has made no wrong move.
func TestTheDocumentRestoresABackup(t *testing.T) {
	t.Parallel()
	p := plays(t, restoresABackup("restored-by-the-document"), drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		m.does(ctx, bastion.Stop, "m1")
		m.does(ctx, bastion.Exec, "m1", "rm", "-rf", harness.DataDir)
		stage := m.Stage()
		if given := stage.GivenUp; len(given) != 1 || given[0].Host != "m1" || given[0].At == 0 || given[0].At > stage.Wall.Now || len(stage.WrongMoves) != 0 {
			t.Errorf("the facilitator sees as given up: %+v, as wrong: %+v", given, stage.WrongMoves)
		}
		m.does(ctx, bastion.CallOff, "enough was seen")
	})
	g := p.report.GameDay
	if len(g.WrongMoves) != 0 || len(g.GivenUp) != 1 || g.GivenUp[0].By != "ann" || g.GivenUp[0].Host != "m1" || !strings.Contains(g.GivenUp[0].Command, "rm -rf") {
		t.Errorf("wrong: %+v; given up: %+v", g.WrongMoves, g.GivenUp)
	}
}

// TestTheBackupsWereRemoved: the document gives up what hosts hold for what a backup does, and not
// for one that is there no more, or is another by now.
func TestTheBackupsWereRemoved(t *testing.T) {
	t.Parallel()
	p := plays(t, restoresABackup("backups-removed"), drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		at := knows(t, m.does(ctx, bastion.Env))["FIREDRILL_BACKUPS"]
		kept, err := filepath.Glob(filepath.Join(at, "*.db"))
		if err != nil || len(kept) == 0 {
			t.Errorf("in %s there are %v, %v", at, kept, err)
		}
		for i, path := range kept {
			spoil := os.Remove
			if i == 0 {
				spoil = func(path string) error { return os.Truncate(path, 10) }
			}
			if err := spoil(path); err != nil {
				t.Error(err)
			}
		}
		m.does(ctx, bastion.Stop, "m1")
		m.does(ctx, bastion.Exec, "m1", "rm", "-rf", harness.DataDir)
		m.does(ctx, bastion.CallOff, "enough was seen")
	})
	g := p.report.GameDay
	if len(g.GivenUp) != 0 || len(g.WrongMoves) != 1 || g.WrongMoves[0].Host != "m1" || !strings.Contains(g.WrongMoves[0].Text, "the last that were left; there is no backup") {
		t.Errorf("given up: %+v; wrong: %+v", g.GivenUp, g.WrongMoves)
	}
}
