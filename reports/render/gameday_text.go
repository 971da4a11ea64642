package render

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports"
)

// The parts of a game day's summary that could grow without end.
const (
	summaryPeople   = 24
	summaryWrong    = 10
	summaryCommand  = 300 // letters
	peopleColumn    = 17
	wrongMoveColumn = 20
)

// gameDay is what people did, as a person reads it in ten seconds more.
func (s Style) gameDay(b *strings.Builder, r reports.Report) {
	if r.GameDay == nil {
		return
	}
	c, crew := courseOf(r), crewOf(r)
	b.WriteString("\n  " + s.paint(bold, "game day") + "\n")
	hang(b, "    team", peopleColumn, teamWords(crew))
	for _, t := range tookOf(r) {
		text := t.Clock
		if t.LessPauses != "" {
			text += ", " + t.LessPauses + " less pauses"
		}
		if t.Who != "" {
			text += ", by " + t.Who
		}
		hang(b, "    "+t.What, peopleColumn, text+" ("+t.About+")")
	}
	for _, f := range c.toldOf() {
		hang(b, "    "+f.Name, peopleColumn, f.Value)
	}
	s.wrongMoves(b, c)
}

// teamWords is who was there, and how much each of them typed.
func teamWords(crew []person) string {
	if len(crew) == 0 {
		return "nobody opened a shell. " + unrecorded
	}
	parts := make([]string, 0, summaryPeople)
	for i, p := range crew {
		if i == summaryPeople {
			parts = append(parts, fmt.Sprintf("%d more", len(crew)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", oneLine(p.Name, 40), len(p.Steps)))
	}
	return commandsCount(crew) + ", by " + andList(parts) + ". " + unrecorded
}

func (s Style) wrongMoves(b *strings.Builder, c course) {
	b.WriteString("\n  " + s.paint(bold, "wrong moves") + "\n")
	moves := c.GameDay.WrongMoves
	if len(moves) == 0 {
		b.WriteString("    none was seen on the hosts' disks\n")
	}
	for i, w := range moves {
		if i == summaryWrong {
			fmt.Fprintf(b, "    and %d more\n", len(moves)-i)
			break
		}
		at := c.since(w.At)
		if at == "" {
			at = secondsAt(w.At)
		}
		hang(b, "    "+s.paint(red, at), wrongMoveColumn, fmt.Sprintf("%s on %s (command %d): %s", whom(w.By), w.Host, w.Step, w.Text))
		if w.Command != "" {
			indented(b, wrongMoveColumn, oneLine(w.Command, summaryCommand))
		}
	}
}

// Comparison is a game day beside the documented procedure, as a table.
func (s Style) Comparison(c reports.Comparison) string {
	var b strings.Builder
	b.WriteString(s.paint(bold, "beside the book") + "\n")
	hang(&b, "  ", 2, bookWords(c))
	b.WriteString("\n")
	rows, paused := besideRows(c)
	head := []string{"figure", "team", "less pauses", "book", "difference", "ratio"}
	table := [][]string{head}
	var notes []string
	for _, r := range rows {
		row := []string{r.Figure, r.Team, r.LessPauses, r.Book, r.Difference, r.Ratio}
		if r.NoTeam {
			row[1] = "–"
			notes = append(notes, r.Figure+", team: "+r.Team)
		}
		if r.NoBook {
			row[3] = "–"
			notes = append(notes, r.Figure+", book: "+r.Book)
		}
		table = append(table, row)
	}
	table = append(table, []string{"verdict", shout(c.Team.Verdict), "–", shout(c.Book.Verdict), "–", "–"})
	if !paused {
		for i, row := range table {
			table[i] = dropped(row, pausesColumn)
		}
	}
	book := len(table[0]) - 3
	text := s.columns(table, func(row, column int, cell string) string {
		switch {
		case row == 0:
			return s.paint(dim, cell)
		case row == len(table)-1 && column == 1:
			return s.verdict(c.Team.Verdict, cell)
		case row == len(table)-1 && column == book:
			return s.verdict(c.Book.Verdict, cell)
		}
		return cell
	})
	indented(&b, 2, text)
	if notes = append(notes, caveatsOf(c, paused)...); len(notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range notes {
		hang(&b, "  - ", 4, note)
	}
	if c.Book.Directory != "" {
		b.WriteString("\n  its evidence  " + c.Book.Directory + "\n")
	}
	return b.String()
}
