package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/reports"
)

// GameDay is what a drill needs whose procedure is people (harness.ByTeam).
type GameDay struct {
	Surprise bool // nobody is told which scenario it is
	// The strike comes at a moment between these after the game day was opened. The
	// seed says which. Both 0: the constants of these names.
	QuietLeast, QuietMost time.Duration
	// Book names the steps of the documented procedure, for the facilitator.
	Book []string
	// Open is called once the team may come: it tells people how, and has the pages
	// served. It returns soon, and ctx is for that alone. An error ends the drill. The
	// exercise outlives the drill.
	Open func(ctx context.Context, e gameday.Exercise, socket string) error
	// Paper writes the after-action report into the run directory, before the pages tell
	// the verdict, and returns where it lies; "" if it could not be written. nil: none is.
	Paper func(reports.Report) string
}

// How long nothing happens after a game day was opened, unless the user says another.
const (
	QuietLeast = 20 * time.Second
	QuietMost  = 3 * time.Minute
)

// byTeamWithin is the deadline of people, unless the user says another.
const byTeamWithin = 30 * time.Minute

// quiet bounds how long nothing happens.
func (g *GameDay) quiet() (least, most time.Duration) {
	if g.QuietLeast == 0 && g.QuietMost == 0 {
		return QuietLeast, QuietMost
	}
	return g.QuietLeast, g.QuietMost
}

// unsuited says why a game day cannot be had like this, "" if it can.
func (g *GameDay) unsuited(s harness.Scenario, team bool) string {
	switch {
	case g == nil && team:
		return "people recover it, and no game day is held"
	case g == nil:
		return ""
	case !team:
		return "a game day is held, and people are not who recovers it"
	case s.AtBirth:
		return "it strikes while the cluster is first created, and there is no quiet time before that"
	case g.Open == nil:
		return "nobody is told of the game day"
	case g.QuietLeast < 0 || g.QuietMost < g.QuietLeast:
		return fmt.Sprintf("the strike cannot come between %v and %v after it was opened", g.QuietLeast, g.QuietMost)
	}
	return ""
}

// game is what a game day has beside any drill.
type game struct {
	*exercise
	d      *drill
	moves  *moves
	hand   *hand
	server *bastion.Server
	served chan error // what serving the bastion ended with

	drill    context.Context // the drill's own
	ordered  sync.WaitGroup  // what the facilitator ordered
	ctx      context.Context // of whoever looks at the hosts; ends with the game
	end      context.CancelFunc
	watching sync.WaitGroup

	closed bool
	err    error // what went wrong when it was
}

func newGame(ctx context.Context, d *drill) *game {
	say := func(format string, args ...any) { d.timeline.say(harness.TeamEvent, "", format, args...) }
	g := &game{d: d, drill: ctx, exercise: newExercise(d.opts.GameDay.Surprise, d.plan.within, d.timeline.now, say)}
	g.moves = newMoves(g)
	g.ctx, g.end = context.WithCancel(context.Background())
	return g
}

// openGameDay sets the desk up, takes calls, and tells people that they may come.
func (d *drill) openGameDay(ctx context.Context) (err error) {
	g := d.game
	if d.workplace, err = d.setDesk(); err != nil {
		return err
	}
	for _, v := range d.ev.Before {
		g.moves.learns(v.Host, v.Revision, d.timeline.now())
	}
	g.hand = newHand(d, nobody, len(d.plan.steps))
	if g.server, err = bastion.ListenToTeam(d.workplace.Dir()); err != nil {
		return err
	}
	g.served = make(chan error, 1)
	go func() {
		err := crew.Surely(func() error { return g.server.Serve(team{estate{site: site{d}, hand: g.hand}, g}) })
		if err != nil {
			d.broke(breakage{err: err}) // the team reaches nobody any more
		}
		g.served <- err
	}()
	g.watch()
	g.opened()
	return d.opts.GameDay.Open(ctx, g, g.server.Path())
}

// letBe lets time pass until the moment of the strike, which nobody is told.
func (d *drill) letBe(ctx context.Context) error {
	least, most := d.opts.GameDay.quiet()
	// Not by the drill's own numbers: the same seed strikes a drill without people at
	// the same age of its newest backup.
	rnd := rand.New(rand.NewPCG(uint64(d.opts.Seed), 0x67616d65))
	quiet := least + time.Duration(rnd.Int64N(int64(most-least)+1))
	d.game.plan(d.timeline.now() + quiet)
	for {
		if err := d.game.passUntilStrike(ctx); errors.Is(err, errEnded) {
			return nil // see calledOff
		} else if err != nil {
			return err
		}
		err := within(ctx, d.steadyDeadline(), func(ctx context.Context) error {
			if err := d.untilTheStrike(ctx); err != nil {
				return err
			}
			return d.awaitWhole(ctx)
		})
		// A pause that was begun meanwhile holds the strike as well.
		if err != nil || d.game.arms() {
			return err
		}
	}
}

// awaitWhole waits until etcd runs on every host that the strike may choose: the team
// may be about to restart one. A strike on what is broken already would not be the
// scenario's. Where the exercise is paused the team cannot, and nothing is waited for.
func (d *drill) awaitWhole(ctx context.Context) error {
	err := poll(ctx, "etcd runs on every host, for the strike", func(ctx context.Context) (bool, string) {
		if d.game.isOver() || d.game.isPaused() {
			return true, ""
		}
		for _, name := range d.plan.hosts {
			h := d.host(name)
			if h == nil {
				return false, name + " is gone"
			}
			state, err := h.Etcd(ctx)
			d.noteLost(h, err)
			if err != nil || state.PID == 0 || state.Paused {
				return false, fmt.Sprintf("%s: %s, %v", name, state, err)
			}
		}
		return true, ""
	})
	if err != nil && ctx.Err() != nil {
		return hinted(err, "what the team did before the strike left the cluster in another state than the scenario's; what was done is in the transcript")
	}
	return err
}

// strikeable is a drill as the strike sees it: only the hosts that the cluster was born on.
// A team may have ordered others by then, on which nothing runs.
type strikeable struct{ *drill }

// Select resolves a selector among them.
func (s strikeable) Select(ctx context.Context, who harness.Selector) ([]harness.Host, error) {
	hosts := slices.DeleteFunc(s.present(), func(h harness.Host) bool { return !slices.Contains(s.plan.hosts, h.Name()) })
	return s.selectAmong(ctx, hosts, who)
}

// calledOff tells whether the game day was ended before anything was broken.
func (d *drill) calledOff() bool { return d.game != nil && d.game.isOver() && !d.game.isStruck() }

// AwaitTeam waits until the team is done, was stopped, or its time is over. From then on
// it reaches nothing any more, and what is there is what is judged.
func (s site) AwaitTeam(ctx context.Context) (out harness.Output, err error) {
	g := s.d.game
	select {
	case <-g.over:
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			g.timeIsUp()
		}
	}
	if err := g.close(); err != nil {
		return out, err
	}
	switch g.ending() {
	case stopped:
		return harness.Output{ExitCode: 1, Stderr: g.why() + "\n"}, nil
	case leftAsIs:
		return harness.Output{ExitCode: harness.DoesNotApply, Stdout: g.why() + "\n"}, nil
	case unended:
		return harness.Output{Stderr: g.why() + "; " + g.lastTyped() + "\n"}, context.Cause(ctx)
	}
	return harness.Output{Stdout: g.why() + "\n"}, nil
}

// teamDeadline bounds a context by the team's clock: the time that it has from the
// strike on, in which pauses do not count.
func (d *drill) teamDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		if d.game.passSinceStrike(ctx, d.plan.within) == nil {
			cancel(fmt.Errorf("the team's time of %v is over: %w", d.plan.within, context.DeadlineExceeded))
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-waited
	}
}

// leaving is how long those who take part may take to hear why it is over.
const leaving = 2 * time.Second

// close ends the team's part, on whichever path: whoever takes part hears why, and
// what is under way ends. It is not called at once.
func (g *game) close() error {
	if g == nil || g.closed {
		return nil
	}
	g.closed = true
	g.finish("the drill was ended") // if nobody did
	if g.server != nil {
		g.await(leaving)
		g.err = errors.Join(g.server.Close(), <-g.served)
	}
	g.ordered.Wait()
	g.end()
	g.watching.Wait()
	if g.hand != nil {
		g.hand.close()
	}
	if g.kept.Surprise {
		g.d.tellScenario()
	}
	record := g.record()
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	g.d.ev.GameDay = &record
	return g.err
}

// conclude tells the pages how it ended, and where the after-action report lies; nil: no
// verdict could be had.
func (d *drill) conclude(report *reports.Report) {
	if d.game == nil {
		return
	}
	if report == nil {
		d.game.concluded("", "")
		return
	}
	path := ""
	if d.opts.GameDay.Paper != nil {
		path = d.opts.GameDay.Paper(*report)
	}
	d.game.concluded(report.Verdict.String(), path)
}
