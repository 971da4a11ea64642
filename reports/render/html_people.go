package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

// peopleMoments are what people did that is a moment of the whole drill.
func peopleMoments(g *reports.GameDay) []moment {
	if g == nil {
		return nil
	}
	var all []moment
	if g.Alarm > 0 {
		all = append(all, moment{mark: "alarm", at: g.Alarm, text: "the alarm rings"})
	}
	if d := g.Noticed; d != nil {
		all = append(all, moment{mark: "noticed", at: d.At, text: whom(d.By) + " notices"})
	}
	if d := g.Decided; d != nil {
		all = append(all, moment{mark: "decided", at: d.At, text: whom(d.By) + " decides, by changing something for the first time"})
	}
	if d := g.Ended; d != nil {
		text := whom(d.By) + " says that it is done"
		if g.Left {
			text = whom(d.By) + " says that the team leaves the cluster as it is"
		}
		if g.Stopped != "" {
			text = whom(d.By) + " stops the game day: " + oneLine(g.Stopped, 300)
		}
		all = append(all, moment{mark: "ended", at: d.At, text: text})
	}
	return all
}

// lastOfPeople is the last that is known of them, beside their commands.
func lastOfPeople(g *reports.GameDay) int64 {
	if g == nil {
		return 0
	}
	last := int64(0)
	for _, p := range g.Pauses {
		last = max(last, p.From)
		if p.To != nil {
			last = max(last, *p.To)
		}
	}
	for _, h := range g.Hints {
		last = max(last, h.At)
	}
	for _, w := range g.WrongMoves {
		last = max(last, w.At)
	}
	for _, s := range g.Shells {
		last = max(last, s.Opened, s.Closed)
	}
	return last
}

// peopleEvents are the events of a game day that have no letter.
func (c course) peopleEvents() []event {
	var all []event
	add := func(at int64, tone, text string) { all = append(all, c.event(at, "", tone, text)) }
	for _, p := range c.GameDay.Pauses {
		add(p.From, "", "the exercise is paused")
		if p.To != nil {
			add(*p.To, "", "it goes on, after "+human(*p.To-p.From))
		}
	}
	for _, h := range c.GameDay.Hints {
		add(h.At, "", "a hint for all: "+oneLine(h.Text, 300))
	}
	for _, w := range c.GameDay.WrongMoves {
		add(w.At, "violated", fmt.Sprintf("a wrong move, by %s on %s (%d): %s", whom(w.By), w.Host, w.Step, w.Text))
	}
	return all
}

// story is the few events by which a game day is told: no hosts, no backups.
func (c course) story() []eventView {
	var all []event
	add := func(at int64, tone, text string) { all = append(all, c.event(at, "", tone, text)) }
	for _, s := range c.Strikes {
		add(s.At, "violated", s.Fault+onHosts(s.Hosts)+byWhom(s))
	}
	telling := []harness.Mark{"alarm", "noticed", "decided", "ended", harness.QuorumLost, harness.Fetched, harness.Restored, harness.HistoryReplaced, harness.Redundant}
	for _, m := range c.marks {
		if slices.Contains(telling, m.mark) {
			add(m.at, "", m.text)
		}
	}
	for _, g := range c.Gaps {
		add(g.From, "violated", "the last acknowledged write before a gap")
		if !g.Open {
			add(g.To, "held", "writes are acknowledged again, after "+human(g.MS))
		}
	}
	return inOrder(append(all, c.peopleEvents()...))
}

// mostLanes is how many people have a lane of their own.
const mostLanes = 24

// people are a lane for each of them, below one of pauses and hints.
func (c course) people() []chart.Lane {
	var lanes []chart.Lane
	if lane := c.exercise(); len(lane.Bars)+len(lane.Points) > 0 {
		lanes = append(lanes, lane)
	}
	crew := crewOf(c.Report)
	if len(crew) > mostLanes {
		others := person{Name: fmt.Sprintf("%d others", len(crew)-mostLanes+1)}
		for _, p := range crew[mostLanes-1:] {
			others.Steps, others.Wrong = append(others.Steps, p.Steps...), append(others.Wrong, p.Wrong...)
		}
		slices.SortStableFunc(others.Steps, func(a, b reports.Step) int { return a.Number - b.Number })
		crew = append(crew[:mostLanes-1:mostLanes-1], others)
	}
	for _, p := range crew {
		lanes = append(lanes, c.person(p))
	}
	return lanes
}

func (c course) exercise() chart.Lane {
	lane := chart.Lane{Name: "exercise", Bars: c.pauses()}
	for _, h := range c.GameDay.Hints {
		lane.Points = append(lane.Points, chart.Point{At: h.At, Paint: chart.Advice, Title: "a hint at " + secondsAt(h.At) + ": " + oneLine(h.Text, 300)})
	}
	return lane
}

func (c course) pauses() []chart.Bar {
	var bars []chart.Bar
	for _, p := range c.GameDay.Pauses {
		to := c.until(p.To)
		bars = append(bars, chart.Bar{
			From: p.From, To: to, Paint: chart.Paused, Title: fmt.Sprintf("the exercise is paused from %s, for %s", secondsAt(p.From), human(to-p.From)),
		})
	}
	return bars
}

// person is what somebody typed, over the time that he was at his shell.
func (c course) person(p person) chart.Lane {
	lane := chart.Lane{Name: inMargin(p.Name)}
	if s := p.Shell; s != nil {
		var closed *int64
		if s.Closed > 0 {
			closed = &s.Closed
		}
		to := c.until(closed)
		lane.Bars = append(lane.Bars, chart.Bar{
			From: s.Opened, To: to, Paint: chart.Shell, Title: fmt.Sprintf("%s is at a shell from %s to %s", whom(p.Name), secondsAt(s.Opened), secondsAt(to)),
		})
	}
	for _, s := range p.Steps {
		// What took no time is to be seen all the same.
		bar := chart.Bar{From: s.At, To: s.At + max(s.Took, c.end/5000), Paint: chart.Step, Key: strconv.Itoa(s.Number)}
		if wentWrong(s) {
			bar.Paint = chart.Failed
		}
		bar.Title = fmt.Sprintf("%d, %s at %s, %s: %s", s.Number, whom(s.By), secondsAt(s.At), human(s.Took), oneLine(commandOf(s), 300))
		lane.Bars = append(lane.Bars, bar)
	}
	for _, w := range p.Wrong {
		lane.Points = append(lane.Points, chart.Point{
			At: w.At, Paint: chart.Wrong, Title: fmt.Sprintf("a wrong move at %s (%d): %s", secondsAt(w.At), w.Step, w.Text),
		})
	}
	return lane
}

// inMargin is a name as the margin of a picture holds it: by how wide letters are,
// for people may call themselves as they like. What is cut out is in the middle,
// where names differ least.
func inMargin(name string) string {
	const most = 10.0 // of the width of an n
	letters := []rune(name)
	total := 0.0
	for _, r := range letters {
		total += width(r)
	}
	if total <= most {
		return name
	}
	head, tail, used := 0, len(letters), 1.0
	for head < tail {
		if head <= len(letters)-tail {
			used += width(letters[head])
			head++
		} else {
			tail--
			used += width(letters[tail])
		}
		if used > most {
			break
		}
	}
	// The last one taken was one too many.
	if head > len(letters)-tail {
		head--
	} else {
		tail++
	}
	return strings.TrimSpace(string(letters[:head])) + "…" + strings.TrimSpace(string(letters[tail:]))
}

// width is about how wide a letter is, an n being 1.
func width(r rune) float64 {
	switch {
	case r >= 0x1100:
		return 2
	case strings.ContainsRune("mwMW@%", r) || unicode.IsUpper(r):
		return 1.5
	}
	return 1
}

// peopleLegend explains what is in the lanes of people.
func (c course) peopleLegend() []entry {
	var out []entry
	add := func(there bool, form chart.Form, paint chart.Paint, text string) {
		if there {
			out = append(out, entry{form, paint, text})
		}
	}
	typed := c.Typed()
	add(len(c.GameDay.Shells) > 0, chart.AsBar, chart.Shell, "somebody is at a shell")
	add(slices.ContainsFunc(typed, func(s reports.Step) bool { return !wentWrong(s) }), chart.AsBar, chart.Step, "a command, by its number")
	add(slices.ContainsFunc(typed, wentWrong), chart.AsBar, chart.Failed, "one that ended with an error or was refused")
	add(len(c.GameDay.WrongMoves) > 0, chart.AsMark, chart.Wrong, "a wrong move")
	add(len(c.GameDay.Hints) > 0, chart.AsMark, chart.Advice, "a hint")
	add(len(c.GameDay.Pauses) > 0, chart.AsBar, chart.Paused, "the exercise is paused")
	return out
}
