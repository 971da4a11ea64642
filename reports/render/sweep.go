package render

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

const sweepColumn = 14

// Sweep is the result of a policy's sweep as a person reads it: the verdict and
// each target, what was measured, and apart from it what was computed.
func (s Style) Sweep(r policy.Result) string {
	var b strings.Builder
	v := r.Verdict()
	b.WriteString(s.verdict(v, s.paint(bold, strings.ToUpper(v.String()))) + "  policy " + r.Policy.Name + "\n")
	for _, line := range sweepHead(r) {
		hang(&b, "  "+line.Name, sweepColumn, line.Value)
	}
	b.WriteString("\n  " + s.paint(bold, "targets") + "\n")
	for _, t := range r.Targets {
		figures := targetFigures(t)
		if figures != "" {
			figures = " (" + figures + ")"
		}
		hang(&b, "    "+s.verdict(t.Verdict, shout(t.Verdict)), checkColumn, s.paint(bold, t.Target)+figures+": "+t.Detail)
	}
	if runs := notHeld(r); len(runs) > 0 {
		b.WriteString("\n  " + s.paint(bold, "runs to look at") + "\n")
		for _, run := range runs {
			hang(&b, "    -", 6, fmt.Sprintf("%s, number %d, seed %d: %s", run.Title(), run.Number, run.Seed, trouble(run)))
		}
	}
	groups, _ := groupsOf(r)
	for _, g := range groups {
		b.WriteString("\n  " + s.paint(bold, "measured") + "  " + g.title() + "\n")
		s.table(&b, g.overview())
		for _, note := range g.unrecovered() {
			hang(&b, "    "+note.Name+":", sweepColumn, note.Value)
		}
		b.WriteString("\n")
		s.table(&b, g.phases())
	}
	b.WriteString("\n  " + s.paint(bold, "computed") + "  a straight line through each phase over the size of the database\n")
	for _, g := range groups {
		if rows := g.fits(r); len(rows) > 1 {
			b.WriteString("    " + g.title() + "\n")
			s.table(&b, rows)
		}
	}
	for _, why := range r.Unfitted {
		hang(&b, "    no line:", sweepColumn, why)
	}
	b.WriteString("\n  " + s.paint(bold, "computed") + "  other policies, by what was measured at the largest size\n")
	if len(r.Alternatives) == 0 {
		b.WriteString("    none: no backup was seen that was restored\n")
		return b.String()
	}
	s.table(&b, alternatives(r))
	for _, a := range r.Alternatives {
		hang(&b, "    "+a.Name+":", sweepColumn+1, a.Detail)
	}
	return b.String()
}

// table is rows under their heading, at a column.
func (s Style) table(b *strings.Builder, rows [][]string) {
	indented(b, 4, s.columns(rows, func(row, _ int, cell string) string {
		if row == 0 {
			return s.paint(dim, cell)
		}
		return cell
	}))
}

// overview is a line for each size: how the drills went, the way back, and the loss.
func (g group) overview() [][]string {
	rows := [][]string{{"size", "snapshot", "runs", "held", "counted", "recovered p50", "worst", "lost p50", "worst", "explained", "above it"}}
	for _, p := range g.points {
		s := p.summary
		if s == nil {
			continue
		}
		rows = append(rows, []string{
			s.Size.String(), p.snapshotSize(), fmt.Sprint(s.Runs), fmt.Sprint(s.Held), fmt.Sprint(s.Counted),
			p50(s.Recovered), worstRecovered(*s), p50(s.LostMS), worst(s.LostMS), worst(s.BoundMS), fmt.Sprint(s.Exceeded),
		})
	}
	return rows
}

// worstRecovered is how long the slowest way back took: for longer than the slowest that
// was seen, where one had not ended by then.
func worstRecovered(s policy.Summary) string {
	if s.UnrecoveredMS > s.Recovered.Worst {
		return beyond(s.UnrecoveredMS)
	}
	return worst(s.Recovered)
}

// beyond is a time that had not ended.
func beyond(ms int64) string { return "> " + human(ms) }

// unrecovered tells, by size, of runs that count and were not seen to recover: they are
// worse than any figure beside them.
func (g group) unrecovered() (notes []fact) {
	for _, p := range g.points {
		if s := p.summary; s != nil && s.Unrecovered > 0 {
			text := notSeen(*s)
			if s.UnrecoveredMS > 0 {
				text += fmt.Sprintf(", and one had no service for more than %s", human(s.UnrecoveredMS))
			}
			if s.Recovered.Of > 0 {
				text += "; p50 is of the others"
			}
			notes = append(notes, fact{s.Size.String(), text})
		}
	}
	return notes
}

func notSeen(s policy.Summary) string {
	return fmt.Sprintf("not seen to recover in %d of %d", s.Unrecovered, s.Counted)
}

// snapshotSize is how large the largest snapshot was that a point's runs restored.
func (p pointOf) snapshotSize() string {
	var bytes int64
	for _, run := range p.runs {
		bytes = max(bytes, run.DatabaseBytes)
	}
	if bytes == 0 {
		return "-"
	}
	return policy.Size(bytes).String()
}

// phases is a line for each phase and size.
func (g group) phases() [][]string {
	rows := [][]string{{"phase", "size", "p50", "median between", "p95", "worst", "of"}}
	for _, phase := range policy.Phases() {
		for _, p := range g.points {
			if p.summary == nil {
				continue
			}
			if spread, ok := p.summary.Phases[phase]; ok {
				rows = append(rows, []string{string(phase), p.Size.String(), p50(spread), between(spread), p95(spread), worst(spread), fmt.Sprint(spread.Of)})
			}
		}
	}
	return rows
}

func p50(s policy.Spread) string {
	if s.Of == 0 {
		return "-"
	}
	return human(s.P50)
}

func worst(s policy.Spread) string {
	if s.Of == 0 {
		return "-"
	}
	return human(s.Worst)
}

func p95(s policy.Spread) string {
	if s.P95 == nil {
		return "too few runs"
	}
	return human(*s.P95)
}

func between(s policy.Spread) string {
	if s.Low == nil || s.High == nil {
		return "too few runs"
	}
	return fmt.Sprintf("%s – %s (%.0f %%)", human(*s.Low), human(*s.High), math.Floor(100*s.Confidence))
}

// fits is a line for each phase through which one was drawn.
func (g group) fits(r policy.Result) [][]string {
	rows := [][]string{{"phase", "fixed", "per GiB", "R²", "residual", "worst off", "of", "between"}}
	for _, phase := range phasesOf(r.Fits) {
		if f, ok := g.fit(r.Fits, phase); ok {
			rows = append(rows, []string{
				string(f.Phase), signed(f.Fixed), signed(f.PerGiB), fmt.Sprintf("%.3f", f.R2), human(int64(f.Residual + 0.5)), human(int64(f.Worst + 0.5)),
				fmt.Sprint(f.Figures), policy.Size(f.From).String() + " – " + policy.Size(f.To).String(),
			})
		}
	}
	return rows
}

// signed shows milliseconds that may be below 0, as a line's may.
func signed(ms float64) string {
	if ms <= -0.5 {
		return "−" + human(int64(-ms+0.5))
	}
	return human(int64(ms + 0.5))
}

// alternatives is a line for each policy.
func alternatives(r policy.Result) [][]string {
	rows := [][]string{{"policy", "interval", "kept", "stored", "a day", "lost at worst", "within the RPO"}}
	for _, a := range r.Alternatives {
		kept, stored := "all", "grows for ever"
		if a.Count > 0 {
			kept, stored = fmt.Sprint(a.Count), policy.Size(a.Bytes).String()
		}
		meets := "no such target"
		if a.MeetsRPO != nil {
			meets = map[bool]string{true: "yes", false: "NO"}[*a.MeetsRPO]
		}
		rows = append(rows, []string{a.Name, spanOf(a.Interval), kept, stored, fmt.Sprintf("%.3g", a.SnapshotsPerDay), lasting(a.LossMS), meets})
	}
	return rows
}

// notHeld are the runs that somebody must look at, in order.
func notHeld(r policy.Result) []policy.Run {
	return slices.DeleteFunc(slices.Clone(r.Runs), func(run policy.Run) bool {
		return run.Broke == "" && run.Verdict == harness.Held && len(run.Unfit) == 0 && run.Unrecovered == 0 && (run.Loss == nil || !run.Loss.Exceeded())
	})
}

// trouble says what is wrong with a run.
func trouble(run policy.Run) string {
	var parts []string
	if run.Broke != "" {
		text, _, _ := strings.Cut(run.Broke, "\n")
		parts = append(parts, "the harness broke: "+text)
	} else if run.Verdict != harness.Held {
		parts = append(parts, shout(run.Verdict))
	}
	if len(run.Failed) > 0 {
		parts = append(parts, "not held: "+strings.Join(run.Failed, ", "))
	}
	if run.Loss != nil && run.Loss.Exceeded() {
		age := ""
		if run.Loss.AgeMS > 0 {
			age = fmt.Sprintf(", by a backup that was %s old", human(run.Loss.AgeMS))
		}
		parts = append(parts, fmt.Sprintf("lost %s%s, and the policy explains %s", human(run.Loss.LostMS), age, human(run.Loss.BoundMS)))
	}
	if run.Unrecovered > 0 {
		parts = append(parts, fmt.Sprintf("no service for more than %s, and it was not back when watching ended", human(run.Unrecovered)))
	}
	for _, why := range run.Unfit {
		parts = append(parts, "figures not counted: "+why)
	}
	return strings.Join(parts, "; ")
}
