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
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/trial"
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

// stuck is a host that is off, and does not come up.
type stuck struct {
	disk
	why error
}

func (s *stuck) PowerOn(context.Context) error { return s.why }

// Whoever was left behind cannot be powered on where the disk is full, as it is by the
// hand of whoever recovered: that is not seen, and no end of the drill.
func TestATrialMeetsAFullDisk(t *testing.T) {
	full := fmt.Errorf("power on m3: %w", syscall.ENOSPC)
	for name, c := range map[string]struct {
		does harness.Action
		why  map[string]error
		want string // "": the harness broke
	}{
		"a runbook filled it":       {harness.Executable{Path: "restore.sh"}, map[string]error{"m3": full}, "the disk of host m3 was full: power on m3: no space left on device"},
		"a team filled it":          {harness.ByTeam{}, map[string]error{"m3": full}, "the disk of host m3 was full: "},
		"in words, on two hosts":    {harness.ByTeam{}, map[string]error{"m2": errors.New("no space left on device"), "m3": full}, "the disk of host m2 was full: no space left on device; the disk of host m3 was full: "},
		"nobody filled it":          {harness.Script("etcdctl version"), map[string]error{"m3": full}, ""},
		"another is broken":         {harness.ByTeam{}, map[string]error{"m2": errors.New("the engine is gone"), "m3": full}, ""},
		"its agent is lost, too":    {harness.ByTeam{}, map[string]error{"m3": fmt.Errorf("%w: %w", harness.ErrAgentLost, full)}, ""},
		"it is broken, and no more": {harness.ByTeam{}, map[string]error{"m3": errors.New("the engine is gone")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := fillable(t, c.does, harness.Struck, harness.ProcedureBegan, harness.Collected)
			d.scenario.Promises = []harness.Check{check.NothingLost{}, check.DeadStayOut{}}
			d.ev.Procedure = harness.ProcedureRecord{Completed: true, Announced: []string{"m1"}}
			d.hosts = map[string]harness.Host{} // of the recovered cluster nobody is asked before it fails
			for host, why := range c.why {
				d.hosts[host] = &stuck{disk{name: host, off: true}, why}
			}
			err := d.try(t.Context())
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), "trial power-on-the-dead: ") {
					t.Errorf("%v; %+v", err, d.ev.Trials)
				}
				return
			}
			if err != nil || len(d.ev.Trials) != 1 {
				t.Fatalf("%v; %+v", err, d.ev.Trials)
			}
			got := check.DeadStayOut{}.Judge(d.ev)
			if got.Verdict != harness.Inconclusive || !strings.Contains(got.Detail, "it was not tried: "+c.want) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// tried is a trial of the test's own.
type tried func() (harness.TrialRecord, error)

func (tried) String() string                                                        { return "tried" }
func (tried) Spec() harness.TrialSpec                                               { return killed }
func (f tried) Try(context.Context, harness.Recovered) (harness.TrialRecord, error) { return f() }

var killed = trial.KillOneMember{}.Spec()

// What was seen before a host's disk was full stays seen: a write that was lost is lost.
func TestWhatATrialSawOnAFullDisk(t *testing.T) {
	off := []harness.MemberView{{Host: "m1", Error: "it is off"}}
	seen := func(ran bool, found int) harness.TrialRecord {
		return harness.TrialRecord{Spec: killed, Ran: ran, Struck: []string{"m1"}, Sent: 20, Acked: 20, Read: true, Found: found, Told: off}
	}
	full := trial.HostErrors{"m1": syscall.ENOSPC}
	for name, c := range map[string]struct {
		record harness.TrialRecord
		err    error
		etcd   bool // finds no space in it
		want   harness.Verdict
		notes  int
	}{
		"all was seen, and it does not come back":  {seen(true, 20), full, false, harness.Held, 1},
		"a write is lost, and it does not":         {seen(true, 19), full, false, harness.Violated, 1},
		"it was cut short":                         {seen(false, 20), full, false, harness.Inconclusive, 1},
		"a write is lost, and etcd finds no space": {seen(true, 19), nil, true, harness.Violated, 1},
		"there was room":                           {seen(true, 20), nil, false, harness.Held, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, ctx := fillable(t, harness.ByTeam{}, harness.Struck, harness.ProcedureBegan, harness.Collected)
			d.ev.Hosts = []string{"m1", "m2"}
			d.noSpace("m9") // before it
			record, told, err := d.carryOut(ctx, tried(func() (harness.TrialRecord, error) {
				if c.etcd {
					d.noSpace("m2")
				}
				return c.record, c.err
			}))
			if err != nil || ctx.Err() != nil || (told != "") != (c.notes > 0) || len(record.Notes) != c.notes {
				t.Fatalf("%v, %q: %+v", err, told, record)
			}
			d.ev.Trials = []harness.TrialRecord{record}
			if got := (check.SurvivesOneMemberLoss{}).Judge(d.ev); got.Verdict != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

// One of the dead whose etcd ends because its disk is full was refused by nobody, although
// it ends as one does that was removed. Whoever served, or did harm, did so.
func TestTheDeadOnAFullDisk(t *testing.T) {
	view := func(host string, id uint64) harness.MemberView {
		return harness.MemberView{Host: host, MemberID: id, ClusterID: 7, Serves: true, Members: []harness.Member{{ID: 1, Name: "m1"}}}
	}
	for name, c := range map[string]struct {
		full  string // on whose disk etcd finds no space
		alter func(*harness.TrialRecord)
		want  harness.Verdict
	}{
		"there is room":        {"", func(*harness.TrialRecord) {}, harness.Held},
		"its own disk is full": {"m3", func(*harness.TrialRecord) {}, harness.Inconclusive},
		"another's is":         {"m1", func(*harness.TrialRecord) {}, harness.Held},
		"it served before":     {"m3", func(r *harness.TrialRecord) { r.Return.Dead[0].Served = true }, harness.Violated},
		"a write was lost":     {"m3", func(r *harness.TrialRecord) { r.Return.Copies[0].Found = 19 }, harness.Violated},
	} {
		t.Run(name, func(t *testing.T) {
			d, ctx := fillable(t, harness.ByTeam{}, harness.Struck, harness.ProcedureBegan, harness.Collected)
			d.ev.Hosts, d.ev.BornHosts, d.ev.Before = []string{"m1"}, []string{"m1", "m3"}, []harness.MemberView{view("m1", 1), view("m3", 3)}
			record, _, err := d.carryOut(ctx, tried(func() (harness.TrialRecord, error) {
				if c.full != "" {
					d.noSpace(c.full)
				}
				record := harness.TrialRecord{
					Spec: trial.PowerOnTheDead{}.Spec(), Ran: true, Struck: []string{"m3"}, Sent: 20, Acked: 20, Read: true, Found: 20, Told: []harness.MemberView{view("m1", 1)},
					Return: &harness.Return{
						Before: []harness.MemberView{view("m1", 1)}, Copies: []harness.Copy{{Host: "m1", Found: 20}},
						Dead: []harness.DeadHost{{Host: "m3", Starts: 2, Exits: 2, Last: &harness.EtcdExit{Code: 1}, View: harness.MemberView{Host: "m3", Error: "refused"}}},
					},
				}
				c.alter(&record)
				return record, nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			d.ev.Trials = []harness.TrialRecord{record}
			got := check.DeadStayOut{}.Judge(d.ev)
			if got.Verdict != c.want || c.want == harness.Inconclusive && !strings.Contains(got.Detail, "the disk of host m3 was full: etcd found no space left on device") {
				t.Errorf("%+v", got)
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
