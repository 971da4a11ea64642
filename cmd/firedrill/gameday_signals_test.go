package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// signalled is a game day whose drills are played, and in which signals are heard.
type signalled struct {
	t         *testing.T
	signals   *interrupts
	exercise  *still
	kept      string // the directory of the team's drill
	runs      int
	hear      map[string][]os.Signal // when, and what
	out, errs strings.Builder
}

// at has the signals heard that come at a moment.
func (s *signalled) at(moment string) {
	for _, one := range s.hear[moment] {
		s.signals.hear(one)
	}
}

func (s *signalled) run(ctx context.Context, _ harness.Runtime, sc harness.Scenario, o drill.Options) (reports.Report, error) {
	if s.runs++; s.runs == 2 {
		s.at("while it is compared")
		return reports.Report{Scenario: sc.Name, Seed: o.Seed, Verdict: harness.Held}, context.Cause(ctx)
	}
	s.at("before it is open")
	if err := context.Cause(ctx); err != nil {
		return reports.Report{}, err
	}
	if err := o.GameDay.Open(ctx, s.exercise, "/tmp/x.sock"); err != nil {
		s.t.Fatal(err)
	}
	s.at("while it is on")
	s.exercise.phase = gameday.Judging
	s.at("while it is judged")
	o.Progress(harness.Event{Kind: harness.DrillEvent, Text: "collecting evidence"})
	report := reports.Report{Scenario: sc.Name, Seed: o.Seed, Verdict: harness.Violated, GameDay: &reports.GameDay{}, Strikes: []reports.Strike{{Fault: "ruin data"}}, Directory: s.kept}
	return report, context.Cause(ctx)
}

func (s *signalled) hold(out, errs io.Writer) int {
	signals, stop := interruptible(s.t.Context(), errs)
	defer stop()
	s.signals, s.exercise, s.kept = signals, &still{phase: gameday.Waiting}, s.t.TempDir()
	a := &app{
		out: out, err: errs, scenarios: scenarios.All, validate: drill.Validate, run: s.run, signals: signals,
		runtime: func(context.Context, place) (harness.Runtime, string, error) { return chosen{name: "process"}, "", nil },
		pages:   func(context.Context, string, gameday.Exercise) (pages, error) { return &served{}, nil },
	}
	return a.execute(signals.ctx, []string{"gameday", "kubeadm-force-new-cluster", "--runtime", "process", "--out", s.t.TempDir()})
}

// A terminal that is closed ends nothing. Who interrupts a game day gets the report of what
// was done until then, and who does so twice breaks it off.
func TestSignalsOfAGameDay(t *testing.T) {
	hangUp, interrupt := syscall.SIGHUP, syscall.SIGINT
	for name, c := range map[string]struct {
		hear    map[string][]os.Signal
		code    int
		runs    int
		stopped string
		report  bool
		says    string // beside the output
	}{
		"none":                        {nil, exitViolated, 2, "", true, ""},
		"closed before it is open":    {map[string][]os.Signal{"before it is open": {hangUp}}, exitViolated, 2, "", true, ""},
		"closed while it is on":       {map[string][]os.Signal{"while it is on": {hangUp, hangUp}}, exitViolated, 2, "", true, ""},
		"closed and interrupted":      {map[string][]os.Signal{"while it is on": {hangUp, interrupt}}, exitViolated, 1, "interrupted", true, "stopped, and judged"},
		"interrupted":                 {map[string][]os.Signal{"while it is on": {interrupt}}, exitViolated, 1, "interrupted", true, "hint: once more breaks it off, and there is no report"},
		"terminated":                  {map[string][]os.Signal{"while it is on": {syscall.SIGTERM}}, exitViolated, 1, "interrupted", true, "stopped, and judged"},
		"interrupted twice":           {map[string][]os.Signal{"while it is on": {interrupt, interrupt}}, exitBroke, 1, "interrupted", false, "tearing down"},
		"interrupted once more later": {map[string][]os.Signal{"while it is on": {interrupt}, "while it is judged": {interrupt}}, exitBroke, 1, "interrupted", false, "tearing down"},
		"interrupted before":          {map[string][]os.Signal{"before it is open": {interrupt}}, exitBroke, 1, "", false, "tearing down"},
		"interrupted in the checks":   {map[string][]os.Signal{"while it is judged": {interrupt}}, exitViolated, 1, "", true, "the checks come to their end"},
		"interrupted after them":      {map[string][]os.Signal{"while it is compared": {interrupt}}, exitViolated, 2, "", true, "tearing down"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &signalled{t: t, hear: c.hear}
			code := s.hold(&s.out, &s.errs)
			if code != c.code || s.runs != c.runs || s.exercise.stopped != c.stopped || !strings.Contains(s.errs.String(), c.says) {
				t.Errorf("exit code %d after %d drills, stopped because %q\n%s\n%s", code, s.runs, s.exercise.stopped, s.out.String(), s.errs.String())
			}
			if _, err := os.Stat(filepath.Join(s.kept, afterActionPage)); (err == nil) != c.report {
				t.Errorf("the after-action report: %v", err)
			}
			if told := strings.Contains(s.out.String(), "it was interrupted, so it is not compared"); told != (c.report && c.runs == 1) {
				t.Errorf("why it is not compared is told: %v", told)
			}
		})
	}
}

// A terminal that stands still, or is gone, keeps nobody from anything: what came of the
// game day is written down. That nobody could read it is an error, unless the terminal was
// closed.
func TestAGameDayWaitsForNoTerminal(t *testing.T) {
	still := newStalled()
	defer close(still.goes)
	for name, c := range map[string]struct {
		out  io.Writer
		hear map[string][]os.Signal
		code int
		says string
	}{
		"it stands still": {still, nil, exitBroke, "firedrill: write the output: it stands still\n"},
		"it is gone":      {&gone{}, nil, exitBroke, "firedrill: write the output: input/output error\n"},
		"it was closed":   {&gone{}, map[string][]os.Signal{"while it is on": {syscall.SIGHUP}}, exitViolated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &signalled{t: t, hear: c.hear}
			if code := s.hold(c.out, &s.errs); code != c.code || s.errs.String() != c.says || s.runs != 2 {
				t.Errorf("exit code %d after %d drills\n%s", code, s.runs, s.errs.String())
			}
			for _, file := range []string{afterActionPage, afterActionMarkdown, comparisonFile} {
				if _, err := os.Stat(filepath.Join(s.kept, file)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
