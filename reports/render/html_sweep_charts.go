package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

// chartsView is what was measured, as pictures.
type chartsView struct {
	RecoverLegend, BackupLegend []entry
	Recover, Backup             []picture // phases stacked over database size
	Spreads                     []spreadsView
}

// spreadsView is one figure's distributions, a picture for each group.
type spreadsView struct {
	Title, Text string
	Legend      []entry
	Pictures    []picture
}

func chartsOf(result policy.Result, groups []group) chartsView {
	v := chartsView{}
	v.Recover = stacks("recover", "What recovering is made of", groups, recoverParts)
	v.Backup = stacks("backup", "What taking a backup is made of", groups, backupParts)
	if len(v.Recover) > 0 {
		v.RecoverLegend = append(legendOf(recoverParts), entry{chart.AsLine, chart.Worst, "the slowest run"})
	}
	if len(v.Backup) > 0 {
		v.BackupLegend = legendOf(backupParts)
	}
	for _, s := range []spreadsView{recoveredSpreads(result, groups), outageSpreads(groups), lossSpreads(result, groups)} {
		if len(s.Pictures) > 0 {
			v.Spreads = append(v.Spreads, s)
		}
	}
	return v
}

// partOf is one part of a stacked bar.
type partOf struct {
	paint chart.Paint
	text  string
	// ms is its median; before is the length of the parts before it.
	ms func(s policy.Summary, before float64) float64
}

func median(p policy.Phase) func(policy.Summary, float64) float64 {
	return func(s policy.Summary, _ float64) float64 {
		if s.Phases[p].Of == 0 {
			return 0
		}
		return float64(s.Phases[p].P50)
	}
}

// rest is what a phase, which counts from the procedure's beginning, has beyond the
// parts before it.
func rest(p policy.Phase) func(policy.Summary, float64) float64 {
	return func(s policy.Summary, before float64) float64 {
		return max(median(p)(s, 0)-before, 0)
	}
}

var recoverParts = []partOf{
	{chart.PhaseA, "fetched onto the hosts", median(policy.Fetch)},
	{chart.PhaseB, "verified", median(policy.VerifyFetched)},
	{chart.PhaseC, "restored on the slowest host", median(policy.RestoreHost)},
	{chart.PhaseD, "until the first acknowledged write", rest(policy.Ack)},
	{chart.PhaseE, "until full redundancy", rest(policy.Redundancy)},
}

var backupParts = []partOf{
	{chart.PhaseA, "snapshot saved and pulled", median(policy.Snapshot)},
	{chart.PhaseB, "verified", median(policy.VerifyTaken)},
	{chart.PhaseC, "uploaded", median(policy.Upload)},
}

func legendOf(parts []partOf) []entry {
	var out []entry
	for _, p := range parts {
		out = append(out, entry{chart.AsBar, p.paint, p.text})
	}
	return out
}

// stacks draws the medians of each group's phases, a bar for each size.
func stacks(id, title string, groups []group, parts []partOf) []picture {
	rows := make([][]chart.Whole, len(groups))
	var all []chart.Whole
	some := false
	for i, g := range groups {
		for _, p := range g.points {
			whole := stacked(p, parts)
			some = some || len(whole.Parts) > 0
			rows[i] = append(rows[i], whole)
		}
		all = append(all, rows[i]...)
	}
	if !some {
		return nil
	}
	scale := chart.StackScale(all)
	var out []picture
	for i, g := range groups {
		var said []string
		for _, row := range rows[i] {
			said = append(said, describe(row))
		}
		k := chart.Stack{
			Heading: chart.Heading{ID: fmt.Sprintf("%s-%d", id, i+1), Title: title + ": " + g.name, Description: "Medians. " + strings.Join(said, " ")},
			Scale:   scale, Rows: rows[i],
		}
		out = append(out, picture{Caption: g.name, SVG: drawn(k.SVG())})
	}
	return out
}

func stacked(p pointOf, parts []partOf) chart.Whole {
	whole := chart.Whole{Name: p.Size.String(), Note: "no figures"}
	if p.summary == nil {
		return whole
	}
	total := 0.0
	for _, part := range parts {
		ms := part.ms(*p.summary, total)
		if ms <= 0 {
			continue
		}
		total += ms
		whole.Parts = append(whole.Parts, chart.Part{Paint: part.paint, MS: ms, Title: fmt.Sprintf("%s, %s: %s", p.Size, part.text, human(int64(ms)))})
	}
	if len(whole.Parts) == 0 {
		return whole
	}
	whole.Note = human(int64(total))
	if parts[len(parts)-1].paint == chart.PhaseE {
		whole.Worst = float64(p.summary.Phases[policy.Redundancy].Worst)
		if p.summary.Unrecovered > 0 && p.summary.Recovered.Of == 0 {
			whole.Note = beyond(int64(total)) // its parts are whole, and it is not
		}
	}
	return whole
}

func describe(w chart.Whole) string {
	if len(w.Parts) == 0 {
		return w.Name + ": no figures."
	}
	var said []string
	for _, p := range w.Parts {
		said = append(said, p.Title)
	}
	return strings.Join(said, "; ") + "; together " + w.Note + "."
}

// spreadOf tells what a picture of dots is to show.
type spreadOf struct {
	id, title string
	figure    func(policy.Run) (ms int64, seen bool)
	// atLeast is what is known of a run without the figure, which had not ended when
	// watching did; 0: nothing. nil: nothing of any.
	atLeast func(policy.Run) int64
	median  func(policy.Summary) policy.Spread
	bounds  bool // those of the runs' losses
	limits  []chart.Limit
}

// pictures draws one figure of every run, a picture for each group on one scale.
func (k spreadOf) pictures(groups []group) []picture {
	rows := make([][]chart.Row, len(groups))
	var all []chart.Row
	some := false
	for i, g := range groups {
		for _, p := range g.points {
			row := k.row(p)
			some = some || len(row.Dots) > 0
			rows[i] = append(rows[i], row)
		}
		all = append(all, rows[i]...)
	}
	if !some {
		return nil
	}
	scale := chart.StripScale(all, k.limits)
	var out []picture
	for i, g := range groups {
		strip := chart.Strip{
			Heading: chart.Heading{ID: fmt.Sprintf("%s-%d", k.id, i+1), Title: k.title + ": " + g.name, Description: saidOf(rows[i], k.limits)},
			Scale:   scale, Rows: rows[i], Limits: k.limits,
		}
		p := picture{Caption: g.name, SVG: drawn(strip.SVG())}
		if scale.Logarithmic() {
			p.Axis = "logarithmic axis: each step is ten times the one before"
		}
		out = append(out, p)
	}
	return out
}

func (k spreadOf) row(p pointOf) chart.Row {
	row := chart.Row{Name: p.Size.String()}
	for _, r := range p.runs {
		ms, seen := k.figure(r)
		took, open := human(ms), false
		if !seen && k.atLeast != nil {
			ms = k.atLeast(r)
			took, open = beyond(ms)+", not back when watching ended", ms > 0
		}
		if !seen && !open {
			continue
		}
		dot := chart.Dot{MS: float64(ms), Open: open, Uncounted: !r.Counts(), Title: fmt.Sprintf("%s, run %d, seed %d: %s", r.Size, r.Number, r.Seed, took)}
		if k.bounds {
			dot.Exceeds = r.Loss.Exceeded()
			row.Bounds = append(row.Bounds, float64(r.Loss.BoundMS))
			dot.Title += ", bound " + human(r.Loss.BoundMS)
		}
		row.Dots = append(row.Dots, dot)
	}
	if p.summary != nil {
		if s := k.median(*p.summary); s.Of > 0 {
			half := float64(s.P50)
			row.Median = &half
		}
	}
	return row
}

func saidOf(rows []chart.Row, limits []chart.Limit) string {
	var said []string
	for _, r := range rows {
		var figures []string
		for _, d := range r.Dots {
			figure := human(int64(d.MS))
			if d.Open {
				figure = beyond(int64(d.MS))
			}
			figures = append(figures, figure)
		}
		if len(figures) == 0 {
			said = append(said, r.Name+": no figures.")
			continue
		}
		said = append(said, r.Name+": "+strings.Join(figures, ", ")+".")
	}
	for _, l := range limits {
		said = append(said, l.Name+".")
	}
	return strings.Join(said, " ")
}

var dotsLegend = []entry{
	{chart.AsMark, chart.SeriesA, "a run"},
	{chart.AsMark, chart.Uncounted, "one that is not counted"},
	{chart.AsLine, chart.Median, "the median"},
}

func unrecoveredFor(r policy.Run) int64 { return r.Unrecovered }

// openLegend is that of dots some of which had not ended, where there are such.
func openLegend(groups []group) []entry {
	legend := dotsLegend[:len(dotsLegend):len(dotsLegend)]
	for _, g := range groups {
		for _, p := range g.points {
			if slices.ContainsFunc(p.runs, func(r policy.Run) bool { return r.Unrecovered > 0 }) {
				return append(legend, entry{chart.AsMark, chart.Unended, "one that was not back when watching ended: it took longer"})
			}
		}
	}
	return legend
}

func recoveredSpreads(result policy.Result, groups []group) spreadsView {
	k := spreadOf{
		id: "recovered", title: "From the strike to the first write",
		figure:  func(r policy.Run) (int64, bool) { return r.Recovered, r.Recovered > 0 },
		atLeast: unrecoveredFor, median: func(s policy.Summary) policy.Spread { return s.Recovered },
	}
	v := spreadsView{
		Title: "How long until it serves again", Legend: openLegend(groups),
		Text: "From the strike to the first acknowledged write of the recovered cluster, with whatever time it took to begin. A dot is a run.",
	}
	if rto := result.Policy.Targets.RTO; rto > 0 {
		k.limits = []chart.Limit{{MS: float64(time.Duration(rto).Milliseconds()), Name: "RTO " + spanOf(rto)}}
		v.Legend = append(v.Legend[:len(v.Legend):len(v.Legend)], entry{chart.AsLine, chart.Target, "the target"})
	}
	v.Pictures = k.pictures(groups)
	return v
}

func outageSpreads(groups []group) spreadsView {
	k := spreadOf{
		id: "outage", title: "Outage",
		figure:  func(r policy.Run) (int64, bool) { return r.Phases[policy.Outage], r.Phases[policy.Outage] > 0 },
		atLeast: unrecoveredFor, median: func(s policy.Summary) policy.Spread { return s.Phases[policy.Outage] },
	}
	return spreadsView{
		Title: "Outage", Legend: openLegend(groups), Pictures: k.pictures(groups),
		Text: "All gaps longer than 250 ms without an acknowledged write, added up.",
	}
}

func lossSpreads(result policy.Result, groups []group) spreadsView {
	k := spreadOf{
		id: "loss", title: "Loss", bounds: true,
		figure: func(r policy.Run) (int64, bool) {
			if r.Loss == nil {
				return 0, false
			}
			return r.Loss.LostMS, true
		},
		median: func(s policy.Summary) policy.Spread { return s.LostMS },
	}
	v := spreadsView{
		Title: "How much is lost",
		Text:  "From the first lost acknowledgement to the last, beside the most that this policy explains in the same run: its interval, a backup, what the strike took, and late timers.",
		Legend: append(dotsLegend[:len(dotsLegend):len(dotsLegend)],
			entry{chart.AsLine, chart.Bound, "the bound of a run"}, entry{chart.AsMark, chart.Failed, "a loss beyond it"}),
	}
	if rpo := result.Policy.Targets.RPO; rpo > 0 {
		if result.Sweep.TimeScale > 1 {
			v.Text += " The RPO is not drawn: it is in real time, and this axis is not."
		} else {
			k.limits = []chart.Limit{{MS: float64(time.Duration(rpo).Milliseconds()), Name: "RPO " + spanOf(rpo)}}
			v.Legend = append(v.Legend, entry{chart.AsLine, chart.Target, "the target"})
		}
	}
	v.Pictures = k.pictures(groups)
	return v
}
