package drill

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// team is the estate as the team of a game day has it.
type team struct {
	estate
	game *game
}

// Do carries out one call of the team's, if the rules let it.
func (t team) Do(ctx context.Context, c bastion.Call, s harness.Streams) (code int, err error) {
	by := c.By
	if by == "" {
		by = t.hand.name
	}
	if !completes(c) {
		if err := unreserved(by); err != nil {
			return 0, &bastion.Refusal{Err: err}
		}
	}
	switch c.Verb {
	case bastion.Join:
		err = t.join(ctx, c.Args[0], s)
	case bastion.Notice:
		err = t.game.Notice(by)
	case bastion.Done:
		err = t.game.Done(by)
	case bastion.Leave:
		err = t.game.Leave(by)
	case bastion.Resume:
		err = t.game.resume(by)
	case bastion.CallOff:
		err = t.game.stop(by, c.Args[0])
	default:
		return t.play(ctx, c, s)
	}
	if errors.Is(err, gameday.ErrRefused) {
		return 0, &bastion.Refusal{Err: err}
	}
	return 0, err
}

// completes tells of what a shell asks by itself, to complete a word: no other call may
// say that nobody typed it. See estate.Do.
func completes(c bastion.Call) bool { return c.By == bastion.ByCompletion && c.Verb == bastion.List }

// unreserved refuses whoever says that he is somebody whom he would be taken for.
func unreserved(by string) error {
	if reserved(by) {
		return refused("nobody takes part as %q\nhint: give another name, by --name or --by", by)
	}
	return nil
}

// play carries out a call that somebody typed.
func (t team) play(ctx context.Context, c bastion.Call, s harness.Streams) (int, error) {
	if !completes(c) {
		if err := t.game.admit(ctx, c); err != nil {
			return 0, err
		}
	}
	return t.estate.Do(ctx, c, s)
}

// admit lets a call of the team's through, and tells what it is a sign of. Between the
// strike and the recovery's beginning the drill looks at what the disaster left, for
// the checks: a call that would change it waits for that.
func (e *exercise) admit(ctx context.Context, c bastion.Call) error {
	change := changes(c)
	for typed := true; ; typed = false {
		e.mu.Lock()
		switch {
		case e.isOverLocked():
			e.mu.Unlock()
			return bastion.Refuse("the game day is over: %s", e.why())
		case e.paused():
			e.mu.Unlock()
			return bastion.Refuse("the exercise is paused by %s\nhint: the wall's page tells when it goes on; the team's clock stands still until then", facilitator)
		}
		if typed {
			e.signs(c, change)
		}
		wait := change && e.struck > 0 && !e.hasBegun()
		e.mu.Unlock()
		if !wait {
			return nil
		}
		select {
		case <-e.started:
		case <-e.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (e *exercise) hasBegun() bool {
	select {
	case <-e.started:
		return true
	default:
		return false
	}
}

// habit is a call as one shell makes it: its hash, for a call may be megabytes.
type habit [sha256.Size]byte

// mostHabits is how many different calls before the strike are remembered.
const mostHabits = 10_000

// signs notes down what a call is a sign of; e.mu is held. What a shell did before the
// strike as well, as one does that looks every few seconds, is no sign of knowing.
func (e *exercise) signs(c bastion.Call, change bool) {
	is := habit(sha256.Sum256([]byte(c.By + "\x00" + typed(c))))
	if e.struck == 0 {
		if len(e.habits) < mostHabits && !change {
			e.habits[is] = true
		}
		return
	}
	deed := harness.Deed{By: c.By, At: e.clock()}
	if deed.By == "" {
		deed.By = nobody
	}
	if e.kept.Noticed.By == "" && !e.habits[is] {
		e.kept.Noticed = deed
	}
	if e.kept.Decided.By == "" && change {
		e.kept.Decided = deed
	}
}

// nobody is who types and does not say who.
const nobody = "somebody"

// changes tells whether a call changes a host, or where clients go.
func changes(c bastion.Call) bool {
	switch c.Verb {
	case bastion.Exec:
		return !onlyLooks(c.Args[1:])
	case bastion.Put, bastion.PutTree, bastion.Start, bastion.Stop, bastion.New, bastion.On, bastion.Off, bastion.Reboot,
		bastion.Certify, bastion.Announce, bastion.RestartComponents:
		return true
	}
	return false
}

// touches tells whether a call may change what lies on its host's disk.
func touches(c bastion.Call) bool {
	return slices.Contains([]string{bastion.Exec, bastion.Put, bastion.PutTree, bastion.Start}, c.Verb) && changes(c)
}
