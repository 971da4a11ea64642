package render

import (
	"fmt"
	"slices"
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
