package render

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// SweepMarkdown is the result of a policy's sweep for a pull request or the summary
// of a CI job.
func SweepMarkdown(r policy.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Policy %s: %s\n\n", plain(r.Policy.Name), strings.ToUpper(r.Verdict().String()))
	for _, line := range sweepHead(r) {
		fmt.Fprintf(&b, "- **%s**: %s\n", line.Name, plain(line.Value))
	}
	b.WriteString("\n### Targets\n\n")
	rows := [][]string{{"verdict", "target", "figures", "in detail"}}
	for _, t := range r.Targets {
		rows = append(rows, []string{shout(t.Verdict), t.Target, targetFigures(t), plain(t.Detail)})
	}
	b.WriteString(markdown(rows, 3))
	if runs := notHeld(r); len(runs) > 0 {
		b.WriteString("\n### Runs to look at\n\n")
		for _, run := range runs {
			fmt.Fprintf(&b, "- %s, number %d, seed %d: %s\n", plain(run.Title()), run.Number, run.Seed, plain(trouble(run)))
		}
	}
	b.WriteString("\n### Measured\n")
	groups, _ := groupsOf(r)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n#### %s\n\n", plain(g.title()))
		b.WriteString(markdown(g.overview(), 11) + "\n")
		notes := g.unrecovered()
		for _, note := range notes {
			fmt.Fprintf(&b, "- %s: %s\n", note.Name, note.Value)
		}
		if len(notes) > 0 {
			b.WriteString("\n")
		}
		b.WriteString(markdown(g.phases(), 7))
	}
	b.WriteString("\n### Computed, not measured\n\n")
	paragraph(&b, "A straight line through each phase over the size of the database. It holds between the sizes that were measured.")
	for _, g := range groups {
		if rows := g.fits(r); len(rows) > 1 {
			fmt.Fprintf(&b, "%s\n\n%s\n", plain(g.title()), markdown(rows, 8))
		}
	}
	for _, why := range r.Unfitted {
		fmt.Fprintf(&b, "- no line: %s\n", plain(why))
	}
	if len(r.Unfitted) > 0 {
		b.WriteString("\n")
	}
	if len(r.Alternatives) == 0 {
		b.WriteString("No other policy is computed: no backup was seen that was restored.\n")
		return b.String()
	}
	paragraph(&b, "Other policies, by what was measured at the largest size.")
	rows = alternatives(r)
	rows[0] = append(rows[0], "")
	for i, a := range r.Alternatives {
		rows[i+1] = append(rows[i+1], plain(a.Detail))
	}
	b.WriteString(markdown(rows, 7))
	return b.String()
}
