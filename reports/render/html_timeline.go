package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

// timelineView is what happened when: as pictures, and in words.
type timelineView struct {
	Legend   []entry
	Pictures []picture
	Events   []eventView
	// Lacking says what a report of an older version does not tell.
	Lacking string
}

// course is a report with what all of its pictures and lists need.
type course struct {
	reports.Report
	end    int64    // the last that is known of the drill
	struck int64    // -1 where it is not known
	marks  []moment // in order of time
}

// moment is a harness.Mark that occurred, or something that people did, with its
// letter in the picture.
type moment struct {
	mark harness.Mark
	at   int64
	key  string
	text string
}

func courseOf(r reports.Report) course {
	c := course{Report: r, struck: -1, marks: peopleMoments(r.GameDay)}
	for name, at := range r.Moments {
		mark := harness.Mark(name)
		c.marks = append(c.marks, moment{mark: mark, at: at, text: momentText(mark)})
	}
	for _, m := range c.marks {
		c.end = max(c.end, m.at)
	}
	c.end = max(c.end, lastOfPeople(r.GameDay))
	slices.SortFunc(c.marks, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(order(a.mark), order(b.mark)), cmp.Compare(a.mark, b.mark))
	})
	for i := range c.marks {
		c.marks[i].key = letter(i)
	}
	for _, s := range r.Strikes {
		c.end = max(c.end, s.At+s.Took)
	}
	if at, ok := c.at(harness.Struck); ok {
		c.struck = at
	} else if len(r.Strikes) > 0 {
		c.struck = r.Strikes[0].At
	}
	for _, s := range r.Steps {
		c.end = max(c.end, s.At+s.Took)
	}
	for _, g := range r.Gaps {
		c.end = max(c.end, g.To)
	}
	for _, b := range r.Backups {
		c.end = max(c.end, b.At+b.Took)
	}
	for _, f := range r.Fetches {
		c.end = max(c.end, f.At+f.Fetch+f.Verify)
	}
	for _, t := range r.Tracks {
		for _, s := range slices.Concat(t.Power, t.Etcd) {
			c.end = max(c.end, s.From)
			if s.To != nil {
				c.end = max(c.end, *s.To)
			}
		}
	}
	return c
}

// letter is a to z, and then aa.
func letter(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	if i < len(letters) {
		return letters[i : i+1]
	}
	return letter(i/len(letters)-1) + letter(i%len(letters))
}

func (c course) at(m harness.Mark) (int64, bool) {
	at, ok := c.Moments[string(m)]
	return at, ok
}

// timelineOf draws a report, or returns nil if nothing in it has a time.
func timelineOf(r reports.Report, id string) *timelineView {
	c := courseOf(r)
	if c.end == 0 {
		return nil
	}
	v := &timelineView{Legend: c.legend(), Events: c.events()}
	if len(r.Tracks) == 0 {
		v.Lacking = "This report does not tell when hosts and their etcd were up."
	}
	whole := picture{
		Caption: "The whole drill", Text: "From the first host to the last look at the cluster.",
		SVG: drawn(c.timeline(id+"-whole", "The whole drill", 0, c.end).SVG()), Axis: axisSeconds,
	}
	from, to, ok := c.closeUp()
	if !ok {
		v.Pictures = []picture{whole}
		return v
	}
	v.Pictures = []picture{{
		Caption: "From the strike to the recovered cluster", Text: fmt.Sprintf("Enlarged: %s to %s of the drill.", secondsAt(from), secondsAt(to)),
		SVG: drawn(c.timeline(id+"-close", "From the strike to the recovered cluster", from, to).SVG()), Axis: axisSeconds,
	}, whole}
	return v
}

const axisSeconds = "seconds since the drill began"

// closeUp is the stretch that matters, if so much lies around it that it deserves a
// picture of its own.
func (c course) closeUp() (from, to int64, ok bool) {
	if c.struck < 0 {
		return 0, 0, false
	}
	to = c.struck
	for _, m := range []harness.Mark{harness.TookEffect, harness.Detected, harness.ProcedureEnded, harness.Redundant} {
		if at, ok := c.at(m); ok {
			to = max(to, at)
		}
	}
	for _, s := range c.Steps {
		to = max(to, s.At+s.Took)
	}
	for _, g := range c.Gaps {
		to = max(to, g.To)
	}
	margin := max((to-c.struck)/20, 250)
	from, to = max(c.struck-margin, 0), min(to+margin, c.end)
	return from, to, float64(to-from) < 0.6*float64(c.end)
}

// timeline is the picture of a stretch of the drill.
func (c course) timeline(id, title string, from, to int64) chart.Timeline {
	t := chart.Timeline{Heading: chart.Heading{ID: id, Title: title, Description: c.description()}, From: from, To: to}
	for i, s := range c.Strikes {
		t.Flags = append(t.Flags, chart.Key{At: s.At, Key: flagKey(i, len(c.Strikes)), Title: s.Fault + onHosts(s.Hosts) + byWhom(s) + " at " + secondsAt(s.At)})
	}
	if len(t.Flags) == 0 && c.struck >= 0 {
		t.Flags = []chart.Key{{At: c.struck, Key: "strike", Title: strings.Join(c.Faults, "; ")}}
	}
	for _, g := range c.Gaps {
		t.Bands = append(t.Bands, chart.Bar{From: g.From, To: g.To, Paint: chart.Gap})
	}
	if lane := c.service(); len(lane.Bars) > 0 {
		t.Lanes = append(t.Lanes, lane)
	}
	if c.GameDay != nil {
		t.Bands = append(t.Bands, c.pauses()...)
		t.Lanes = append(t.Lanes, c.people()...)
	} else if lane := c.steps(); len(lane.Bars) > 0 {
		t.Lanes = append(t.Lanes, lane)
	}
	if lane := c.backups(); len(lane.Bars) > 0 {
		t.Lanes = append(t.Lanes, lane)
	}
	for _, track := range c.Tracks {
		t.Lanes = append(t.Lanes, c.host(track))
	}
	for _, m := range c.marks {
		t.Moments = append(t.Moments, chart.Key{At: m.at, Key: m.key, Title: m.text + " at " + secondsAt(m.at)})
	}
	return t
}

// description sums the picture up for those who cannot see it.
func (c course) description() string {
	var parts []string
	if c.struck >= 0 {
		parts = append(parts, "Disaster strikes at "+secondsAt(c.struck)+".")
	}
	for _, g := range c.Gaps {
		end := "until " + secondsAt(g.To)
		if g.Open {
			end = "without end"
		}
		parts = append(parts, fmt.Sprintf("No write is acknowledged from %s %s.", secondsAt(g.From), end))
	}
	if at, ok := c.at(harness.ProcedureBegan); ok {
		parts = append(parts, "The procedure begins at "+secondsAt(at)+".")
	}
	if at, ok := c.at(harness.Redundant); ok {
		parts = append(parts, "Full redundancy at "+secondsAt(at)+".")
	}
	for _, t := range c.Tracks {
		parts = append(parts, fmt.Sprintf("%s: %s.", t.Host, c.ran(t)))
	}
	if c.GameDay != nil {
		return strings.Join(append(parts, "The list of events and the table of commands tell the same in words."), " ")
	}
	return strings.Join(append(parts, "The list of events and the table of steps tell the same in words."), " ")
}

// ran says when a host's etcd ran.
func (c course) ran(t reports.Track) string {
	if len(t.Etcd) == 0 {
		return "etcd never ran"
	}
	var parts []string
	for _, s := range t.Etcd {
		if s.To == nil {
			parts = append(parts, "from "+secondsAt(s.From)+" on")
		} else {
			parts = append(parts, secondsAt(s.From)+" to "+secondsAt(*s.To))
		}
	}
	return "etcd ran " + andList(parts)
}

// service is whether writes were acknowledged, as far as somebody watched.
func (c course) service() chart.Lane {
	lane := chart.Lane{Name: "service"}
	began, ok := c.at(harness.TrafficBegan)
	ended, ended1 := c.at(harness.TrafficEnded)
	if !ended1 {
		ended = c.end
	}
	if ok && c.OutageUnmeasured == "" {
		lane.Bars = append(lane.Bars, chart.Bar{From: began, To: ended, Paint: chart.Serving, Title: "writes are acknowledged"})
	}
	for _, g := range c.Gaps {
		title := fmt.Sprintf("no acknowledged write for %s from %s: %s", human(g.MS), secondsAt(g.From), g.Cause)
		lane.Bars = append(lane.Bars, chart.Bar{From: g.From, To: g.To, Paint: chart.Gap, Title: title})
	}
	return lane
}

// steps are the procedure, one bar for each step however many hosts it is on.
func (c course) steps() chart.Lane {
	lane := chart.Lane{Name: "steps"}
	began, ok := c.at(harness.ProcedureBegan)
	ended, done := c.at(harness.ProcedureEnded)
	if ok && done {
		lane.Bars = append(lane.Bars, chart.Bar{From: began, To: ended, Paint: chart.Working, Title: "the procedure: " + human(ended-began)})
	}
	for i := 0; i < len(c.Steps); {
		first := c.Steps[i]
		bar := chart.Bar{From: first.At, Paint: chart.Step, Key: strconv.Itoa(first.Number)}
		var hosts []string
		for ; i < len(c.Steps) && c.Steps[i].Number == first.Number; i++ {
			s := c.Steps[i]
			bar.From, bar.To = min(bar.From, s.At), max(bar.To, s.At+s.Took)
			if s.Host != "" && !slices.Contains(hosts, s.Host) {
				hosts = append(hosts, s.Host)
			}
			if s.ExitCode != 0 {
				bar.Paint = chart.Failed
			}
		}
		bar.Title = fmt.Sprintf("step %d, %s%s: %s", first.Number, first.Name, onHosts(hosts), human(bar.To-bar.From))
		lane.Bars = append(lane.Bars, bar)
	}
	return lane
}

func (c course) backups() chart.Lane {
	lane := chart.Lane{Name: "backups"}
	for _, b := range c.Backups {
		bar := chart.Bar{From: b.At, To: b.At + b.Took, Paint: chart.Backup, Title: fmt.Sprintf("backup %s at %s, %s", b.Name, secondsAt(b.At), sizeCell(b.Bytes))}
		switch {
		case b.Problem != "":
			bar.Paint, bar.Title = chart.Dropped, bar.Title+": "+b.Problem
		case !b.Kept:
			bar.Paint, bar.Title = chart.Dropped, bar.Title+": not there any more when disaster struck"
		}
		lane.Bars = append(lane.Bars, bar)
	}
	for _, f := range c.Fetches {
		lane.Bars = append(lane.Bars, chart.Bar{
			From: f.At, To: f.At + f.Fetch + f.Verify, Paint: chart.Fetched, Title: fmt.Sprintf("%s is fetched onto %s: %s", f.Backup, f.Host, human(f.Fetch+f.Verify)),
		})
	}
	return lane
}

func (c course) host(t reports.Track) chart.Lane {
	lane := chart.Lane{Name: t.Host}
	add := func(spans []reports.Span, paint chart.Paint, what string) {
		for _, s := range spans {
			bar := chart.Bar{From: s.From, To: c.end, Paint: paint}
			until := "on"
			if s.To != nil {
				bar.To, until = *s.To, "to "+secondsAt(*s.To)
			}
			bar.Title = fmt.Sprintf("%s: %s from %s %s", t.Host, what, secondsAt(s.From), until)
			lane.Bars = append(lane.Bars, bar)
		}
	}
	add(t.Power, chart.Powered, "powered")
	add(t.Etcd, chart.Etcd, "etcd runs")
	return lane
}

// legend explains what is in the picture, and nothing that is not.
func (c course) legend() []entry {
	var out []entry
	add := func(there bool, form chart.Form, paint chart.Paint, text string) {
		if there {
			out = append(out, entry{form, paint, text})
		}
	}
	service, steps, backups := c.service(), c.steps(), c.backups()
	if c.GameDay != nil {
		steps = chart.Lane{}
	}
	has := func(l chart.Lane, p chart.Paint) bool {
		return slices.ContainsFunc(l.Bars, func(b chart.Bar) bool { return b.Paint == p })
	}
	add(c.struck >= 0, chart.AsMark, chart.Strike, "the strike")
	add(has(service, chart.Serving), chart.AsBar, chart.Serving, "writes are acknowledged")
	add(has(service, chart.Gap), chart.AsBar, chart.Gap, "no write is acknowledged")
	add(has(steps, chart.Working), chart.AsBar, chart.Working, "the procedure is under way")
	add(has(steps, chart.Step), chart.AsBar, chart.Step, "a step, by its number")
	add(has(steps, chart.Failed), chart.AsBar, chart.Failed, "a step that ended with an error")
	if c.GameDay != nil {
		out = append(out, c.peopleLegend()...)
	}
	add(has(backups, chart.Backup), chart.AsBar, chart.Backup, "a backup is taken")
	add(has(backups, chart.Dropped), chart.AsBar, chart.Dropped, "one that could not be restored from")
	add(has(backups, chart.Fetched), chart.AsBar, chart.Fetched, "a backup is fetched")
	add(len(c.Tracks) > 0, chart.AsBar, chart.Powered, "a host is on")
	add(len(c.Tracks) > 0, chart.AsHost, chart.Etcd, "and etcd runs on it")
	add(len(c.marks) > 0, chart.AsMark, chart.Moment, "a moment, by its letter")
	return out
}
