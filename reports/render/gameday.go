package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// unrecorded is what nobody must take a game day's report for.
const unrecorded = "What was done past these shells, on the hosts directly, is not recorded."

// Where no wrong move is on record, this is all that was seen.
const (
	noneSeen    = "None was seen on the hosts' disks."
	notLookedAt = "Each host was looked at when a command on it had ended, as long as it was on. Once something served again, only data that certainly went beyond what that was begun from counted. Backups have a check of their own. What a command did later, what was done to hosts that are off or past these shells, and data that was copied elsewhere than to a host's own disk, was not looked at."
)

// legible is the report of a game day as it may be shown: names, commands and hints
// come from people, and what does not print in them is escaped, so that neither a
// terminal nor a reader takes it for something else. Other reports stay as they are.
func legible(r reports.Report) reports.Report {
	if r.GameDay == nil {
		return r
	}
	r.Steps = shown(r.Steps, func(s *reports.Step) []*string { return []*string{&s.Name, &s.By, &s.Command, &s.Error} })
	r.Strikes = shown(r.Strikes, func(s *reports.Strike) []*string { return []*string{&s.Fault, &s.By} })
	r.Gaps = shown(r.Gaps, func(g *reports.Gap) []*string { return []*string{&g.Cause} })
	r.Findings = shown(r.Findings, func(f *harness.Finding) []*string {
		f.Offending = shown(f.Offending, func(text *string) []*string { return []*string{text} })
		return []*string{&f.Detail}
	})
	r.Procedure.Detail = printable(r.Procedure.Detail)
	g := *r.GameDay
	g.Stopped = printable(g.Stopped)
	for _, deed := range []**reports.Deed{&g.Noticed, &g.Decided, &g.Ended} {
		if *deed != nil {
			*deed = &reports.Deed{By: printable((*deed).By), At: (*deed).At}
		}
	}
	g.FalseAlarms = shown(g.FalseAlarms, func(d *reports.Deed) []*string { return []*string{&d.By} })
	g.Shells = shown(g.Shells, func(s *reports.Shell) []*string { return []*string{&s.Name} })
	g.Hints = shown(g.Hints, func(h *reports.Hint) []*string { return []*string{&h.Text} })
	move := func(w *reports.WrongMove) []*string { return []*string{&w.By, &w.Host, &w.Command, &w.Text} }
	g.WrongMoves, g.GivenUp = shown(g.WrongMoves, move), shown(g.GivenUp, move)
	r.GameDay = &g
	return r
}

// shown are copies of which these texts are printable.
func shown[T any](list []T, texts func(*T) []*string) []T {
	list = slices.Clone(list)
	for i := range list {
		for _, text := range texts(&list[i]) {
			*text = printable(*text)
		}
	}
	return list
}

// printable escapes what does not print, line breaks and tabs left as they are.
func printable(text string) string {
	plain := func(r rune) bool { return r == '\n' || r == '\t' || unicode.IsGraphic(r) }
	if !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if plain(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// oneLine is a text on one line, of at most so many letters.
func oneLine(text string, most int) string {
	letters := []rune(strings.Join(strings.Fields(text), " "))
	if len(letters) <= most {
		return string(letters)
	}
	return string(letters[:most-1]) + "…"
}

// person is somebody at a shell, with what he typed.
type person struct {
	Name   string
	Shell  *reports.Shell // nil: no shell of this name is known
	Steps  []reports.Step
	Failed int // of Steps
	Wrong  []reports.WrongMove
}

// crewOf are all that had a shell, in the order in which they opened it, and then
// whoever else typed anything.
func crewOf(r reports.Report) []person {
	var crew []person
	at := map[string]int{}
	find := func(name string) *person {
		i, ok := at[name]
		if !ok {
			i = len(crew)
			at[name] = i
			crew = append(crew, person{Name: name})
		}
		return &crew[i]
	}
	for i, s := range r.GameDay.Shells {
		find(s.Name).Shell = &r.GameDay.Shells[i]
	}
	for _, s := range r.Typed() {
		p := find(s.By)
		p.Steps = append(p.Steps, s)
		if wentWrong(s) {
			p.Failed++
		}
	}
	for _, w := range r.GameDay.WrongMoves {
		p := find(who(w.By))
		p.Wrong = append(p.Wrong, w)
	}
	return crew
}

// wentWrong tells a command that ended with an error, or was not carried out.
func wentWrong(s reports.Step) bool { return s.ExitCode != 0 || s.Error != "" }

// commandOf is a step as it was typed.
func commandOf(s reports.Step) string {
	if s.Command != "" {
		return s.Command
	}
	return s.Name
}

// who is somebody by name, if there is one.
func who(name string) string {
	if name == "" {
		return "somebody"
	}
	return name
}

// whom is who where names are shown: some are very long.
func whom(name string) string { return oneLine(who(name), 60) }

// tookView is how long something took people, in words.
type tookView struct {
	What, About, Clock, LessPauses, Who string
	None                                bool // it did not come, and Clock says so
}

// tookOf are the times of a game day, those that did not come as well.
func tookOf(r reports.Report) []tookView {
	g := r.GameDay
	row := func(what, about string, t *reports.Time, by *reports.Deed, none string) tookView {
		v := tookView{What: what, About: about, Clock: none, None: true}
		if t == nil {
			return v
		}
		v.Clock, v.None = human(t.Clock), false
		if t.LessPauses != nil {
			v.LessPauses = human(*t.LessPauses)
		}
		if by != nil {
			v.Who = whom(by.By)
		}
		return v
	}
	detection := "from the strike until somebody noticed"
	if n := len(g.FalseAlarms); n > 0 {
		detection += ", after " + plural(int64(n), "false alarm")
	}
	return []tookView{
		row("detection", detection, g.Detection, g.Noticed, "nobody noticed"),
		row("decision", "from then to the first change", g.Decision, g.Decided, "nobody changed anything"),
		row("recovery", "from the strike to the first write again", g.Recovery, nil, "not seen"),
		row("redundancy", "from the procedure's beginning until every member was equal again", g.Redundancy, nil, "not seen"),
	}
}

// anyPaused tells whether pauses are left out of any of them.
func anyPaused(all []tookView) bool {
	return slices.ContainsFunc(all, func(v tookView) bool { return v.LessPauses != "" })
}

// mostTold is how many pauses, hints or faults are told one by one.
const mostTold = 12

// toldOf is what else there is to know of a game day, a line for each.
func (c course) toldOf() []fact {
	var facts []fact
	add := func(name, format string, args ...any) {
		facts = append(facts, fact{name, fmt.Sprintf(format, args...)})
	}
	list := func(name string, n int, tell func(i int) string) {
		for i := range min(n, mostTold) {
			add(name, "%s", tell(i))
			name = ""
		}
		if more := n - mostTold; more > 0 {
			add("", "and %d more", more)
		}
	}
	g := c.GameDay
	if g.Surprise {
		add("surprise", "nobody was told which scenario it is")
	}
	if g.Alarm > 0 {
		add("alarm", "%s", c.when(g.Alarm))
	} else {
		add("alarm", "did not ring")
	}
	list("false alarm", len(g.FalseAlarms), func(i int) string {
		return fmt.Sprintf("%s, by %s", c.when(g.FalseAlarms[i].At), whom(g.FalseAlarms[i].By))
	})
	var more []reports.Strike
	for _, s := range c.Strikes {
		if s.By != "" {
			more = append(more, s)
		}
	}
	list("also broken", len(more), func(i int) string {
		return fmt.Sprintf("%s: %s%s, by %s", c.when(more[i].At), more[i].Fault, onHosts(more[i].Hosts), whom(more[i].By))
	})
	list("hint", len(g.Hints), func(i int) string {
		return fmt.Sprintf("%s: %s", c.when(g.Hints[i].At), oneLine(g.Hints[i].Text, 300))
	})
	list("pause", len(g.Pauses), func(i int) string {
		from, to := g.Pauses[i].From, c.until(g.Pauses[i].To)
		return fmt.Sprintf("%s, for %s", c.when(from), human(to-from))
	})
	list("given up", len(g.GivenUp), func(i int) string {
		w := g.GivenUp[i]
		return fmt.Sprintf("%s, by %s on %s (command %d): %s", c.when(w.At), whom(w.By), oneLine(w.Host, 60), w.Step, oneLine(w.Text, 300))
	})
	add("ended", "%s", c.ended())
	return facts
}

// until is the end of a pause or a shell, if it is known: most end with the game day.
func (c course) until(end *int64) int64 {
	switch {
	case end != nil:
		return *end
	case c.GameDay.Ended != nil:
		return c.GameDay.Ended.At
	}
	if at, ok := c.at(harness.ProcedureEnded); ok {
		return at
	}
	return c.end
}

// ended says how it ended, and by whom.
func (c course) ended() string {
	g := c.GameDay
	switch {
	case g.Stopped != "" && g.Ended != nil:
		return fmt.Sprintf("%s: stopped by %s before the team was done: %s", c.when(g.Ended.At), whom(g.Ended.By), oneLine(g.Stopped, 300))
	case g.Stopped != "":
		return "stopped before the team was done: " + oneLine(g.Stopped, 300)
	case g.Ended != nil && g.Left:
		return fmt.Sprintf("%s: %s said that the team leaves the cluster as it is", c.when(g.Ended.At), whom(g.Ended.By))
	case g.Ended != nil:
		return fmt.Sprintf("%s: %s said that it is done", c.when(g.Ended.At), whom(g.Ended.By))
	}
	return "by nobody: its time was over, or the drill ended before"
}

// when is an offset as people who were there count it: from the strike, where it
// is later.
func (c course) when(at int64) string {
	if c.struck < 0 || at < c.struck {
		return "at " + secondsAt(at) + " of the drill"
	}
	return human(at-c.struck) + " after the strike"
}

// commandsCount says how much was typed.
func commandsCount(crew []person) string {
	n, failed := 0, 0
	for _, p := range crew {
		n += len(p.Steps)
		failed += p.Failed
	}
	text := plural(int64(n), "command")
	switch {
	case failed == 1:
		text += ", 1 of which ended with an error or was refused"
	case failed > 1:
		text += fmt.Sprintf(", %d of which ended with an error or were refused", failed)
	}
	return text
}
