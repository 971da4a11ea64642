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
	switch t.Change {
	case trend.Slower:
		word = s.paint(red, s.paint(bold, word))
	case trend.TooFew:
		word = s.paint(yellow, s.paint(bold, word))
	case trend.Faster, trend.Unchanged:
		word = s.paint(green, s.paint(bold, word))
	}
	b.WriteString(word + "  " + trendWords(t) + "\n\n")
	s.table(&b, trendSources(t))
	if len(t.Differences) > 0 {
		b.WriteString("\n")
		hang(&b, "  "+s.paint(yellow, "not alike"), figureColumn, strings.Join(t.Differences, "; "))
	}
	for i, r := range t.Rows {
		if i == 0 || t.Rows[i-1].Subject != r.Subject {
			b.WriteString("\n  " + s.paint(bold, r.String()) + "\n")
			s.table(&b, trendRows(t, r.Subject))
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
	for i, r := range t.Rows {
		if i == 0 || t.Rows[i-1].Subject != r.Subject {
			rows := trendRows(t, r.Subject)
			fmt.Fprintf(&b, "\n### %s\n\n%s", plain(r.String()), markdown(rows, len(rows[0])))
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
	first, last := t.Sources[0].Name, t.Sources[len(t.Sources)-1].Name
	switch t.Change {
	case trend.Slower:
		return "restoring takes longer in " + last + " than in " + first
	case trend.Faster:
		return "restoring takes less time in " + last + " than in " + first
	case trend.TooFew:
		return "so few runs cannot tell whether restoring has changed between " + first + " and " + last
	}
	return "between " + first + " and " + last + " no change beyond chance is seen"
}

// trendSources names the files by letters, which the columns of figures bear.
func trendSources(t trend.Trend) [][]string {
	rows := [][]string{{"", "file", "first run", "runs", "counted", "firedrill", "etcd", "cores"}}
	for i, s := range t.Sources {
		cores := "-"
		if s.CPUs > 0 {
			cores = fmt.Sprint(s.CPUs)
		}
		rows = append(rows, []string{strings.ToUpper(letter(i)), s.Name, s.Started.UTC().Format("2006-01-02"), fmt.Sprint(s.Runs), fmt.Sprint(s.Counted), s.Firedrill, s.Etcd, cores})
	}
	return rows
}

// shownSources are the columns that fit on a page: the first and the newest.
func shownSources(n int) []int {
	const most = 4
	shown := []int{0}
	for i := max(1, n-most+1); i < n; i++ {
		shown = append(shown, i)
	}
	return shown
}

func trendRows(t trend.Trend, of trend.Subject) [][]string {
	header := []string{"phase"}
	shown := shownSources(len(t.Sources))
	for _, i := range shown {
		header = append(header, strings.ToUpper(letter(i))+" p50", "worst")
	}
	rows := [][]string{append(header, "ratio", "p", "change")}
	for _, r := range t.Rows {
		if r.Subject != of {
			continue
		}
		row := []string{string(r.Phase)}
		for _, i := range shown {
			row = append(row, p50(r.Figures[i]), worst(r.Figures[i]))
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

func trendMethod(t trend.Trend) string {
	var names []string
	for _, r := range t.Rows {
		if name := string(r.Phase); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	text := fmt.Sprintf("The last file is held against the first by the two-sided Mann-Whitney U test; p is adjusted for the number of all rows (Benjamini and Hochberg; slower and faster apart), and below %g it is called a change. The ratio is that of the medians. Phases: %s.",
		statistics.Alpha, strings.Join(names, ", "))
	if len(shownSources(len(t.Sources))) < len(t.Sources) {
		text += " Of the files in between the newest are shown."
	}
	return text
}
