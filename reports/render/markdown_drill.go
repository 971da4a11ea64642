package render

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// MarkdownLimit is how long the text of Markdown is at most, in bytes: what a
// comment on a pull request holds, with some room around it.
const MarkdownLimit = 60_000

// The parts of a Markdown text that could grow without end.
const (
	markdownRows      = 100 // drills in its table
	markdownOffending = 5   // operations for each finding
	markdownDetail    = 600 // letters of any one text
)

// Markdown is drills as a pull request or the summary of a CI job shows them: of
// several a table first, then each that did not hold, then the others while there
// is room. What was left out is said to be. It ends with a line break.
func Markdown(drills []Outcome) string {
	var b strings.Builder
	if len(drills) == 1 {
		b.WriteString(markdownDrill(drills[0], "##"))
		return b.String()
	}
	b.WriteString("## " + plural(int64(len(drills)), "fire drill") + ": " + countsOf(drills) + "\n\n")
	if len(drills) == 0 {
		return b.String()
	}
	b.WriteString(markdownIndex(drills) + "\n")
	left := 0
	for _, good := range []bool{false, true} {
		for _, o := range drills {
			if (outcomeWord(o) == harness.Held.String()) != good {
				continue
			}
			const note = 100 // for the sentence below
			section := markdownDrill(o, "###")
			if left > 0 || b.Len()+len(section)+1+note > MarkdownLimit {
				left++
				continue
			}
			b.WriteString(section + "\n")
		}
	}
	if left > 0 {
		b.WriteString(plural(int64(left), "drill") + " more had no room here; the table counts them all.\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func markdownIndex(drills []Outcome) string {
	rows := [][]string{{"scenario", "seed", "verdict", "outage", "lost", "redundancy", "took"}}
	for _, o := range drills[:min(len(drills), markdownRows)] {
		row := []string{code(o.Scenario), fmt.Sprint(o.Seed), emphasised(outcomeWord(o)), "", "", "", human(o.Took.Milliseconds())}
		if o.Err == nil {
			row[3], row[4], row[5] = outageCell(o.Report), lossCell(o.Report.Loss), cell(o.Report.Phases.Redundancy)
		}
		rows = append(rows, row)
	}
	text := markdown(rows, len(rows[0]))
	if more := len(drills) - markdownRows; more > 0 {
		text += "\n" + plural(int64(more), "drill") + " more are not in this table.\n"
	}
	return text
}

// emphasised is a verdict as one looks for it.
func emphasised(word string) string {
	if word == harness.Held.String() {
		return word
	}
	return "**" + word + "**"
}

func markdownDrill(o Outcome, heading string) string {
	var b strings.Builder
	b.WriteString(heading + " " + strings.ToUpper(outcomeWord(o)) + ": " + plain(o.Scenario) + "\n\n")
	if o.Err != nil {
		b.WriteString("The harness broke on the " + o.Runtime + " runtime, seed " + fmt.Sprint(o.Seed) + "; nothing is known of the procedure.\n\n")
		b.WriteString(fenced(cutText(o.Err.Error())))
		return b.String()
	}
	r := o.Report
	if r.GameDay != nil {
		return markdownGameDay(o, heading)
	}
	b.WriteString(plain(cutText(because(r))) + "\n\n" + plain(metaOf(r)) + "\n\n")
	for _, why := range r.Unfit {
		b.WriteString("**Unfit**: figures are not to be relied upon: " + plain(cutText(why)) + "\n\n")
	}
	markdownFigures(&b, r)
	markdownFindings(&b, r)
	if r.Directory != "" {
		b.WriteString("Evidence: " + codeSpan(r.Directory) + "\n\n")
	}
	if r.Rerun != "" {
		b.WriteString("Run it again:\n\n" + fenced(r.Rerun) + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func markdownFigures(b *strings.Builder, r reports.Report) {
	rows := [][]string{{"figure", "value"}}
	words := wordsOf(r)
	add := func(name, text string) { rows = append(rows, []string{name, words(cutText(text))}) }
	add("outage", outage(r))
	for i, g := range r.Gaps {
		if i == markdownOffending {
			add("", fmt.Sprintf("and %d more", len(r.Gaps)-i))
			break
		}
		length := human(g.MS)
		if g.Open {
			length = "≥ " + length
		}
		add(fmt.Sprintf("gap %d", i+1), fmt.Sprintf("%s at %s: %s", length, secondsAt(g.From), g.Cause))
	}
	if r.Phases.Detection > 0 {
		add("detection", detected(r))
	}
	if text := restored(r.Phases); text != "" {
		add("recovery", text)
	}
	if r.Phases.Recovered > 0 {
		add("first write again", human(r.Phases.Recovered)+" after the strike")
	}
	f := redundancyFigureOf(r)
	add("redundancy", strings.Join(append([]string{f.Value}, f.Notes...), " "))
	add("loss", loss(r.Loss))
	if r.Procedure.Outcome != "none" && r.Procedure.Outcome != "" {
		add("procedure", procedure(r))
	}
	for _, m := range membersOf(r) {
		text := m.Before + " → " + m.After
		if m.Note != "" {
			text += ", " + m.Note
		}
		name := "member " + plain(m.Name)
		if m.Name == "cluster" {
			name = m.Name
		}
		add(name, text)
	}
	b.WriteString(markdown(rows, 1) + "\n")
}

// markdownFindings lists what did not hold, and counts what did.
func markdownFindings(b *strings.Builder, r reports.Report) {
	words := wordsOf(r)
	for _, kind := range []harness.FindingKind{harness.Promise, harness.Hazard, harness.Premise} {
		v := findingsOf(r, kind)
		if len(v.Findings) == 0 {
			continue
		}
		fmt.Fprintf(b, "**%s**: %s\n", v.Title, v.Count)
		for _, f := range v.Findings {
			if f.Tone == harness.Held.String() {
				continue
			}
			fmt.Fprintf(b, "- **%s** %s: %s\n", f.Word, codeSpan(f.Check), words(cutText(f.Detail)))
			for i, op := range f.Offending {
				if i == markdownOffending {
					fmt.Fprintf(b, "  - and %d more\n", len(f.Offending)-i)
					break
				}
				b.WriteString("  - " + codeSpan(cutText(op)) + "\n")
			}
		}
		b.WriteString("\n")
	}
}

// cutText bounds one text; what is cut off is in the report.
func cutText(text string) string {
	letters := []rune(text)
	if len(letters) <= markdownDetail {
		return text
	}
	return string(letters[:markdownDetail]) + " …"
}

// codeSpan is text as code whatever is in it, on one line.
func codeSpan(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	ticks := strings.Repeat("`", longestRun(text, '`')+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return ticks + text + ticks
}

// fenced is text as a block of code whatever is in it.
func fenced(text string) string {
	fence := strings.Repeat("`", max(longestRun(text, '`')+1, 3))
	return fence + "\n" + strings.TrimRight(text, "\n") + "\n" + fence + "\n"
}

func longestRun(text string, of rune) int {
	longest, run := 0, 0
	for _, r := range text {
		run++
		if r != of {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
