package reports_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// playedOut is drilled, recovered by ann and bob: struck at 990, noticed at 1600,
// decided at 2400, paused from 1800 to 2200 and once more from 8000 until its end.
func playedOut() *harness.Evidence {
	ev := drilled()
	ev.Faults = append(ev.Faults, harness.FaultRecord{Fault: "power off m3", By: "the facilitator", Hosts: []string{"m3"}, At: ms(3500), Took: ms(20)})
	ev.Steps = []harness.StepRecord{
		{Number: 2, Name: "ls", By: "ann", Command: "firedrill host ls", At: ms(500), Took: ms(5), Attempts: 1},
		{Number: 4, Name: "status m1", Host: "m1", By: "ann", Command: "firedrill host status m1", Error: "the exercise is paused", At: ms(1900), Took: ms(1), Attempts: 1},
		{Number: 3, Name: "rm", Host: "m2", By: "bob", Command: "firedrill host exec m2 -- rm -rf /var/lib/etcd " + strings.Repeat("x", 2000), Output: harness.Output{ExitCode: 3}, At: ms(2400), Took: ms(10), Attempts: 1},
		{Number: 1, Name: "the team recovers", Command: "team", At: ms(1500), Took: ms(7500), Attempts: 1},
	}
	ev.GameDay = &harness.GameDayRecord{
		Surprise: true, Left: true, FalseAlarms: []harness.Deed{{By: "bob", At: ms(600)}}, Alarm: ms(1300), Noticed: harness.Deed{By: "ann", At: ms(1600)}, Decided: harness.Deed{By: "bob", At: ms(2400)}, Ended: harness.Deed{By: "ann", At: ms(9000)},
		Shells: []harness.ShellRecord{{Name: "ann", Opened: ms(100)}, {Name: "bob", Opened: ms(200), Closed: ms(8500)}},
		Pauses: []harness.PauseRecord{{From: ms(1800), To: ms(2200)}, {From: ms(8000)}},
		Hints:  []harness.HintRecord{{At: ms(3000), Text: "look at the backups"}},
		WrongMoves: []harness.WrongMove{
			{At: ms(2410), Step: 3, By: "bob", Host: "m2", Text: "wiped m2's data"},
			{At: ms(2500), Step: 4, By: "ann or bob", Host: "m1", Text: "wiped m1's data", During: []int{2, 4}},
		},
		GivenUp: []harness.WrongMove{{At: ms(2600), Step: 2, By: "ann", Host: "m3", Text: "by the document"}},
	}
	return ev
}

func reportOf(t *testing.T, ev *harness.Evidence) reports.Report {
	t.Helper()
	timings, err := reports.Measure(ev)
	if err != nil {
		t.Fatal(err)
	}
	return reports.New(ev, nil, nil, timings)
}

func TestGameDayInItsReport(t *testing.T) {
	r := reportOf(t, playedOut())
	upTo := int64(2200)
	less := func(ms int64) *int64 { return &ms }
	wiped := r.Steps[2].Command
	want := &reports.GameDay{
		Surprise: true, Left: true, FalseAlarms: []reports.Deed{{By: "bob", At: 600}}, Alarm: 1300, Noticed: &reports.Deed{By: "ann", At: 1600}, Decided: &reports.Deed{By: "bob", At: 2400}, Ended: &reports.Deed{By: "ann", At: 9000},
		Shells:    []reports.Shell{{Name: "ann", Opened: 100}, {Name: "bob", Opened: 200, Closed: 8500}},
		Detection: &reports.Time{Clock: 610}, Decision: &reports.Time{Clock: 800, LessPauses: less(400)},
		Recovery: &reports.Time{Clock: 2010, LessPauses: less(1610)},
		// The second pause ended with the game day, half a second before full redundancy.
		Redundancy: &reports.Time{Clock: 8000, LessPauses: less(6600)},
		Pauses:     []reports.Span{{From: 1800, To: &upTo}, {From: 8000}}, Hints: []reports.Hint{{At: 3000, Text: "look at the backups"}},
		WrongMoves: []reports.WrongMove{
			{At: 2410, Step: 3, By: "bob", Host: "m2", Command: wiped, Text: "wiped m2's data"},
			{At: 2500, Step: 4, By: "ann or bob", Host: "m1", Command: "firedrill host ls; beside it: firedrill host status m1", Text: "wiped m1's data", During: []int{2, 4}},
		},
		GivenUp: []reports.WrongMove{{At: 2600, Step: 2, By: "ann", Host: "m3", Command: "firedrill host ls", Text: "by the document"}},
	}
	if diff := cmp.Diff(want, r.GameDay); diff != "" {
		t.Errorf("game day (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(wiped, "… (1047 letters more are in the transcript)") || len(wiped) > 1100 {
		t.Errorf("a long command is told as %q", wiped)
	}
	if s := r.Steps[1]; s.Error != "the exercise is paused" || s.Command != "firedrill host status m1" {
		t.Errorf("a command that was refused is told as %+v", s)
	}
	if s := r.Steps[3]; s.Command != "" {
		t.Errorf("what nobody typed is told as typed: %+v", s)
	}
	if s := r.Strikes; len(s) != 2 || s[0].By != "" || s[1].By != "the facilitator" {
		t.Errorf("strikes are %+v", s)
	}
	var numbers []int
	for _, s := range r.Typed() {
		numbers = append(numbers, s.Number)
	}
	if diff := cmp.Diff([]int{2, 3, 4}, numbers); diff != "" {
		t.Errorf("typed, in order (-want +got):\n%s", diff)
	}
	if want := "firedrill gameday kubeadm-force-new-cluster --runtime process --seed 7"; r.Rerun != want {
		t.Errorf("it is run again by %q, want %q", r.Rerun, want)
	}
}

// What nobody did is absent, and nothing of it is 0.
func TestQuietGameDayInItsReport(t *testing.T) {
	ev := emptyEvidence()
	ev.GameDay = &harness.GameDayRecord{Stopped: "the fire bell rang"}
	var b bytes.Buffer
	if err := reportOf(t, ev).Encode(&b); err != nil {
		t.Fatal(err)
	}
	var keys struct {
		GameDay map[string]any `json:"game_day"`
	}
	if err := json.Unmarshal(b.Bytes(), &keys); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"stopped": "the fire bell rang", "shells": []any{}, "pauses": []any{}, "hints": []any{}, "wrong_moves": []any{}}
	if diff := cmp.Diff(want, keys.GameDay); diff != "" {
		t.Errorf("game day (-want +got):\n%s", diff)
	}
}

// A report without a game day tells no commands: the transcript has them.
func TestOtherReportsTellNoCommands(t *testing.T) {
	ev := playedOut()
	ev.GameDay = nil
	var b bytes.Buffer
	if err := reportOf(t, ev).Encode(&b); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"command"`, `"error"`, `"game_day"`} {
		if strings.Contains(b.String(), key) {
			t.Errorf("%s is in it", key)
		}
	}
}
