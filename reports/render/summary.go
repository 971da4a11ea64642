package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

const (
	figureColumn = 14
	checkColumn  = 17
)

// Summary is a report as a person reads it in ten seconds: the verdict and what
// decided it, the figures, the members, then every finding. What did not hold
// comes with the operations that show it, and the way to run it again.
func (s Style) Summary(r reports.Report) string {
	r = legible(r)
	var b strings.Builder
	head := fmt.Sprintf("%s on %s, etcd %s, seed %d", r.Scenario, r.Runtime, orUnknown(r.EtcdVersion), r.Seed)
	if r.Strict {
		head += ", strict"
	}
	b.WriteString(s.verdict(r.Verdict, s.paint(bold, strings.ToUpper(r.Verdict.String()))) + "  " + head + "\n")
	if why := decisive(r); why != "" {
		hang(&b, "  because", figureColumn, why)
	}
	b.WriteString("\n")
	s.figures(&b, r)
	members(&b, r)
	s.gameDay(&b, r)
	for _, kind := range []harness.FindingKind{harness.Promise, harness.Premise, harness.Hazard} {
		s.findings(&b, r.Findings, kind)
	}
	s.wayBack(&b, r)
	return b.String()
}

func orUnknown(version string) string {
	if version == "" {
		return "of unknown version"
	}
	return version
}

// decisive is the finding that decided a verdict other than Held.
func decisive(r reports.Report) string {
	if r.Verdict == harness.Held {
		return ""
	}
	counts := func(f harness.Finding) bool {
		return f.Kind == harness.Promise || f.Kind == harness.Hazard && r.Strict
	}
	unmet := slices.IndexFunc(r.Findings, func(f harness.Finding) bool { return f.Kind == harness.Premise && f.Verdict != harness.Held })
	if unmet >= 0 {
		return "a premise was not met: " + r.Findings[unmet].Detail
	}
	for _, f := range r.Findings {
		if counts(f) && f.Verdict == r.Verdict {
			return f.Check + ": " + f.Detail
		}
	}
	return "nothing was promised"
}

func (s Style) figures(b *strings.Builder, r reports.Report) {
	hang(b, "  outage", figureColumn, outage(r))
	for _, g := range r.Gaps {
		length := human(g.MS)
		if g.Open {
			length = "≥ " + length
		}
		hang(b, fmt.Sprintf("%*s%10s  at %8.3f s", figureColumn, "", length, float64(g.From)/1000), figureColumn+27, g.Cause)
	}
	if r.Phases.Detection > 0 {
		hang(b, "  detection", figureColumn, detected(r))
	}
	if text := restored(r.Phases); text != "" {
		hang(b, "  recovery", figureColumn, text)
	}
	if r.Phases.Redundancy > 0 {
		since := "the procedure began"
		if r.Procedure.Outcome == "none" {
			since = "the strike"
		}
		hang(b, "  redundancy", figureColumn, human(r.Phases.Redundancy)+" after "+since)
	} else {
		hang(b, "  redundancy", figureColumn, "not seen")
	}
	hang(b, "  loss", figureColumn, loss(r.Loss))
	if r.Procedure.Outcome != "none" {
		hang(b, "  procedure", figureColumn, procedure(r))
	}
	for _, why := range r.Unfit {
		hang(b, s.paint(yellow, "  unfit"), figureColumn, "figures are not to be relied upon: "+why)
	}
}

func outage(r reports.Report) string {
	if r.OutageUnmeasured != "" {
		return "not measured: " + r.OutageUnmeasured
	}
	if len(r.Gaps) == 0 {
		if r.StockOutage > 0 {
			return "no gap longer than 250 ms; " + stock(r)
		}
		return "no gap longer than 250 ms"
	}
	text := human(r.Phases.Outage)
	if r.OutageOpen {
		text = "at least " + text
	}
	if n := len(r.Gaps); n > 1 {
		text += fmt.Sprintf(" in %d gaps, %s from the first to the last", n, human(r.Phases.OutageSpan))
	}
	if r.OutageOpen {
		text += "; service did not come back"
	}
	if r.StockOutage > 0 {
		text += "; " + stock(r)
	}
	return text
}

func stock(r reports.Report) string {
	if r.StockOutageOpen {
		return "a stock client: at least " + human(r.StockOutage)
	}
	return "a stock client: " + human(r.StockOutage)
}

// detected is when the strike was seen; of a game day, not by whom it is about.
func detected(r reports.Report) string {
	text := human(r.Phases.Detection) + " after the strike"
	if r.GameDay != nil {
		text += ", by a probe"
	}
	if l := r.Listed; l != nil && l.Answered {
		text += "; a linearizable member list was answered after " + human(l.Took)
	} else if l != nil {
		text += "; a linearizable member list was not answered in " + human(l.Took)
	}
	return text
}

// deadline is what was left to the procedure; to people, on a clock of their own.
func deadline(r reports.Report) string {
	if r.GameDay != nil {
		return "deadline " + chart.Time(float64(r.Procedure.Within)) + ", pauses left out"
	}
	return "deadline " + limit(time.Duration(r.Procedure.Within)*time.Millisecond)
}

func restored(p reports.Phases) string {
	var parts []string
	if p.Fetch > 0 {
		parts = append(parts, "backup on the hosts after "+human(p.Fetch))
	}
	if p.Restore > 0 {
		parts = append(parts, "data directories ready after "+human(p.Restore))
	}
	return strings.Join(parts, ", ")
}

func loss(l *reports.Loss) string {
	switch {
	case l == nil:
		return "unknown: no consistent cut was found"
	case l.LostWrites == 0:
		return fmt.Sprintf("none of %s", plural(l.AckedWrites, "acknowledged write"))
	}
	text := fmt.Sprintf("%d of %s", l.LostWrites, plural(l.AckedWrites, "acknowledged write"))
	if l.LostSpan > 0 {
		text += ", spanning " + human(l.LostSpan)
	}
	if l.Cut > 0 {
		text += fmt.Sprintf(" (those after revision %d)", l.Cut)
	}
	return text
}

func procedure(r reports.Report) string {
	text := r.Procedure.Outcome
	if r.Procedure.Within > 0 {
		text += ", " + deadline(r)
	}
	if r.Procedure.Detail != "" {
		text += ": " + r.Procedure.Detail
	}
	return text
}

func members(b *strings.Builder, r reports.Report) {
	const column = figureColumn + len("before  ")
	before := memberList(r.MembersBefore, r.MemberIDsBefore, r.ClusterIDBefore)
	if len(r.MembersBefore) == 0 && r.OutageUnmeasured != "" {
		before = "there was no cluster yet"
	}
	hang(b, "  members     before", column, before)
	hang(b, "              after", column, memberList(r.MembersAfter, r.MemberIDsAfter, r.ClusterIDAfter))
}

// memberList shows names with the first digits of their IDs, enough to see
// whether a member of the same name is the same member.
func memberList(names []string, ids map[string]string, cluster string) string {
	if len(names) == 0 {
		return "nobody was heard"
	}
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name
		if id := ids[name]; !strings.Contains(name, id) {
			parts[i] += "=" + id[:min(len(id), 6)]
		}
	}
	return strings.Join(parts, " ") + ", cluster " + cluster
}

func (s Style) findings(b *strings.Builder, all []harness.Finding, kind harness.FindingKind) {
	title := map[harness.FindingKind]string{harness.Promise: "promises", harness.Premise: "premises", harness.Hazard: "hazards"}[kind]
	first := true
	for _, f := range all {
		if f.Kind != kind {
			continue
		}
		if first {
			b.WriteString("\n  " + s.paint(bold, title) + "\n")
			first = false
		}
		hang(b, "    "+s.verdict(f.Verdict, s.word(f)), checkColumn, s.paint(bold, f.Check)+": "+f.Detail)
		if f.Verdict == harness.Held {
			continue
		}
		for _, op := range f.Offending {
			hang(b, strings.Repeat(" ", checkColumn)+"- ", checkColumn+2, op)
		}
	}
}

// word is what a finding's verdict means in its place: a hazard that does not
// hold was met, not promised.
func (s Style) word(f harness.Finding) string {
	if f.Kind == harness.Hazard {
		return [...]string{harness.Inconclusive: "not seen", harness.Held: "absent", harness.Violated: "PRESENT"}[f.Verdict]
	}
	return shout(f.Verdict)
}

func (s Style) wayBack(b *strings.Builder, r reports.Report) {
	if r.Directory == "" && r.Verdict == harness.Held {
		return
	}
	b.WriteString("\n")
	if r.Directory != "" {
		b.WriteString("  evidence    " + r.Directory + "\n")
	}
	if r.Verdict != harness.Held && r.Rerun != "" {
		b.WriteString("  run again   " + r.Rerun + "\n")
	}
}
