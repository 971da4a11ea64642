package drill

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
)

func ended(at, took time.Duration, kind harness.OpKind, outcome harness.Outcome) harness.Operation {
	return harness.Operation{Kind: kind, Call: at - took, Return: at, Outcome: outcome}
}

func TestFigures(t *testing.T) {
	var f figures
	if got := f.seconds(time.Minute); len(got) != 0 {
		t.Errorf("%v", got)
	}
	const ms = time.Millisecond
	for i := range 100 {
		f.add(ended(5*time.Second+time.Duration(i)*ms, time.Duration(i+1)*ms, harness.ProbeOp, harness.Acked))
	}
	f.add(ended(5200*ms, 40*time.Second, harness.WriteOp, harness.Acked)) // no probe
	f.add(ended(5300*ms, time.Second, harness.ProbeOp, harness.Unknown))
	f.add(ended(5300*ms, time.Second, harness.WriteOp, harness.Rejected))
	f.add(ended(8*time.Second, 3*ms, harness.ProbeOp, harness.Acked))
	f.add(ended(5900*ms, 3*ms, harness.ProbeOp, harness.Acked)) // it comes late: it counts, and is no probe any more
	f.add(ended(9*time.Second, 3*ms, harness.ProbeOp, harness.Acked))
	want := []gameday.Second{
		{At: 5 * time.Second, Acked: 102, Failed: 2, P50: 50 * ms, P99: 99 * ms},
		{At: 6 * time.Second}, {At: 7 * time.Second},
		{At: 8 * time.Second, Acked: 1, P50: 3 * ms, P99: 3 * ms},
	}
	if diff := cmp.Diff(want, f.seconds(9900*ms)); diff != "" {
		t.Error(diff)
	}
}

// However long it lasts, and however many are answered at once, no more is kept.
func TestFiguresAreBounded(t *testing.T) {
	var f figures
	for s := range 3 * secondsShown {
		for range 2 * mostProbes {
			f.add(ended(time.Duration(s)*time.Second, time.Millisecond, harness.ProbeOp, harness.Acked))
		}
	}
	open := 0
	for _, s := range f.list {
		if s.probes != nil {
			open++
		}
		if cap(s.probes) > mostProbes || s.acked != 2*mostProbes {
			t.Fatalf("%d probes are kept of %d", cap(s.probes), s.acked)
		}
	}
	if len(f.list) != secondsShown || open != secondsOpen+1 {
		t.Errorf("%d seconds are kept, %d of them with probes", len(f.list), open)
	}
	if got := f.seconds(3 * secondsShown * time.Second); len(got) != secondsShown {
		t.Errorf("%d are shown", len(got))
	}
	if got := f.seconds(100 * secondsShown * time.Second); len(got) != secondsShown {
		t.Errorf("much later %d are shown", len(got))
	}
}

func TestQuantiles(t *testing.T) {
	for _, c := range []struct{ n, p50, p99 int }{{1, 1, 1}, {2, 1, 2}, {3, 2, 3}, {100, 50, 99}, {101, 51, 100}, {200, 100, 198}} {
		var probes []time.Duration
		for i := c.n; i > 0; i-- {
			probes = append(probes, time.Duration(i))
		}
		if p50, p99 := quantiles(probes); p50 != time.Duration(c.p50) || p99 != time.Duration(c.p99) {
			t.Errorf("of %d: %d, %d", c.n, p50, p99)
		}
	}
}
