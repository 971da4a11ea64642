package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Of each second the worst stall is kept, so that it can be told when it was.
func TestTheWorstStallOfASecondIsKept(t *testing.T) {
	const ms = time.Millisecond
	w := machineWatch{now: func() time.Duration { return 6 * time.Second }, record: harness.MachineRecord{Stalls: []harness.Stall{}}}
	for _, s := range []harness.Stall{{At: 100 * ms, Late: 20 * ms}, {At: 900 * ms, Late: 300 * ms}, {At: 990 * ms, Late: 30 * ms}, {At: 5100 * ms, Late: 40 * ms}} {
		w.note(s)
	}
	if n := len(w.record.Stalls); n != 2 || w.record.StallWorst != 300*ms || w.record.StallTotal != 390*ms {
		t.Errorf("kept: %+v", w.record)
	}
	if early, since := w.lateSince(500*ms), w.lateSince(1500*ms); early != 300*ms || since != 40*ms {
		t.Errorf("late since then by %v and %v", early, since)
	}
	for _, c := range []struct{ from, to, want time.Duration }{
		{0, 10 * time.Second, 300 * ms},
		{500 * ms, 700 * ms, 300 * ms}, // of that second only the worst is known
		{1000 * ms, 5000 * ms, 40 * ms},
		{1000 * ms, 4000 * ms, 0},
		{6000 * ms, 7000 * ms, 0},
	} {
		if got := w.record.WorstStall(c.from, c.to); got != c.want {
			t.Errorf("from %v to %v: %v, want %v", c.from, c.to, got, c.want)
		}
	}
	old := harness.MachineRecord{StallWorst: 300 * ms}
	if got := old.WorstStall(time.Hour, 2*time.Hour); got != 300*ms {
		t.Errorf("of older evidence: %v", got)
	}
}

// What stalls while a dataset is made, or while what came back is read, spoils no
// figure of the recovery.
func TestFiguresAreFitWhereNothingStalled(t *testing.T) {
	at := func(s int) time.Duration { return time.Duration(s) * time.Second }
	for name, c := range map[string]struct {
		stall time.Duration
		alter func(*harness.Evidence)
		fit   bool
	}{
		"while it was preloaded": {at(2), nil, true},
		"while it was read":      {at(40), nil, true},
		"in the outage":          {at(12), nil, false},
		"at the strike":          {at(10), nil, false},
		"at the settling":        {at(20), nil, false},
		"it never settled":       {at(2), func(ev *harness.Evidence) { delete(ev.Marks, harness.Settled) }, false},
		"by a slow disk":         {at(2), func(ev *harness.Evidence) { ev.Machine.FsyncWorst = time.Second }, false},
		"older evidence":         {at(2), func(ev *harness.Evidence) { ev.Machine.Stalls = nil }, false},
		"it was never too busy":  {at(2), func(ev *harness.Evidence) { ev.Machine.Unfit = "" }, false},
	} {
		ev := &harness.Evidence{
			Marks:   map[harness.Mark]time.Duration{harness.Struck: at(10), harness.Settled: at(20)},
			Machine: harness.MachineRecord{StallWorst: time.Second, Stalls: []harness.Stall{{At: c.stall, Late: time.Second}}, Unfit: "too busy"},
		}
		if c.alter != nil {
			c.alter(ev)
		}
		if got := figuresFit(ev); got != c.fit {
			t.Errorf("it stalled %s: figures are fit: %v", name, got)
		}
	}
}

// Members that are born with more than etcd's default quota have a larger one.
func TestTheQuotaIsRaised(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.db")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 4<<30); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    Options
		args []string
		want string
	}{
		"none":       {Options{}, nil, ""},
		"few keys":   {Options{PreloadKeys: 1000}, []string{"x=1"}, "x=1"},
		"many keys":  {Options{PreloadKeys: 4 << 20}, []string{"x=1"}, "x=1 quota-backend-bytes=4831838208"},
		"a file":     {Options{PreloadFrom: large}, nil, "quota-backend-bytes=8589934592"},
		"one's own":  {Options{PreloadFrom: large}, []string{"quota-backend-bytes=7"}, "quota-backend-bytes=7"},
		"not a file": {Options{PreloadFrom: large + "r"}, nil, "error"},
	} {
		var said []string
		line, err := newTimeline(t.TempDir(), func(e harness.Event) { said = append(said, e.Text) }, func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		d := drill{opts: c.o, plan: plan{args: c.args, traffic: harness.Traffic{ValueSize: 512}}, ev: &harness.Evidence{}, timeline: line}
		err = d.raiseQuota()
		got := strings.Join(d.ev.EtcdArgs, " ")
		if err != nil {
			got = "error"
		}
		if got != c.want || (len(said) > 0) != (len(d.plan.args) > len(c.args)) {
			t.Errorf("%s: flags %q, want %q; said %q, %v", name, got, c.want, said, err)
		}
		if err := line.close(); err != nil {
			t.Error(err)
		}
	}
}
