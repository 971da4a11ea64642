package reports_test

import (
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// struckAt is a drill that was struck at 1 s and settled at settled (0: never).
func struckAt(settled int64, ops ...[]harness.Operation) *harness.Evidence {
	ev := &harness.Evidence{
		Marks:  map[harness.Mark]time.Duration{harness.TrafficBegan: 0, harness.Struck: ms(1000)},
		Faults: []harness.FaultRecord{{Fault: "kill etcd on m1", At: ms(1000), Took: ms(30)}},
		Ledger: told{ops: slices.Concat(ops...)},
	}
	if settled > 0 {
		ev.Marks[harness.Settled] = ms(settled)
	}
	return ev
}

func gap(from, to int64) reports.Silence {
	return reports.Silence{From: ms(from), To: ms(to), Cause: "kill etcd on m1"}
}

func TestOutage(t *testing.T) {
	probe, stock := harness.ProbeOp, harness.StockOp
	open := gap(1010, 3990)
	open.Open = true
	for name, c := range map[string]struct {
		ev    *harness.Evidence
		want  []reports.Silence
		stock int64
		open  bool
	}{
		"one gap": {
			ev:   struckAt(7000, acks(probe, 1, 0, 1010, 10), acks(probe, 1, 3000, 7000, 20)),
			want: []reports.Silence{gap(1010, 3000)},
		},
		"a gap begins at the last acknowledgement, even before the strike": {
			ev:   struckAt(7000, acks(probe, 1, 0, 990, 10), acks(probe, 1, 3000, 7000, 20)),
			want: []reports.Silence{gap(990, 3000)},
		},
		"250 ms is no gap": {
			ev: struckAt(7000, acks(probe, 1, 0, 1010, 10), acks(probe, 1, 1260, 7000, 20)),
		},
		"251 ms is": {
			ev:   struckAt(7000, acks(probe, 1, 0, 1010, 10), acks(probe, 1, 1261, 7000, 20)),
			want: []reports.Silence{gap(1010, 1261)},
		},
		"a gap before the strike is not the disaster's": {
			ev: struckAt(7000, acks(probe, 1, 0, 100, 10), acks(probe, 1, 900, 7000, 20)),
		},
		"a gap after the drill had settled is not either": {
			ev: struckAt(3000, acks(probe, 1, 0, 2900, 20), acks(probe, 1, 4000, 5000, 20)),
		},
		"out of order by some milliseconds is no gap": {
			ev: struckAt(7000, acks(probe, 1, 0, 1010, 10), acks(probe, 1, 1262, 1262, 1), acks(probe, 1, 1250, 1250, 1), acks(probe, 1, 1270, 7000, 20)),
		},
		"the old cluster's acknowledgements are no service": {
			ev: func() *harness.Evidence {
				ev := struckAt(7000, acks(probe, 1, 0, 1010, 10), acks(probe, 1, 1600, 2800, 20), acks(probe, 2, 3000, 7000, 20))
				ev.Marks[harness.HistoryReplaced] = ms(1500)
				ev.After = []harness.MemberView{{Error: "off"}, {ClusterID: 2}}
				return ev
			}(),
			want: []reports.Silence{gap(1010, 3000)},
		},
		"before history is replaced they are": {
			ev: func() *harness.Evidence {
				ev := struckAt(7000, acks(probe, 1, 0, 1010, 10), acks(probe, 1, 1600, 2800, 20), acks(probe, 2, 3000, 7000, 20))
				ev.Marks[harness.HistoryReplaced] = ms(2900)
				ev.After = []harness.MemberView{{ClusterID: 2}}
				return ev
			}(),
			want: []reports.Silence{gap(1010, 1600)},
		},
		"service that never came back": {
			ev:   struckAt(0, acks(probe, 1, 0, 1010, 10), failures(probe, 1030, 3990, 20)),
			want: []reports.Silence{open},
			open: true,
		},
		"clients that stop asking see no outage": {
			ev: struckAt(0, acks(probe, 1, 0, 4000, 20), failures(harness.WriteOp, 3000, 9000, 20)),
		},
		"the stock client comes back later": {
			ev: struckAt(7000, acks(probe, 1, 0, 1010, 10), acks(stock, 1, 0, 1000, 100), acks(probe, 1, 3000, 7000, 20),
				failures(stock, 1100, 7100, 2000), acks(stock, 1, 7600, 9000, 100)),
			want:  []reports.Silence{gap(1010, 3000)},
			stock: 6600,
		},
		"the stock client is not yet back when traffic ends": {
			ev:    struckAt(3000, acks(probe, 1, 0, 4000, 20), acks(stock, 1, 0, 1000, 100), failures(stock, 1100, 5100, 2000)),
			stock: 4100,
		},
		"the stock client's gap after the drill had settled": {
			ev: struckAt(3000, acks(probe, 1, 0, 4000, 20), acks(stock, 1, 0, 3500, 100), acks(stock, 1, 5000, 5100, 100)),
		},
		"the stock client's own period is no gap": {
			ev: struckAt(7000, acks(probe, 1, 0, 7000, 20), acks(stock, 1, 0, 7000, 340)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reports.Measure(c.ev)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Gaps); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if got.StockOutage != ms(c.stock) || got.OutageOpen != c.open {
				t.Errorf("stock outage %s, open %v; want %d ms, %v", got.StockOutage, got.OutageOpen, c.stock, c.open)
			}
		})
	}
}

func TestCauses(t *testing.T) {
	base := func() *harness.Evidence {
		return struckAt(0, acks(harness.ProbeOp, 1, 0, 2000, 20), acks(harness.ProbeOp, 1, 3000, 3100, 20))
	}
	for name, c := range map[string]struct {
		steps []harness.StepRecord
		exits []harness.HostExit
		want  string
	}{
		"a step under way":          {steps: []harness.StepRecord{{Name: "start etcd", Host: "m1", At: ms(1500), Took: ms(800)}}, want: "start etcd (m1)"},
		"one that begins just then": {steps: []harness.StepRecord{{Name: "start etcd", Host: "m1", At: ms(2050)}}, want: "start etcd (m1)"},
		"the first of those that begin just then": {steps: []harness.StepRecord{
			{Name: "add m2", Host: "m1", At: ms(2005), Took: ms(10)}, {Name: "wipe m2", Host: "m2", At: ms(2016), Took: ms(1)},
		}, want: "add m2 (m1)"},
		"the next on all hosts at once": {steps: []harness.StepRecord{
			{Name: "stop etcd", Host: "m1", At: ms(2005)}, {Name: "stop etcd", Host: "m2", At: ms(2006)}, {Name: "wipe m2", Host: "m2", At: ms(2016)},
		}, want: "stop etcd (m1, m2)"},
		"one under way and the next": {steps: []harness.StepRecord{
			{Name: "list members", Host: "m1", At: ms(1980), Took: ms(25)}, {Name: "add m2", Host: "m1", At: ms(2006), Took: ms(9)}, {Name: "wipe m2", Host: "m2", At: ms(2016)},
		}, want: "list members (m1), add m2 (m1)"},
		"one on all hosts at once":   {steps: []harness.StepRecord{{Name: "stop etcd", Host: "m1", At: ms(1990), Took: ms(20)}, {Name: "stop etcd", Host: "m2", At: ms(1990), Took: ms(30)}}, want: "stop etcd (m1, m2)"},
		"one that was over by then":  {steps: []harness.StepRecord{{Name: "member add m2", At: ms(1500), Took: ms(8)}}, want: "after member add m2"},
		"one that came later":        {steps: []harness.StepRecord{{Name: "member add m2", At: ms(2500), Took: ms(8)}}, want: "after kill etcd on m1"},
		"an etcd that ended":         {exits: []harness.HostExit{{Host: "m2", At: ms(2010), EtcdExit: harness.EtcdExit{Code: 2}}}, want: "etcd on m2 exited with status 2"},
		"an etcd that was to end":    {exits: []harness.HostExit{{Host: "m2", At: ms(2010), EtcdExit: harness.EtcdExit{Asked: true}}}, want: "after kill etcd on m1"},
		"nothing but what came last": {want: "after kill etcd on m1"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := base()
			ev.Steps, ev.Exits = c.steps, c.exits
			got, err := reports.Measure(ev)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Gaps) != 1 || got.Gaps[0].Cause != c.want {
				t.Errorf("gaps %v, want one caused by %q", got.Gaps, c.want)
			}
		})
	}
}

func TestPhasesThatDidNotOccurAreAbsent(t *testing.T) {
	ev := struckAt(0, acks(harness.ProbeOp, 1, 0, 3000, 20))
	ev.Marks[harness.Redundant] = ms(1400)
	got, err := reports.Measure(ev)
	if err != nil {
		t.Fatal(err)
	}
	// Nobody did anything, so redundancy counts from the strike.
	if diff := cmp.Diff(reports.Timings{Redundancy: ms(400)}, got); diff != "" {
		t.Error(diff)
	}
}

// The first acknowledgement is of the cluster that the procedure made, which is the
// one that was there before where history was never replaced.
func TestTheFirstAcknowledgement(t *testing.T) {
	probe := harness.ProbeOp
	// A gap before the procedure begins, at 1,500 ms, and one after.
	twice := func(ops ...[]harness.Operation) *harness.Evidence {
		ev := struckAt(9000, slices.Concat(append([][]harness.Operation{acks(probe, 1, 0, 1000, 20)}, ops...)...))
		ev.Marks[harness.ProcedureBegan] = ms(1500)
		ev.After = []harness.MemberView{{ClusterID: 2}}
		return ev
	}
	replaced := func(at int64, ops ...[]harness.Operation) *harness.Evidence {
		ev := twice(ops...)
		ev.Marks[harness.HistoryReplaced] = ms(at)
		return ev
	}
	answeredLate := acks(probe, 2, 2010, 2010, 1)
	answeredLate[0].Call = ms(1990)
	for name, c := range map[string]struct {
		ev   *harness.Evidence
		want int64 // offset; 0: there was none
	}{
		"history stays, and service is back":        {ev: twice(acks(probe, 1, 3000, 9000, 20)), want: 3000},
		"the gap before the procedure is not its":   {ev: twice(acks(probe, 1, 1300, 2000, 20), acks(probe, 1, 4000, 9000, 20)), want: 4000},
		"history stays, and service never comes":    {ev: twice(failures(probe, 1020, 5000, 20))},
		"history stays, and service was never lost": {ev: twice(acks(probe, 1, 1020, 9000, 20))},
		"history is replaced":                       {ev: replaced(2000, acks(probe, 2, 3000, 9000, 20)), want: 3000},
		"without a gap":                             {ev: replaced(2000, acks(probe, 1, 1020, 1980, 20), acks(probe, 2, 2010, 9000, 20)), want: 2010},
		"another cluster's is none":                 {ev: replaced(2000, acks(probe, 1, 1600, 2800, 20), acks(probe, 2, 3000, 9000, 20)), want: 3000},
		"sent before history was replaced":          {ev: replaced(2000, answeredLate, acks(probe, 2, 3000, 9000, 20)), want: 3000},
		"of probes alone":                           {ev: replaced(2000, acks(harness.WriteOp, 2, 2500, 9000, 20), acks(probe, 2, 3000, 9000, 20)), want: 3000},
		"recorded out of order":                     {ev: replaced(2000, acks(probe, 2, 3020, 3020, 1), acks(probe, 2, 3000, 3000, 1), acks(probe, 2, 3040, 9000, 20)), want: 3000},
		"the recovered cluster never acknowledged":  {ev: replaced(2000, acks(probe, 1, 1020, 9000, 20))},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reports.Measure(c.ev)
			if err != nil {
				t.Fatal(err)
			}
			first, recovered := ms(c.want-1500), ms(c.want-1000)
			if c.want == 0 {
				first, recovered = 0, 0
			}
			if got.FirstAck != first || got.Recovered != recovered {
				t.Errorf("%v from the procedure's beginning, %v from the strike; want %v and %v", got.FirstAck, got.Recovered, first, recovered)
			}
		})
	}
}

func TestWhatCannotBeMeasuredIsUnfit(t *testing.T) {
	noTraffic := struckAt(0)
	delete(noTraffic.Marks, harness.TrafficBegan)
	notStruck := struckAt(0)
	delete(notStruck.Marks, harness.Struck)
	busy := struckAt(0, acks(harness.ProbeOp, 1, 0, 3000, 20))
	busy.Machine.Unfit = "timers were 900 ms late"
	full := struckAt(0, acks(harness.ProbeOp, 1, 0, 3000, 20))
	full.FullDisks = []harness.FullDisk{{Host: "m2", At: 1500 * time.Millisecond}}
	for name, ev := range map[string]*harness.Evidence{"no traffic": noTraffic, "not struck": notStruck, "no probe acknowledged": struckAt(0), "busy machine": busy, "full disk": full} {
		got, err := reports.Measure(ev)
		if err != nil || len(got.Unfit) != 1 {
			t.Errorf("%s: unfit %q, error %v; want one reason", name, got.Unfit, err)
		}
	}
	if got, err := reports.Measure(full); err != nil || strings.Join(got.Unfit, "; ") != "the disk of m2 was full: from 1.5 s on etcd found no space left on device" {
		t.Errorf("%q, %v", got.Unfit, err)
	}
}

// Who was never served cannot lose service. What else took time is measured, and
// nothing is unfit.
func TestTrafficThatBeginsAfterTheStrike(t *testing.T) {
	probe, stock := harness.ProbeOp, harness.StockOp
	ev := struckAt(9000, acks(probe, 1, 5400, 6000, 20), acks(probe, 1, 7000, 9000, 20), acks(stock, 1, 6500, 9000, 100))
	ev.Marks[harness.ProcedureBegan], ev.Marks[harness.Redundant], ev.Marks[harness.TrafficBegan] = ms(1500), ms(4500), ms(5000)
	got, err := reports.Measure(ev)
	if err != nil || got.Unmeasured == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if diff := cmp.Diff(reports.Timings{Redundancy: ms(3000), Unmeasured: got.Unmeasured}, got); diff != "" {
		t.Error(diff)
	}
	ev.Ledger = told{} // nobody was acknowledged at all
	if again, err := reports.Measure(ev); err != nil || cmp.Diff(got, again) != "" {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestADamagedLedgerIsAnError(t *testing.T) {
	damaged := errors.New("ledger.bin: record 5: checksum")
	ev := struckAt(0)
	ev.Ledger = told{ops: acks(harness.ProbeOp, 1, 0, 100, 20), err: damaged}
	if _, err := reports.Measure(ev); !errors.Is(err, damaged) {
		t.Errorf("error %v, want %v in it", err, damaged)
	}
}

// However acknowledgements are shuffled within what the ledger allows, the gaps
// are those of the sorted sequence.
func TestGapsDoNotDependOnTheOrderOfRecording(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var ops []harness.Operation
		at := int64(0)
		for range 300 {
			at += 1 + random.Int64N(60)
			if random.IntN(40) == 0 {
				at += random.Int64N(2000)
			}
			ops = append(ops, harness.Operation{Kind: harness.ProbeOp, Return: ms(at), Outcome: harness.Acked})
		}
		want, err := reports.Measure(struckAt(0, ops))
		if err != nil {
			t.Fatal(err)
		}
		shuffled := slices.Clone(ops)
		recorded := map[time.Duration]time.Duration{}
		for _, op := range ops {
			recorded[op.Return] = op.Return + ms(random.Int64N(400))
		}
		slices.SortStableFunc(shuffled, func(a, b harness.Operation) int { return int(recorded[a.Return] - recorded[b.Return]) })
		got, err := reports.Measure(struckAt(0, shuffled))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d (-sorted +shuffled):\n%s", seed, diff)
		}
	}
}

// endless is a ledger of n probes that holds none of them.
type endless struct {
	told
	n int64
}

func (l endless) Operations() iter.Seq2[harness.Operation, error] {
	return func(yield func(harness.Operation, error) bool) {
		for i := range l.n {
			at := time.Duration(i) * 20 * time.Millisecond
			if !yield(harness.Operation{ID: uint64(i + 1), Kind: harness.ProbeOp, Outcome: harness.Acked, Return: at}, nil) {
				return
			}
		}
	}
}

func TestMemoryDoesNotGrowWithTheLedger(t *testing.T) {
	retained := func(n int64) uint64 {
		ev := struckAt(0)
		ev.Ledger = endless{n: n}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if _, err := reports.Measure(ev); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.HeapSys - min(before.HeapSys, after.HeapSys)
	}
	if grown := retained(3_000_000); grown > 32<<20 {
		t.Errorf("the heap grew by %d bytes over 3,000,000 operations", grown)
	}
}
