package reports

import (
	"fmt"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/outage"
)

// Timings are the figures of a drill. A duration of 0 means that the phase did
// not occur.
type Timings struct {
	Detection  time.Duration // strike → a fresh client's probe failed
	Fetch      time.Duration // procedure begun → backup and keys are on the hosts
	Restore    time.Duration // procedure begun → data directories are ready
	Redundancy time.Duration // procedure begun (strike, if nobody did anything) → every expected voter healthy and equal
	FirstAck   time.Duration // procedure begun → first acknowledged write of the cluster that it made; see Phases.FirstAck
	Recovered  time.Duration // strike → the same

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

// Silence is a gap, and its cause. Offsets are whole milliseconds so that totals
// add up as printed.
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
	seen, err := outage.Of(ev)
	switch {
	case err != nil:
		return Timings{}, fmt.Errorf("measure the outage: %w", err)
	case seen.Unwatched:
		t.Unfit = append(t.Unfit, "no traffic ran after a strike: outage was not measured")
		return t, nil
	case seen.Unserved:
		t.Unmeasured = "no client was served before the strike, so nobody lost service"
		return t, nil
	case seen.Probes.Acks == 0:
		t.Unfit = append(t.Unfit, "no probe was ever acknowledged: outage is counted from the strike")
	}
	t.OutageOpen = seen.Probes.Open
	causes := causesOf(ev)
	for _, g := range seen.Probes.Gaps {
		t.Gaps = append(t.Gaps, Silence{From: g.From, To: g.To, Cause: causes.of(g.From), Open: g.Open})
		t.Outage += g.Length()
	}
	back := seen.First
	if _, replaced := ev.At(harness.HistoryReplaced); !replaced {
		back = firstBack(ev, t.Gaps)
	}
	t.back(ev, back)
	if n := len(t.Gaps); n > 0 {
		t.OutageSpan = t.Gaps[n-1].To - t.Gaps[0].From
	}
	if seen.Stock.Acks > 0 {
		t.StockOutageOpen = seen.Stock.Open
		for _, g := range seen.Stock.Gaps {
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
	if ev.Machine.Unfit != "" && !ev.Machine.FiguresFit {
		t.Unfit = append(t.Unfit, ev.Machine.Unfit)
	}
	for _, f := range ev.FullDisks {
		t.Unfit = append(t.Unfit, fmt.Sprintf("the disk of %s was full: from %.1f s on etcd found no space left on device", f.Host, f.At.Seconds()))
	}
	return t
}

// firstBack is when service was first back once the procedure had begun, after a
// gap; 0: it never was, or it had not gone.
func firstBack(ev *harness.Evidence, gaps []Silence) time.Duration {
	began, ok := ev.At(harness.ProcedureBegan)
	for _, g := range gaps {
		if ok && !g.Open && g.To >= began {
			return g.To
		}
	}
	return 0
}

// back tells how long it took until then, 0 for never.
func (t *Timings) back(ev *harness.Evidence, then time.Duration) {
	if then == 0 {
		return
	}
	if began, ok := ev.At(harness.ProcedureBegan); ok {
		t.FirstAck = max(then-began, 0)
	}
	if struck, ok := ev.At(harness.Struck); ok {
		t.Recovered = max(then-struck, 0)
	}
}

func between(ev *harness.Evidence, from, to harness.Mark) time.Duration {
	a, began := ev.At(from)
	b, ended := ev.At(to)
	if !began || !ended {
		return 0
	}
	return max(b-a, 0)
}
