package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// variants shows each family of scenarios with the same disaster side by side, a
// column each, so that what another way to recover gains and costs is seen.
func (c catalogue) variants(b *strings.Builder) {
	for _, base := range c.all {
		family := []harness.Scenario{base}
		for _, sc := range c.all {
			if sc.VariantOf == base.Name {
				family = append(family, sc)
			}
		}
		if len(family) > 1 {
			c.sideBySide(b, family)
		}
	}
}

func (c catalogue) sideBySide(b *strings.Builder, family []harness.Scenario) {
	base := family[0].Name
	b.WriteString("### The variants of " + code(base) + ", side by side\n\n")
	head := []string{"median of the drills"}
	for i, sc := range family {
		name := code(sc.Name)
		if rest, ok := strings.CutPrefix(sc.Name, base); ok && i > 0 {
			name = code("…" + rest)
		}
		head = append(head, name)
	}
	rows := [][]string{head}
	for _, rt := range c.runtimes {
		row := func(label string, cell func(harness.Scenario, reports.Tally) string) []string {
			cells := []string{label}
			for _, sc := range family {
				cells = append(cells, cell(sc, c.tally(sc, rt)))
			}
			return cells
		}
		if !slices.ContainsFunc(family, func(sc harness.Scenario) bool { return c.tally(sc, rt).Drills > 0 }) {
			rows = append(rows, row("**"+rt+"**", func(harness.Scenario, reports.Tally) string { return notMeasured }))
			continue
		}
		rows = append(rows,
			row("**"+rt+"**: outage", func(_ harness.Scenario, t reports.Tally) string { return outageFigure(t) }),
			row("gaps in it", func(_ harness.Scenario, t reports.Tally) string {
				return measured(t, figure(t.Gaps, func(n int64) string { return fmt.Sprint(n) }))
			}),
			row("redundancy", func(_ harness.Scenario, t reports.Tally) string {
				text := figure(t.Redundancy, human)
				if missing := t.Timed - t.Redundancy.Of; missing > 0 && t.Redundancy.Of > 0 {
					text += fmt.Sprintf("; not seen in %d", missing)
				}
				return measured(t, text)
			}),
			row("loss", func(_ harness.Scenario, t reports.Tally) string { return lossFigure(t) }))
		for _, hazard := range hazardsOf(family) {
			rows = append(rows, row("hazard "+code(hazard), func(sc harness.Scenario, t reports.Tally) string {
				if !slices.Contains(checkNames(sc.Hazards), hazard) {
					return "not looked for"
				}
				return hazardFigure(t, hazard)
			}))
		}
	}
	b.WriteString(markdown(rows, len(rows[0])) + "\n")
	paragraph(b, "Redundancy: from the beginning of the procedure until every voter was healthy, had caught up and held the same.")
}

// measured is a figure, or why there is none.
func measured(t reports.Tally, text string) string {
	switch {
	case t.Drills == 0:
		return notMeasured
	case t.Timed == 0:
		return "no figure"
	}
	return text
}

func hazardsOf(all []harness.Scenario) []string {
	var out []string
	for _, sc := range all {
		for _, name := range checkNames(sc.Hazards) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// hazards is the table of hazards, as they were met.
func (c catalogue) hazards(b *strings.Builder) {
	b.WriteString("### Hazards, as measured\n\n")
	paragraph(b, "A hazard is a weakness that the procedure makes no promise about. It was present in a drill if the "+
		"sentence of its check, below, did not hold. In brackets: in which way, where the check tells that apart.")
	rows := [][]string{append([]string{"scenario", "hazard"}, c.runtimes...)}
	v := c.vocabulary()
	var without []string
	for _, sc := range c.all {
		if len(sc.Hazards) == 0 {
			without = append(without, sc.Name)
		}
		rows = append(rows, c.hazardRows(sc, v)...)
	}
	if len(rows) > 1 {
		b.WriteString(markdown(rows, len(rows[0])) + "\n")
	}
	if len(without) > 0 {
		paragraph(b, "No hazard is looked for in "+codes(without)+".")
	}
}

// hazardRows are a scenario's, those of which the same is to be said in one row.
func (c catalogue) hazardRows(sc harness.Scenario, v vocabulary) [][]string {
	var rows [][]string
	for _, hazard := range sc.Hazards {
		cells := c.each(sc, func(t reports.Tally) string { return hazardFigure(t, hazard.Name()) })
		i := slices.IndexFunc(rows, func(row []string) bool { return slices.Equal(row[2:], cells) })
		if i < 0 {
			rows = append(rows, append([]string{code(sc.Name), v.say(hazard)}, cells...))
			continue
		}
		rows[i][1] += ", " + v.say(hazard)
	}
	return rows
}

func hazardFigure(t reports.Tally, hazard string) string {
	h := t.Hazard(hazard)
	judged := h.Present + h.Absent
	var text string
	switch {
	case h.Drills() == 0:
		return notMeasured
	case judged == 0:
		return fmt.Sprintf("not judged in any of %d", h.Drills())
	case h.Present == 0:
		text = fmt.Sprintf("never seen in %d", judged)
	default:
		text = fmt.Sprintf("**present** in %d of %d", h.Present, judged)
	}
	if parts := outcomes(h); len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	if h.Unjudged > 0 {
		text += fmt.Sprintf("; not judged in %d", h.Unjudged)
	}
	return text
}

// outcomes says in which ways a hazard was met, and how often each, the most frequent
// first; nothing where no drill tells.
func outcomes(h reports.HazardTally) []string {
	names := slices.SortedFunc(maps.Keys(h.Outcomes), func(a, b string) int {
		return cmp.Or(cmp.Compare(h.Outcomes[b], h.Outcomes[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%s in %d", plain(strings.ReplaceAll(name, "-", " ")), h.Outcomes[name])
	}
	return parts
}
