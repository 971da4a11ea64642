package reports_test

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// teamAndBook are a game day and the procedure's run of the same scenario and seed.
func teamAndBook(t *testing.T) (team, book reports.Report) {
	t.Helper()
	team = reportOf(t, playedOut())
	team.Drill, team.Phases.Fetch = "d-8", 900
	team.Loss = &reports.Loss{AckedWrites: 100, LostWrites: 12, LostSpan: 240}
	book = fullReport(t)
	book.Phases = reports.Phases{Detection: 40, Restore: 2, Outage: 1400, OutageSpan: 1400, FirstAck: 900, Recovered: 1005}
	book.Gaps = []reports.Gap{{From: 1000, To: 2400, MS: 1400}}
	return team, book
}

func compared(t *testing.T, team, book reports.Report) reports.Comparison {
	t.Helper()
	c, err := reports.Compare(team, book)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompare(t *testing.T) {
	team, book := teamAndBook(t)
	teamBefore, bookBefore := encoded(t, team), encoded(t, book)
	c := compared(t, team, book)
	if encoded(t, team) != teamBefore || encoded(t, book) != bookBefore {
		t.Error("comparing changed what it was given")
	}
	is := func(ms int64) *int64 { return &ms }
	times := func(f float64) *float64 { return &f }
	want := []reports.Line{
		{Figure: "detection", Unit: "ms", Team: reports.Value{Is: is(610)}, Book: reports.Value{Is: is(40)}, Difference: is(570), Ratio: times(15.25)},
		{Figure: "decision", Unit: "ms", Team: reports.Value{Is: is(800), LessPauses: is(400)}, Book: reports.Value{Absent: "a procedure has nothing to decide"}},
		{Figure: "fetch", Unit: "ms", Team: reports.Value{Is: is(900), LessPauses: is(500)}, Book: reports.Value{Absent: "no backup was brought onto a host"}},
		{Figure: "restore", Unit: "ms", Team: reports.Value{Is: is(2)}, Book: reports.Value{Is: is(2)}, Difference: is(0), Ratio: times(1)},
		// Both pauses lie in gaps: 400 ms in the first, and 1 s in the second.
		{Figure: "outage", Unit: "ms", Team: reports.Value{Is: is(7000), LessPauses: is(5600)}, Book: reports.Value{Is: is(1400)}, Difference: is(4200), Ratio: times(4)},
		{Figure: "gaps", Unit: "count", Team: reports.Value{Is: is(2)}, Book: reports.Value{Is: is(1)}, Difference: is(1), Ratio: times(2)},
		{Figure: "outage-span", Unit: "ms", Team: reports.Value{Is: is(8000), LessPauses: is(6600)}, Book: reports.Value{Is: is(1400)}, Difference: is(5200), Ratio: times(4.71)},
		{Figure: "first-acknowledgement", Unit: "ms", Team: reports.Value{Is: is(2010), LessPauses: is(1610)}, Book: reports.Value{Is: is(1005)}, Difference: is(605), Ratio: times(1.6)},
		{Figure: "redundancy", Unit: "ms", Team: reports.Value{Is: is(8000), LessPauses: is(6600)}, Book: reports.Value{Absent: "full redundancy was not seen"}},
		{Figure: "lost-writes", Unit: "count", Team: reports.Value{Is: is(12)}, Book: reports.Value{Is: is(2)}, Difference: is(10), Ratio: times(6)},
		{Figure: "lost-span", Unit: "ms", Team: reports.Value{Is: is(240)}, Book: reports.Value{Is: is(3)}, Difference: is(237), Ratio: times(80)},
		// What was typed before the strike did not recover anything.
		{Figure: "commands", Unit: "count", Team: reports.Value{Is: is(2)}, Book: reports.Value{Is: is(2)}, Difference: is(0), Ratio: times(1)},
	}
	if diff := cmp.Diff(want, c.Lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if c.Team.Verdict != harness.Inconclusive || c.Book.Verdict != harness.Held || c.Team.Drill != "d-8" || c.Book.Drill != "d-7" || c.Seed != 7 || c.Scenario != book.Scenario {
		t.Errorf("sides are %+v and %+v of %s with seed %d", c.Team, c.Book, c.Scenario, c.Seed)
	}
	steps := []reports.BookStep{
		{Number: 1, Name: "force a new cluster", Hosts: []string{"m1"}, Since: is(510), Took: 10},
		{Number: 2, Name: "member add m2", Hosts: []string{"m1"}, Since: is(3020), Took: 20},
	}
	if diff := cmp.Diff(steps, c.Steps); diff != "" {
		t.Errorf("steps of the book (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"the facilitator broke something more while the team recovered, which the book was spared"}, c.Caveats); diff != "" {
		t.Errorf("caveats (-want +got):\n%s", diff)
	}
}

// A step of the book on several hosts is one step, as long as all of it.
func TestBookStepsOnSeveralHosts(t *testing.T) {
	team, book := teamAndBook(t)
	book.Steps = []reports.Step{
		{Number: 1, Name: "stop", Host: "m2", At: 1600, Took: 100}, {Number: 1, Name: "stop", Host: "m1", At: 1500, Took: 50}, {Number: 1, Name: "stop", Host: "m3", At: 1650, Took: 350},
		{Number: 2, Name: "decide", At: 2000, Took: 1},
	}
	first, second := int64(510), int64(1010)
	want := []reports.BookStep{{Number: 1, Name: "stop", Hosts: []string{"m2", "m1", "m3"}, Since: &first, Took: 500}, {Number: 2, Name: "decide", Hosts: []string{}, Since: &second, Took: 1}}
	if diff := cmp.Diff(want, compared(t, team, book).Steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompareRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(team, book *reports.Report)
		want   string
	}{
		"another scenario": {func(_, book *reports.Report) { book.Scenario = "etcd-snapshot-restore" }, "the team recovered kubeadm-force-new-cluster, and the book etcd-snapshot-restore"},
		"another seed":     {func(_, book *reports.Report) { book.Seed = 8 }, "the team's seed is 7, and the book's 8"},
		"no game day":      {func(team, _ *reports.Report) { team.GameDay = nil }, "drill d-8 is no game day"},
		"two game days":    {func(team, book *reports.Report) { book.GameDay = team.GameDay }, "drill d-7 is a game day too"},
	} {
		team, book := teamAndBook(t)
		c.change(&team, &book)
		got, err := reports.Compare(team, book)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "\nhint: ") {
			t.Errorf("%s: error %v, want %q and a hint in it", name, err, c.want)
		}
		if got.Lines != nil {
			t.Errorf("%s: and yet there are figures", name)
		}
	}
}

func lineOf(t *testing.T, c reports.Comparison, figure reports.Figure) reports.Line {
	t.Helper()
	for _, l := range c.Lines {
		if l.Figure == figure {
			return l
		}
	}
	t.Fatalf("there is no line of %s", figure)
	return reports.Line{}
}

// Of a bound no more is said than a bound allows.
func TestCompareBounds(t *testing.T) {
	team, book := teamAndBook(t)
	team.OutageOpen = true
	if l := lineOf(t, compared(t, team, book), reports.OutageFigure); !l.Team.AtLeast || l.Book.AtLeast || l.Difference == nil || l.Ratio == nil {
		t.Errorf("the team's service did not come back: %+v", l)
	}
	book.OutageOpen = true
	for _, figure := range []reports.Figure{reports.OutageFigure, reports.GapsFigure, reports.SpanFigure} {
		if l := lineOf(t, compared(t, team, book), figure); !l.Book.AtLeast || l.Difference != nil || l.Ratio != nil {
			t.Errorf("the book's service did not come back: %+v", l)
		}
	}
}

// What cannot be said is not, and why is.
func TestCompareWhatIsNotThere(t *testing.T) {
	team, book := teamAndBook(t)
	team.GameDay.Noticed, team.GameDay.Decided, team.GameDay.Detection, team.GameDay.Decision = nil, nil, nil, nil
	team.Loss, book.Loss = nil, &reports.Loss{}
	team.Gaps, team.OutageUnmeasured = nil, "no client was served before the strike"
	book.Gaps, book.Phases.Outage = nil, 0
	book.Procedure.Outcome, book.Steps = "none", nil
	c := compared(t, team, book)
	for figure, want := range map[reports.Figure][2]string{
		reports.DetectionFigure:  {"nobody noticed", ""},
		reports.DecisionFigure:   {"nobody noticed", "a procedure has nothing to decide"},
		reports.OutageFigure:     {"no client was served before the strike", "no gap longer than 250 ms"},
		reports.GapsFigure:       {"no client was served before the strike", ""},
		reports.SpanFigure:       {"no client was served before the strike", "no gap longer than 250 ms"},
		reports.LostWritesFigure: {"no consistent cut was found", ""},
		reports.CommandsFigure:   {"", "nobody did anything"},
	} {
		l := lineOf(t, c, figure)
		if got := [2]string{l.Team.Absent, l.Book.Absent}; got != want {
			t.Errorf("%s: %q is said to be absent, want %q", figure, got, want)
		}
		if l.Difference != nil || l.Ratio != nil {
			t.Errorf("%s is compared all the same: %+v", figure, l)
		}
	}
	team.Moments = nil
	if l := lineOf(t, compared(t, team, book), reports.DetectionFigure); l.Team.Absent != "nothing was struck" {
		t.Errorf("where nothing was struck, detection is %+v", l.Team)
	}
}

// Unfit figures are marked, and those are not that no machine was too busy for.
func TestCompareMarksUnfitFigures(t *testing.T) {
	team, book := teamAndBook(t)
	book.Unfit = []string{"timers were up to 310 ms late"}
	book.Runtime, book.EtcdVersion, book.CPUs = "container", "3.6.16", 4
	book.Procedure.Outcome = "failed"
	book.Findings = append(book.Findings, harness.Finding{Check: "quorum-was-lost", Kind: harness.Premise, Verdict: harness.Inconclusive})
	c := compared(t, team, book)
	for _, l := range c.Lines {
		if l.Team.Unfit || l.Book.Unfit != (l.Book.Is != nil && l.Figure != reports.CommandsFigure) {
			t.Errorf("%s: unfit are %t for the team and %t for the book", l.Figure, l.Team.Unfit, l.Book.Unfit)
		}
	}
	want := []string{
		"another runtime: process for the team, container for the book",
		"another version of etcd: 3.7.3 for the team, 3.6.16 for the book",
		"another number of CPUs: 2 for the team, 4 for the book",
		"the facilitator broke something more while the team recovered, which the book was spared",
		"a premise of the book's run was not met (quorum-was-lost): it recovered from another disaster",
		"the book's figures are not to be relied upon: timers were up to 310 ms late",
		"the book's own procedure did not complete: it failed",
	}
	if diff := cmp.Diff(want, c.Caveats); diff != "" {
		t.Errorf("caveats (-want +got):\n%s", diff)
	}
}

func encoded(t *testing.T, r interface{ Encode(io.Writer) error }) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestComparisonsFollowTheirSchema(t *testing.T) {
	team, book := teamAndBook(t)
	full := compared(t, team, book)
	team.Unfit, team.OutageOpen, team.Directory = []string{"busy"}, true, "firedrill-runs/x"
	for name, c := range map[string]reports.Comparison{"full": full, "odd": compared(t, team, book)} {
		text := encoded(t, c)
		for _, fault := range againstComparisonSchema(t, text) {
			t.Errorf("%s: %s", name, fault)
		}
		var again reports.Comparison
		if err := json.Unmarshal([]byte(text), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("%s (-wrote +read):\n%s", name, diff)
		}
	}
	text := encoded(t, full)
	for old, doctored := range map[string]string{`"figure": "detection"`: `"figure": "dejection"`, `"value": 610`: `"value": -610`, `"unit": "ms"`: `"unit": "s"`} {
		if len(againstComparisonSchema(t, strings.Replace(text, old, doctored, 1))) == 0 {
			t.Errorf("%s is taken for right", doctored)
		}
	}
}

func againstComparisonSchema(t *testing.T, text string) []string {
	t.Helper()
	v := &validator{}
	if err := json.Unmarshal(reports.ComparisonSchema(), &v.root); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	v.check("comparison", v.root, value)
	return v.faults
}

// Every field that a comparison can hold is documented, and nothing else is.
func TestTheComparisonSchemaDocumentsEveryKey(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(reports.ComparisonSchema(), &root); err != nil {
		t.Fatal(err)
	}
	documents(t, "comparison", root, root, reflect.TypeFor[reports.Comparison]())
}
