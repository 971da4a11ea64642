package harness

import (
	"cmp"
	"time"
)

// GameDayRecord is what people did in a drill that they recovered themselves, beside
// their commands, which are its Steps. Offsets are on the drill's clock, pauses
// included; 0 stands for a moment that did not come.
type GameDayRecord struct {
	// Surprise: nobody was told which scenario it is.
	Surprise bool          `json:"surprise,omitempty"`
	Shells   []ShellRecord `json:"shells"` // in the order in which they were opened
	// FalseAlarms: somebody said before the strike that something is wrong. They were
	// told no more than who is right.
	FalseAlarms []Deed        `json:"false_alarms,omitempty"`
	Alarm       time.Duration `json:"alarm_ns,omitempty"` // the wall's alarm rang: service was seen to be lost
	Noticed     Deed          `json:"noticed"`            // the team's first sign that it knows, from the strike on: somebody said so, or typed anything
	Decided     Deed          `json:"decided"`            // the first thing that somebody did which changes a host or where clients go
	Ended       Deed          `json:"ended"`              // somebody said that it is done, or stopped it
	// Left: whoever ended it said that the team leaves the cluster as it is, since there
	// is nothing to recover, or nothing that may be touched.
	Left bool `json:"left,omitempty"`
	// Stopped: the facilitator ended it before the team did, and why.
	Stopped    string        `json:"stopped,omitempty"`
	Pauses     []PauseRecord `json:"pauses"`
	Hints      []HintRecord  `json:"hints"`
	WrongMoves []WrongMove   `json:"wrong_moves"`
	// GivenUp is what was destroyed as a wrong move does it, in a scenario whose recovery
	// restores a backup and gives up whatever else there is: it was no wrong move.
	GivenUp []WrongMove `json:"given_up,omitempty"`
}

// Deed is something that somebody did, and when. The zero value: nobody did.
type Deed struct {
	By string        `json:"by,omitempty"`
	At time.Duration `json:"at_ns,omitempty"`
}

// ShellRecord is one shell of the team's.
type ShellRecord struct {
	Name   string        `json:"name"` // no other shell of the game day has it
	Opened time.Duration `json:"opened_ns"`
	Closed time.Duration `json:"closed_ns,omitempty"` // 0: it was open in the end
}

// PauseRecord is a time in which the exercise stood still: no call was carried out,
// and the team's clock stopped. The cluster and its clients went on.
type PauseRecord struct {
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns,omitempty"` // 0: it ended with the game day
}

// HintRecord is a hint that the facilitator gave, for all to see.
type HintRecord struct {
	At   time.Duration `json:"at_ns"`
	Text string        `json:"text"`
}

// WrongMove is something that destroyed data which were still needed and which no other
// copy at hand had: seen on the host, whatever was typed.
type WrongMove struct {
	At   time.Duration `json:"at_ns"`
	Step int           `json:"step"` // the StepRecord's number of the call that had ended when it was seen
	By   string        `json:"by"`   // "ann or bob" where it may have been either
	Host string        `json:"host"`
	Text string        `json:"text"` // what was lost by it, for people
	// During are the numbers of all calls that were under way on the host since its data
	// were last seen there, Step among them, where there was more than one.
	During []int `json:"during,omitempty"`
}

// Steps are the numbers of the calls of which one did it.
func (w WrongMove) Steps() []int {
	if len(w.During) > 0 {
		return w.During
	}
	return []int{w.Step}
}

// Paused is how much of a stretch of time the exercise stood still.
func (g *GameDayRecord) Paused(from, to time.Duration) (total time.Duration) {
	for _, p := range g.Pauses {
		end := cmp.Or(p.To, g.Ended.At, to)
		total += max(0, min(end, to)-max(p.From, from))
	}
	return total
}
