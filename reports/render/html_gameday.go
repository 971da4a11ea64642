package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports"
)

// gameDayView is what people did, as the template of a drill shows it.
type gameDayView struct {
	Unrecorded string
	Took       []tookView
	Paused     bool // some of Took leave pauses out
	People     []personView
	Told       []fact
	Wrong      []wrongView
	WrongCount int
	// What is said where there are none, and in any case.
	NoneSeen, NotLookedAt string
	Commands              commandsView
	Beside                *besideView
}

type personView struct {
	Name, Opened, Closed, Commands, Failed, Wrong string
}

// wrongView is a wrong move where it was made.
type wrongView struct {
	Tone, Word           string
	By, Host, Text, Step string
	Command              string
}

// commandsView is all that was typed.
type commandsView struct {
	Count  string
	Folded bool // there are so many that the page is easier to read without them
	Rows   []commandView
	More   string // how many are not shown
}

type commandView struct {
	Number, By, Since, Took, Text, Exit string
	Failed                              bool
	Notes                               []string
}

const (
	foldCommands = 40   // from so many on the table is folded
	mostCommands = 1000 // so many are shown
	mostWrong    = 50
)

func gameDayViewOf(o Outcome, r reports.Report) *gameDayView {
	if r.GameDay == nil {
		return nil
	}
	c, crew := courseOf(r), crewOf(r)
	v := &gameDayView{Unrecorded: unrecorded, NoneSeen: noneSeen, NotLookedAt: notLookedAt, Took: tookOf(r), Told: c.toldOf(), Commands: c.commands(crew), Beside: besideOf(o.Comparison)}
	v.WrongCount = len(r.GameDay.WrongMoves)
	v.Paused = anyPaused(v.Took)
	for _, p := range crew {
		row := personView{Name: whom(p.Name), Opened: "–", Closed: "–", Commands: strconv.Itoa(len(p.Steps)), Failed: strconv.Itoa(p.Failed), Wrong: strconv.Itoa(len(p.Wrong))}
		if p.Shell != nil {
			row.Opened, row.Closed = secondsAt(p.Shell.Opened), "at the end"
			if p.Shell.Closed > 0 {
				row.Closed = secondsAt(p.Shell.Closed)
			}
		}
		v.People = append(v.People, row)
	}
	for i, w := range r.GameDay.WrongMoves {
		if i == mostWrong {
			v.Wrong = append(v.Wrong, wrongView{Tone: "violated", Word: "…", Text: fmt.Sprintf("and %d more, in report.json", len(r.GameDay.WrongMoves)-i)})
			break
		}
		is := wrongView{Tone: "violated", Word: c.since(w.At), By: whom(w.By), Host: oneLine(w.Host, 60), Text: w.Text, Step: strconv.Itoa(w.Step), Command: w.Command}
		if is.Word == "" {
			is.Word = secondsAt(w.At)
		}
		v.Wrong = append(v.Wrong, is)
	}
	return v
}

// peopleFigures are those of the first screen that are people's.
func peopleFigures(r reports.Report) []figureView {
	var figures []figureView
	for _, t := range tookOf(r)[:2] {
		f := figureView{Name: strings.ToUpper(t.What[:1]) + t.What[1:], Value: t.Clock, Notes: []string{t.About}}
		if t.Who == "" {
			f.Class = "none"
		} else {
			f.Notes[0] = "by " + t.Who
		}
		if n := len(r.GameDay.FalseAlarms); n > 0 && t.What == "detection" {
			f.Notes = append(f.Notes, "after "+plural(int64(n), "false alarm"))
		}
		if t.LessPauses != "" {
			f.Notes = append(f.Notes, t.LessPauses+" less pauses")
		}
		figures = append(figures, f)
	}
	return figures
}

// lessPauses is a note on a figure, where pauses are left out of it.
func lessPauses(t *reports.Time) []string {
	if t == nil || t.LessPauses == nil {
		return nil
	}
	return []string{human(*t.LessPauses) + " less pauses"}
}

// commands are the rows of a table; a wrong move is marked where it was made.
func (c course) commands(crew []person) commandsView {
	wrong := map[int][]string{}
	for _, w := range c.GameDay.WrongMoves {
		for _, number := range w.Marked() {
			wrong[number] = append(wrong[number], "a wrong move: "+w.Text)
		}
	}
	typed := c.Typed()
	v := commandsView{Count: commandsCount(crew), Folded: len(typed) >= foldCommands}
	for i, s := range typed {
		if i == mostCommands {
			v.More = fmt.Sprintf("%d more are in report.json.", len(typed)-i)
			break
		}
		row := commandView{
			Number: strconv.Itoa(s.Number), By: whom(s.By), Since: c.since(s.At), Took: human(s.Took), Text: commandOf(s),
			Exit: strconv.Itoa(s.ExitCode), Failed: wentWrong(s), Notes: wrong[s.Number],
		}
		if row.Since == "" {
			row.Since = "before it"
		}
		if s.Error != "" {
			row.Exit = "–"
			row.Notes = append([]string{"not run to its end: " + s.Error}, row.Notes...)
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}
