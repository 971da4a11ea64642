package drill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// fillable is a drill that is as far as these marks, recovered by a step, and what ended it.
func fillable(t *testing.T, does harness.Action, marks ...harness.Mark) (*drill, context.Context) {
	t.Helper()
	lines, err := newTimeline(t.TempDir(), nil, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lines.close() })
	ctx, abort := context.WithCancelCause(t.Context())
	d := &drill{
		timeline: lines, abort: abort, plan: plan{steps: []harness.Step{{Name: "recover", Do: does}}},
		ev: &harness.Evidence{Marks: map[harness.Mark]time.Duration{}},
	}
	for _, m := range marks {
		d.mark(m)
	}
	return d, ctx
}

// A disk that is full is this machine's misfortune until somebody recovers by hand, and
// how it went from then on.
func TestAFullDiskIsHowItWent(t *testing.T) {
	runbook, team, documented := harness.Executable{Path: "restore.sh"}, harness.ByTeam{}, harness.Script("etcdctl version")
	for name, c := range map[string]struct {
		does  harness.Action
		marks []harness.Mark
		ends  bool
		kept  int
	}{
		"before the strike":    {runbook, []harness.Mark{harness.SteadyStateSeen}, true, 0},
		"before he begins":     {team, []harness.Mark{harness.Struck}, true, 0},
		"a runbook has begun":  {runbook, []harness.Mark{harness.Struck, harness.ProcedureBegan}, false, 2},
		"a team has begun":     {team, []harness.Mark{harness.Struck, harness.ProcedureBegan}, false, 2},
		"it is looked at":      {team, []harness.Mark{harness.Struck, harness.ProcedureBegan, harness.Collected}, false, 0},
		"a document's own way": {documented, []harness.Mark{harness.Struck, harness.ProcedureBegan}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, ctx := fillable(t, c.does, c.marks...)
			for _, host := range []string{"m1", "m2", "m1"} {
				d.noSpace(host)
			}
			if ended := ctx.Err() != nil; ended != c.ends || len(d.ev.FullDisks) != c.kept {
				t.Errorf("it ended: %v, %v; %+v", ended, context.Cause(ctx), d.ev.FullDisks)
			}
		})
	}
}

// What somebody asks for by hand, and for which there is no room on the hosts' disk, ends
// no drill. What else cannot be written does, and so does what breaks otherwise.
func TestThereIsNoRoomForWhatIsAskedFor(t *testing.T) {
	full := &fs.PathError{Op: "mkdir", Path: "m4", Err: syscall.ENOSPC}
	for name, c := range map[string]struct {
		err  error
		ends bool
	}{
		"a host that is ordered":  {broken{full}, false},
		"in words alone":          {broken{errors.New("m4: no space left on device")}, false},
		"a record of the drill's": {fmt.Errorf("write the timeline: %w", full), true},
		"another error":           {broken{errors.New("the engine is gone")}, true},
	} {
		d, ctx := fillable(t, harness.ByTeam{}, harness.Struck, harness.ProcedureBegan)
		d.broke(breakage{err: c.err})
		if ended := ctx.Err() != nil; ended != c.ends {
			t.Errorf("%s: it ended: %v, %v", name, ended, context.Cause(ctx))
		}
	}
	d, ctx := fillable(t, harness.ByTeam{}, harness.Struck)
	if d.broke(breakage{err: broken{full}}); ctx.Err() == nil {
		t.Error("before anybody recovers it goes on")
	}
}

// Where hosts may have filled the disk that evidence is sorted on, it is sorted beside the
// evidence, and nothing of that is left.
func TestWhereEvidenceIsSorted(t *testing.T) {
	full := []harness.FullDisk{{Host: "m1"}}
	for name, c := range map[string]struct {
		does   harness.Action
		full   []harness.FullDisk
		beside bool
	}{
		"there is room":        {harness.ByTeam{}, nil, false},
		"a host's is full":     {harness.ByTeam{}, full, true},
		"nobody filled it":     {harness.Script("etcdctl version"), full, false},
		"a runbook filled one": {harness.Executable{Path: "restore.sh"}, full, true},
	} {
		d, _ := fillable(t, c.does)
		d.dir, d.ev.FullDisks = t.TempDir(), c.full
		want := ""
		if c.beside {
			want = d.dir
		}
		if got := d.scratch(); got != want {
			t.Errorf("%s: in %q, want %q", name, got, want)
		}
		if left, err := os.ReadDir(d.dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v, %v", name, left, err)
		}
	}
	if !roomAt(t.TempDir()) {
		t.Error("there is no room")
	}
}
