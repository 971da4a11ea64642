package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// Catalogue is a section of Markdown: every scenario with its document and step,
// what came of the drills that were run of it on each of these runtimes, and
// what it promises. What was not measured is said to be so. It is the same for
// the same drills in whatever order, and reads no clock.
func Catalogue(all []harness.Scenario, runtimes []string, drills []reports.Report) string {
	c := catalogue{all: all, runtimes: runtimes, drills: drills, tallies: map[cellOf]reports.Tally{}}
	of := map[cellOf][]reports.Report{}
	for _, r := range drills {
		of[cellOf{r.Scenario, r.Runtime}] = append(of[cellOf{r.Scenario, r.Runtime}], r)
	}
	for cell, some := range of {
		c.tallies[cell] = reports.Count(some)
	}
	var b strings.Builder
	c.provenance(&b)
	c.figures(&b)
	c.variants(&b)
	c.hazards(&b)
	c.promises(&b)
	return b.String()
}

type catalogue struct {
	all      []harness.Scenario
	runtimes []string
	drills   []reports.Report
	tallies  map[cellOf]reports.Tally
}

// cellOf is where a tally belongs.
type cellOf struct{ scenario, runtime string }

func (c catalogue) tally(sc harness.Scenario, runtime string) reports.Tally {
	return c.tallies[cellOf{sc.Name, runtime}]
}

// each is a row's cells for the runtimes.
func (c catalogue) each(sc harness.Scenario, cell func(reports.Tally) string) []string {
	cells := make([]string, len(c.runtimes))
	for i, rt := range c.runtimes {
		cells[i] = cell(c.tally(sc, rt))
	}
	return cells
}

// provenance says where the figures come from.
func (c catalogue) provenance(b *strings.Builder) {
	b.WriteString("<!-- Written by `firedrill catalogue`: change the scenarios, not this text. -->\n\n")
	text := "`firedrill catalogue` wrote this section from the reports of " + plural(int64(len(c.drills)), "drill") +
		"; `make catalogue` runs them all again and rewrites it."
	if len(c.drills) > 0 {
		text += " " + c.verdicts() + " " + c.made()
	}
	paragraph(b, text)
	text = "Outage and loss are medians, and in brackets of how many drills; of an even number, the worse of the two in " +
		"the middle. An outage is the total of gaps of more than " + fmt.Sprint(harness.GapThreshold.Milliseconds()) +
		" ms without an acknowledged write, ≥ where service did not come back. Loss is of acknowledged writes, and the time " +
		"from the first lost to the last."
	if every := c.backups(); every != "" {
		text += " A restore loses what came after the newest backup: here one is begun " + every + ", so yours may lose more."
	}
	paragraph(b, text+" Drills on a machine that was too busy (unfit) count for verdicts and hazards, and not for figures.")
}

func (c catalogue) verdicts() string {
	parts := make([]string, len(c.runtimes))
	held, unfit, unmet := 0, 0, 0
	for i, rt := range c.runtimes {
		n := 0
		for cell, t := range c.tallies {
			if cell.runtime == rt {
				n, held, unfit, unmet = n+t.Drills, held+t.Held, unfit+t.Unfit, unmet+t.Unmet
			}
		}
		parts[i] = fmt.Sprintf("%d on %s", n, rt)
		if n == 0 {
			parts[i] = "none on " + rt
		}
	}
	n := len(c.drills)
	text := fmt.Sprintf("Of them, %s: %d of %d held", strings.Join(parts, " and "), held, n)
	if unfit > 0 {
		text += fmt.Sprintf("; in %d of %d the machine was unfit", unfit, n)
	}
	if unmet > 0 {
		text += fmt.Sprintf("; in %d of %d a premise was not met", unmet, n)
	}
	return text + "."
}

// made tells by what the drills were made, when and where.
func (c catalogue) made() string {
	etcd, firedrill, cores, flags := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]int{}
	var latest time.Time
	for _, r := range c.drills {
		etcd[orUnknown(r.EtcdVersion)] = true
		firedrill[orUnknown(r.Firedrill)] = true
		cores["cores unknown"] = cores["cores unknown"] || r.CPUs == 0
		if r.CPUs > 0 {
			cores[plural(int64(r.CPUs), "core")] = true
		}
		if r.Started.After(latest) {
			latest = r.Started
		}
		// Rerun is how `run` says which flags made a drill another one than
		// the scenario's own.
		usual := fmt.Sprintf("firedrill run %s --runtime %s --seed %d", r.Scenario, r.Runtime, r.Seed)
		if own := strings.TrimSpace(strings.TrimPrefix(r.Rerun, usual)); r.Rerun != own && own != "" && own != "--strict" && own != "--strict=true" {
			flags[own]++
		}
	}
	maps.DeleteFunc(cores, func(_ string, there bool) bool { return !there })
	text := fmt.Sprintf("etcd %s; firedrill %s; %s; the latest drill began on %s.", either(etcd), either(firedrill), either(cores), latest.UTC().Format(time.DateOnly))
	for _, own := range slices.Sorted(maps.Keys(flags)) {
		text += fmt.Sprintf(" %s with flags of its own: %s.", plural(int64(flags[own]), "drill"), code(own))
	}
	return text
}

func either(words map[string]bool) string {
	return plain(strings.Join(slices.Sorted(maps.Keys(words)), " and "))
}

// backups tells how often the sites' backup jobs run.
func (c catalogue) backups() string {
	every := map[string]bool{}
	for _, sc := range c.all {
		if sc.Backups.Every > 0 {
			every["every "+limit(sc.Backups.Every)] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(every)), " or ")
}

// figures is the table of all scenarios. Figures come first, so that they stand
// below each other in a terminal however long the words behind them are.
func (c catalogue) figures(b *strings.Builder) {
	head := []string{"scenario"}
	for _, rt := range c.runtimes {
		head = append(head, "outage, "+rt)
	}
	for _, rt := range c.runtimes {
		head = append(head, "loss, "+rt)
	}
	head = append(head, "what is broken, and how it is recovered", "step of the document")
	rows := [][]string{head}
	for _, document := range c.documents() {
		rows = append(rows, append([]string{"**" + plain(document) + "**"}, make([]string, len(head)-1)...))
		for _, sc := range c.from(document) {
			row := append([]string{code(sc.Name)}, c.each(sc, outageFigure)...)
			row = append(row, c.each(sc, lossFigure)...)
			rows = append(rows, append(row, plain(sc.Summary), orNone(plain(sc.Source.Section))))
		}
	}
	b.WriteString(markdown(rows, 1+2*len(c.runtimes)) + "\n")
}

const noDocument = "without a document"

// documents are those of the scenarios, in order of the first from each.
func (c catalogue) documents() []string {
	var out []string
	for _, sc := range c.all {
		if name := documentOf(sc); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func documentOf(sc harness.Scenario) string {
	if sc.Source.Document == "" {
		return noDocument
	}
	return sc.Source.Document
}

func (c catalogue) from(document string) []harness.Scenario {
	var out []harness.Scenario
	for _, sc := range c.all {
		if documentOf(sc) == document {
			out = append(out, sc)
		}
	}
	return out
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

const notMeasured = "not measured"

// outageFigure is the cell that also tells which drills there were.
func outageFigure(t reports.Tally) string {
	if t.Drills == 0 {
		return notMeasured
	}
	text := "no figure"
	notes := []string{}
	if t.Timed > 0 {
		text = figure(t.Outage, human)
		notes = append(notes, fmt.Sprint(t.Timed))
	}
	for _, left := range []struct {
		n    int
		what string
	}{{t.Unfit, "unfit"}, {t.Unmet, "without its premises"}} {
		if left.n > 0 {
			notes = append(notes, fmt.Sprintf("%d of %d %s", left.n, t.Drills, left.what))
		}
	}
	if t.Held < t.Drills {
		notes = append(notes, fmt.Sprintf("**%d of %d held**", t.Held, t.Drills))
	}
	return text + " (" + strings.Join(notes, "; ") + ")"
}

// figure shows a median; 0 is what did not occur.
func figure(m reports.Median, show func(int64) string) string {
	if m.Of == 0 {
		return "not seen"
	}
	text := "none"
	switch {
	case m.Value > 0:
		text = show(m.Value)
	case m.Most > 0:
		text += ", at most " + show(m.Most)
	}
	if m.AtLeast {
		text = "≥ " + text
	}
	return text
}

func lossFigure(t reports.Tally) string {
	switch {
	case t.Drills == 0:
		return notMeasured
	case t.Timed == 0:
		return "no figure"
	case t.Loss.Of == 0:
		return "unknown"
	}
	text := "none"
	switch {
	case t.Loss.LostWrites > 0:
		text = plural(t.Loss.LostWrites, "write")
		if t.Loss.LostSpan > 0 {
			text += ", " + human(t.Loss.LostSpan)
		}
	case t.Loss.Most > 0:
		text += ", at most " + plural(t.Loss.Most, "write")
	}
	if t.Loss.Unknown > 0 {
		text += fmt.Sprintf("; unknown in %d", t.Loss.Unknown)
	}
	return text
}
