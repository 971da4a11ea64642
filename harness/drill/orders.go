package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

// kind is something that the facilitator can break.
type kind struct {
	gameday.Kind
	running bool // etcd has to run on the host
	on      bool // the host has to be on
	make    func(harness.Selector) harness.Fault
}

// wipeData is the one kind that can begin another history: see game.inject.
const wipeData = "wipe-data"

var kinds = []kind{
	{gameday.Kind{Name: "kill-etcd", Text: "kill etcd; its supervisor starts it again"}, true, true, func(who harness.Selector) harness.Fault { return fault.KillEtcd{Who: who} }},
	{gameday.Kind{Name: "pause-etcd", Text: "pause etcd: it keeps its sockets and answers nobody"}, true, true, func(who harness.Selector) harness.Fault { return fault.PauseEtcd{Who: who} }},
	{gameday.Kind{Name: "stop-etcd", Text: "stop etcd: its manifest is moved to /root"}, true, true, func(who harness.Selector) harness.Fault { return fault.StopEtcd{Who: who} }},
	{gameday.Kind{Name: "power-off", Text: "power the host off, as pulling the plug"}, false, true, func(who harness.Selector) harness.Fault { return fault.PowerOff{Who: who} }},
	{gameday.Kind{Name: "lose-host", Text: "lose the host for good, machine and disk"}, false, false, func(who harness.Selector) harness.Fault { return fault.LoseHost{Who: who} }},
	{gameday.Kind{Name: wipeData, Text: "empty etcd's data directory, and kill etcd"}, true, true, func(who harness.Selector) harness.Fault { return fault.WipeData{Who: who} }},
	{gameday.Kind{Name: "ruin-data", Text: "make etcd's data such that it cannot start from them"}, true, true, func(who harness.Selector) harness.Fault { return fault.RuinData{Who: who} }},
}

// breakable lists what a facilitator can break on a host.
func breakable() []gameday.Kind {
	list := make([]gameday.Kind, len(kinds))
	for i, k := range kinds {
		list[i] = k.Kind
	}
	return list
}

// Inject breaks more. What was begun is brought to its end, also where whoever ordered
// it does not wait, or the team is done: half a fault would be nobody's.
func (g *game) Inject(_ context.Context, order gameday.Order) error {
	if err := g.orders(); err != nil {
		return err
	}
	defer g.ordered.Done()
	return within(g.drill, strikeDeadline, func(ctx context.Context) error { return g.inject(ctx, order) })
}

// orders tells whether the facilitator may break more just now, and counts what he
// ordered.
func (g *game) orders() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.isOverLocked():
		return refused("the game day is over: %s", g.ended)
	case !g.hasBegun():
		return refused("the scenario's own strike comes first, and is looked at\nhint: try again once the recovery has begun")
	}
	g.ordered.Add(1)
	return nil
}

func (g *game) inject(ctx context.Context, order gameday.Order) error {
	d := g.d
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.Name == order.Kind })
	if i < 0 {
		return refused("there is no fault %q", order.Kind)
	}
	k, h := kinds[i], d.host(order.Host)
	if h == nil {
		return refused("there is no host %q, or it is gone", order.Host)
	}
	if !g.hand.hasReplaced() && g.isServing() {
		if err := g.moves.take(ctx, true); err != nil {
			return err
		}
	}
	g.moves.mu.Lock()
	defer g.moves.mu.Unlock()
	state, err := h.Etcd(ctx)
	d.noteLost(h, err)
	switch {
	case errors.Is(err, harness.ErrHostOff) && !k.on:
	case err != nil:
		return refused("%v", err)
	case k.running && (state.PID == 0 || state.Paused):
		return refused("etcd on %s: %s", order.Host, state)
	}
	if order.Kind == wipeData && g.blankQuorum(order.Host) {
		// They form a cluster of their own, with nothing in it.
		g.hand.replaced()
	}
	f := k.make(harness.Hosts(order.Host))
	record := harness.FaultRecord{Fault: f.String(), By: facilitator, At: d.timeline.now()}
	d.timeline.say(harness.FaultEvent, "", "%s: %s", facilitator, f)
	hosts, err := f.Inject(ctx, d)
	record.Hosts, record.Took = hosts, d.timeline.now()-record.At
	if len(hosts) > 0 { // also where it did not come to its end: something was broken
		d.mu.Lock()
		d.ev.Faults = append(d.ev.Faults, record)
		d.mu.Unlock()
	}
	d.forgetTheGone(ctx)
	g.moves.struck(ctx)
	g.mu.Lock()
	g.change()
	g.mu.Unlock()
	if err != nil {
		d.noteLost(h, err)
		return fmt.Errorf("%s: %w", facilitator, err)
	}
	d.timeline.say(harness.FaultEvent, "", "in effect on %s after %d ms", strings.Join(hosts, ", "), record.Took.Milliseconds())
	return nil
}

// blankQuorum tells whether a quorum of the cluster's first members has no data once this
// host's are wiped as well. Each starts as it did at the cluster's birth, and together
// they are one that was just born. Whatever else happens to data leaves etcd unable to
// start.
func (g *game) blankQuorum(host string) bool {
	blank := map[string]bool{host: true}
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	wiped, _, _ := strings.Cut(fault.WipeData{}.String(), " on ")
	for _, f := range g.d.ev.Faults {
		if strings.HasPrefix(f.Fault, wiped) {
			for _, name := range f.Hosts {
				blank[name] = true
			}
		}
	}
	return len(blank) > len(g.d.plan.hosts)/2
}
