package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// GameDay is what people did in a drill that they recovered themselves, beside
// their commands, which are Report.Steps with a By, and what the facilitator broke
// in addition, which is in Report.Strikes with a By. Offsets are on the drill's
// clock, pauses included. What nobody did is absent.
type GameDay struct {
	Surprise bool    `json:"surprise,omitempty"` // nobody was told which scenario it is
	Shells   []Shell `json:"shells"`             // in the order in which they were opened
	Alarm    int64   `json:"alarm_ms,omitempty"` // the wall's alarm rang
	// FalseAlarms: somebody said before the strike that something was wrong, and was told
	// no more than who is right.
	FalseAlarms []Deed `json:"false_alarms,omitempty"`
	Noticed     *Deed  `json:"noticed,omitempty"` // the team's first sign that it knew
	Decided     *Deed  `json:"decided,omitempty"` // the first thing done that changes a host or where clients go
	Ended       *Deed  `json:"ended,omitempty"`   // somebody said that it is done, or stopped it
	// Left: whoever ended it said that the team leaves the cluster as it is.
	Left bool `json:"left,omitempty"`
	// Stopped is why the facilitator ended it before the team did.
	Stopped string `json:"stopped,omitempty"`

	Detection  *Time `json:"detection,omitempty"`  // strike → noticed
	Decision   *Time `json:"decision,omitempty"`   // noticed → decided
	Recovery   *Time `json:"recovery,omitempty"`   // strike → first acknowledged write of the recovered cluster
	Redundancy *Time `json:"redundancy,omitempty"` // as Phases.Redundancy

	Pauses     []Span      `json:"pauses"` // one without an end ended with the game day
	Hints      []Hint      `json:"hints"`
	WrongMoves []WrongMove `json:"wrong_moves"`
	// GivenUp is what was destroyed as a wrong move does it, and is no wrong move: the
	// scenario's document gives it up, and restores a backup.
	GivenUp []WrongMove `json:"given_up,omitempty"`
}

// Shell is one shell of the team's.
type Shell struct {
	Name   string `json:"name"`
	Opened int64  `json:"opened_ms"`
	Closed int64  `json:"closed_ms,omitempty"` // absent: it was open in the end
}

// Deed is something that somebody did.
type Deed struct {
	By string `json:"by,omitempty"`
	At int64  `json:"at_ms"`
}

// Time is how long something took people.
type Time struct {
	Clock int64 `json:"clock_ms"`
	// LessPauses leaves the time out in which the exercise stood still. Absent: it
	// did not stand still meanwhile.
	LessPauses *int64 `json:"less_pauses_ms,omitempty"`
}

// Hint is a hint that the facilitator gave, for all to see.
type Hint struct {
	At   int64  `json:"at_ms"`
	Text string `json:"text"`
}

// WrongMove is something done that destroyed data which were still needed and which no
// other copy at hand had.
type WrongMove struct {
	At      int64  `json:"at_ms"`
	Step    int    `json:"step"`         // the number in Report.Steps of what had ended when it was seen
	By      string `json:"by,omitempty"` // "ann or bob" where it may have been either
	Host    string `json:"host"`
	Command string `json:"command,omitempty"` // as it was typed
	Text    string `json:"text"`              // what was lost by it
	// During are the numbers of all steps that were under way on the host meanwhile, Step
	// among them, where there was more than one.
	During []int `json:"during,omitempty"`
}

// Marked are the numbers of the steps of which one did it.
func (w WrongMove) Marked() []int {
	if len(w.During) > 0 {
		return w.During
	}
	return []int{w.Step}
}

// mostCommand is how long a command is in a report at most, in letters: what is
// longer carries a file, and the transcript has all of it.
const mostCommand = 1000

func boundedCommand(text string) string {
	letters := []rune(text)
	if len(letters) <= mostCommand {
		return text
	}
	return string(letters[:mostCommand]) + fmt.Sprintf(" … (%d letters more are in the transcript)", len(letters)-mostCommand)
}

// gameDayOf is nil where no people recovered it.
func gameDayOf(ev *harness.Evidence, t Timings) *GameDay {
	is := ev.GameDay
	if is == nil {
		return nil
	}
	g := &GameDay{
		Surprise: is.Surprise, Alarm: is.Alarm.Milliseconds(), Left: is.Left, Stopped: is.Stopped,
		Noticed: deedOf(is.Noticed), Decided: deedOf(is.Decided), Ended: deedOf(is.Ended),
		Shells: make([]Shell, 0, len(is.Shells)), Pauses: make([]Span, 0, len(is.Pauses)),
		Hints: make([]Hint, 0, len(is.Hints)), WrongMoves: make([]WrongMove, 0, len(is.WrongMoves)),
	}
	for _, s := range is.Shells {
		g.Shells = append(g.Shells, Shell{Name: s.Name, Opened: s.Opened.Milliseconds(), Closed: s.Closed.Milliseconds()})
	}
	for _, p := range is.Pauses {
		pause := Span{From: p.From.Milliseconds()}
		if p.To > 0 {
			to := p.To.Milliseconds()
			pause.To = &to
		}
		g.Pauses = append(g.Pauses, pause)
	}
	for _, d := range is.FalseAlarms {
		g.FalseAlarms = append(g.FalseAlarms, Deed{By: d.By, At: d.At.Milliseconds()})
	}
	for _, h := range is.Hints {
		g.Hints = append(g.Hints, Hint{At: h.At.Milliseconds(), Text: h.Text})
	}
	for _, w := range is.WrongMoves {
		g.WrongMoves = append(g.WrongMoves, wrongMoveOf(ev, w))
	}
	for _, w := range is.GivenUp {
		g.GivenUp = append(g.GivenUp, wrongMoveOf(ev, w))
	}
	g.time(ev, t)
	return g
}

func wrongMoveOf(ev *harness.Evidence, w harness.WrongMove) WrongMove {
	is := WrongMove{At: w.At.Milliseconds(), Step: w.Step, By: w.By, Host: w.Host, Command: typedAt(ev, w.Step), Text: w.Text, During: w.During}
	if len(w.During) > 0 {
		commands := make([]string, 0, len(w.During))
		for _, number := range w.During {
			commands = append(commands, typedAt(ev, number))
		}
		is.Command = boundedCommand(strings.Join(commands, "; beside it: "))
	}
	return is
}

// time fills in how long people took.
func (g *GameDay) time(ev *harness.Evidence, t Timings) {
	took := func(from, to time.Duration) *Time {
		clock := max(to-from, 0)
		is := &Time{Clock: wholeMS(clock)}
		if paused := ev.GameDay.Paused(from, to); paused > 0 {
			less := wholeMS(clock - paused)
			is.LessPauses = &less
		}
		return is
	}
	struck, ok := ev.At(harness.Struck)
	if !ok {
		return
	}
	if g.Noticed != nil {
		g.Detection = took(struck, ev.GameDay.Noticed.At)
	}
	if g.Noticed != nil && g.Decided != nil {
		g.Decision = took(ev.GameDay.Noticed.At, ev.GameDay.Decided.At)
	}
	if t.Recovered > 0 {
		g.Recovery = took(struck, struck+t.Recovered)
	}
	began, ok := ev.At(harness.ProcedureBegan)
	if !ok {
		began = struck
	}
	if t.Redundancy > 0 {
		g.Redundancy = took(began, began+t.Redundancy)
	}
}

func deedOf(d harness.Deed) *Deed {
	if d == (harness.Deed{}) {
		return nil
	}
	return &Deed{By: d.By, At: d.At.Milliseconds()}
}

// typedAt is what was typed as this step; "" if it is not known.
func typedAt(ev *harness.Evidence, number int) string {
	for _, s := range ev.Steps {
		if s.Number == number && s.By != "" {
			return boundedCommand(s.Command)
		}
	}
	return ""
}

// paused is how much of a stretch of time the exercise stood still, in ms.
func (g *GameDay) paused(from, to int64) (total int64) {
	for _, p := range g.Pauses {
		end := to
		switch {
		case p.To != nil:
			end = *p.To
		case g.Ended != nil:
			end = g.Ended.At
		}
		total += max(0, min(end, to)-max(p.From, from))
	}
	return total
}

// Typed are the steps that people typed, by their numbers.
func (r Report) Typed() []Step {
	var typed []Step
	for _, s := range r.Steps {
		if s.By != "" {
			typed = append(typed, s)
		}
	}
	slices.SortStableFunc(typed, func(a, b Step) int { return cmp.Compare(a.Number, b.Number) })
	return typed
}
