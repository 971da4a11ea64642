package render

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/etcd-firedrill/firedrill/reports"
)

// doubt marks a figure that is not to be relied upon.
const doubt = " †"

// besideRow is a line of a comparison in words. A cell is never empty: where there
// is no figure it says why.
type besideRow struct {
	Figure                 string
	Team, LessPauses, Book string
	NoTeam, NoBook         bool // Team or Book says why there is none
	Difference, Ratio      string
	line                   reports.Line
}

func besideRows(c reports.Comparison) (rows []besideRow, paused bool) {
	for _, l := range c.Lines {
		row := besideRow{
			Figure: strings.ReplaceAll(string(l.Figure), "-", " "), Difference: "–", Ratio: "–", LessPauses: "–", line: l,
			NoTeam: l.Team.Is == nil, NoBook: l.Book.Is == nil,
		}
		row.Team, row.Book = valueWords(l.Team, l.Unit), valueWords(l.Book, l.Unit)
		if l.Team.LessPauses != nil {
			paused = true
			row.LessPauses = amount(*l.Team.LessPauses, l.Unit)
		}
		bound := ""
		if l.Team.AtLeast {
			bound = "≥ "
		}
		if l.Difference != nil {
			row.Difference = bound + signedAmount(*l.Difference, l.Unit)
		}
		if l.Ratio != nil {
			row.Ratio = bound + times(*l.Ratio)
		}
		rows = append(rows, row)
	}
	return rows, paused
}

// pausesColumn is the column of LessPauses where a comparison is a table of text.
const pausesColumn = 2

// dropped is a row without one of its cells.
func dropped(row []string, column int) []string {
	return slices.Delete(slices.Clone(row), column, column+1)
}

func valueWords(v reports.Value, unit reports.Unit) string {
	if v.Is == nil {
		return v.Absent
	}
	text := amount(*v.Is, unit)
	if v.AtLeast {
		text = "≥ " + text
	}
	if v.Unfit {
		text += doubt
	}
	return text
}

func amount(n int64, unit reports.Unit) string {
	if unit == reports.Milliseconds {
		return human(n)
	}
	return humanize.Comma(n)
}

func signedAmount(n int64, unit reports.Unit) string {
	switch {
	case n < 0:
		return "−" + amount(-n, unit)
	case n > 0:
		return "+" + amount(n, unit)
	}
	return amount(0, unit)
}

// times is a ratio to three figures or so.
func times(ratio float64) string {
	switch {
	case ratio >= 100:
		return humanize.Comma(int64(math.Round(ratio))) + "×"
	case ratio >= 10:
		return strconv.FormatFloat(ratio, 'f', 1, 64) + "×"
	}
	return strconv.FormatFloat(ratio, 'f', 2, 64) + "×"
}

// doubted tells whether any figure is marked.
func doubted(c reports.Comparison) bool {
	for _, l := range c.Lines {
		if l.Team.Unfit || l.Book.Unfit {
			return true
		}
	}
	return false
}

// caveatsOf is what must be known of a comparison's figures.
func caveatsOf(c reports.Comparison, paused bool) []string {
	caveats := append([]string{}, c.Caveats...)
	if paused {
		caveats = append(caveats, "difference and ratio leave pauses out")
	}
	if doubted(c) {
		caveats = append(caveats, strings.TrimSpace(doubt)+" is not to be relied upon")
	}
	return caveats
}

// bookWords says what was run beside the team.
func bookWords(c reports.Comparison) string {
	return fmt.Sprintf("%s with seed %d, recovered by its documented procedure: %s.", c.Scenario, c.Seed, c.Book.Verdict)
}

// stepRow is a step of the documented procedure in words.
type stepRow struct{ Number, Name, Hosts, Since, Took string }

func bookRows(c reports.Comparison) []stepRow {
	var rows []stepRow
	for _, s := range c.Steps {
		row := stepRow{strconv.Itoa(s.Number), s.Name, "the desk", "–", human(s.Took)}
		if len(s.Hosts) > 0 {
			row.Hosts = strings.Join(s.Hosts, ", ")
		}
		if s.Since != nil {
			row.Since = fmt.Sprintf("+%.3f s", float64(*s.Since)/1000)
		}
		rows = append(rows, row)
	}
	return rows
}
