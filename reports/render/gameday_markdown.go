package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports"
)

// What the parts of an after-action report in Markdown may take, in bytes, so that
// the whole stays below MarkdownLimit, and how long one text of it may be, in letters.
const (
	markdownStory    = 9_000
	markdownTyped    = 18_000
	markdownWrong    = 6_000
	markdownPeople   = 4_000
	markdownTold     = 6_000
	markdownBook     = 6_000
	markdownCommand  = 200
	markdownSentence = 300
	markdownName     = 40
)

// markdownGameDay is the after-action report of a game day.
func markdownGameDay(o Outcome, heading string) string {
	r := legible(o.Report)
	c, crew := courseOf(r), crewOf(r)
	var b strings.Builder
	section := func(title string) { b.WriteString(heading + "# " + title + "\n\n") }
	b.WriteString(heading + " " + strings.ToUpper(outcomeWord(o)) + ": game day, " + plain(o.Scenario) + "\n\n")
	b.WriteString(spoken(cutText(because(r))) + "\n\n" + plain(metaOf(r)) + "\n\n")
	for _, why := range r.Unfit {
		b.WriteString("**Unfit**: figures are not to be relied upon: " + plain(cutText(why)) + "\n\n")
	}

	section("What happened")
	c.markdownTold(&b)
	section("Timeline")
	c.markdownStory(&b)
	section("People and commands")
	c.markdownCommands(&b, crew)
	section("Wrong moves")
	c.markdownWrong(&b)
	section("What came back")
	markdownFigures(&b, r)
	markdownFindings(&b, r)
	section("How the book does it")
	markdownBeside(&b, o.Comparison)
	section("Notes")
	b.WriteString("- What went well:\n- What was hard:\n- What we change, who does it, and by when:\n\n")

	if r.Directory != "" {
		b.WriteString("Evidence: " + codeSpan(r.Directory) + "\n\n")
	}
	if r.Rerun != "" {
		b.WriteString("Run it again:\n\n" + fenced(r.Rerun) + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// spoken is text of people's in which Markdown finds nothing to do.
func spoken(text string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`, "_", `\_`, "~", `\~`, "@", "@\u2060").Replace(plain(text))
}

// wordsOf is how the texts of a report are written: in a game day's some are of
// people's.
func wordsOf(r reports.Report) func(string) string {
	if r.GameDay != nil {
		return spoken
	}
	return plain
}

// codeCell is text as code in a table.
func codeCell(text string) string {
	if text == "" {
		return ""
	}
	return strings.ReplaceAll(codeSpan(text), "|", `\|`)
}

// codeName is a name as code: it mentions nobody and links nowhere.
func codeName(name string) string { return codeCell(oneLine(name, markdownName)) }

// within are as many rows as so many bytes hold, and how many are left.
func within(rows [][]string, bytes int) (kept [][]string, left int) {
	for i, row := range rows {
		for _, cell := range row {
			bytes -= len(cell) + len(" | ")
		}
		if bytes < 0 {
			return rows[:i], len(rows) - i
		}
	}
	return rows, 0
}

// table writes rows below their heading, and says how many had no room.
func table(b *strings.Builder, head []string, rows [][]string, bytes int, what string) {
	kept, left := within(rows, bytes)
	b.WriteString(markdown(append([][]string{head}, kept...), 1) + "\n")
	if left > 0 {
		b.WriteString(plural(int64(left), what) + " more had no room here; the report has them all.\n\n")
	}
}

func (c course) markdownTold(b *strings.Builder) {
	if c.struck >= 0 {
		fmt.Fprintf(b, "Disaster struck at %s of the drill.\n\n", secondsAt(c.struck))
	} else {
		b.WriteString("Nothing was struck.\n\n")
	}
	head := []string{"", "on the clock", "less pauses", "by", ""}
	var rows [][]string
	took := tookOf(c.Report)
	for _, t := range took {
		rows = append(rows, []string{t.What, t.Clock, t.LessPauses, codeName(t.Who), t.About})
	}
	table(b, head, rows, markdownTold, "time")
	var list [][]string
	name := ""
	for _, f := range c.toldOf() {
		if f.Name != "" {
			name = f.Name
		}
		list = append(list, []string{"- " + name + ": " + spoken(oneLine(f.Value, markdownSentence)) + "\n"})
	}
	kept, left := within(list, markdownTold)
	for _, line := range kept {
		b.WriteString(line[0])
	}
	if left > 0 {
		fmt.Fprintf(b, "- and %d more\n", left)
	}
	b.WriteString("\n")
}

func (c course) markdownStory(b *strings.Builder) {
	var rows [][]string
	for _, e := range c.story() {
		rows = append(rows, []string{e.At, e.Since, spoken(oneLine(e.Text, markdownSentence))})
	}
	if len(rows) == 0 {
		b.WriteString("Nothing is known of it.\n\n")
		return
	}
	table(b, []string{"at", "since the strike", "what happened"}, rows, markdownStory, "event")
}

func (c course) markdownCommands(b *strings.Builder, crew []person) {
	if len(crew) == 0 {
		b.WriteString("Nobody opened a shell. " + unrecorded + "\n\n")
		return
	}
	var people [][]string
	for _, p := range crew {
		people = append(people, []string{codeName(p.Name), strconv.Itoa(len(p.Steps)), strconv.Itoa(p.Failed), strconv.Itoa(len(p.Wrong))})
	}
	table(b, []string{"shell", "commands", "failed", "wrong moves"}, people, markdownPeople, "shell")
	b.WriteString(unrecorded + "\n\n")
	wrong := map[int]bool{}
	for _, w := range c.GameDay.WrongMoves {
		for _, number := range w.Marked() {
			wrong[number] = true
		}
	}
	var rows [][]string
	for _, s := range c.Typed() {
		exit := strconv.Itoa(s.ExitCode)
		if s.Error != "" {
			exit = spoken(oneLine(s.Error, 80))
		}
		if wrong[s.Number] {
			exit += ", **wrong move**"
		}
		since := c.since(s.At)
		if since == "" {
			since = "before it"
		}
		rows = append(rows, []string{strconv.Itoa(s.Number), since, codeName(s.By), codeCell(oneLine(commandOf(s), markdownCommand)), human(s.Took), exit})
	}
	if len(rows) == 0 {
		b.WriteString("Nothing was typed.\n\n")
		return
	}
	b.WriteString(commandsCount(crew) + ":\n\n")
	table(b, []string{"no.", "since the strike", "by", "command", "took", "exit"}, rows, markdownTyped, "command")
}

func (c course) markdownWrong(b *strings.Builder) {
	if len(c.GameDay.WrongMoves) == 0 {
		b.WriteString(noneSeen + " " + notLookedAt + "\n\n")
		return
	}
	var rows [][]string
	for _, w := range c.GameDay.WrongMoves {
		at := c.since(w.At)
		if at == "" {
			at = secondsAt(w.At)
		}
		rows = append(rows, []string{strconv.Itoa(w.Step), at, codeName(who(w.By)), codeName(w.Host), spoken(oneLine(w.Text, markdownSentence)), codeCell(oneLine(w.Command, markdownCommand))})
	}
	table(b, []string{"no.", "since the strike", "by", "on", "what was lost", "command"}, rows, markdownWrong, "wrong move")
}

func markdownBeside(b *strings.Builder, c *reports.Comparison) {
	if c == nil {
		b.WriteString("The documented procedure was not run beside it.\n\n")
		return
	}
	b.WriteString(plain(bookWords(*c)) + "\n\n")
	all, paused := besideRows(*c)
	head := []string{"figure", "the team", "less pauses", "the book", "difference", "ratio"}
	var rows [][]string
	for _, r := range all {
		rows = append(rows, []string{r.Figure, plain(r.Team), r.LessPauses, plain(r.Book), r.Difference, r.Ratio})
	}
	rows = append(rows, []string{"verdict", emphasised(c.Team.Verdict.String()), "–", emphasised(c.Book.Verdict.String()), "–", "–"})
	if !paused {
		head = dropped(head, pausesColumn)
		for i, row := range rows {
			rows[i] = dropped(row, pausesColumn)
		}
	}
	table(b, head, rows, markdownBook, "figure")
	for _, caveat := range caveatsOf(*c, paused) {
		b.WriteString("- " + plain(cutText(caveat)) + "\n")
	}
	b.WriteString("\n")
	var steps [][]string
	for _, s := range bookRows(*c) {
		steps = append(steps, []string{s.Number, plain(oneLine(s.Name, markdownSentence)), plain(s.Hosts), s.Since, s.Took})
	}
	if len(steps) > 0 {
		b.WriteString("Its steps:\n\n")
		table(b, []string{"no.", "step", "on", "since the strike", "took"}, steps, markdownBook, "step")
	}
}
