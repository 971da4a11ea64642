package render

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

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
		hang(&b, "  "+line[0], sweepColumn, line[1])
	}
	b.WriteString("\n  " + s.paint(bold, "targets") + "\n")
	for _, t := range r.Targets {
		hang(&b, "    "+s.verdict(t.Verdict, shout(t.Verdict)), checkColumn, s.paint(bold, t.Target)+targetFigures(t)+": "+t.Detail)
	}
	if runs := notHeld(r); len(runs) > 0 {
		b.WriteString("\n  " + s.paint(bold, "runs to look at") + "\n")
		for _, run := range runs {
			hang(&b, "    -", 6, fmt.Sprintf("%s, number %d, seed %d: %s", run.Title(), run.Number, run.Seed, trouble(run)))
		}
	}
	for _, g := range laddersOf(r) {
		b.WriteString("\n  " + s.paint(bold, "measured") + "  " + g.title() + "\n")
		s.table(&b, g.overview(r))
		b.WriteString("\n")
		s.table(&b, g.phases())
	}
	b.WriteString("\n  " + s.paint(bold, "computed") + "  a straight line through each phase over the size of the database\n")
	for _, g := range laddersOf(r) {
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

// sweepHead is what must be known to read the figures, as labels and texts.
func sweepHead(r policy.Result) [][2]string {
	made := 0
	for _, run := range r.Runs {
		if run.Broke == "" {
			made++
		}
	}
	runs := fmt.Sprintf("%d of %d drills, %s each of %s", made, r.Planned, plural(int64(r.Sweep.Runs), "run"), plural(int64(len(r.Points())), "point"))
	if !r.Finished {
		runs += "; NOT FINISHED"
	}
	head := [][2]string{
		{"runs", runs},
		{"policy", policyWords(r.Policy)},
		{"time scale", scaleWords(r)},
		{"ran on", machineWords(r)},
		{"begun", r.Started.UTC().Format("2006-01-02 15:04 MST")},
	}
	for _, note := range r.Notes() {
		head = append(head, [2]string{"note", note})
	}
	return head
}

func policyWords(p policy.Policy) string {
	text := fmt.Sprintf("a snapshot every %s", p.Interval)
	switch keep := p.Retention; {
	case keep.Count > 0 && keep.Age > 0:
		text += fmt.Sprintf("; %d are kept, none older than %s", keep.Count, keep.Age)
	case keep.Count > 0:
		text += fmt.Sprintf("; %d are kept", keep.Count)
	case keep.Age > 0:
		text += fmt.Sprintf("; kept for %s", keep.Age)
	default:
		text += "; all are kept"
	}
	if p.Verify == policy.VerifyNone {
		text += "; not verified when taken"
	} else {
		text += "; verified by the trailer when taken"
	}
	if p.Store == "" {
		return text + "; in a store of the drill's own"
	}
	return text + "; in " + p.Store
}

// scaleWords is in every output, for a compressed figure is none of production's.
func scaleWords(r policy.Result) string {
	if r.Sweep.TimeScale <= 1 {
		return "1: the interval in the drills was that of the policy"
	}
	return fmt.Sprintf("%g: in the drills the interval of %s was %s, and ages as much shorter; what etcd and the disk need is not compressed",
		r.Sweep.TimeScale, r.Policy.Interval, policy.Duration(r.Sweep.Scaled(r.Policy.Interval).Round(time.Millisecond)))
}

func machineWords(r policy.Result) string {
	m := r.Machine
	parts := []string{r.Runtime, "etcd " + orUnknown(r.Etcd), "firedrill " + r.Firedrill, plural(int64(m.CPUs), "core")}
	if m.Model != "" {
		parts[3] += " of " + m.Model
	}
	if m.Memory > 0 {
		parts = append(parts, policy.Size(m.Memory).String()+" of memory")
	}
	parts = append(parts, strings.TrimSpace(m.OS+" "+m.Kernel))
	if m.Disk != "" {
		parts = append(parts, "disk: "+m.Disk)
	}
	if r.Image != "" {
		parts = append(parts, "image "+r.Image)
	}
	if r.EtcdBin != "" {
		parts = append(parts, "binaries of "+r.EtcdBin)
	}
	if len(r.EtcdArgs) > 0 {
		parts = append(parts, "etcd with "+strings.Join(r.EtcdArgs, " "))
	}
	return strings.Join(parts, ", ")
}

func targetFigures(t policy.Verdict) string {
	switch {
	case t.Wanted == 0:
		return ""
	case unseen(t):
		return " of " + lasting(t.Wanted) + " at most"
	}
	return fmt.Sprintf(" %s of %s", lasting(t.Worst), lasting(t.Wanted))
}

// unseen tells whether a target has no figure to be held against. A loss of nothing
// is one.
func unseen(t policy.Verdict) bool { return t.Worst == 0 && t.Verdict == harness.Inconclusive }

// lasting shows a time as policies have them, of hours and days too.
func lasting(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d < 10*time.Minute {
		return human(ms)
	}
	return span(d.Round(time.Second))
}

// ladder is the summaries that differ in size alone: what a curve is drawn of.
type ladder struct {
	point     policy.Point // without a size
	summaries []policy.Summary
}

func laddersOf(r policy.Result) []ladder {
	var groups []ladder
	for _, sum := range r.Summaries {
		of := sum.Point
		of.Size = 0
		i := slices.IndexFunc(groups, func(l ladder) bool { return l.point == of })
		if i < 0 {
			i = len(groups)
			groups = append(groups, ladder{point: of})
		}
		groups[i].summaries = append(groups[i].summaries, sum)
	}
	return groups
}

func (l ladder) title() string {
	return fmt.Sprintf("%s, %s, values of %d bytes", l.point.Procedure, plural(int64(l.point.Members), "member"), l.point.ValueSize)
}

// overview is a line for each size: how the drills went, the way back, and the loss.
func (l ladder) overview(r policy.Result) [][]string {
	rows := [][]string{{"size", "snapshot", "runs", "held", "counted", "recovered p50", "worst", "lost p50", "worst", "explained", "above it"}}
	for _, s := range l.summaries {
		rows = append(rows, []string{
			s.Size.String(), snapshotSize(r, s.Point), fmt.Sprint(s.Runs), fmt.Sprint(s.Held), fmt.Sprint(s.Counted),
			p50(s.Recovered), worst(s.Recovered), p50(s.LostMS), worst(s.LostMS), worst(s.BoundMS), fmt.Sprint(s.Exceeded),
		})
	}
	return rows
}

// snapshotSize is how large the largest snapshot was that a point's runs restored.
func snapshotSize(r policy.Result, p policy.Point) string {
	var bytes int64
	for _, run := range r.Runs {
		if run.Point == p {
			bytes = max(bytes, run.DatabaseBytes)
		}
	}
	if bytes == 0 {
		return "-"
	}
	return policy.Size(bytes).String()
}

// phases is a line for each phase and size.
func (l ladder) phases() [][]string {
	rows := [][]string{{"phase", "size", "p50", "median between", "p95", "worst", "of"}}
	for _, phase := range policy.Phases() {
		for _, s := range l.summaries {
			spread, ok := s.Phases[phase]
			if !ok {
				continue
			}
			rows = append(rows, []string{string(phase), s.Size.String(), p50(spread), between(spread), p95(spread), worst(spread), fmt.Sprint(spread.Of)})
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
func (l ladder) fits(r policy.Result) [][]string {
	rows := [][]string{{"phase", "fixed", "per GiB", "R²", "residual", "worst off", "of", "between"}}
	for _, f := range r.Fits {
		if f.Procedure != l.point.Procedure || f.Members != l.point.Members || f.ValueSize != l.point.ValueSize {
			continue
		}
		rows = append(rows, []string{
			string(f.Phase), signed(f.Fixed), signed(f.PerGiB), fmt.Sprintf("%.3f", f.R2), human(int64(f.Residual + 0.5)), human(int64(f.Worst + 0.5)),
			fmt.Sprint(f.Figures), policy.Size(f.From).String() + " – " + policy.Size(f.To).String(),
		})
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
		rows = append(rows, []string{a.Name, a.Interval.String(), kept, stored, fmt.Sprintf("%.3g", a.SnapshotsPerDay), lasting(a.LossMS), meets})
	}
	return rows
}

// notHeld are the runs that somebody must look at, in order.
func notHeld(r policy.Result) []policy.Run {
	return slices.DeleteFunc(slices.Clone(r.Runs), func(run policy.Run) bool {
		return run.Broke == "" && run.Verdict == harness.Held && len(run.Unfit) == 0 && (run.Loss == nil || !run.Loss.Exceeded())
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
	for _, why := range run.Unfit {
		parts = append(parts, "figures not counted: "+why)
	}
	return strings.Join(parts, "; ")
}
