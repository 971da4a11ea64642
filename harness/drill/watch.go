package drill

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

const (
	// watchEvery is how often it is looked whether the alarm is to ring.
	watchEvery = 100 * time.Millisecond
	// roundEvery is how often hosts are asked, if the last round has ended: members
	// without a quorum take seconds to answer.
	roundEvery = time.Second
	// shelfEvery is how often it is looked what lies where backups are kept: a store may
	// be far away, and asks money for each look.
	shelfEvery = 3 * time.Second
)

// watch looks at service and hosts until the game is closed.
func (g *game) watch() {
	g.goOn(watchEvery, func(context.Context) { g.watchService() })
	g.goOn(roundEvery, func(context.Context) { g.another() })
	g.goOn(roundEvery, g.round)
	g.goOn(shelfEvery, g.d.lookAtShelf)
}

// goOn does something again and again, one after the other, until the game is closed.
func (g *game) goOn(every time.Duration, do func(context.Context)) {
	g.watching.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for g.ctx.Err() == nil {
			if err := crew.Caught(func() { do(g.ctx) }); err != nil {
				g.d.broke(breakage{err: fmt.Errorf("the watch of the game day panicked: %w", err)})
				return
			}
			select {
			case <-g.ctx.Done():
			case <-tick.C:
			}
		}
	})
}

// round asks every host for what can be seen of it. Only whether it answers, and what its
// etcd says, is for everybody.
func (g *game) round(ctx context.Context) {
	asked := g.clock()
	look := estate{site: site{g.d}, hand: g.hand}
	var hosts []gameday.Inside
	var targets []observe.Target
	for _, name := range g.d.everKnown() {
		is := gameday.Inside{Host: gameday.Host{Name: name, Members: []string{}, Asked: asked}, Power: string(bastion.Gone), Alarms: []string{}}
		if h := g.d.host(name); h != nil {
			told := look.look(ctx, h)
			is.Power, is.Answers = string(told.Power), told.Power == bastion.PowerOn
			switch {
			case told.Etcd == nil:
			case told.Etcd.PID == 0 || told.Etcd.Paused:
				is.Etcd, is.Error = told.Etcd.Text, "it does not run"
			default:
				is.Etcd = told.Etcd.Text
				targets = append(targets, g.d.targetsOf([]harness.Host{h})...)
			}
		}
		hosts = append(hosts, is)
	}
	unused := g.d.unused()
	views := observe.Members(ctx, targets)
	if ctx.Err() != nil {
		return // what was seen is that nobody waits any more
	}
	old := !g.hand.hasReplaced()
	for _, v := range views {
		i := slices.IndexFunc(hosts, func(h gameday.Inside) bool { return h.Name == v.Host })
		hosts[i] = seen(hosts[i], v)
		if old && v.Error == "" {
			g.moves.learns(v.Host, v.Revision, asked)
		}
	}
	g.show(hosts, unused)
	if old && g.isServing() {
		// The error is that nobody waits any longer.
		_ = g.moves.take(ctx, false)
	}
}

// unused are the spare hosts that nobody has ordered, or started etcd on. They are made
// ready where a host was lost, so that a wall that listed them would tell of that.
func (d *drill) unused() []string {
	used := d.atWork().inUse()
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.spares), func(name string) bool { return slices.Contains(used, name) })
}

// seen adds what a member tells of itself to what is seen of its host.
func seen(h gameday.Inside, v harness.MemberView) gameday.Inside {
	if v.Error != "" {
		h.Error = v.Error
		return h
	}
	h.EtcdAnswers = true
	h.Revision, h.Alarms = v.Revision, append(h.Alarms, v.Alarms...)
	for _, m := range v.Members {
		name := m.Name
		if name == "" {
			name = fmt.Sprintf("%x (never started)", m.ID)
		}
		if m.Learner {
			name += " (learner)"
		}
		h.Members = append(h.Members, name)
		if m.ID == v.Leader && m.Name != "" {
			h.Leader = m.Name
		}
	}
	slices.Sort(h.Members)
	if h.Leader == "" && v.Leader != 0 {
		h.Leader = fmt.Sprintf("%x", v.Leader)
	}
	return h
}

// another tells that another second of traffic is to be seen.
func (e *exercise) another() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.change()
}

func (e *exercise) show(hosts []gameday.Inside, unused []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hosts, e.unused = hosts, unused
	e.change()
}

func (e *exercise) isServing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.service.known && e.service.serving
}
