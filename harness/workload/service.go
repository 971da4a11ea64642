package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// service tells from acknowledged probes whether etcd serves.
type service struct {
	mu      sync.Mutex
	told    func(at time.Duration, serving bool)
	serving bool
	seen    bool          // a probe was acknowledged at all
	last    time.Duration // the last acknowledgement
	calm    time.Duration // no silence since then
	gap     [2]time.Duration
}

func newService(told func(time.Duration, bool)) *service { return &service{told: told} }

// acked notes an acknowledged probe.
func (s *service) acked(at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen && at <= s.last {
		return // overtaken on its way here
	}
	if s.seen && at-s.last > harness.GapThreshold {
		if s.serving {
			s.change(s.last, false)
		}
		s.gap = [2]time.Duration{s.last, at}
		s.calm = at
	}
	if !s.seen {
		s.seen, s.calm = true, at
	}
	s.last = at
	if !s.serving {
		s.change(at, true)
	}
}

func (s *service) change(at time.Duration, serving bool) {
	s.serving = serving
	s.told(at, serving)
}

// watch notices silence while it lasts.
func (s *service) watch(ctx context.Context, clock func() time.Duration) {
	tick := time.NewTicker(grain)
	defer tick.Stop()
	for next(ctx, tick) {
		s.notice(clock)
	}
}

func (s *service) notice(clock func() time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A grain later than the rule, for an acknowledgement that was stamped in
	// time and is still on its way here.
	if s.serving && clock()-s.last > harness.GapThreshold+grain {
		s.change(s.last, false)
	}
}

func (s *service) calmFor(since, calm time.Duration) (ok bool, seen string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.seen:
		return false, "no probe was ever acknowledged"
	case s.last < since:
		return false, fmt.Sprintf("the last probe was acknowledged at %.3fs, before %.3fs", s.last.Seconds(), since.Seconds())
	case s.serving && s.last >= max(s.calm, since)+calm:
		return true, ""
	case !s.serving:
		return false, fmt.Sprintf("no probe was acknowledged since %.3fs", s.last.Seconds())
	case s.gap[1] == 0:
		return false, fmt.Sprintf("no gap yet, the last probe was acknowledged at %.3fs", s.last.Seconds())
	}
	return false, fmt.Sprintf("the last gap was from %.3fs to %.3fs", s.gap[0].Seconds(), s.gap[1].Seconds())
}

// Serving tells whether a probe was acknowledged within the last 250 ms.
func (t *Traffic) Serving() bool {
	t.service.mu.Lock()
	defer t.service.mu.Unlock()
	return t.service.serving
}

// ServedSince tells whether a probe was acknowledged after a moment (an offset).
func (t *Traffic) ServedSince(at time.Duration) bool { return t.service.since(at) }

func (s *service) since(at time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen && s.last > at
}

// AwaitCalm waits until probes were acknowledged without a gap of more than
// 250 ms for as long as calm, all of it after since (an offset). When ctx ends
// first, the error names the last gap.
func (t *Traffic) AwaitCalm(ctx context.Context, since, calm time.Duration) error {
	return t.await(ctx, fmt.Sprintf("probes are acknowledged for %s without a gap", calm), func() (bool, string) {
		return t.service.calmFor(since, calm)
	})
}
