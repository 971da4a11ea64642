package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/etcd-firedrill/firedrill/harness"
)

// progress tells how a sweep goes. On a terminal the last line tells how far the drill
// under way has come, until the next line takes its place; elsewhere a line stays, and
// a sweep has a few for each drill.
type progress struct {
	to    io.Writer
	lines *sync.Mutex // held while a line is written
	live  bool
}

// progressOf tells it where it does not mix with the result.
func (a *app) progressOf(s *study) *progress {
	to := a.out
	if s.json {
		to = a.err
	}
	return &progress{to: to, lines: &a.lines, live: rewinds(to)}
}

// rewinds tells whether what is written goes to a terminal that can write a line anew.
func rewinds(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// say tells a line that stays.
func (p *progress) say(line string) { p.write(line + "\n") }

// write takes the place of what is on the last line.
func (p *progress) write(text string) {
	const blank = "\x1b[K" // to the line's end
	if p.live {
		text = blank + text
	}
	p.lines.Lock()
	defer p.lines.Unlock()
	_, _ = io.WriteString(p.to, text)
}

// clear leaves nothing on the last line.
func (p *progress) clear() {
	if p.live {
		p.write("")
	}
}

// stages are how far a drill has come, in order.
var stages = []string{"booting", "backing up", "struck", "recovering", "checking"}

// drill returns what one drill tells its events to.
func (p *progress) drill() func(harness.Event) {
	if !p.live {
		return func(harness.Event) {}
	}
	at := -1
	return func(e harness.Event) {
		if stage := max(at, stageOf(e, at)); stage > at {
			at = stage
			// The cursor goes back, so that whatever else is told takes its place too.
			p.write(fmt.Sprintf("  %s, %.0f s into the drill\r", stages[at], e.At.Seconds()))
		}
	}
}

// stageOf is the stage that an event belongs to, after events of an earlier one.
func stageOf(e harness.Event, before int) int {
	const booting, backingUp, struck, recovering, checking = 0, 1, 2, 3, 4
	switch {
	case e.Kind == harness.BackupEvent:
		return backingUp
	case e.Kind == harness.FaultEvent:
		return struck
	case e.Kind == harness.StepEvent:
		return recovering
	case e.Kind == harness.TrialEvent, e.Kind == harness.DrillEvent && before == recovering:
		return checking // the drill itself says nothing while the procedure goes on
	}
	return booting
}
