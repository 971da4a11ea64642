package render

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// Outcome is one drill of several: its report, or why there is none.
type Outcome struct {
	Scenario string
	Runtime  string
	Seed     int64
	Took     time.Duration // wall clock, provisioning and teardown included
	Report   reports.Report
	Err      error // the harness broke: Report is not to be read
	// Comparison lays a game day beside the documented procedure; nil: that was not run.
	Comparison *reports.Comparison
}

// JSON writes a report as one line.
func JSON(w io.Writer, r reports.Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report of %s: %w", r.Drill, err)
	}
	return nil
}

// Table sums up several drills, one a line, and counts the verdicts.
func (s Style) Table(outcomes []Outcome) string {
	rows := [][]string{{"scenario", "seed", "verdict", "outage", "lost", "redundancy", "took"}}
	counts := map[string]int64{}
	for _, o := range outcomes {
		row := []string{o.Scenario, fmt.Sprint(o.Seed), "BROKE", "", "", "", human(o.Took.Milliseconds())}
		if o.Err == nil {
			row[2] = shout(o.Report.Verdict)
			row[3], row[4], row[5] = outageCell(o.Report), lossCell(o.Report.Loss), cell(o.Report.Phases.Redundancy)
			counts[o.Report.Verdict.String()]++
		} else {
			counts["broke"]++
		}
		rows = append(rows, row)
	}
	text := s.columns(rows, func(row, column int, cell string) string {
		switch {
		case row == 0:
			return s.paint(dim, cell)
		case column != 2:
			return cell
		case outcomes[row-1].Err != nil:
			return s.paint(red, cell)
		}
		return s.verdict(outcomes[row-1].Report.Verdict, cell)
	})
	var parts []string
	for _, word := range []string{"held", "violated", "inconclusive", "broke"} {
		if counts[word] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[word], word))
		}
	}
	return text + "\n" + plural(int64(len(outcomes)), "drill") + ": " + strings.Join(parts, ", ") + "\n"
}

func outageCell(r reports.Report) string {
	if r.OutageOpen {
		return "≥ " + human(r.Phases.Outage)
	}
	return cell(r.Phases.Outage)
}

func lossCell(l *reports.Loss) string {
	if l == nil {
		return "?"
	}
	return fmt.Sprint(l.LostWrites)
}

func cell(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return human(ms)
}

// columns lines rows up, two spaces between columns. dress may colour a cell
// but not change its width.
func (s Style) columns(rows [][]string, dress func(row, column int, cell string) string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			if j == len(row)-1 {
				b.WriteString(dress(i, j, cell) + "\n")
				break
			}
			b.WriteString(dress(i, j, cell) + strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)+2))
		}
	}
	return b.String()
}

// List is the catalogue: each scenario with what it is about and, in brackets,
// the document it was read from.
func (s Style) List(all []harness.Scenario) string {
	name := 0
	for _, sc := range all {
		name = max(name, len(sc.Name))
	}
	var b strings.Builder
	for _, sc := range all {
		text := sc.Summary
		if sc.Source.Document != "" {
			text += " (" + sc.Source.Document + ")"
		}
		hang(&b, s.paint(bold, sc.Name), name+2, text)
	}
	return b.String()
}

// Entry is a scenario as `list --json` prints it.
type Entry struct {
	Name         string         `json:"name"`
	Summary      string         `json:"summary"`
	Source       harness.Source `json:"source"`
	Labels       []string       `json:"labels"`
	VariantOf    string         `json:"variant_of,omitempty"`
	Members      int            `json:"members"`
	FixedBecause string         `json:"members_fixed_because,omitempty"`
	WithinMS     int64          `json:"within_ms,omitempty"`
	Premises     []string       `json:"premises"`
	Promises     []string       `json:"promises"`
	Hazards      []string       `json:"hazards"`
}

// ListJSON writes the catalogue as a JSON array of Entry.
func ListJSON(w io.Writer, all []harness.Scenario) error {
	entries := make([]Entry, len(all))
	for i, sc := range all {
		entries[i] = Entry{
			Name: sc.Name, Summary: sc.Summary, Source: sc.Source, Labels: append([]string{}, sc.Labels...),
			VariantOf: sc.VariantOf, Members: sc.Given.Members, FixedBecause: sc.Given.OnlyBecause, WithinMS: sc.Within.Milliseconds(),
			Premises: checkNames(sc.Premises), Promises: checkNames(sc.Promises), Hazards: checkNames(sc.Hazards),
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(entries); err != nil {
		return fmt.Errorf("write the catalogue: %w", err)
	}
	return nil
}

func checkNames(checks []harness.Check) []string {
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = c.Name()
	}
	return names
}
