package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// The seed chooses the surprise, among all that people can recover.
func TestSurprise(t *testing.T) {
	a := &app{scenarios: scenarios.All, validate: drill.Validate}
	seen := map[string]bool{}
	for seed := int64(1); seed <= 300; seed++ {
		var o gameDayOrder
		o.surprise, o.options.Seed = true, seed
		one, err := a.ofGameDay(o, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := a.ofGameDay(o, nil)
		if err != nil || again.Name != one.Name {
			t.Fatalf("seed %d: %s, and then %s (%v)", seed, one.Name, again.Name, err)
		}
		seen[one.Name] = true
	}
	for _, sc := range scenarios.All() {
		if want := !sc.AtBirth && !strings.HasSuffix(sc.Name, "-verbatim"); seen[sc.Name] != want {
			t.Errorf("%s is a surprise: %v", sc.Name, seen[sc.Name])
		}
	}
	// What is promised of the procedure is something that people can say: that they are
	// done, or that they leave it as it is; or else nothing.
	for _, sc := range scenarios.All() {
		has := func(c harness.Check) bool {
			return slices.ContainsFunc(sc.Promises, func(p harness.Check) bool { return p.Name() == c.Name() })
		}
		if seen[sc.Name] && sc.Recover != nil && has(check.ProcedureCompleted{}) == has(check.ProcedureRefused{}) {
			t.Errorf("%s: a team can be held to neither of being done and leaving it, or to both", sc.Name)
		}
	}
	var o gameDayOrder
	o.surprise, o.options.Members = true, 1
	if one, err := a.ofGameDay(o, nil); err != nil || one.Given.OnlyBecause != "" && one.Given.Members != 1 {
		t.Errorf("of one member: %s, %v", one.Name, err)
	}
	o.options.Members = 99
	if one, err := a.ofGameDay(o, nil); err == nil {
		t.Errorf("of 99 members: %s", one.Name)
	}
}

// What the team's flags say is not for the documented procedure.
func TestTheTwoDrills(t *testing.T) {
	a := &app{scenarios: scenarios.All}
	c := a.gameDayCommand()
	if err := c.ParseFlags([]string{"--members", "5", "--within", "1h", "--quiet-least", "1s", "--quiet-most", "2s", "--no-comparison", "--expect-members", "m1 m9"}); err != nil {
		t.Fatal(err)
	}
	var o gameDayOrder
	o.flags, o.own.members = c.Flags(), "m1 m9"
	o.options = drill.Options{Members: 5, Within: time.Hour, Seed: 7}
	o.game = drill.GameDay{QuietLeast: time.Second, QuietMost: 2 * time.Second}
	sc, err := a.named("kubeadm-force-new-cluster")
	if err != nil {
		t.Fatal(err)
	}
	team, own, err := o.jobs(sc)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(own.rerun("process"), " "); got != "--runtime process --seed 7 --members 5" {
		t.Errorf("the procedure's: %s", got)
	}
	if got := strings.Join(team.rerun("process"), " "); got != "--runtime process --seed 7 --expect-members 'm1 m9' --members 5 --quiet-least 1s --quiet-most 2s --within 1h0m0s" {
		t.Errorf("the team's: %s", got)
	}
	if own.options.Within != 0 || own.options.GameDay != nil || own.scenario.Recover != sc.Recover {
		t.Errorf("%+v", own)
	}
	g := team.options.GameDay
	if team.options.Within != time.Hour || g == nil || g.QuietMost != 2*time.Second || !slices.Contains(g.Book, "stop etcd on all masters") {
		t.Errorf("%+v, %+v", team.options, g)
	}
	for _, j := range []job{team, own} {
		if err := drill.Validate(j.scenario, j.options); err != nil {
			t.Error(err)
		}
	}
}

// still is an exercise that shows one phase, and can be stopped in the phases in which one
// can.
type still struct {
	gameday.Exercise
	phase   gameday.Phase
	stopped string // why
}

func (s *still) Stop(why string) error {
	if s.phase != gameday.Waiting {
		return gameday.ErrRefused
	}
	s.stopped = why
	return nil
}

func (s *still) Wall() gameday.Wall { return gameday.Wall{Phase: s.phase} }

// served are pages that were served somewhere.
type served struct{ closed bool }

func (*served) WallURL() string        { return "http://127.0.0.1:1/wall" }
func (*served) FacilitatorURL() string { return "http://127.0.0.1:1/facilitator" }
func (s *served) Close() error         { s.closed = true; return nil }

// While it lasts nothing is shown that tells what broke. Afterwards the same scenario is
// recovered by the book, and the team's verdict decides.
func TestAGameDayIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		err   error // of the team's drill
		code  int
		drill int  // how many are run
		quiet bool // nothing was broken
	}{
		"to its end":                {nil, nil, exitViolated, 2, false},
		"not compared":              {[]string{"--no-comparison"}, nil, exitViolated, 1, false},
		"broken":                    {nil, errors.New("the agent is lost"), exitBroke, 1, false},
		"stopped before the strike": {nil, nil, exitViolated, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			exercise, site := &still{phase: gameday.Waiting}, &served{}
			runs, kept := 0, t.TempDir()
			a := &app{
				out: &out, err: &errs, scenarios: scenarios.All, validate: drill.Validate,
				runtime: func(context.Context, place) (harness.Runtime, string, error) { return chosen{name: "process"}, "", nil },
				pages:   func(context.Context, string, gameday.Exercise) (pages, error) { return site, nil },
			}
			a.run = func(_ context.Context, _ harness.Runtime, sc harness.Scenario, o drill.Options) (reports.Report, error) {
				runs++
				say := func(kind harness.EventKind, text string) { o.Progress(harness.Event{Kind: kind, Text: text}) }
				if runs == 2 {
					if o.GameDay != nil {
						t.Error("people recover it again")
					}
					say(harness.FaultEvent, "by the book")
					return reports.Report{Scenario: sc.Name, Seed: o.Seed, Verdict: harness.Held}, nil
				}
				say(harness.DrillEvent, "HIDDEN before it is open")
				if err := o.GameDay.Open(t.Context(), exercise, "/tmp/x.sock"); err != nil {
					t.Fatal(err)
				}
				for _, kind := range []harness.EventKind{harness.DrillEvent, harness.HostLine, harness.FaultEvent, harness.WarningEvent, harness.BackupEvent} {
					say(kind, "HIDDEN")
				}
				say(harness.StepEvent, "step 2 on m1 by ann: ls")
				exercise.phase = gameday.Judging
				say(harness.DrillEvent, "collecting evidence")
				report := reports.Report{Scenario: sc.Name, Seed: o.Seed, Verdict: harness.Violated, GameDay: &reports.GameDay{}, Directory: kept}
				if !c.quiet {
					report.Strikes = []reports.Strike{{Fault: "ruin data"}}
				}
				if c.err == nil {
					if path := o.GameDay.Paper(report); path != filepath.Join(kept, "after-action.html") || !strings.Contains(fileText(t, filepath.Join(kept, "after-action.md")), "not run beside it") {
						t.Errorf("before the comparison the after-action report is %q", path)
					}
				}
				return report, c.err
			}
			code := a.execute(t.Context(), append([]string{"gameday", "kubeadm-force-new-cluster", "--runtime", "process", "--out", t.TempDir()}, c.args...))
			text := out.String()
			if code != c.code || runs != c.drill || !site.closed {
				t.Errorf("exit code %d after %d drills; pages closed: %v\n%s", code, runs, site.closed, errs.String())
			}
			for _, want := range []string{"firedrill shell --name YOU", "/tmp/x.sock", site.WallURL(), site.FacilitatorURL(), "by ann: ls", "collecting evidence"} {
				if !strings.Contains(text, want) {
					t.Errorf("it does not tell %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "HIDDEN") || strings.Contains(text, "by the book") != (c.drill == 2) {
				t.Errorf("it tells:\n%s", text)
			}
			if _, err := os.Stat(filepath.Join(kept, comparisonFile)); (err == nil) != (c.drill == 2) || strings.Contains(text, "beside the book") != (c.drill == 2) {
				t.Errorf("the comparison: %v\n%s", err, text)
			}
			if c.err == nil {
				page, plain := fileText(t, filepath.Join(kept, "after-action.html")), fileText(t, filepath.Join(kept, "after-action.md"))
				if strings.Contains(page, "<h2>Beside the book") != (c.drill == 2) || strings.Contains(plain, "not run beside it") == (c.drill == 2) {
					t.Errorf("with a comparison: %v\n%s\n%s", c.drill == 2, page, plain)
				}
			}
			if strings.Contains(text, "after-action report: "+filepath.Join(kept, "after-action.html")) != (c.err == nil) {
				t.Errorf("it does not tell where the after-action report is:\n%s", text)
			}
			if before, _, _ := strings.Cut(text, "collecting evidence"); strings.Contains(before, "kubeadm") {
				t.Errorf("it tells the scenario:\n%s", before)
			}
		})
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// Where the pages cannot be served, nothing is started.
func TestNoPlaceForThePages(t *testing.T) {
	var errs strings.Builder
	a := &app{
		out: io.Discard, err: &errs, scenarios: scenarios.All, validate: drill.Validate,
		runtime: func(context.Context, place) (harness.Runtime, string, error) { return chosen{name: "process"}, "", nil },
		pages:   func(context.Context, string, gameday.Exercise) (pages, error) { return &served{}, nil },
	}
	code := a.execute(t.Context(), []string{"gameday", "--surprise", "--listen", "127.0.0.1:none", "--out", t.TempDir()})
	if code != exitBroke || !strings.Contains(errs.String(), "--listen 127.0.0.1:none") || !strings.Contains(errs.String(), "\nhint: name another address; port 0 is any that is free") {
		t.Errorf("%d: %s", code, errs.String())
	}
}

// JSON is on standard output alone.
func TestAGameDayInJSON(t *testing.T) {
	var out strings.Builder
	a := &app{
		out: &out, err: io.Discard, scenarios: scenarios.All, validate: drill.Validate,
		runtime: func(context.Context, place) (harness.Runtime, string, error) { return chosen{name: "process"}, "", nil },
	}
	a.run = func(_ context.Context, _ harness.Runtime, _ harness.Scenario, o drill.Options) (reports.Report, error) {
		if o.GameDay != nil {
			return reports.Report{Directory: t.TempDir(), GameDay: &reports.GameDay{}, Strikes: []reports.Strike{{Fault: "ruin data"}}}, o.GameDay.Open(t.Context(), &still{}, "/tmp/x.sock")
		}
		return reports.Report{}, nil
	}
	a.execute(t.Context(), []string{"gameday", "--surprise", "--json", "--runtime", "process", "--out", t.TempDir()})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "{") || !strings.HasPrefix(lines[1], "{") {
		t.Errorf("%q", out.String())
	}
}
