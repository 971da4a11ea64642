package drill

import (
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

const (
	// secondsShown is how many seconds of traffic are kept.
	secondsShown = 300
	// secondsOpen is for how long a second's probes are kept, for its quantiles:
	// operations that ended in it are told a moment later.
	secondsOpen = 2
	// mostProbes is how many of a second's probes are kept. One is sent every 20 ms,
	// and after an outage some more answer at once.
	mostProbes = 256
)

// figures is what clients got, second by second.
type figures struct {
	list []second // in order; there may be gaps
}

type second struct {
	number        int64 // from the drill's start
	acked, failed int64
	probes        []time.Duration // of an open one
	p50, p99      time.Duration   // of a closed one
}

// add counts an operation that ended.
func (f *figures) add(op harness.Operation) {
	s := f.at(int64(op.Return / time.Second))
	if s == nil {
		return
	}
	if op.Outcome != harness.Acked {
		s.failed++
		return
	}
	s.acked++
	if op.Kind == harness.ProbeOp && s.probes != nil && len(s.probes) < mostProbes {
		s.probes = append(s.probes, op.Return-op.Call)
	}
}

// at is the second of this number; nil: it is closed, and this came too late.
func (f *figures) at(number int64) *second {
	n := len(f.list)
	if n > 0 && number <= f.list[n-1].number {
		for i := n - 1; i >= max(0, n-secondsOpen-1); i-- {
			if f.list[i].number == number {
				return &f.list[i]
			}
		}
		return nil
	}
	f.list = append(f.list, second{number: number, probes: make([]time.Duration, 0, mostProbes)})
	for i := range f.list {
		if s := &f.list[i]; s.probes != nil && s.number < number-secondsOpen {
			s.p50, s.p99 = quantiles(s.probes)
			s.probes = nil
		}
	}
	if extra := len(f.list) - secondsShown; extra > 0 {
		f.list = slices.Delete(f.list, 0, extra)
	}
	return &f.list[len(f.list)-1]
}

// seconds is the traffic until now, but for the second that has not ended. In a second
// in which nothing ended nobody was answered.
func (f *figures) seconds(now time.Duration) []gameday.Second {
	until := int64(now / time.Second)
	shown := []gameday.Second{}
	if len(f.list) == 0 {
		return shown
	}
	i := 0
	for number := max(f.list[0].number, until-secondsShown); number < until; number++ {
		for i < len(f.list) && f.list[i].number < number {
			i++
		}
		is := gameday.Second{At: time.Duration(number) * time.Second}
		if i < len(f.list) && f.list[i].number == number {
			s := f.list[i]
			if s.probes != nil {
				s.p50, s.p99 = quantiles(s.probes)
			}
			is.Acked, is.Failed, is.P50, is.P99 = s.acked, s.failed, s.p50, s.p99
		}
		shown = append(shown, is)
	}
	return shown
}

// quantiles are the median and the 99th percentile, each a value that was seen.
func quantiles(probes []time.Duration) (p50, p99 time.Duration) {
	n := len(probes)
	if n == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(probes))
	return sorted[(n-1)/2], sorted[(n*99+99)/100-1]
}

// confirmed is how long service has to be lost before an alarm rings.
const confirmed = 2 * time.Second

// serviceSeen is whether writes are acknowledged, as the monitor sees it.
type serviceSeen struct {
	known, serving bool
	since          time.Duration // it is what it is
	back           time.Duration // it last came back
}

// saw is told each change of service.
func (e *exercise) saw(at time.Duration, serving bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.service.known, e.service.serving, e.service.since = true, serving, at
	if serving {
		e.service.back = at
	}
	e.change()
}

// unmeasured is told that nobody measures service any more.
func (e *exercise) unmeasured() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.service.known = false
	e.change()
}

// heard counts an operation of a client's.
func (e *exercise) heard(op harness.Operation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.figures.add(op)
}

// watchService rings the alarm where service is lost since the strike, and not for a
// moment.
func (e *exercise) watchService() {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.service
	if e.struck == 0 || e.isOverLocked() || e.kept.Alarm != 0 || !s.known || s.serving || e.clock()-s.since < confirmed {
		return
	}
	e.ring()
	e.change()
}

// lostAt is when the service was lost that is lost just now.
func (e *exercise) lostAt() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.service.since
}

func (e *exercise) struckAt() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.struck
}
