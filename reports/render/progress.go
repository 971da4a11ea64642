package render

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// textColumn is where the text of a progress line starts.
const textColumn = 25

// Progress shows one event as a line: its offset in seconds, whether etcd is
// serving just now (up, DOWN, or nothing while no traffic tells), what kind of
// event it is, and what happened. A long text goes on under itself. It ends
// with a line break.
func (s Style) Progress(e harness.Event) string {
	mark := "    "
	if e.Serving != nil {
		mark = s.paint(green, "up  ")
		if !*e.Serving {
			mark = s.paint(red, "DOWN")
		}
	}
	text := e.Text
	if e.Host != "" && !strings.HasPrefix(text, e.Host+":") {
		text = e.Host + ": " + text
	}
	var b strings.Builder
	hang(&b, fmt.Sprintf("%8.3f  %s  %s", e.At.Seconds(), mark, s.kind(e.Kind)), textColumn, text)
	return b.String()
}

func (s Style) kind(k harness.EventKind) string {
	switch k {
	case harness.FaultEvent:
		return s.paint(red, string(k))
	case harness.WarningEvent:
		return s.paint(yellow, string(k))
	case harness.StepEvent, harness.ServiceEvent:
		return s.paint(bold, string(k))
	}
	return string(k)
}
