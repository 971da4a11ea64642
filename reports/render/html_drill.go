package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// drillView is a drill as its template shows it: everything is words already.
type drillView struct {
	ID       string // where the page's index points to
	Scenario string
	Row      []string // in the index: seed, outage, lost, redundancy, took
	Tone     string   // class of the verdict: held, violated, inconclusive
	Word     string
	Because  string
	Meta     string
	Broke    string // why there is no report; then nothing below is shown

	Figures  []figureView
	Unfit    []string
	Gaps     []gapView
	Members  []memberView
	Faults   []string
	Timeline *timelineView
	GameDay  *gameDayView // nil: no people recovered it
	Findings []findingsView
	Steps    *stepsView
	Backups  []backupView
	Fetches  []fetchView

	Directory, Rerun string
}

// figureView is one of the figures on the first screen.
type figureView struct {
	Name, Value string
	Class       string // "bad", "none" or nothing
	Notes       []string
}

type gapView struct{ At, Length, Cause string }

type memberView struct{ Name, Before, After, Note string }

func viewOf(o Outcome, id string) drillView {
	v := drillView{ID: id, Scenario: o.Scenario}
	if o.Err != nil {
		v.Tone, v.Word = "inconclusive", "The harness broke"
		v.Because = "Nothing is known of the procedure: this drill ended before it could be judged."
		v.Meta = fmt.Sprintf("%s runtime · seed %d", o.Runtime, o.Seed)
		v.Broke = o.Err.Error()
		v.Row = []string{strconv.FormatInt(o.Seed, 10), "", "", "", human(o.Took.Milliseconds())}
		return v
	}
	r := legible(o.Report)
	v.Scenario = r.Scenario
	v.Tone, v.Word, v.Because = r.Verdict.String(), verdictWord(r.Verdict), because(r)
	v.Meta = metaOf(r)
	took := ""
	if o.Took > 0 {
		took = human(o.Took.Milliseconds())
	}
	v.Row = []string{strconv.FormatInt(r.Seed, 10), outageCell(r), lossCell(r.Loss), cell(r.Phases.Redundancy), took}
	v.Figures, v.Unfit = figuresOf(r), r.Unfit
	for _, g := range r.Gaps {
		length := human(g.MS)
		if g.Open {
			length = "≥ " + length
		}
		v.Gaps = append(v.Gaps, gapView{secondsAt(g.From), length, g.Cause})
	}
	v.Members, v.Faults = membersOf(r), faultsOf(r)
	v.Timeline, v.GameDay = timelineOf(r, id), gameDayViewOf(o, r)
	for _, kind := range []harness.FindingKind{harness.Promise, harness.Hazard, harness.Premise} {
		if f := findingsOf(r, kind); len(f.Findings) > 0 {
			v.Findings = append(v.Findings, f)
		}
	}
	if r.GameDay == nil {
		v.Steps = stepsOf(r)
	}
	v.Backups, v.Fetches = backupsOf(r), fetchesOf(r)
	v.Directory, v.Rerun = r.Directory, r.Rerun
	return v
}

// faultsOf is what was broken on purpose, and by whom if it was in addition.
func faultsOf(r reports.Report) []string {
	if r.GameDay == nil || len(r.Strikes) == 0 {
		return r.Faults
	}
	var faults []string
	for _, s := range r.Strikes {
		faults = append(faults, s.Fault+onHosts(s.Hosts)+byWhom(s))
	}
	return faults
}

func verdictWord(v harness.Verdict) string {
	word := v.String()
	return strings.ToUpper(word[:1]) + word[1:]
}

// because says in a sentence what decided the verdict.
func because(r reports.Report) string {
	if r.Verdict != harness.Held {
		return decisive(r)
	}
	promises, hazards := 0, 0
	for _, f := range r.Findings {
		switch {
		case f.Kind == harness.Promise || f.Kind == harness.Hazard && r.Strict:
			promises++
		case f.Kind == harness.Hazard && f.Verdict == harness.Violated:
			hazards++
		}
	}
	text := fmt.Sprintf("Every promise held, %d of %d.", promises, promises)
	switch {
	case hazards == 1:
		text += " One hazard was met: a weakness that the procedure makes no promise about."
	case hazards > 1:
		text += fmt.Sprintf(" %d hazards were met: weaknesses that the procedure makes no promise about.", hazards)
	}
	return text
}

func metaOf(r reports.Report) string {
	parts := []string{r.Runtime + " runtime", "etcd " + orUnknown(r.EtcdVersion), fmt.Sprintf("seed %d", r.Seed)}
	if r.Strict {
		parts = append(parts, "strict")
	}
	if r.GameDay != nil {
		parts = append(parts, "a game day")
	}
	if !r.Started.IsZero() {
		parts = append(parts, r.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if r.CPUs > 0 {
		parts = append(parts, plural(int64(r.CPUs), "CPU"))
	}
	if r.Firedrill != "" {
		parts = append(parts, "firedrill "+r.Firedrill)
	}
	return strings.Join(parts, " · ")
}

// secondsAt is an offset as all of the page shows it, to the millisecond.
func secondsAt(ms int64) string { return fmt.Sprintf("%.3f s", float64(ms)/1000) }

func figuresOf(r reports.Report) []figureView {
	figures := []figureView{outageFigureOf(r), lossFigureOf(r.Loss), redundancyFigureOf(r)}
	if r.Phases.Recovered > 0 {
		figures = append(figures, figureView{
			Name: "First write again", Value: human(r.Phases.Recovered),
			Notes: []string{"after the strike, acknowledged by the recovered cluster"},
		})
	}
	name := "Procedure"
	if r.GameDay != nil {
		name = "The team"
		figures[2].Notes = append(figures[2].Notes, lessPauses(r.GameDay.Redundancy)...)
		if r.Phases.Recovered > 0 {
			figures[3].Notes = append(figures[3].Notes, lessPauses(r.GameDay.Recovery)...)
		}
		figures = append(figures, peopleFigures(r)...)
	}
	if r.Procedure.Outcome != "none" && r.Procedure.Outcome != "" {
		f := figureView{Name: name, Value: r.Procedure.Outcome, Class: "none"}
		if r.Procedure.Outcome == "failed" {
			f.Class = "none bad"
		}
		if r.Procedure.Within > 0 {
			f.Notes = append(f.Notes, deadline(r))
		}
		if r.Procedure.Detail != "" {
			f.Notes = append(f.Notes, r.Procedure.Detail)
		}
		figures = append(figures, f)
	}
	return figures
}

func outageFigureOf(r reports.Report) figureView {
	f := figureView{Name: "Outage", Value: human(r.Phases.Outage)}
	switch {
	case r.OutageUnmeasured != "":
		return figureView{Name: "Outage", Value: "not measured", Class: "none", Notes: []string{r.OutageUnmeasured}}
	case len(r.Gaps) == 0:
		f.Value, f.Class = "none", ""
		f.Notes = append(f.Notes, "no gap longer than 250 ms")
	case r.OutageOpen:
		f.Value, f.Class = "≥ "+f.Value, "bad"
		f.Notes = append(f.Notes, "service did not come back")
	}
	switch n := len(r.Gaps); {
	case n == 1:
		f.Notes = append(f.Notes, "in one gap")
	case n > 1:
		f.Notes = append(f.Notes, fmt.Sprintf("in %d gaps, %s from the first to the last", n, human(r.Phases.OutageSpan)))
	}
	if r.StockOutage > 0 {
		f.Notes = append(f.Notes, stock(r))
	}
	return f
}

func lossFigureOf(l *reports.Loss) figureView {
	switch {
	case l == nil:
		return figureView{Name: "Loss", Value: "unknown", Class: "none", Notes: []string{"no consistent cut was found"}}
	case l.LostWrites == 0:
		return figureView{Name: "Loss", Value: "none", Notes: []string{"of " + commas(l.AckedWrites, "acknowledged write")}}
	}
	f := figureView{Name: "Loss", Value: humanize.Comma(l.LostWrites), Notes: []string{"of " + commas(l.AckedWrites, "acknowledged write")}}
	if l.Cut > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("those after revision %d", l.Cut))
	}
	if l.LostSpan > 0 {
		f.Notes = append(f.Notes, human(l.LostSpan)+" from the first to the last")
	}
	return f
}

// commas is a count as people read long numbers.
func commas(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanize.Comma(n) + " " + noun + "s"
}

func redundancyFigureOf(r reports.Report) figureView {
	if r.Phases.Redundancy == 0 {
		return figureView{Name: "Redundancy", Value: "not seen", Class: "none", Notes: []string{"every member healthy, caught up and equal"}}
	}
	since := "the procedure began"
	if r.Procedure.Outcome == "none" {
		since = "the strike"
	}
	return figureView{Name: "Redundancy", Value: human(r.Phases.Redundancy), Notes: []string{"after " + since + ": every member healthy, caught up and equal"}}
}

// membersOf lays the members before and after side by side, the cluster last.
func membersOf(r reports.Report) []memberView {
	names := map[string]bool{}
	for _, name := range slices.Concat(r.MembersBefore, r.MembersAfter) {
		names[name] = true
	}
	var rows []memberView
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, after := slices.Contains(r.MembersBefore, name), slices.Contains(r.MembersAfter, name)
		row := memberView{Name: name, Before: presence(before, r.MemberIDsBefore[name]), After: presence(after, r.MemberIDsAfter[name])}
		switch {
		case !after && len(r.MembersAfter) == 0:
			row.Note = "nobody was heard"
		case !after:
			row.Note = "gone"
		case !before:
			row.Note = "new"
		case r.MemberIDsBefore[name] == r.MemberIDsAfter[name]:
			row.Note = "the same"
		default:
			row.Note = "new, of the same name"
		}
		rows = append(rows, row)
	}
	if before, after := r.ClusterIDBefore, r.ClusterIDAfter; before != "" || after != "" {
		row := memberView{Name: "cluster", Before: orDash(short(before)), After: orDash(short(after))}
		switch {
		case before == after:
			row.Note = "the same"
		case before != "" && after != "":
			row.Note = "another"
		}
		rows = append(rows, row)
	}
	return rows
}

func presence(there bool, id string) string {
	if !there {
		return "–"
	}
	if id == "" {
		return "member"
	}
	return short(id)
}

// short is the first digits of an ID, as many as tell members apart.
func short(id string) string { return id[:min(len(id), 6)] }

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}
