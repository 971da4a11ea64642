package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Width is how wide text is at most, in columns.
const Width = 100

// Style says what the reader's terminal can show. The zero Style is plain text,
// right for files and pipes.
type Style struct {
	Color bool // ANSI colours
}

// The colours, as parameters of the ANSI sequence that selects them.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s Style) paint(color, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// verdict shows a verdict; one that needs attention is in capitals, so that it
// is found without colours too.
func (s Style) verdict(v harness.Verdict, text string) string {
	switch v {
	case harness.Held:
		return s.paint(green, text)
	case harness.Violated:
		return s.paint(red, text)
	}
	return s.paint(yellow, text)
}

func shout(v harness.Verdict) string {
	if v == harness.Held {
		return v.String()
	}
	return strings.ToUpper(v.String())
}

// human shows milliseconds to three figures or so, as people read them.
func human(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", ms)
	case d < 100*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
}

// limit shows a chosen duration, such as a deadline, without figures that
// nobody chose.
func limit(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%g s", d.Seconds())
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// fold breaks text into lines of at most width columns, at spaces; its own line
// breaks stay. A word that is longer has a line of its own.
func fold(text string, width int) []string {
	var lines []string
	for _, paragraph := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			switch {
			case line == "":
				line = word
			case visible(line)+1+visible(word) <= width:
				line += " " + word
			default:
				lines = append(lines, line)
				line = word
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// hang writes text after a label that ends at column indent, folded, its
// further lines starting at that column.
func hang(b *strings.Builder, label string, indent int, text string) {
	pad := strings.Repeat(" ", indent)
	for i, line := range fold(text, Width-indent) {
		switch {
		case i == 0:
			b.WriteString(label + strings.Repeat(" ", max(indent-visible(label), 0)) + line + "\n")
		case line == "":
			b.WriteString("\n")
		default:
			b.WriteString(pad + line + "\n")
		}
	}
}

// visible counts the columns of a text that may hold ANSI sequences.
func visible(text string) int {
	n, inside := 0, false
	for _, c := range text {
		switch {
		case c == '\x1b':
			inside = true
		case inside:
			inside = c != 'm'
		default:
			n++
		}
	}
	return n
}

// indented puts every line of a text that must not be folded at a column.
func indented(b *strings.Builder, indent int, text string) {
	pad := strings.Repeat(" ", indent)
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(strings.TrimRight(pad+line, " ") + "\n")
	}
}
