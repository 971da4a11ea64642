package render_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

func drillsPage(t *testing.T, drills []render.Outcome) string {
	t.Helper()
	var b strings.Builder
	if err := render.HTML(&b, drills); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func sweepPage(t *testing.T, result policy.Result, worst *reports.Report) string {
	t.Helper()
	text, err := render.SweepHTML(result, worst)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func one(r reports.Report) []render.Outcome {
	return []render.Outcome{{Scenario: r.Scenario, Runtime: r.Runtime, Seed: r.Seed, Took: 35 * time.Second, Report: r}}
}

// body is a page without its style sheet and patterns, which are files already.
func body(text string) string {
	text = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(text, "<style></style>")
	return regexp.MustCompile(`(?s)<svg class="patterns".*?</defs></svg>`).ReplaceAllString(text, "")
}

func TestHTML(t *testing.T) {
	golden(t, "drill.html", body(drillsPage(t, one(restored()))), 0)
	golden(t, "drills.html", body(drillsPage(t, outcomes())), 0)
}

func TestSweepHTML(t *testing.T) {
	result, worst := small(), restored()
	golden(t, "sweep.html", body(sweepPage(t, result, nil)), 0)
	// Without its report that is said, and nothing is left out in silence.
	missing := "there was no report in " + result.Runs[1].Directory
	if text := sweepPage(t, result, nil); !strings.Contains(text, missing) || strings.Contains(text, `id="worst-whole-title"`) {
		t.Error("that the worst run's report is missing is not said")
	}
	if text := sweepPage(t, result, &worst); strings.Contains(text, missing) || !strings.Contains(text, "The worst run") || !strings.Contains(text, `id="worst-whole-title"`) {
		t.Error("the worst run's timeline is not there")
	}
	for i := range result.Runs {
		result.Runs[i].Directory = ""
	}
	if text := sweepPage(t, result, nil); strings.Contains(text, "The worst run") {
		t.Error("a worst run is missed of which nothing was kept")
	}
}

// small is a sweep that was interrupted early: one run lost more than it may, one
// broke, one size has none.
func small() policy.Result {
	r := sweptByHand()
	r.Finished, r.Runs, r.Summaries = false, r.Runs[:4], r.Summaries[:1]
	r.Runs[1].Loss.LostMS = r.Runs[1].Loss.BoundMS + 4000
	r.Runs[1].Verdict, r.Runs[1].Failed = harness.Violated, []string{"loss-within-bound"}
	r.Runs[2].Unfit = []string{"timers were up to 310 ms late"}
	r.Runs[3] = policy.Run{Point: r.Runs[3].Point, Number: 4, Seed: 4, Broke: "boot m1: etcd exited with status 1"}
	r.Fits = nil
	r.Targets[2].Verdict, r.Targets[2].Detail = harness.Violated, "1 of 3 runs lost more than the policy explains"
	r.Targets[0].Verdict = harness.Inconclusive
	return r
}

// pages are pages of all kinds, and of what they must cope with.
func pages(t *testing.T) map[string]string {
	worst := restored()
	old := held()
	nothing := reports.Report{Schema: 1, Scenario: "nothing-seen"}
	huge := sweptByHand()
	huge.Runs[0].Recovered, huge.Runs[0].Phases[policy.Outage], huge.Runs[0].Loss.LostMS = 3_600_000, 1, 0
	bare := sweptByHand()
	for i := range bare.Runs {
		bare.Runs[i].Phases, bare.Runs[i].Loss, bare.Runs[i].Recovered = nil, nil, 0
	}
	bare.Summaries = nil
	single := sweptByHand()
	single.Sweep.Sizes, single.Runs, single.Summaries, single.Fits = single.Sweep.Sizes[:1], single.Runs[:1], nil, single.Fits[:1]
	return map[string]string{
		"drill":         drillsPage(t, one(restored())),
		"drills":        drillsPage(t, append(outcomes(), one(restored())...)),
		"old report":    drillsPage(t, one(old)),
		"empty report":  drillsPage(t, one(nothing)),
		"no drill":      drillsPage(t, nil),
		"sweep":         sweepPage(t, sweptByHand(), &worst),
		"interrupted":   sweepPage(t, small(), nil),
		"huge range":    sweepPage(t, huge, nil),
		"no figures":    sweepPage(t, bare, nil),
		"one run":       sweepPage(t, single, nil),
		"not recovered": sweepPage(t, unrecovered(), nil),
		"nothing swept": sweepPage(t, policy.Result{}, nil),
		"hostile drill": drillsPage(t, one(hostile())),
		"hostile sweep": sweepPage(t, hostileSweep(), nil),

		"game day":          drillsPage(t, played(t, gameDay())),
		"game day and more": drillsPage(t, append(outcomes(), played(t, gameDay())...)),
		"quiet game day":    drillsPage(t, played(t, quietDay())),
		"crowded game day":  drillsPage(t, played(t, crowdedDay(20, 500))),
		"hostile game day":  drillsPage(t, played(t, hostileDay())),
	}
}

// Elements that are opened are closed, in order, and IDs are there once.
func TestPagesAreWellFormed(t *testing.T) {
	void := map[string]bool{"meta": true, "link": true, "br": true}
	for name, text := range pages(t) {
		ids := map[string]bool{}
		var open, refers []string
		z := html.NewTokenizer(strings.NewReader(text))
		for {
			kind := z.Next()
			if kind == html.ErrorToken {
				if !errors.Is(z.Err(), io.EOF) {
					t.Errorf("%s: %v", name, z.Err())
				}
				break
			}
			token := z.Token()
			switch kind {
			case html.StartTagToken:
				if !void[token.Data] {
					open = append(open, token.Data)
				}
			case html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != token.Data {
					t.Fatalf("%s: </%s> closes %v", name, token.Data, open)
				}
				open = open[:len(open)-1]
			}
			for _, a := range token.Attr {
				switch a.Key {
				case "id":
					if ids[a.Val] {
						t.Errorf("%s: two elements have the ID %s", name, a.Val)
					}
					ids[a.Val] = true
				case "aria-labelledby":
					refers = append(refers, strings.Fields(a.Val)...)
				case "href":
					if anchor, ok := strings.CutPrefix(a.Val, "#"); ok {
						refers = append(refers, anchor)
					}
				}
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %v stay open", name, open)
		}
		for _, id := range refers {
			if !ids[id] {
				t.Errorf("%s: nothing has the ID %s", name, id)
			}
		}
	}
}

// A page needs nothing from anywhere, and runs nothing.
func TestPagesAreSelfContained(t *testing.T) {
	for name, text := range pages(t) {
		for _, bad := range []string{"<script", "http://", "https://", "@import", "<img", "<iframe", "javascript:", "ZgotmplZ", "NaN", "Inf", "%!"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: there is %q in it", name, bad)
			}
		}
		if !strings.Contains(text, `default-src 'none'`) {
			t.Errorf("%s: there is no content security policy", name)
		}
	}
}

const attack = `"><script>alert('x')</script><img src=x onerror=alert(1)>`

// hostile is a report of which every text is an attack.
func hostile() reports.Report {
	r := restored()
	r.Scenario, r.Runtime, r.EtcdVersion, r.Firedrill, r.Drill = attack, attack, attack, attack, attack
	r.Faults, r.Unfit = []string{attack}, []string{attack}
	r.Directory, r.Rerun, r.Procedure.Detail, r.Procedure.Outcome = attack, attack, attack, attack
	r.MembersBefore, r.MemberIDsBefore, r.ClusterIDBefore = []string{attack}, map[string]string{attack: attack}, attack
	r.Moments[attack] = 12000
	for i := range r.Findings {
		r.Findings[i].Check, r.Findings[i].Claim, r.Findings[i].Detail, r.Findings[i].Offending = attack, attack, attack, []string{attack}
	}
	for i := range r.Strikes {
		r.Strikes[i].Fault, r.Strikes[i].Hosts = attack, []string{attack}
	}
	for i := range r.Steps {
		r.Steps[i].Name, r.Steps[i].Host = attack, attack
	}
	for i := range r.Backups {
		r.Backups[i].Name, r.Backups[i].Host, r.Backups[i].Problem = attack, attack, attack
	}
	for i := range r.Fetches {
		r.Fetches[i].Backup, r.Fetches[i].Host = attack, attack
	}
	for i := range r.Gaps {
		r.Gaps[i].Cause = attack
	}
	for i := range r.Tracks {
		r.Tracks[i].Host = attack
	}
	return r
}

func hostileSweep() policy.Result {
	r := sweptByHand()
	r.Policy.Name, r.Policy.Store, r.Policy.Endpoint, r.Policy.Verify = attack, attack, attack, attack
	r.Runtime, r.Etcd, r.Firedrill = attack, attack, attack
	r.Machine = reports.Machine{CPUs: 1, Model: attack, OS: attack, Kernel: attack, Disk: attack}
	r.Sweep.Procedures = []string{attack}
	for i := range r.Runs {
		r.Runs[i].Procedure, r.Runs[i].Drill, r.Runs[i].Directory = attack, attack, attack
		r.Runs[i].Failed, r.Runs[i].Unfit, r.Runs[i].Broke = []string{attack}, []string{attack}, attack
		r.Runs[i].Phases[attack] = 1
	}
	for i := range r.Summaries {
		r.Summaries[i].Procedure = attack
	}
	for i := range r.Fits {
		r.Fits[i].Procedure, r.Fits[i].Phase = attack, attack
	}
	for i := range r.Targets {
		r.Targets[i].Target, r.Targets[i].Detail = attack, attack
	}
	for i := range r.Alternatives {
		r.Alternatives[i].Name, r.Alternatives[i].Detail = attack, attack
	}
	return r
}

// What a page shows of an attack is its text: no element and no attribute comes of it.
func TestHostileTextStaysText(t *testing.T) {
	broke := one(restored())
	broke[0].Err, broke[0].Scenario, broke[0].Runtime = errors.New(attack), attack, attack
	for name, text := range map[string]string{
		"drill": drillsPage(t, one(hostile())), "broke": drillsPage(t, broke), "sweep": sweepPage(t, hostileSweep(), nil),
		"game day": drillsPage(t, played(t, hostileDay())),
	} {
		z := html.NewTokenizer(strings.NewReader(text))
		seen := 0
		for z.Next() != html.ErrorToken {
			token := z.Token()
			if token.Data == "script" || token.Data == "img" {
				t.Errorf("%s: an attack became the element <%s>", name, token.Data)
			}
			if token.Type == html.TextToken && strings.Contains(token.Data, "<script>alert('x')</script>") {
				seen++
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: an attack became the attribute %s", name, a.Key)
				}
			}
		}
		if seen == 0 {
			t.Errorf("%s: the text is not shown", name)
		}
	}
}

// What an older report lacks is said to be absent, and what it has is shown.
func TestOldReports(t *testing.T) {
	text := drillsPage(t, one(held()))
	for _, want := range []string{"does not tell when hosts and their etcd were up", "fill-gap", "ruin the data directory on all-but(m1)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page of a report without tracks", want)
		}
	}
	empty := drillsPage(t, one(reports.Report{Schema: 1, Scenario: "nothing-seen"}))
	if strings.Contains(empty, "What happened when") {
		t.Error("a timeline was drawn of nothing")
	}
}

// What was computed is never shown without saying so.
func TestComputedIsSaidToBeComputed(t *testing.T) {
	text := sweepPage(t, sweptByHand(), nil)
	for _, heading := range []string{`<h2 id="fits">`, `<h2 id="others">`} {
		_, after, found := strings.Cut(text, heading)
		line, _, _ := strings.Cut(after, "</h2>")
		if !found || !strings.Contains(line, "computed, not measured") {
			t.Errorf("%s is followed by %q", heading, line)
		}
	}
	for _, want := range []string{"Time scale 60×", "in the drills the interval of 30 min was 30 s", "too few runs"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if text := sweepPage(t, small(), nil); !strings.Contains(text, "3 of 30 runs were made") {
		t.Error("an unfinished sweep does not say so")
	}
}

// nothing that was not seen is taken as held.
func TestSweepVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*policy.Result)
		want   string
	}{
		"all held":         {func(*policy.Result) {}, "held"},
		"one violated":     {func(r *policy.Result) { r.Targets[1].Verdict = harness.Violated }, "violated"},
		"one inconclusive": {func(r *policy.Result) { r.Targets[1].Verdict = harness.Inconclusive }, "inconclusive"},
		"unfinished":       {func(r *policy.Result) { r.Finished = false }, "inconclusive"},
		"no targets":       {func(r *policy.Result) { r.Targets = nil }, "inconclusive"},
	} {
		r := sweptByHand()
		c.change(&r)
		if text := sweepPage(t, r, nil); !strings.Contains(text, `<header class="verdict `+c.want+`">`) {
			t.Errorf("%s: the page is not headed %s", name, c.want)
		}
	}
}

// Pages can be looked at: FIREDRILL_PAGES=dir go test -run TestKeepPages.
func TestKeepPages(t *testing.T) {
	dir := os.Getenv("FIREDRILL_PAGES")
	if dir == "" {
		t.Skip("FIREDRILL_PAGES names no directory to put pages into")
	}
	for name, text := range pages(t) {
		if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".html"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A procedure none of whose runs counts has no table of figures, and that is said;
// times of hours are told in hours.
func TestWhereNoRunCountsIsSaid(t *testing.T) {
	r := sweptByHand()
	const nothing = "No run gave figures that can be relied upon"
	if strings.Contains(sweepPage(t, r, nil), nothing) {
		t.Error("figures are denied that there are")
	}
	for i := range r.Summaries {
		if r.Summaries[i].Procedure == r.Sweep.Procedures[0] {
			r.Summaries[i] = policy.Summary{Point: r.Summaries[i].Point, Runs: 5}
		}
	}
	r.Targets[1].Worst = (24*time.Hour + 4*time.Second).Milliseconds()
	text := sweepPage(t, r, nil)
	for _, want := range []string{nothing, "at most 24 h 4 s, computed"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is there %d times, want once", want, strings.Count(text, want))
		}
	}
}
