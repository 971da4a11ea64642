package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// enter lets somebody take part under a name, until leave is called.
func (e *exercise) enter(name string) (leave func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := slices.ContainsFunc(e.kept.Shells, func(s harness.ShellRecord) bool { return s.Name == name && s.Closed == 0 })
	switch {
	case e.isOverLocked():
		return nil, refused("the game day is over: %s", e.ended)
	case reserved(name):
		return nil, refused("nobody takes part as %q\nhint: give another name, by --name", name)
	case taken:
		return nil, refused("somebody takes part as %s already\nhint: give another name, by --name", name)
	case len(e.kept.Shells) >= mostShells:
		return nil, refused("%d shells were opened by now, and no more are kept account of", mostShells)
	}
	at := len(e.kept.Shells)
	e.kept.Shells = append(e.kept.Shells, harness.ShellRecord{Name: name, Opened: e.clock()})
	e.inside.Add(1)
	e.change()
	return func() {
		defer e.inside.Done()
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.isOverLocked() {
			e.kept.Shells[at].Closed = e.clock()
		}
		e.change()
	}, nil
}

// await waits until all who took part have left, but not for long.
func (e *exercise) await(limit time.Duration) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		e.inside.Wait()
	}()
	patience := time.NewTimer(limit)
	defer patience.Stop()
	select {
	case <-left:
	case <-patience.C: // closing the bastion ends them
	}
}

// reserved are names that would be taken for somebody else's.
func reserved(name string) bool {
	return strings.TrimSpace(name) != name || name == "" || strings.EqualFold(name, facilitator) || name == bastion.ByCompletion
}

// join has somebody take part for as long as the call lasts.
func (t team) join(ctx context.Context, name string, s harness.Streams) error {
	leave, err := t.game.enter(name)
	if err != nil {
		return err
	}
	defer leave()
	t.game.say("%s has come", name)
	defer func() {
		if !t.game.isOver() {
			t.game.say("%s has left", name)
		}
	}()
	kit := t.d.workplace.Kit(t.d.facts(ctx, t.d.workplace, t.game.server.Path(), name))
	if err := json.NewEncoder(s.Out).Encode(kit); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.game.over:
		_, err := fmt.Fprintf(s.Err, "the game day is over: %s\n", t.game.why())
		return err
	}
}
