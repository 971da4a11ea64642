package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports/statistics"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

// Trend is reports side by side as a person reads them: what has changed first.
func (s Style) Trend(t trend.Trend) string {
	var b strings.Builder
	word := strings.ToUpper(string(t.Change))
	switch {
	case t.Change.Worse():
		word = s.paint(red, s.paint(bold, word))
	case t.Change == trend.TooFew:
		word = s.paint(yellow, s.paint(bold, word))
	default:
		word = s.paint(green, s.paint(bold, word))
	}
	b.WriteString(word + "  " + trendWords(t) + "\n\n")
	s.table(&b, trendSources(t))
	if len(t.Differences) > 0 {
		b.WriteString("\n")
		hang(&b, "  "+s.paint(yellow, "not alike"), figureColumn, strings.Join(t.Differences, "; "))
	}
	for _, r := range t.Recoveries {
		rows, failed := trendRows(t, r), trendRecovery(t, r)
		if len(rows) < 2 && failed == "" {
			continue
		}
		b.WriteString("\n  " + s.paint(bold, r.String()) + "\n")
		if len(rows) > 1 {
			s.table(&b, rows)
		}
		if failed != "" {
			hang(&b, "    "+s.paint(yellow, "not recovered"), unrecoveredColumn, failed)
		}
	}
	b.WriteString("\n")
	for _, line := range fold(trendMethod(t), Width-2) {
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}

// TrendMarkdown is the same for a pull request or the summary of a CI job.
func TrendMarkdown(t trend.Trend) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Restore time: %s\n\n", strings.ToUpper(string(t.Change)))
	paragraph(&b, plain(trendWords(t)))
	b.WriteString(markdown(escaped(trendSources(t)), len(trendSources(t)[0])))
	if len(t.Differences) > 0 {
		text := "**Not made under the same conditions**: " + plain(strings.Join(t.Differences, "; "))
		b.WriteString("\n" + strings.Join(fold(text, Width), "\n") + "\n")
	}
	for _, r := range t.Recoveries {
		rows, failed := trendRows(t, r), trendRecovery(t, r)
		if len(rows) < 2 && failed == "" {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n", plain(r.String()))
		if len(rows) > 1 {
			b.WriteString("\n" + markdown(rows, len(rows[0])))
		}
		if failed != "" {
			b.WriteString("\n" + strings.Join(fold("**Not recovered**: "+plain(failed), Width), "\n") + "\n")
		}
	}
	b.WriteString("\n")
	b.WriteString(strings.Join(fold(plain(trendMethod(t)), Width), "\n") + "\n")
	return b.String()
}

func escaped(rows [][]string) [][]string {
	for _, row := range rows {
		for i := range row {
			row[i] = plain(row[i])
		}
	}
	return rows
}

func trendWords(t trend.Trend) string {
	if len(t.Sources) < 2 {
		return "one file alone has no trend"
	}
	from, to := t.Sources[0], t.Sources[len(t.Sources)-1]
	first, last := from.Name, to.Name
	failed := ""
	if to.Unrecovered > 0 {
		failed = fmt.Sprintf("; in %s %d of %d runs did not recover", last, to.Unrecovered, to.Counted)
	}
	switch t.Change {
	case trend.NoLonger:
		return "what always recovered in " + first + " no longer does in " + last + failed
	case trend.LessOften:
		return "recoveries fail more often in " + last + " than in " + first + failed
	case trend.MoreOften:
		return "recoveries fail less often in " + last + " than in " + first + failed
	case trend.Slower:
		return "restoring takes longer in " + last + " than in " + first + failed
	case trend.Faster:
		return "restoring takes less time in " + last + " than in " + first + failed
	case trend.TooFew:
		return "so few runs cannot tell whether restoring has changed between " + first + " and " + last + failed
	}
	return "between " + first + " and " + last + " no change beyond chance is seen" + failed
}

// trendSources names the files by letters, which the columns of figures bear.
func trendSources(t trend.Trend) [][]string {
	rows := [][]string{{"", "file", "first run", "runs", "counted", "not recovered", "firedrill", "etcd", "cores"}}
	for i, s := range t.Sources {
		cores := "-"
		if s.CPUs > 0 {
			cores = fmt.Sprint(s.CPUs)
		}
		rows = append(rows, []string{strings.ToUpper(letter(i)), s.Name, s.Started.UTC().Format("2006-01-02"), fmt.Sprint(s.Runs), fmt.Sprint(s.Counted), fmt.Sprint(s.Unrecovered), s.Firedrill, s.Etcd, cores})
	}
	return rows
}

// shownSources are the columns that fit on a page: the first and the newest.
func shownSources(n int) []int {
	const most = 3
	shown := []int{0}
	for i := max(1, n-most+1); i < n; i++ {
		shown = append(shown, i)
	}
	return shown
}

func trendRows(t trend.Trend, of trend.Recovery) [][]string {
	header := []string{"phase"}
	shown := shownSources(len(t.Sources))
	for _, i := range shown {
		header = append(header, strings.ToUpper(letter(i))+" p50", "worst", "n")
	}
	rows := [][]string{append(header, "ratio", "p", "change")}
	for _, r := range t.Rows {
		if r.Subject != of.Subject {
			continue
		}
		row := []string{string(r.Phase)}
		for _, i := range shown {
			row = append(row, p50(r.Figures[i]), worst(r.Figures[i]), figuresOfRuns(r.Figures[i].Of, of.Counted[i]))
		}
		ratio, p := "-", "-"
		if r.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.P < 1 || r.Change == trend.Unchanged {
			p = fmt.Sprintf("%.3f", r.Adjusted)
		}
		change := string(r.Change)
		if r.Change == trend.Slower {
			change = strings.ToUpper(change)
		}
		rows = append(rows, append(row, ratio, p, change))
	}
	return rows
}

// figuresOfRuns is how many figures a row has, of how many runs that count where not each
// has one.
func figuresOfRuns(figures, counted int) string {
	switch {
	case counted == 0:
		return "-"
	case figures == counted:
		return fmt.Sprint(figures)
	}
	return fmt.Sprintf("%d/%d", figures, counted)
}

// unrecoveredColumn is where what did not recover is told, under a table.
const unrecoveredColumn = 19

// trendRecovery tells how many runs of a subject did not recover; "": every one did.
func trendRecovery(t trend.Trend, r trend.Recovery) string {
	if slices.Max(r.Unrecovered) == 0 {
		return ""
	}
	var counts []string
	for _, i := range shownSources(len(t.Sources)) {
		counts = append(counts, fmt.Sprintf("%s %d of %d", strings.ToUpper(letter(i)), r.Unrecovered[i], r.Counted[i]))
	}
	text := strings.Join(counts, ", ")
	change := string(r.Change)
	if r.Change.Worse() {
		change = strings.ToUpper(change)
	}
	if r.P < 1 {
		text += fmt.Sprintf("; p %.3f", r.Adjusted)
	}
	return text + ": " + change
}

func trendMethod(t trend.Trend) string {
	var names []string
	for _, r := range t.Rows {
		if name := string(r.Phase); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	text := fmt.Sprintf("The last file is held against the first by the two-sided Mann-Whitney U test; p is adjusted for the number of all rows (Benjamini and Hochberg; slower and faster apart), and below %g it is called a change. The ratio is that of the medians; n is how many figures there are, of how many runs that count where not each has one. Phases: %s.",
		statistics.Alpha, strings.Join(names, ", "))
	if slices.ContainsFunc(t.Recoveries, func(r trend.Recovery) bool { return slices.Max(r.Unrecovered) > 0 }) {
		text += " Of what did not recover there are no figures: whether that is more than it was is told by Fisher's exact test, adjusted alike; where it is, be it by chance, what the others took is called neither unchanged nor faster."
	}
	if len(shownSources(len(t.Sources))) < len(t.Sources) {
		text += " Of the files in between the newest are shown."
	}
	return text
}
