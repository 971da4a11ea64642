package outage

import (
	"container/heap"
	"time"
)

// Silence is a stretch without an acknowledgement, offsets in whole milliseconds
// so that totals add up as printed.
type Silence struct {
	From time.Duration // Return of the last acknowledgement before it
	To   time.Duration // Return of the first after it; if Open, the end of watching
	Open bool
}

// Length is how long it lasted.
func (s Silence) Length() time.Duration { return s.To - s.From }

// settleOrder is how far apart in time two acknowledgements may be recorded in
// the wrong order. The ledger promises a few milliseconds; a second is generous
// and holds some dozen probes.
const settleOrder = time.Second

// silences finds the gaps in a stream of acknowledgements that is almost in
// order, in memory that does not grow with their number.
type silences struct {
	threshold time.Duration
	from      time.Duration // gaps that ended before do not count
	until     time.Duration // a silence that was no gap yet by then does not count

	acks    int64
	since   int64         // of these, after the start of watching
	pending offsets       // acknowledgements that an earlier one may still precede
	newest  time.Duration // greatest offset seen
	last    time.Duration // greatest offset that is in order
	begun   bool          // last is an acknowledgement, not the start of watching
	tried   time.Duration // when a request was last sent that was not acknowledged
	found   []Silence
}

func newSilences(threshold, from, until time.Duration) *silences {
	return &silences{threshold: threshold, from: from, until: until, last: from}
}

// ack takes the next acknowledgement.
func (s *silences) ack(at time.Duration) {
	s.acks++
	if at > s.from {
		s.since++
	}
	heap.Push(&s.pending, at)
	s.newest = max(s.newest, at)
	for s.pending[0] < s.newest-settleOrder {
		s.inOrder(heap.Pop(&s.pending).(time.Duration))
	}
}

// attempt takes a request that was not acknowledged, and when it was sent.
func (s *silences) attempt(at time.Duration) { s.tried = max(s.tried, at) }

func (s *silences) inOrder(at time.Duration) {
	if s.begun || at > s.last {
		s.close(at, false)
	}
	// The first acknowledgement may precede the start of watching: the gap
	// that the strike makes begins at the last acknowledgement before it.
	if !s.begun || at > s.last {
		s.last, s.begun = at, true
	}
}

// close ends the silence since the last acknowledgement.
func (s *silences) close(at time.Duration, open bool) {
	gap := Silence{From: s.last.Round(time.Millisecond), To: at.Round(time.Millisecond), Open: open}
	if gap.Length() <= s.threshold || at <= s.from || s.last >= s.until-s.threshold {
		return
	}
	s.found = append(s.found, gap)
}

// service is what the stream came to. finish is called by it, once.
func (s *silences) service() Service {
	gaps, open := s.finish()
	return Service{Acks: s.acks, Since: s.since, Gaps: gaps, Open: open}
}

// finish returns the gaps in order of time. open tells whether the last had not
// ended when watching ended: at the last attempt, for that nobody is answered
// after clients stopped asking is no outage.
func (s *silences) finish() (found []Silence, open bool) {
	for len(s.pending) > 0 {
		s.inOrder(heap.Pop(&s.pending).(time.Duration))
	}
	if s.tried > s.last {
		s.close(s.tried, true)
	}
	n := len(s.found)
	return s.found, n > 0 && s.found[n-1].Open
}

// offsets is a min-heap.
type offsets []time.Duration

func (o offsets) Len() int           { return len(o) }
func (o offsets) Less(i, j int) bool { return o[i] < o[j] }
func (o offsets) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *offsets) Push(x any)        { *o = append(*o, x.(time.Duration)) }
func (o *offsets) Pop() any {
	old := *o
	last := old[len(old)-1]
	*o = old[:len(old)-1]
	return last
}
