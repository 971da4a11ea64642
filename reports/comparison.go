package reports

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

//go:embed comparison.schema.json
var comparisonSchema []byte

// ComparisonSchema is the JSON Schema (draft 2020-12) of a Comparison. It
// documents every key, with its unit.
func ComparisonSchema() []byte { return comparisonSchema }

// Comparison is a game day beside a run of the same scenario with the same seed by
// its own documented procedure. A seed replays the plan and not the interleaving: a
// second run of either would differ from the first by some of what is found here.
type Comparison struct {
	Scenario string `json:"scenario"`
	Seed     int64  `json:"seed"`
	Team     Side   `json:"team"`
	Book     Side   `json:"book"`
	Lines    []Line `json:"lines"`
	// Caveats are why figures are less alike than they look.
	Caveats []string   `json:"caveats"`
	Steps   []BookStep `json:"book_steps"`
}

// Side is one of the two drills that are compared.
type Side struct {
	Drill     string          `json:"drill"`
	Verdict   harness.Verdict `json:"verdict"`
	Outcome   string          `json:"procedure"` // as Procedure.Outcome
	Unfit     []string        `json:"unfit,omitempty"`
	Directory string          `json:"directory,omitempty"`
}

// BookStep is a step of the documented procedure, to hold against what was typed.
type BookStep struct {
	Number int      `json:"number"`
	Name   string   `json:"name"`
	Hosts  []string `json:"hosts"`                     // none: at the desk
	Since  *int64   `json:"since_strike_ms,omitempty"` // when it began
	Took   int64    `json:"took_ms"`                   // from its beginning on the first host to its end on the last
}

// Line is one figure of both.
type Line struct {
	Figure Figure `json:"figure"`
	Unit   Unit   `json:"unit"`
	Team   Value  `json:"team"`
	Book   Value  `json:"book"`
	// Difference is the team's figure less the book's, and Ratio how often the book's
	// goes into the team's, pauses left out. Absent where one of the two is, or where
	// the book's is a lower bound; Ratio also where the book's is 0. Where the team's
	// is a lower bound, so are they.
	Difference *int64   `json:"difference,omitempty"`
	Ratio      *float64 `json:"ratio,omitempty"`
}

// Value is one drill's figure.
type Value struct {
	Is         *int64 `json:"value,omitempty"`
	LessPauses *int64 `json:"less_pauses,omitempty"` // as Time.LessPauses
	AtLeast    bool   `json:"at_least,omitempty"`    // it is a lower bound: service did not come back
	Unfit      bool   `json:"unfit,omitempty"`       // it is not to be relied upon
	Absent     string `json:"absent,omitempty"`      // why there is none
}

// Net is the figure with pauses left out; ok is false where there is none.
func (v Value) Net() (figure int64, ok bool) {
	switch {
	case v.LessPauses != nil:
		return *v.LessPauses, true
	case v.Is != nil:
		return *v.Is, true
	}
	return 0, false
}

// Figure is what is compared.
type Figure string

// The figures, in the order of a Comparison's lines.
const (
	DetectionFigure  Figure = "detection"
	DecisionFigure   Figure = "decision"
	FetchFigure      Figure = "fetch"
	RestoreFigure    Figure = "restore"
	OutageFigure     Figure = "outage"
	GapsFigure       Figure = "gaps"
	SpanFigure       Figure = "outage-span"
	FirstAckFigure   Figure = "first-acknowledgement"
	RedundancyFigure Figure = "redundancy"
	LostWritesFigure Figure = "lost-writes"
	LostSpanFigure   Figure = "lost-span"
	CommandsFigure   Figure = "commands"
)

// Unit is what a figure counts.
type Unit string

// The units.
const (
	Milliseconds Unit = "ms"
	Times        Unit = "count"
)

// Compare lays a game day beside what the documented procedure did. Drills of
// different scenarios or seeds are not compared, nor is anything but a game day
// with a drill that is none: that is an error.
func Compare(team, book Report) (Comparison, error) {
	var why string
	switch {
	case team.GameDay == nil:
		why = fmt.Sprintf("drill %s is no game day", team.Drill)
	case book.GameDay != nil:
		why = fmt.Sprintf("drill %s is a game day too", book.Drill)
	case team.Scenario != book.Scenario:
		why = fmt.Sprintf("the team recovered %s, and the book %s", team.Scenario, book.Scenario)
	case team.Seed != book.Seed:
		why = fmt.Sprintf("the team's seed is %d, and the book's %d", team.Seed, book.Seed)
	}
	if why != "" {
		return Comparison{}, fmt.Errorf("compare a game day with the documented procedure: %s\nhint: run the procedure by firedrill run %s --runtime %s --seed %d",
			why, team.Scenario, team.Runtime, team.Seed)
	}
	return Comparison{
		Scenario: team.Scenario, Seed: team.Seed, Team: sideOf(team), Book: sideOf(book),
		Lines: linesOf(team, book), Caveats: caveatsOf(team, book), Steps: bookSteps(book),
	}, nil
}

func sideOf(r Report) Side {
	return Side{Drill: r.Drill, Verdict: r.Verdict, Outcome: r.Procedure.Outcome, Unfit: slices.Clone(r.Unfit), Directory: r.Directory}
}

func caveatsOf(team, book Report) []string {
	caveats := []string{}
	say := func(format string, args ...any) { caveats = append(caveats, fmt.Sprintf(format, args...)) }
	differ := func(what, a, b string) {
		if a != b {
			say("%s: %s for the team, %s for the book", what, a, b)
		}
	}
	differ("another runtime", team.Runtime, book.Runtime)
	differ("another version of etcd", team.EtcdVersion, book.EtcdVersion)
	differ("another number of CPUs", fmt.Sprint(team.CPUs), fmt.Sprint(book.CPUs))
	more := 0
	for _, s := range team.Strikes {
		if s.By != "" {
			more++
		}
	}
	if more == 1 {
		say("the facilitator broke something more while the team recovered, which the book was spared")
	} else if more > 1 {
		say("the facilitator broke %d things more while the team recovered, which the book was spared", more)
	}
	for _, side := range []struct {
		whose string
		r     Report
	}{{"the team's", team}, {"the book's", book}} {
		for _, f := range side.r.Findings {
			if f.Kind == harness.Premise && f.Verdict != harness.Held {
				say("a premise of %s run was not met (%s): it recovered from another disaster", side.whose, f.Check)
			}
		}
		for _, why := range side.r.Unfit {
			say("%s figures are not to be relied upon: %s", side.whose, why)
		}
	}
	if book.Procedure.Outcome != "completed" && book.Procedure.Outcome != "none" {
		say("the book's own procedure did not complete: it %s", book.Procedure.Outcome)
	}
	return caveats
}

// bookSteps are a procedure's steps, each once, however many hosts it was done on.
func bookSteps(r Report) []BookStep {
	steps := []BookStep{}
	struck, ok := r.Moments[string(harness.Struck)]
	for i, s := range r.Steps {
		if i == 0 || r.Steps[i-1].Number != s.Number {
			steps = append(steps, BookStep{Number: s.Number, Name: s.Name, Hosts: []string{}, Took: s.Took})
		}
		is := &steps[len(steps)-1]
		if s.Host != "" && !slices.Contains(is.Hosts, s.Host) {
			is.Hosts = append(is.Hosts, s.Host)
		}
		if !ok {
			continue
		}
		since := max(s.At-struck, 0)
		if is.Since == nil {
			is.Since = &since
			continue
		}
		began := min(*is.Since, since)
		is.Took = max(*is.Since+is.Took, since+s.Took) - began
		is.Since = &began
	}
	return steps
}

// Encode writes the comparison as indented JSON.
func (c Comparison) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return fmt.Errorf("write the comparison of drills %s and %s: %w", c.Team.Drill, c.Book.Drill, err)
	}
	return nil
}
