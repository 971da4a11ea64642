package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// pages are those of a game day, as they are served.
type pages interface {
	WallURL() string
	FacilitatorURL() string
	Close() error
}

// canListen tells, before a cluster is made and not after, whether pages can be served at
// an address.
func (a *app) canListen(ctx context.Context, address string) error {
	if a.pages == nil {
		return nil
	}
	if err := gameday.CanListen(ctx, address); err != nil {
		return fmt.Errorf("--listen %s: %w", address, err)
	}
	return nil
}

// nobodyIsTold stands where a game day is only looked at, and not held.
func nobodyIsTold(context.Context, gameday.Exercise, string) error {
	return errors.New("nobody is told of this game day")
}

// liveGameDay is a game day that is held.
type liveGameDay struct {
	*fleet
	ctx      context.Context
	listen   string
	surprise bool

	exercise    atomic.Pointer[gameday.Exercise] // nil: the team may not come yet
	pages       pages
	closed      atomic.Bool // the terminal was
	interrupted atomic.Bool // the team's drill was
	judged      atomic.Bool // it has ended
}

// lastWords is how long a terminal may take to show what was said.
const lastWords = 2 * time.Second

// detach has the game day wait for no terminal, and hear signals first: see hears. The
// returned function ends that.
func (l *liveGameDay) detach() func() error {
	out, beside := l.out, l.app.err
	screen, notes := loosen(out), loosen(beside)
	l.out, l.app.err = screen, notes
	back := l.signals.takenBy(l.hears, notes)
	return func() error {
		back()
		err := errors.Join(screen.end(lastWords), notes.end(lastWords))
		l.out, l.app.err = out, beside
		if err == nil || l.closed.Load() {
			return nil
		}
		return fmt.Errorf("write the output: %w", err)
	}
}

// hears takes a signal, and tells whether that is all. A terminal that is closed is no
// reason to end a game day, and who interrupts it gets the report of what was done until
// then. Whoever does so again, or while nothing is done yet, wants it torn down.
func (l *liveGameDay) hears(s os.Signal) bool {
	if s == syscall.SIGHUP {
		l.closed.Store(true)
		return true
	}
	e := l.exercise.Load()
	if e == nil || l.judged.Load() || !l.interrupted.CompareAndSwap(false, true) {
		return false
	}
	text := "the game day is stopped, and judged"
	if (*e).Stop(errInterrupted.Error()) != nil { // it is over already
		text = "the checks come to their end, and nothing after them"
	}
	l.write("firedrill: interrupted: "+text+"\nhint: once more breaks it off, and there is no report\n", true)
	return true
}

// conduct holds the game day, and writes down what came of it.
func (l *liveGameDay) conduct(team, own job, alone bool, papers []drillPaper) error {
	outcomes := l.run(team, alone, own)
	l.code = exitBroke
	if len(outcomes) == 0 || outcomes[0].Err != nil {
		return put(papers, outcomes)
	}
	l.code = codeOf(outcomes[0].Report.Verdict)
	err := l.compare(outcomes)
	path, aerr := afterAction(outcomes[0])
	if aerr == nil {
		l.write("\nafter-action report: "+path+"\n", l.json)
	}
	return errors.Join(err, aerr, put(papers, outcomes))
}

// run runs the team's drill, and the one that it is compared with.
func (l *liveGameDay) run(team job, alone bool, own job) []render.Outcome {
	team.options.GameDay.Open = l.open
	team.options.GameDay.Paper = func(r reports.Report) string {
		path, err := afterAction(render.Outcome{Scenario: r.Scenario, Runtime: r.Runtime, Seed: r.Seed, Report: r})
		if err != nil {
			return "" // it is written once more when all is over, and then told
		}
		return path
	}
	team.shows = l.shows
	l.write("a cluster is made ready; what breaks, and when, is not told here\n\n", l.json)
	outcomes := l.fleet.run(l.ctx, []job{team})
	l.judged.Store(true)
	if alone || len(outcomes) == 0 || outcomes[0].Err != nil || l.ctx.Err() != nil {
		return outcomes
	}
	if l.interrupted.Load() {
		l.write("\nit was interrupted, so it is not compared\n", l.json)
		return outcomes
	}
	if len(outcomes[0].Report.Strikes) == 0 {
		l.write("\nnothing was broken, so there is nothing to compare it with\n", l.json)
		return outcomes
	}
	l.write(fmt.Sprintf("\nfor comparison: %s, seed %d, by its documented procedure\n\n", own.scenario.Name, own.options.Seed), l.json)
	return append(outcomes, l.fleet.run(l.ctx, []job{own})...)
}

// open tells people that they may come, and how.
func (l *liveGameDay) open(_ context.Context, e gameday.Exercise, socket string) (err error) {
	text := "\nthe game day is open. In other terminals:\n\n" +
		"  firedrill shell --name YOU      a shell that reaches the hosts\n" +
		"  firedrill gameday --notice      you have seen that something is wrong\n" +
		"  firedrill gameday --done        you have recovered the cluster\n" +
		"  firedrill gameday --leave-it    you leave it as it is\n\n" +
		"They find it by itself, or by --socket " + socket + "\n"
	if l.app.pages == nil {
		text += "There are no pages in this build.\n\n"
	} else {
		// They are served for as long as this command lasts, whatever becomes of the drill.
		if l.pages, err = l.app.pages(l.ctx, l.listen, e); err != nil {
			return fmt.Errorf("serve the pages: %w", err)
		}
		text += fmt.Sprintf("\n  the wall, for all               %s\n  the facilitator's page          %s\n\n", l.pages.WallURL(), l.pages.FacilitatorURL())
	}
	l.exercise.Store(&e) // before anybody is told: who interrupts it from now on has it judged
	l.write(text, l.json)
	return nil
}

// shows tells which events everybody may know of while it lasts. A backup that fails tells
// what broke, so those are on the wall alone, and only where they were kept. When it is
// over, all that happens is shown.
func (l *liveGameDay) shows(event harness.Event) bool {
	switch event.Kind {
	case harness.StepEvent, harness.TeamEvent, harness.ServiceEvent:
		return true
	}
	e := l.exercise.Load()
	if e == nil {
		return false
	}
	phase := (*e).Wall().Phase
	return phase == gameday.Judging || phase == gameday.Over
}

// close ends the pages, which show how it ended until then.
func (l *liveGameDay) close() error {
	if l.pages == nil {
		return nil
	}
	served := l.pages
	l.pages = nil
	if err := served.Close(); err != nil {
		return fmt.Errorf("end the pages: %w", err)
	}
	return nil
}
