package drill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
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

// Who asks for what there is no room for is refused, and told where, and what he can do. It
// is none of the drill's calls that broke, unless nobody recovers by hand yet.
func TestNoRoomIsARefusal(t *testing.T) {
	full := &fs.PathError{Op: "mkdir", Path: "m4", Err: syscall.ENOSPC}
	onM1 := []string{"no space left on device", "\nhint: the disk of host m1 is full: free some space on it, by firedrill host exec m1 -- rm FILE"}
	by := []harness.Mark{harness.Struck, harness.ProcedureBegan}
	for name, c := range map[string]struct {
		host    string
		err     error
		marks   []harness.Mark
		refused bool
		says    []string
	}{
		"a host that is ordered":  {"", broken{full}, by, true, []string{"m4", "no space left on device", "\nhint: the disk is full: "}},
		"a copy to a host":        {"m1", errors.New("upload /x to m1: write /x: no space left on device"), by, true, append(onM1, "upload /x to m1")},
		"a host powered on":       {"m1", fmt.Errorf("power on m1: %w", full), by, true, append(onM1, "power on m1")},
		"what is hinted at":       {"m1", fmt.Errorf("%w\nhint: another", full), by, true, []string{"\nhint: another"}},
		"another mistake":         {"m1", errMistake, by, true, []string{errMistake.Error()}},
		"before anybody recovers": {"", broken{full}, by[:1], false, nil},
		"what broke otherwise":    {"", broken{errors.New("the engine is gone")}, by, false, nil},
		"an agent that is lost":   {"m1", fmt.Errorf("run sh on m1: %w", harness.ErrAgentLost), by, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, ctx := fillable(t, harness.ByTeam{}, c.marks...)
			err := estate{site: site{d}}.concern(t.Context(), c.host, c.err)
			var no *bastion.Refusal
			if refused := errors.As(err, &no); refused != c.refused || !errors.Is(err, c.err) {
				t.Errorf("refused: %v, %v", refused, err)
			}
			if ended := ctx.Err() != nil; ended == c.refused {
				t.Errorf("it ended: %v, %v", ended, context.Cause(ctx))
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "hint: ") > 1 {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
		})
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
