package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// rules is an exercise whose clock a test sets.
type rules struct {
	*exercise
	now atomic.Int64
}

func newRules() *rules {
	r := &rules{}
	r.set(time.Second)
	r.exercise = newExercise(false, time.Hour, func() time.Duration { return time.Duration(r.now.Load()) }, func(string, ...any) {})
	return r
}

func (r *rules) set(at time.Duration) { r.now.Store(int64(at)) }

// refuses fails the test unless an error says no, and why.
func refuses(t *testing.T, what string, err error, why string) {
	t.Helper()
	var no *bastion.Refusal
	if err == nil || !errors.Is(err, gameday.ErrRefused) && !errors.As(err, &no) || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: %v, and it should be refused, because %s", what, err, why)
	}
}

func exec(by string, argv ...string) bastion.Call {
	return bastion.Call{By: by, Verb: bastion.Exec, Args: append([]string{"m1"}, argv...)}
}

var wipe = exec("ann", "rm", "-rf", "/var/lib/etcd")

func TestNothingIsWrongYet(t *testing.T) {
	r := newRules()
	refuses(t, "done", r.Done("ann"), "nothing has happened")
	refuses(t, "left", r.Leave("ann"), "nothing has happened")
	if err := r.admit(t.Context(), wipe); err != nil {
		t.Errorf("a call: %v", err)
	}
	if w := r.wall(); w.Phase != gameday.Waiting || w.Alarm != 0 || w.Clock != 0 {
		t.Errorf("%+v", w)
	}
	if rec := r.record(); rec.Noticed.By != "" || rec.Decided.By != "" {
		t.Errorf("%+v", rec)
	}
}

func TestACourse(t *testing.T) {
	r := newRules()
	r.set(10 * time.Second)
	if !r.strikes() {
		t.Fatal("it does not strike")
	}
	r.begins()
	r.set(12 * time.Second)
	for range 2 {
		if err := r.Notice("ann"); err != nil {
			t.Fatal(err)
		}
		r.set(13 * time.Second)
	}
	if err := r.admit(t.Context(), exec("bob", "cat", "/etc/hosts")); err != nil {
		t.Fatal(err)
	}
	r.set(15 * time.Second)
	if err := r.admit(t.Context(), bastion.Call{By: "bob", Verb: bastion.Stop, Args: []string{"m1"}}); err != nil {
		t.Fatal(err)
	}
	r.set(20 * time.Second)
	if w := r.wall(); w.Phase != gameday.Alarm || w.Clock != 8*time.Second || w.Noticed != "ann" {
		t.Errorf("%+v", w)
	}
	if err := r.Done("bob"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.over:
	default:
		t.Error("it is not over")
	}
	r.set(30 * time.Second)
	if w := r.wall(); w.Phase != gameday.Judging || w.Clock != 8*time.Second {
		t.Errorf("%+v", w)
	}
	rec := r.record()
	if rec.Noticed != (harness.Deed{By: "ann", At: 12 * time.Second}) || rec.Alarm != 12*time.Second ||
		rec.Decided != (harness.Deed{By: "bob", At: 15 * time.Second}) || rec.Ended != (harness.Deed{By: "bob", At: 20 * time.Second}) || rec.Stopped != "" {
		t.Errorf("%+v", rec)
	}
	for what, err := range map[string]error{
		"done": r.Done("ann"), "noticed": r.Notice("ann"), "stopped": r.Stop("late"), "a hint": r.Hint("late"), "paused": r.Pause(), "resumed": r.Resume(),
		"a call": r.admit(t.Context(), wipe),
	} {
		refuses(t, what, err, "bob said that it is done")
	}
	if _, err := r.enter("carl"); err == nil {
		t.Error("somebody comes when it is over")
	}
	r.concluded("violated", "/runs/x")
	if w := r.wall(); w.Phase != gameday.Over || w.Verdict != "violated" || w.Report != "/runs/x" {
		t.Errorf("%+v", w)
	}
	for range 2 {
		select {
		case <-r.Changed():
		default:
			t.Error("something may still change")
		}
		r.unmeasured()
	}
}

func TestStoppedBeforeTheStrike(t *testing.T) {
	r := newRules()
	if err := r.Stop("  the room is needed\n"); err != nil {
		t.Fatal(err)
	}
	if r.strikes() {
		t.Error("it strikes all the same")
	}
	r.plan(time.Hour)
	if err := r.passUntilStrike(t.Context()); !errors.Is(err, errEnded) {
		t.Errorf("waiting for the strike: %v", err)
	}
	if rec := r.record(); r.ending() != stopped || rec.Stopped != "the room is needed" || rec.Ended.By != facilitator {
		t.Errorf("%+v", rec)
	}
}

func TestTimeIsUp(t *testing.T) {
	r := newRules()
	r.strikes()
	r.timeIsUp()
	if is := r.ending(); is != unended || !r.isOver() || !strings.Contains(r.why(), "1h") {
		t.Errorf("%v, %q", is, r.why())
	}
}

// What a shell did before the strike as well, one that looks again and again, is no sign
// that anybody knows.
func TestHabitsAreNoSigns(t *testing.T) {
	r := newRules()
	admit := func(c bastion.Call) {
		t.Helper()
		if err := r.admit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	ls := bastion.Call{By: "ann", Verb: bastion.List}
	touch := exec("ann", "touch", "/x")
	admit(ls)
	admit(touch)
	r.set(5 * time.Second)
	r.strikes()
	r.begins()
	admit(ls)
	if rec := r.record(); rec.Noticed.By != "" {
		t.Errorf("a habit is taken for a sign: %+v", rec.Noticed)
	}
	r.set(7 * time.Second)
	admit(bastion.Call{Verb: bastion.List}) // by somebody else
	if rec := r.record(); rec.Noticed != (harness.Deed{By: nobody, At: 7 * time.Second}) || rec.Decided.By != "" {
		t.Errorf("%+v", rec)
	}
	r.set(8 * time.Second)
	admit(touch) // whatever changes something is decided anew
	if rec := r.record(); rec.Decided.By != "ann" || rec.Noticed.By != nobody {
		t.Errorf("%+v", rec)
	}
	if w := r.wall(); w.Phase != gameday.Waiting || w.Noticed != "" {
		t.Errorf("a call tells everybody that it has struck: %+v", w)
	}
}

// Between the strike and the recovery's beginning the drill looks at what there is: who
// would change it waits, and who only looks does not.
func TestChangesWaitForTheRecoveryToBegin(t *testing.T) {
	for name, end := range map[string]func(*rules){
		"it begins":        func(r *rules) { r.begins() },
		"it is paused":     func(r *rules) { _ = r.Pause(); r.begins() },
		"it is over":       func(r *rules) { _ = r.Stop("enough") },
		"the caller hangs": nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRules()
			r.strikes()
			if err := r.admit(t.Context(), exec("ann", "ls", "/")); err != nil {
				t.Fatal(err)
			}
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			admitted := make(chan error, 1)
			go func() { admitted <- r.admit(ctx, wipe) }()
			for r.record().Decided.By == "" { // it was not typed yet
				<-time.After(time.Millisecond)
			}
			select {
			case err := <-admitted:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			if end != nil {
				end(r)
			} else {
				hangUp()
			}
			err := <-admitted
			switch name {
			case "it begins":
				if err != nil {
					t.Error(err)
				}
			case "it is paused":
				refuses(t, "a call", err, "paused")
			case "it is over":
				refuses(t, "a call", err, "enough")
			default:
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
}

func TestPauses(t *testing.T) {
	r := newRules()
	r.set(10 * time.Second)
	r.strikes()
	r.begins()
	if err := r.Notice("ann"); err != nil {
		t.Fatal(err)
	}
	elapsed := make(chan error, 1)
	go func() { elapsed <- r.passSinceStrike(t.Context(), time.Minute) }()
	r.set(20 * time.Second)
	for range 2 {
		if err := r.Pause(); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, "a call", r.admit(t.Context(), bastion.Call{Verb: bastion.List}), "paused by the facilitator\nhint: ")
	refuses(t, "done", r.Done("ann"), "paused")
	if err := r.Hint("look at m2"); err != nil {
		t.Error(err)
	}
	r.set(10 * time.Minute)
	if w := r.wall(); !w.Paused || w.Clock != 10*time.Second || w.Left != time.Hour-10*time.Second {
		t.Errorf("%+v", w)
	}
	for range 2 {
		if err := r.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	r.set(10*time.Minute + 30*time.Second)
	if w := r.wall(); w.Paused || w.Clock != 40*time.Second || w.Left != time.Hour-40*time.Second || len(w.Hints) != 1 {
		t.Errorf("%+v", w)
	}
	select {
	case err := <-elapsed:
		t.Errorf("the team's minute is over after 40 s of it: %v", err)
	default:
	}
	r.set(10*time.Minute + 51*time.Second)
	if err := r.Pause(); err != nil { // which has it look again
		t.Fatal(err)
	}
	if err := <-elapsed; err != nil {
		t.Error(err)
	}
	want := []harness.PauseRecord{{From: 20 * time.Second, To: 10 * time.Minute}, {From: 10*time.Minute + 51*time.Second}}
	if rec := r.record(); !slices.Equal(rec.Pauses, want) {
		t.Errorf("%+v", rec.Pauses)
	}
}

func TestWhoTakesPart(t *testing.T) {
	r := newRules()
	leave, err := r.enter("ann")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{facilitator, bastion.ByCompletion, "", " bob"} {
		_, err := r.enter(name)
		refuses(t, name, err, "nobody takes part as")
	}
	_, err = r.enter("ann")
	refuses(t, "ann", err, "already")
	bob, err := r.enter("bob")
	if err != nil {
		t.Fatal(err)
	}
	if w := r.wall(); fmt.Sprint(w.Shells) != "[ann bob]" {
		t.Errorf("%v", w.Shells)
	}
	r.set(4 * time.Second)
	leave()
	again, err := r.enter("ann")
	if err != nil {
		t.Fatal(err)
	}
	r.set(9 * time.Second)
	r.finish("enough")
	again()
	bob()
	want := []harness.ShellRecord{{Name: "ann", Opened: time.Second, Closed: 4 * time.Second}, {Name: "bob", Opened: time.Second}, {Name: "ann", Opened: 4 * time.Second}}
	if rec := r.record(); !slices.Equal(rec.Shells, want) {
		t.Errorf("%+v", rec.Shells)
	}
}

// The alarm rings once service was lost for a while, and only since the strike.
func TestTheAlarm(t *testing.T) {
	r := newRules()
	r.saw(2*time.Second, true)
	r.saw(4*time.Second, false)
	r.set(8 * time.Second)
	r.watchService()
	if w := r.wall(); w.Phase != gameday.Waiting || w.Serving == nil || *w.Serving || w.Since != 4*time.Second {
		t.Errorf("nothing was broken yet: %+v", w)
	}
	r.strikes()
	r.saw(8*time.Second, true)
	r.saw(9*time.Second, false)
	r.set(10 * time.Second)
	r.watchService()
	if w := r.wall(); w.Phase != gameday.Waiting {
		t.Errorf("it rings after a second: %+v", w)
	}
	r.set(11 * time.Second)
	r.watchService()
	if w := r.wall(); w.Phase != gameday.Alarm || w.Alarm != 11*time.Second {
		t.Errorf("%+v", w)
	}
}

func TestHintsAreShort(t *testing.T) {
	r := newRules()
	refuses(t, "no hint", r.Hint(" "), "from 1 to")
	refuses(t, "a book", r.Hint(strings.Repeat("x", mostText+1)), "from 1 to")
	for range mostHints {
		if err := r.Hint("look"); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, "too many", r.Hint("look"), "at most")
	refuses(t, "a long reason", r.Stop(strings.Repeat("x", mostText+1)), "at most")
}

// Characters are counted, as the page does that sends them: an umlaut is one.
func TestHintsAreOfCharacters(t *testing.T) {
	r := newRules()
	if err := r.Hint(strings.Repeat("ü", mostText)); err != nil {
		t.Error(err)
	}
	refuses(t, "one more", r.Hint(strings.Repeat("ü", mostText+1)), "characters")
	if err := r.Stop(strings.Repeat("ü", mostText)); err != nil {
		t.Error(err)
	}
}

// Who says again and again that something is wrong is told nothing by the answer, and
// it is on record.
func TestFalseAlarms(t *testing.T) {
	var said []string
	r := newRules()
	r.say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	for range mostFalseAlarms + 5 {
		if err := r.Notice("ann"); err != nil {
			t.Fatal(err)
		}
	}
	if w := r.wall(); w.Phase != gameday.Waiting || w.Alarm != 0 || w.Noticed != "" {
		t.Errorf("a false alarm is on the wall: %+v", w)
	}
	r.set(9 * time.Second)
	r.strikes()
	if err := r.Notice("bob"); err != nil {
		t.Fatal(err)
	}
	rec := r.record()
	if len(rec.FalseAlarms) != mostFalseAlarms || rec.FalseAlarms[0] != (harness.Deed{By: "ann", At: time.Second}) {
		t.Errorf("%d: %+v", len(rec.FalseAlarms), rec.FalseAlarms[0])
	}
	if rec.Noticed != (harness.Deed{By: "bob", At: 9 * time.Second}) || r.wall().Noticed != "bob" {
		t.Errorf("%+v, and the wall shows %q", rec.Noticed, r.wall().Noticed)
	}
	if early, right := said[0], said[len(said)-1]; strings.ReplaceAll(early, "ann", "bob") != right {
		t.Errorf("before the strike it says %q, and after it %q", early, right)
	}
}

// Whoever leaves the cluster alone says so, and that is no failure.
func TestLeavingIt(t *testing.T) {
	r := newRules()
	r.set(10 * time.Second)
	r.strikes()
	r.begins()
	if err := r.Leave("ann"); err != nil {
		t.Fatal(err)
	}
	rec := r.record()
	if r.ending() != leftAsIs || !rec.Left || rec.Ended != (harness.Deed{By: "ann", At: 10 * time.Second}) || rec.Noticed.By != "ann" || rec.Decided.By != "" {
		t.Errorf("%+v", rec)
	}
	refuses(t, "done after it", r.Done("bob"), "ann said that the team leaves the cluster as it is")
}

// A facilitator who pauses it and closes the lid holds nobody for ever, whatever waits.
func TestPausedAndGone(t *testing.T) {
	for name, waits := range map[string]func(*rules) func(context.Context) error{
		"before the strike": func(r *rules) func(context.Context) error {
			r.plan(r.clock() + time.Second)
			return r.passUntilStrike
		},
		"after it": func(r *rules) func(context.Context) error {
			r.strikes()
			r.begins()
			return func(ctx context.Context) error { return r.passSinceStrike(ctx, time.Second) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			r := newRules()
			r.clock, r.longest = func() time.Duration { return time.Second + time.Since(begun) }, 300*time.Millisecond
			wait := waits(r)
			if err := r.Pause(); err != nil {
				t.Fatal(err)
			}
			if w := r.wall(); !w.Paused || w.PauseEnds <= w.Now || w.PauseEnds > w.Now+r.longest {
				t.Errorf("it is %v, and goes on at %v", w.Now, w.PauseEnds)
			}
			if err := wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w := r.wall(); w.Paused || w.PauseEnds != 0 {
				t.Errorf("%+v", w)
			}
			is := r.record().Pauses
			if took := is[0].To - is[0].From; len(is) != 1 || took < r.longest || time.Since(begun) < time.Second+r.longest {
				t.Errorf("after %v: %+v", time.Since(begun), is)
			}
		})
	}
}

// From a terminal somebody has it go on as well, and the team can then be done.
func TestResumedFromATerminal(t *testing.T) {
	r := newRules()
	r.strikes()
	r.begins()
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	refuses(t, "done", r.Done("ann"), "paused, and goes on first\nhint: firedrill gameday --resume")
	for range 2 {
		if err := r.resume("ann"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Done("ann"); err != nil {
		t.Error(err)
	}
}

// Until the moment at which it strikes a pause holds it, and from then on there is none.
func TestAPauseHoldsTheStrike(t *testing.T) {
	r := newRules()
	r.plan(31 * time.Second)
	r.set(11 * time.Second)
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	r.set(60 * time.Second)
	if r.arms() {
		t.Error("it strikes although it is paused")
	}
	r.mu.Lock()
	if at := r.strikesAt(60 * time.Second); at != 80*time.Second {
		t.Errorf("paused at 11 s, it is to strike at %v of 60 s, and 20 s are left", at)
	}
	r.mu.Unlock()
	passed := make(chan error, 1)
	go func() { passed <- r.passUntilStrike(t.Context()) }()
	r.set(90 * time.Second) // what was to pass has passed, had nobody paused
	select {
	case err := <-passed:
		t.Fatalf("it waits for nobody: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	r.set(60 * time.Second)
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	r.set(80 * time.Second)
	if err := errors.Join(r.Pause(), r.Resume()); err != nil { // which has it look again
		t.Fatal(err)
	}
	if err := <-passed; err != nil {
		t.Fatal(err)
	}
	if !r.arms() {
		t.Error("nobody pauses it, and it does not strike")
	}
	refuses(t, "a pause", r.Pause(), "it strikes at this moment")
	r.strikes()
	if err := r.Pause(); err != nil {
		t.Error(err)
	}
}

// A reserved name is nobody's in any call, and only what asks for names needs none.
func TestNobodyIsTheFacilitator(t *testing.T) {
	for _, name := range []string{facilitator, "The Facilitator", bastion.ByCompletion, " ann"} {
		r := newRules()
		r.strikes()
		g := team{game: &game{exercise: r.exercise}}
		for _, c := range []bastion.Call{
			{Verb: bastion.Notice}, {Verb: bastion.Done}, {Verb: bastion.Leave}, {Verb: bastion.Resume}, {Verb: bastion.CallOff, Args: []string{"x"}},
			{Verb: bastion.Backups}, {Verb: bastion.On, Args: []string{"m1"}}, wipe,
		} {
			c.By = name
			_, err := g.Do(t.Context(), c, harness.Streams{})
			refuses(t, c.Verb+" by "+name, err, "nobody takes part as")
		}
		for what, err := range map[string]error{"noticed": r.Notice(name), "done": r.Done(name), "left": r.Leave(name)} {
			refuses(t, what+" by "+name, err, "nobody takes part as")
		}
		if rec := r.record(); r.isOver() || rec.Noticed.By != "" || rec.Decided.By != "" {
			t.Errorf("%s: %+v", name, rec)
		}
	}
}
