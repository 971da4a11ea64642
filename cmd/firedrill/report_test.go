package main

import (
	"os"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// A sweep that still runs, or was killed, has its runs in one file and no result yet in
// the other.
func TestTrendOfASweepThatDidNotEnd(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	for _, dir := range []string{"before", "killed"} {
		th.options = nil
		if code := th.policy(t, "small.yaml", "--runs", "5", "--out", dir); code != exitHeld {
			t.Fatalf("exit %d: %s", code, th.stderr.String())
		}
	}
	f, err := os.Create("killed/sweep.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := stored(t, "before").Assemble(nil).Encode(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	runs, err := os.ReadFile("killed/runs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	th.write(t, "killed/runs.jsonl", string(runs[:len(runs)-40])) // torn while it was written
	for _, name := range []string{"killed", "killed/sweep.json"} {
		code, said := th.trend(t, "before", name)
		if code != exitHeld || !strings.Contains(said, "UNCHANGED  between before and "+name) || !strings.Contains(said, "  19  ") {
			t.Errorf("%s: exit %d\n%s", name, code, said)
		}
	}
	th.write(t, "killed/runs.jsonl", "{\n{}\n")
	if code, said := th.trend(t, "before", "killed"); code != exitBroke || !strings.Contains(said, "runs.jsonl: line 1") {
		t.Errorf("damaged runs: exit %d\n%s", code, said)
	}
	// Moved without its runs it is still the result.
	if err := os.Remove("before/runs.jsonl"); err != nil {
		t.Fatal(err)
	}
	if code, said := th.trend(t, "before", "before"); code != exitHeld {
		t.Errorf("exit %d\n%s", code, said)
	}
}

// Where recoveries fail that did not, the exit code says so, however quick the others are.
func TestTrendOfRecoveriesThatFail(t *testing.T) {
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	for dir, hung := range map[string]func(n int) bool{
		"before": func(int) bool { return false }, "one": func(n int) bool { return n == 3 }, "half": func(n int) bool { return n/4%2 == 0 }, "all": func(int) bool { return true },
	} {
		th.options = nil
		th.report = func(n int, r *reports.Report) error {
			if hung(n) {
				r.Verdict, r.OutageOpen, r.Phases, r.Loss = harness.Violated, true, reports.Phases{Outage: 60_000}, nil
			}
			return nil
		}
		if code := th.policy(t, "small.yaml", "--runs", "10", "--out", dir); code != exitHeld && code != exitViolated {
			t.Fatalf("%s: exit %d: %s", dir, code, th.stderr.String())
		}
	}
	for line, want := range map[string]struct {
		code int
		says string
	}{
		"before before": {exitHeld, "UNCHANGED"},
		"before one":    {exitInconclusive, "TOO FEW RUNS"},
		"before half":   {exitViolated, "RECOVERS LESS OFTEN"},
		"before all":    {exitViolated, "NO LONGER RECOVERS"},
		"half before":   {exitHeld, "RECOVERS MORE OFTEN"},
		"half half":     {exitHeld, "UNCHANGED  between half and half no change beyond chance is seen; in half 20 of 40 runs did not recover"},
	} {
		if code, said := th.trend(t, strings.Fields(line)...); code != want.code || !strings.HasPrefix(said, want.says) {
			t.Errorf("%s: exit %d, want %d and %q\n%s", line, code, want.code, want.says, said)
		}
	}
}

func (th *theatre) trend(t *testing.T, files ...string) (code int, said string) {
	t.Helper()
	th.stdout.Reset()
	th.stderr.Reset()
	th.code = 0
	code = th.execute(t.Context(), append([]string{"report", "trend"}, files...)...)
	return code, th.stdout.String() + th.stderr.String()
}

// Rehearsals are compared with rehearsals, and what is neither a drill nor one is
// refused.
func TestTrendOfRehearsals(t *testing.T) {
	th := newTheatre(t)
	nights := func(name string, ms int64) {
		var text strings.Builder
		for n := range int64(5) {
			r := reports.Rehearsal{
				Schema: 1, Kind: reports.RehearsalKind, ID: "r", Runtime: "process", Members: 3, Verdict: harness.Held, Source: reports.RehearsedSource{Bytes: 1 << 20},
				Phases: reports.RehearsalPhases{Restore: ms + n, FirstAck: ms + n, Serving: ms + n, Recovered: ms + n},
			}
			if err := r.Encode(&text); err != nil {
				t.Fatal(err)
			}
		}
		th.write(t, name, text.String())
	}
	nights("before.jsonl", 100)
	nights("after.jsonl", 200)
	if code, said := th.trend(t, "before.jsonl", "after.jsonl"); code != exitViolated || !strings.Contains(said, "rehearsals on process, 3 members, backups of 1.0 MiB to 2.0 MiB") {
		t.Errorf("exit %d\n%s", code, said)
	}
	th.write(t, "trend.json", `{"schema":1,"kind":"trend"}`)
	if code, said := th.trend(t, "before.jsonl", "trend.json"); code != exitBroke || !strings.Contains(said, `of kind "trend"`) || !strings.Contains(said, "hint: give sweep.json") {
		t.Errorf("exit %d\n%s", code, said)
	}
}
