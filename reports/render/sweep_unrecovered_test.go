package render_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// unrecovered is a sweep in which service was not back in one run of a point, in one
// that is left out, and was in no run of another point seen to come back.
func unrecovered() policy.Result {
	r := swept(5, false)
	ended := func(run *policy.Run, ms int64) {
		run.Recovered, run.Unrecovered = 0, ms
		run.Verdict, run.Failed = harness.Violated, []string{"serves-again"}
		for _, phase := range []policy.Phase{policy.Ack, policy.Redundancy, policy.Outage} {
			delete(run.Phases, phase)
		}
	}
	ended(&r.Runs[6], 140_000) // number 2 of 64 MiB
	ended(&r.Runs[11], 150_000)
	r.Runs[11].Verdict = harness.Inconclusive
	for i := 20; i < 25; i++ { // 64 MiB of the other procedure
		ended(&r.Runs[i], 0)
	}
	return r.Assemble(r.Runs)
}

// What did not recover is worse than all that did, and is left out nowhere.
func TestRunsThatDidNotRecoverAreShown(t *testing.T) {
	r := unrecovered()
	for name, text := range forPeople(t, r) {
		for want, times := range map[string]int{
			"target 2 min, worst seen more than 2 min 20 s": 1,
			"> 2 min 20 s":                                    1, // in the summary
			"not seen to recover in 1 of 5":                   1,
			"not seen to recover in 5 of 5":                   1,
			"and it was not back when watching ended":         1, // the run that is left out, in the notes
			"1 run left out, for the drill was inconclusive,": 1,
		} {
			if name == "HTML" && strings.HasPrefix(want, ">") {
				times = 7 // each of two columns of its run, and what each of two pictures shows, with a dot's title
				want = "2 min 20 s"
			}
			if name != "HTML" && strings.HasPrefix(want, "and it") {
				times = 3 // and the runs to look at
			}
			if got := strings.Count(text, want); got < times {
				t.Errorf("%s tells %q %d times, want %d", name, want, got, times)
			}
		}
	}
	page := sweepPage(t, r, nil)
	for want, times := range map[string]int{
		`<path class="unended" d=`:           4, // the two runs of which it is known, in two pictures
		`<path class="unended" transform=`:   2, // the legends
		"&gt; 2 min 20 s, not back when":     2, // the titles of the dots
		", &gt; 2 min 20 s, 3.":              2, // what is said of the pictures
		">&gt; 2 min 20 s</td>":              2, // the run's first write, and its outage
		">&gt; 2 min 20 s<br>":               1, // the worst of its point
		"service was not back when watching": 2,
		"&gt; 782 ms":                        2, // the bar of a point that never recovered is no way back of 0.8 s, and what is said of it
	} {
		if got := strings.Count(page, want); got != times {
			t.Errorf("%q is on the page %d times, want %d", want, got, times)
		}
	}
	if strings.Contains(sweepPage(t, swept(5, true), nil), `class="unended"`) {
		t.Error("all recovered, and the legend tells of one that did not")
	}
	var metrics, table bytes.Buffer
	if err := render.SweepPrometheus(&metrics, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`firedrill_policy_runs_unrecovered{members="3",policy="nightly",procedure="etcd-snapshot-restore",size_bytes="67108864",value_bytes="1024"} 1`,
		`firedrill_policy_unrecovered_worst_seconds{members="3",policy="nightly",procedure="etcd-snapshot-restore",size_bytes="67108864",value_bytes="1024"} 140`,
		`firedrill_policy_runs_unrecovered{members="3",policy="nightly",procedure="talos-recover-snapshot",size_bytes="67108864",value_bytes="1024"} 5`,
	} {
		if strings.Count(metrics.String(), want+"\n") != 1 {
			t.Errorf("there is no %s", want)
		}
	}
	if err := render.SweepCSV(&table, r); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(table.String(), ",,140000,"); got != 1 {
		t.Errorf("%d lines tell of 140 s without service", got)
	}
}

// Where none recovered at any size, that is no table without a row.
func TestWhereNoneRecoveredIsSaid(t *testing.T) {
	r := swept(5, false)
	for i := range r.Runs {
		r.Runs[i].Recovered, r.Runs[i].Unrecovered = 0, 140_000
	}
	for name, text := range forPeople(t, r.Assemble(r.Runs)) {
		if got := strings.Count(text, "not seen to recover in 5 of 5"); got != 6 {
			t.Errorf("%s says so of %d points, want all 6", name, got)
		}
	}
}

// However its promises ended, a run that did not recover is one to look at.
func TestARunThatDidNotRecoverIsToBeLookedAt(t *testing.T) {
	r := swept(5, false)
	r.Runs[6].Recovered, r.Runs[6].Unrecovered = 0, 140_000
	r = r.Assemble(r.Runs)
	for name, text := range forPeople(t, r) {
		if name != "HTML" && strings.Count(text, "no service for more than 2 min 20 s, and it was not back when watching ended") != 1 {
			t.Errorf("%s does not list it", name)
		}
	}
}

// The worst run is one that did not recover, if there is one.
func TestWorstRun(t *testing.T) {
	run := func(directory string, recovered, unrecovered int64, unfit ...string) policy.Run {
		return policy.Run{Verdict: harness.Violated, Directory: directory, Recovered: recovered, Unrecovered: unrecovered, Unfit: unfit}
	}
	for want, runs := range map[string][]policy.Run{
		"slowest":                {run("quick", 10, 0), run("slowest", 30, 0), run("slow", 20, 0)},
		"never":                  {run("slowest", 30, 0), run("never", 0, 20), run("quick", 10, 0)},
		"never, and longest":     {run("never", 0, 20), run("never, and longest", 0, 25), run("slowest", 30, 0)},
		"slow":                   {run("left out", 0, 90, "busy"), run("slow", 20, 0), run("", 0, 90)},
		"":                       {run("nothing is known", 0, 0)},
		"and nothing of another": {run("and nothing of another", 20, 0), run("nothing is known", 0, 0)},
	} {
		got, ok := render.WorstRun(policy.Result{Runs: runs})
		if got.Directory != want || ok != (want != "") {
			t.Errorf("the worst is %q, want %q", got.Directory, want)
		}
	}
	r := unrecovered()
	r.Runs[6].Directory, r.Runs[0].Directory = "runs/d6", "runs/d0"
	if text := unfolded(sweepPage(t, r, nil)); !strings.Contains(text, "which had not recovered after 2 min 20 s, is not here") {
		t.Error("the page does not tell of the worst run, which did not recover")
	}
}

// Where no line could be drawn is said in every output, beside lines and without any.
func TestWhereThereIsNoLineIsSaid(t *testing.T) {
	none := swept(5, false)
	none.Sweep.Sizes = none.Sweep.Sizes[:2]
	one := swept(5, false)
	for i := range one.Runs[:5] {
		one.Runs[i].Unfit = []string{"busy"}
	}
	for title, r := range map[string]policy.Result{"no line at all": none.Assemble(none.Runs), "one procedure without": one.Assemble(one.Runs)} {
		for name, text := range forPeople(t, r) {
			if want := "etcd-snapshot-restore with 3 members and values of 1024 bytes: 2 of the 3 sizes that a line needs"; strings.Count(text, want) != 1 {
				t.Errorf("%s: %s does not tell %q once", title, name, want)
			}
		}
	}
	for name, text := range forPeople(t, swept(5, false)) {
		if strings.Contains(strings.ToLower(text), "no line:") {
			t.Errorf("%s misses a line, and all are there", name)
		}
	}
}

// How far back the oldest snapshot lies is told for the worst moment, right after a
// newer one was taken.
func TestEveryOutputTellsHowFarBackSnapshotsReach(t *testing.T) {
	for name, text := range forPeople(t, swept(5, false)) {
		for _, want := range []string{"reach back at least 144 h", "reach back at least 288 h", "reach back at least 72 h"} {
			if strings.Count(text, want) != 1 {
				t.Errorf("%s does not tell %q once", name, want)
			}
		}
	}
}
