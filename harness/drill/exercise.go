package drill

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// facilitator is who breaks and stops things, in records; no shell has the name.
const facilitator = "the facilitator"

// Bounds of what is kept, however long it lasts and whoever calls: see also
// stepsShown.
const (
	mostHints  = 100
	mostPauses = 1000
	mostShells = 1000
	mostText   = 2000 // bytes of a hint, or of a reason
)

// exercise is the rules of a game day: who may do what when, what counts as noticed and
// decided, and the clock that pauses stop. It knows no host.
type exercise struct {
	clock  func() time.Duration
	say    func(format string, args ...any) // to everybody
	within time.Duration

	started chan struct{} // closed when the recovery began: what is evidence was looked at
	over    chan struct{} // closed when the team is done, or was stopped, or its time is over
	inside  sync.WaitGroup

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	turned   chan struct{} // closed and replaced at each pause, and its end
	strikeAt time.Duration
	struck   time.Duration // 0: not yet
	notice   harness.Deed  // somebody said that he has noticed
	kept     harness.GameDayRecord
	ended    string         // why it is over
	endedAt  time.Duration  // and since when
	verdict  *string        // not nil: it was judged, or never will be
	report   string         // where
	habits   map[habit]bool // what shells did before the strike
	service  serviceSeen
	figures  figures
	hosts    []gameday.Host
	steps    steps
}

func newExercise(surprise bool, within time.Duration, clock func() time.Duration, say func(string, ...any)) *exercise {
	return &exercise{
		clock: clock, say: say, within: within,
		started: make(chan struct{}), over: make(chan struct{}), changed: make(chan struct{}), turned: make(chan struct{}),
		kept:   harness.GameDayRecord{Surprise: surprise, Shells: []harness.ShellRecord{}, Pauses: []harness.PauseRecord{}, Hints: []harness.HintRecord{}, WrongMoves: []harness.WrongMove{}},
		habits: map[habit]bool{}, hosts: []gameday.Host{}, steps: steps{},
	}
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", gameday.ErrRefused, fmt.Sprintf(format, args...))
}

// change tells whoever looks that something is to be seen; e.mu is held.
func (e *exercise) change() {
	if e.verdict != nil {
		return // it is closed for good
	}
	close(e.changed)
	e.changed = make(chan struct{})
}

// Changed is closed at the next change.
func (e *exercise) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

// Notice says that somebody has seen that something is wrong.
func (e *exercise) Notice(by string) error {
	e.mu.Lock()
	switch {
	case e.isOverLocked():
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	case e.notice.By != "":
		e.mu.Unlock()
		return nil
	case e.struck == 0:
		e.mu.Unlock()
		return refused("nothing is wrong, for all that is known here")
	}
	e.notice = harness.Deed{By: by, At: e.clock()}
	if e.kept.Noticed.By == "" {
		e.kept.Noticed = e.notice
	}
	e.ring()
	e.change()
	e.mu.Unlock()
	e.say("%s has seen that something is wrong", by)
	return nil
}

// ring has the alarm ring, once; e.mu is held.
func (e *exercise) ring() {
	if e.kept.Alarm == 0 {
		e.kept.Alarm = e.clock()
	}
}

// Done says that the team has finished.
func (e *exercise) Done(by string) error {
	e.mu.Lock()
	if err := e.unready(); err != nil {
		e.mu.Unlock()
		return err
	}
	now := e.clock()
	if e.kept.Noticed.By == "" {
		e.kept.Noticed = harness.Deed{By: by, At: now}
	}
	e.kept.Ended = harness.Deed{By: by, At: now}
	e.finishLocked(by + " said that it is done")
	e.mu.Unlock()
	e.say("%s says that it is done", by)
	return nil
}

// ending1 says why it cannot be said now that it is done; e.mu is held.
func (e *exercise) unready() error {
	switch {
	case e.isOverLocked():
		return refused("the game day is over: %s", e.ended)
	case e.struck == 0:
		return refused("nothing has happened yet that could be recovered from")
	case e.paused():
		return refused("the exercise is paused, and goes on first")
	}
	return nil
}

// Stop ends the game day without the team.
func (e *exercise) Stop(why string) error { return e.stop(facilitator, why) }

func (e *exercise) stop(by, why string) error {
	if why = strings.TrimSpace(why); why == "" {
		why = "no reason was given"
	}
	if len(why) > mostText {
		return refused("the reason has %d bytes, and %d at most are kept", len(why), mostText)
	}
	e.mu.Lock()
	if e.isOverLocked() {
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	}
	e.kept.Ended, e.kept.Stopped = harness.Deed{By: by, At: e.clock()}, why
	e.finishLocked(fmt.Sprintf("%s stopped it: %s", by, why))
	e.mu.Unlock()
	e.say("%s has stopped the game day: %s", by, why)
	return nil
}

// finish ends it for a reason that is nobody's deed, unless it is over.
func (e *exercise) finish(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.isOverLocked() {
		e.finishLocked(why)
	}
}

func (e *exercise) timeIsUp() { e.finish(fmt.Sprintf("the time of %v is over", e.within)) }

// finishLocked ends it; e.mu is held.
func (e *exercise) finishLocked(why string) {
	e.ended, e.endedAt = why, e.clock()
	close(e.over)
	e.change()
}

func (e *exercise) isOverLocked() bool { return e.ended != "" }

func (e *exercise) isOver() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.isOverLocked()
}

// why says why it is over.
func (e *exercise) why() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

// ending tells whether somebody ended it, and whether that was before the team did.
func (e *exercise) ending() (ended, stopped bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kept.Ended.By != "", e.kept.Stopped != ""
}

// Hint shows a hint to all.
func (e *exercise) Hint(text string) error {
	text = strings.TrimSpace(text)
	e.mu.Lock()
	switch {
	case e.isOverLocked():
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	case text == "" || len(text) > mostText || len(e.kept.Hints) >= mostHints:
		e.mu.Unlock()
		return refused("a hint has from 1 to %d bytes, and there are %d at most", mostText, mostHints)
	}
	e.kept.Hints = append(e.kept.Hints, harness.HintRecord{At: e.clock(), Text: text})
	e.change()
	e.mu.Unlock()
	e.say("a hint from %s: %s", facilitator, text)
	return nil
}

// opened tells that the team may come.
func (e *exercise) opened() { e.say("the game day is open") }

// plan notes down when it is to strike, for the facilitator.
func (e *exercise) plan(at time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.strikeAt = at
	e.change()
}

// strikes notes down that it strikes now; false: it is over already.
func (e *exercise) strikes() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.isOverLocked() {
		return false
	}
	e.struck = e.clock()
	e.strikeAt = e.struck
	e.change()
	return true
}

func (e *exercise) isStruck() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.struck > 0
}

// begins lets through what waited for the recovery to begin.
func (e *exercise) begins() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.started)
	e.change()
}

// record is the evidence.
func (e *exercise) record() harness.GameDayRecord {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := e.kept
	kept.Shells, kept.Pauses = slices.Clone(kept.Shells), slices.Clone(kept.Pauses)
	kept.Hints, kept.WrongMoves = slices.Clone(kept.Hints), slices.Clone(kept.WrongMoves)
	return kept
}

// concluded tells how it was judged, "" if it was not. Nothing changes any more.
func (e *exercise) concluded(verdict, report string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.verdict != nil {
		return
	}
	if !e.isOverLocked() {
		e.finishLocked("the drill was ended")
	}
	e.verdict, e.report = &verdict, report
	close(e.changed) // for good
}
