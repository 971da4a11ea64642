package drill

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// stepsShown is how many of the team's calls the facilitator sees, of very many the
// last.
const stepsShown = 300

// Wall is what everybody may see.
func (g *game) Wall() gameday.Wall {
	w := g.wall()
	w.Recovered = []string{}
	if w.Alarm > 0 {
		w.Recovered = g.recovered()
	}
	if kept, err := g.d.shelved(); err == nil {
		for _, b := range kept {
			w.Backups = append(w.Backups, gameday.Backup{Name: b.Name, Begun: b.Begun, Bytes: b.Bytes, Revision: b.Revision, Changed: b.changed, Unseen: b.unseen != ""})
		}
	}
	return w
}

// recovered is what counts as recovered, by the promises that are judged.
func (g *game) recovered() []string { return check.Recovered(g.d.plan.promises, g.d.plan.hosts) }

func (e *exercise) wall() gameday.Wall {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock()
	w := gameday.Wall{
		Phase: gameday.Waiting, Now: now, Alarm: e.kept.Alarm, Within: e.within, Paused: e.paused() && !e.isOverLocked(),
		Since: e.service.since, Traffic: e.figures.seconds(now), Hosts: []gameday.Host{}, Backups: []gameday.Backup{},
		Hints: slices.Clone(e.kept.Hints), Shells: []string{}, Noticed: e.notice.By,
	}
	for _, h := range e.hosts {
		if !slices.Contains(e.unused, h.Name) {
			w.Hosts = append(w.Hosts, h.Host)
		}
	}
	if w.Paused {
		w.PauseEnds = e.pauseEnds()
	}
	if e.service.known {
		serving := e.service.serving
		w.Serving = &serving
	}
	if w.Alarm > 0 {
		w.Phase = gameday.Alarm
		until := now
		if e.isOverLocked() {
			until = e.endedAt
		}
		w.Clock = until - w.Alarm - e.kept.Paused(w.Alarm, until)
		w.Left = max(0, e.within-(until-e.struck-e.kept.Paused(e.struck, until)))
	}
	for _, s := range e.kept.Shells {
		if s.Closed == 0 {
			w.Shells = append(w.Shells, s.Name)
		}
	}
	switch {
	case e.verdict != nil:
		w.Phase, w.Verdict, w.Report = gameday.Over, *e.verdict, e.report
	case e.isOverLocked():
		w.Phase = gameday.Judging
	}
	return w
}

// Stage is what the facilitator sees.
func (g *game) Stage() gameday.Stage {
	s := gameday.Stage{
		Wall: g.Wall(), Scenario: g.d.scenario.Name, Summary: g.d.scenario.Summary, Seed: g.d.opts.Seed,
		Struck: []harness.FaultRecord{}, Book: append([]string{}, g.d.opts.GameDay.Book...), Faults: breakable(),
	}
	s.Wall.Recovered = g.recovered()
	g.d.mu.Lock()
	s.Struck = append(s.Struck, g.d.ev.Faults...)
	g.d.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	s.FalseAlarms, s.Hosts = slices.Clone(g.kept.FalseAlarms), append([]gameday.Inside{}, g.hosts...)
	s.StrikeAt, s.Steps = g.strikesAt(s.Wall.Now), g.steps.list()
	s.WrongMoves, s.GivenUp = slices.Clone(g.kept.WrongMoves), append([]harness.WrongMove{}, g.kept.GivenUp...)
	return s
}

// steps are the last of the team's calls.
type steps []gameday.Step

func (s steps) list() []gameday.Step { return append([]gameday.Step{}, s...) }

// lastTyped tells what somebody typed last.
func (e *exercise) lastTyped() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.steps) == 0 {
		return "nobody typed anything"
	}
	s := e.steps[len(e.steps)-1]
	return fmt.Sprintf("what was typed last, at %.1f s by %s: %s", s.At.Seconds(), s.By, s.Command)
}

// stepBegins shows a call that begins. A runbook's are shown nowhere.
func (g *game) stepBegins(c bastion.Call, r harness.StepRecord) {
	if g == nil {
		return
	}
	g.moves.before(c, r)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.steps = append(g.steps, gameday.Step{Number: r.Number, At: r.At, By: r.By, Host: r.Host, Command: clipped(r.Command), Running: true})
	if extra := len(g.steps) - stepsShown; extra > 0 {
		g.steps = slices.Delete(g.steps, 0, extra)
	}
	g.change()
}

// stepEnds looks at what a call did, which printed so many bytes, and shows how it ended.
func (g *game) stepEnds(c bastion.Call, r harness.StepRecord, printed int64) {
	if g == nil {
		return
	}
	g.moves.after(c, r, printed)
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.steps, func(s gameday.Step) bool { return s.Number == r.Number })
	if i < 0 {
		return
	}
	s := &g.steps[i]
	s.Running, s.ExitCode, s.Error = false, r.Output.ExitCode, clipped(r.Error)
	g.change()
}

// clipped is a text as it is shown: a command may be a script of megabytes.
func clipped(text string) string {
	if runes := []rune(text[:min(len(text), 4*mostText)]); len(runes) > mostText {
		return string(runes[:mostText]) + "…"
	}
	return text
}

var _ gameday.Exercise = (*game)(nil)
