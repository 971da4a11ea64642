package reports

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Timings are the figures of a drill. A duration of 0 means that the phase did
// not occur.
type Timings struct {
	Detection  time.Duration // strike → a fresh client's probe failed
	Fetch      time.Duration // procedure begun → backup and keys are on the hosts
	Restore    time.Duration // procedure begun → data directories are ready
	Redundancy time.Duration // procedure begun (strike, if nobody did anything) → every expected voter healthy and equal

	// Outage is the total of Gaps. OutageSpan runs from the last
	// acknowledgement before the first gap to the first after the last. Both
	// are 0 if there was no gap.
	Outage     time.Duration
	OutageSpan time.Duration
	Gaps       []Silence
	OutageOpen bool // the last gap had not ended when watching ended
	// Unmeasured says why there was no outage to be measured; "" if there was.
	// Nothing is wrong then: Gaps and both outages are absent, not 0.
	Unmeasured string

	StockOutage     time.Duration // total of the stock client's gaps
	StockOutageOpen bool

	Unfit []string // why the figures are not to be relied upon
}

// Silence is a stretch without an acknowledgement, offsets in whole
// milliseconds so that totals add up as printed.
type Silence struct {
	From  time.Duration // Return of the last acknowledgement before it
	To    time.Duration // Return of the first after it; if Open, the end of watching
	Cause string
	Open  bool
}

// Length is how long it lasted.
func (s Silence) Length() time.Duration { return s.To - s.From }

// Measure measures a drill. Outage is by the probes alone, from the strike
// until the drill had settled; trials lie outside. Where traffic began only after
// the strike there is no outage, see Timings.Unmeasured. It reads the ledger once, in
// bounded memory. A damaged ledger is an error.
func Measure(ev *harness.Evidence) (Timings, error) {
	t := phases(ev)
	watch, watched := window(ev)
	if !watched {
		t.Unfit = append(t.Unfit, "no traffic ran after a strike: outage was not measured")
		return t, nil
	}
	if began, _ := ev.At(harness.TrafficBegan); began > watch.from { // struck at birth
		t.Unmeasured = "no client was served before the strike, so nobody lost service"
		return t, nil
	}
	probes := newSilences(harness.GapThreshold, watch.from, watch.until)
	stock := newSilences(harness.GapThreshold+harness.StockPeriod, watch.from, watch.until)
	zombie := zombies(ev)
	for op, err := range ev.Ledger.Operations() {
		if err != nil {
			return Timings{}, fmt.Errorf("measure the outage: %w", err)
		}
		client := probes
		switch op.Kind {
		case harness.ProbeOp:
		case harness.StockOp:
			client = stock
		default:
			continue
		}
		if op.Outcome == harness.Acked && !zombie(op) {
			client.ack(op.Return)
		} else {
			client.attempt(op.Call)
		}
	}
	if probes.acks == 0 {
		t.Unfit = append(t.Unfit, "no probe was ever acknowledged: outage is counted from the strike")
	}
	t.Gaps, t.OutageOpen = probes.finish()
	causes := causesOf(ev)
	for i, g := range t.Gaps {
		t.Gaps[i].Cause = causes.of(g.From)
		t.Outage += g.Length()
	}
	if n := len(t.Gaps); n > 0 {
		t.OutageSpan = t.Gaps[n-1].To - t.Gaps[0].From
	}
	if stock.acks > 0 {
		var gaps []Silence
		gaps, t.StockOutageOpen = stock.finish()
		for _, g := range gaps {
			t.StockOutage += g.Length()
		}
	}
	return t, nil
}

func phases(ev *harness.Evidence) Timings {
	t := Timings{
		Detection:  between(ev, harness.Struck, harness.Detected),
		Fetch:      between(ev, harness.ProcedureBegan, harness.Fetched),
		Restore:    between(ev, harness.ProcedureBegan, harness.Restored),
		Redundancy: between(ev, harness.ProcedureBegan, harness.Redundant),
	}
	if _, began := ev.At(harness.ProcedureBegan); !began {
		t.Redundancy = between(ev, harness.Struck, harness.Redundant)
	}
	if ev.Machine.Unfit != "" {
		t.Unfit = append(t.Unfit, ev.Machine.Unfit)
	}
	return t
}

func between(ev *harness.Evidence, from, to harness.Mark) time.Duration {
	a, began := ev.At(from)
	b, ended := ev.At(to)
	if !began || !ended {
		return 0
	}
	return max(b-a, 0)
}

// span is what is watched for gaps.
type span struct {
	from  time.Duration // the strike
	until time.Duration // settled; math.MaxInt64 if it never did
}

// window is absent if nothing was struck or no traffic ran.
func window(ev *harness.Evidence) (w span, ok bool) {
	struck, wasStruck := ev.At(harness.Struck)
	_, ran := ev.At(harness.TrafficBegan)
	if !wasStruck || !ran || ev.Ledger == nil {
		return span{}, false
	}
	w = span{from: struck, until: math.MaxInt64}
	if at, ok := ev.At(harness.Settled); ok {
		w.until = at
	}
	return w, true
}

// zombies tells acknowledgements that do not count as service: those that came
// from another cluster than the recovered one once history was replaced. An old
// majority may well go on serving on its old addresses; that is no recovery.
func zombies(ev *harness.Evidence) func(harness.Operation) bool {
	moment, replaced := ev.At(harness.HistoryReplaced)
	clusters := ev.Clusters()
	if !replaced || len(clusters) == 0 {
		return func(harness.Operation) bool { return false }
	}
	return func(op harness.Operation) bool {
		return op.Return >= moment && !slices.Contains(clusters, op.ClusterID)
	}
}
