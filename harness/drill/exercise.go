package drill

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// facilitator is who breaks and stops things, in records; no shell has the name.
const facilitator = "the facilitator"

// Bounds of what is kept, however long it lasts and whoever calls: see also
// stepsShown.
const (
	mostHints       = 100
	mostPauses      = 1000
	mostShells      = 1000
	mostFalseAlarms = 1000
	mostText        = 2000 // characters of a hint, or of a reason
)

// longestPause is how long the exercise stands still before it goes on by itself:
// whoever paused it may be gone.
const longestPause = 30 * time.Minute

// exercise is the rules of a game day: who may do what when, what counts as noticed and
// decided, and the clock that pauses stop. It knows no host.
type exercise struct {
	clock   func() time.Duration
	say     func(format string, args ...any) // to everybody
	within  time.Duration
	longest time.Duration // of a pause

	started chan struct{} // closed when the recovery began: what is evidence was looked at
	over    chan struct{} // closed when the team is done, or was stopped, or its time is over
	inside  sync.WaitGroup

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	turned   chan struct{} // closed and replaced at each pause, and its end
	planned  time.Duration // when strikeAt was
	strikeAt time.Duration // pauses since then left out
	armed    bool          // it strikes at any moment, and cannot be paused before
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
	hosts    []gameday.Inside
	unused   []string // clean hosts that nobody has ordered: no part of the cluster
	steps    steps
}

func newExercise(surprise bool, within time.Duration, clock func() time.Duration, say func(string, ...any)) *exercise {
	return &exercise{
		clock: clock, say: say, within: within, longest: longestPause,
		started: make(chan struct{}), over: make(chan struct{}), changed: make(chan struct{}), turned: make(chan struct{}),
		kept:   harness.GameDayRecord{Surprise: surprise, Shells: []harness.ShellRecord{}, FalseAlarms: []harness.Deed{}, Pauses: []harness.PauseRecord{}, Hints: []harness.HintRecord{}, WrongMoves: []harness.WrongMove{}},
		habits: map[habit]bool{}, hosts: []gameday.Inside{}, steps: steps{},
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

// Notice says that somebody has seen that something is wrong. Who says so before
// anything is wrong is answered as if he were right, or asking again and again would tell
// the moment of the strike. It is on record as a false alarm.
func (e *exercise) Notice(by string) error {
	if err := unreserved(by); err != nil {
		return err
	}
	e.mu.Lock()
	switch {
	case e.isOverLocked():
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	case e.notice.By != "", e.struck == 0 && len(e.kept.FalseAlarms) >= mostFalseAlarms:
		e.mu.Unlock()
		return nil
	}
	deed := harness.Deed{By: by, At: e.clock()}
	if e.struck == 0 {
		e.kept.FalseAlarms = append(e.kept.FalseAlarms, deed)
	} else {
		e.notice = deed
		if e.kept.Noticed.By == "" {
			e.kept.Noticed = deed
		}
		e.ring()
	}
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
	if err := e.end(by, false, "it is done"); err != nil {
		return err
	}
	e.say("%s says that it is done", by)
	return nil
}

// Leave says that the team leaves the cluster as it is: as a procedure that refuses.
func (e *exercise) Leave(by string) error {
	if err := e.end(by, true, "the team leaves the cluster as it is"); err != nil {
		return err
	}
	e.say("%s says that the team leaves the cluster as it is", by)
	return nil
}

// end ends it by what somebody of the team said.
func (e *exercise) end(by string, left bool, said string) error {
	if err := unreserved(by); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.unready(); err != nil {
		return err
	}
	now := e.clock()
	if e.kept.Noticed.By == "" {
		e.kept.Noticed = harness.Deed{By: by, At: now}
	}
	e.kept.Ended, e.kept.Left = harness.Deed{By: by, At: now}, left
	e.finishLocked(by + " said that " + said)
	return nil
}

// unready says why the team cannot end it now; e.mu is held.
func (e *exercise) unready() error {
	switch {
	case e.isOverLocked():
		return refused("the game day is over: %s", e.ended)
	case e.struck == 0:
		return refused("nothing has happened yet that could be recovered from")
	case e.paused():
		return refused("the exercise is paused, and goes on first\nhint: firedrill gameday --resume has it go on")
	}
	return nil
}

// Stop ends the game day without the team.
func (e *exercise) Stop(why string) error { return e.stop(facilitator, why) }

func (e *exercise) stop(by, why string) error {
	if why = strings.TrimSpace(why); why == "" {
		why = "no reason was given"
	}
	if n := utf8.RuneCountInString(why); n > mostText {
		return refused("the reason has %d characters, and %d at most are kept", n, mostText)
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

// ending is how it ended.
type ending uint8

const (
	unended  ending = iota // by nobody
	done                   // the team has finished
	leftAsIs               // the team touches nothing
	stopped                // before the team said either
)

func (e *exercise) ending() ending {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.kept.Ended.By == "":
		return unended
	case e.kept.Stopped != "":
		return stopped
	case e.kept.Left:
		return leftAsIs
	}
	return done
}

// Hint shows a hint to all.
func (e *exercise) Hint(text string) error {
	text = strings.TrimSpace(text)
	e.mu.Lock()
	switch {
	case e.isOverLocked():
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	case text == "" || utf8.RuneCountInString(text) > mostText || len(e.kept.Hints) >= mostHints:
		e.mu.Unlock()
		return refused("a hint has from 1 to %d characters, and there are %d at most", mostText, mostHints)
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
	e.planned, e.strikeAt = e.clock(), at
	e.change()
}

// strikesAt is when it strikes, for all that is known now, or did; e.mu is held.
func (e *exercise) strikesAt(now time.Duration) time.Duration {
	if e.struck > 0 {
		return e.struck
	}
	return e.strikeAt + e.kept.Paused(e.planned, now)
}

// arms tells whether it may strike now: it is not paused, and cannot be until it has
// struck.
func (e *exercise) arms() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.armed = !e.paused()
	return e.armed
}

// strikes notes down that it strikes now; false: it is over already.
func (e *exercise) strikes() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.isOverLocked() {
		return false
	}
	e.struck = e.clock()
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
	kept.FalseAlarms = slices.Clone(kept.FalseAlarms)
	kept.Hints, kept.WrongMoves = slices.Clone(kept.Hints), slices.Clone(kept.WrongMoves)
	kept.GivenUp = slices.Clone(kept.GivenUp)
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
