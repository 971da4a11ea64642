package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// markdown lines the first columns of a table up, so that its source reads as a
// table too. Those behind hold words and are as long as they are. A row of one
// cell, the others empty, is a heading and lines nothing up.
func markdown(rows [][]string, lined int) string {
	widths := make([]int, lined)
	for _, row := range rows {
		for i := range lined {
			if !heading(row) {
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i]), len("---"))
			}
		}
	}
	rule := make([]string, len(rows[0]))
	for i := range rule {
		rule[i] = "---"
		if i < lined {
			rule[i] = strings.Repeat("-", widths[i])
		}
	}
	var b strings.Builder
	for _, row := range slices.Insert(slices.Clone(rows), 1, rule) {
		for i, cell := range row {
			if i < lined && !heading(row) {
				cell += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			}
			b.WriteString("| " + cell)
			if cell != "" {
				b.WriteString(" ")
			}
		}
		b.WriteString("|\n")
	}
	return b.String()
}

func heading(row []string) bool {
	return len(row) > 1 && !slices.ContainsFunc(row[1:], func(cell string) bool { return cell != "" })
}

// plain is text in which Markdown finds nothing to do, on one line.
func plain(text string) string {
	return strings.NewReplacer("\n", " ", `\`, `\\`, "|", `\|`, "<", "&lt;", "*", `\*`, "`", "\\`").Replace(strings.TrimSpace(text))
}

func code(name string) string { return "`" + name + "`" }

func codes(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = code(name)
	}
	return strings.Join(quoted, ", ")
}

// paragraph is folded text and the empty line after it.
func paragraph(b *strings.Builder, text string) {
	b.WriteString(strings.Join(fold(text, Width), "\n") + "\n\n")
}

// The markers between which Splice puts a catalogue, each on a line of its own.
const (
	CatalogueBegin = "<!-- catalogue: begin -->"
	CatalogueEnd   = "<!-- catalogue: end -->"
)

// Splice returns the document with the section between the two markers replaced.
// It refuses a document in which they are not there exactly once, in order: what
// would be replaced is then anyone's guess.
func Splice(document, section string) (string, error) {
	var at [2]int
	for i, marker := range []string{CatalogueBegin, CatalogueEnd} {
		at[i] = -1
		offset := 0
		for text := range strings.Lines(document) {
			if strings.TrimRight(text, "\r\n") == marker {
				if at[i] >= 0 {
					return "", fmt.Errorf("the line %s is there more than once", marker)
				}
				at[i] = offset
			}
			offset += len(text)
		}
		if at[i] < 0 {
			return "", fmt.Errorf("there is no line %s", marker)
		}
	}
	if at[1] < at[0] {
		return "", errors.New("the line " + CatalogueEnd + " comes before " + CatalogueBegin)
	}
	return document[:at[0]] + CatalogueBegin + "\n" + section + document[at[1]:], nil
}
