package render

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// SweepHTML is a sweep as one page that needs nothing else, in the manner of HTML.
// The verdicts come first; what was measured and what was computed from it are kept
// apart, and each is called what it is. worst is the report of the run whose
// timeline is shown; nil leaves that out.
func SweepHTML(result policy.Result, worst *reports.Report) (string, error) {
	title := "Snapshot policy"
	if result.Policy.Name != "" {
		title += ": " + result.Policy.Name
	}
	s, err := newSheet(title)
	if err != nil {
		return "", err
	}
	groups, shared := groupsOf(result)
	view := sweepPage{
		sheet:   s,
		Name:    title,
		Notices: noticesOf(result),
		Targets: targetsOf(result.Targets),
		Facts:   append(policyFacts(result), append(triedFacts(result), fact{"Time scale", fmt.Sprintf("%g×", max(result.Sweep.TimeScale, 1))})...),
		Ran:     append(ranOn(result), remarks(result, "Note")...),
		Shared:  shared,
		Tables:  tablesOf(groups),
		Charts:  chartsOf(result, groups),
		Fits:    fitsOf(result, groups),
		Others:  alternativesOf(result),
		Runs:    runsOf(groups),
	}
	view.Tone, view.Word, view.Because = overall(result)
	view.Meta = sweepMeta(result)
	if worst != nil {
		view.Worst = worstOf(*worst)
	} else {
		view.NoWorst = withoutWorst(result)
	}
	return page("sweep", view)
}

// sweepPage is a sweep as its template shows it.
type sweepPage struct {
	sheet
	Name                string
	Tone, Word, Because string
	Meta                string
	Notices             []noticeView
	Targets             []targetView
	Facts, Ran          []fact
	Shared              string // what all groups have in common
	Tables              []tableView
	Charts              chartsView
	Fits                *fitsView
	Others              []alternativeView
	Worst               *worstView
	NoWorst             string // why the worst run is not shown, where there is one
	Runs                []runsView
}

type noticeView struct{ Head, Text string }

type targetView struct {
	Tone, Word, Name, Detail string
	Figures                  string // see targetFigures
}

type alternativeView struct {
	Name, Interval, Kept, Loss, Stored, Often, Meets, Detail string
}

type worstView struct {
	Title, Because string
	Tone, Word     string
	Figures        []figureView
	Timeline       *timelineView
	Directory      string
	Rerun          string
}

// overall folds the verdicts: one violation is enough, and nothing that was not
// seen is taken as held.
func overall(result policy.Result) (tone, word, because string) {
	counts := map[harness.Verdict]int{}
	var violated []string
	for _, t := range result.Targets {
		counts[t.Verdict]++
		if t.Verdict == harness.Violated {
			violated = append(violated, targetName(t.Target))
		}
	}
	verdict := harness.Held
	switch {
	case counts[harness.Violated] > 0:
		verdict = harness.Violated
		because = "Not met: " + andList(violated) + "."
	case len(result.Targets) == 0:
		verdict, because = harness.Inconclusive, "Nothing was judged yet."
	case counts[harness.Inconclusive] > 0:
		verdict = harness.Inconclusive
		because = fmt.Sprintf("%d of %d could not be judged.", counts[harness.Inconclusive], len(result.Targets))
	case !result.Finished:
		verdict, because = harness.Inconclusive, "All that was run met its targets, and not all was run."
	default:
		because = fmt.Sprintf("Every target was met, over %s.", plural(int64(made(result)), "drill"))
	}
	return verdict.String(), verdictWord(verdict), because
}

func sweepMeta(result policy.Result) string {
	parts := []string{plural(int64(made(result)), "drill"), result.Runtime + " runtime", "etcd " + orUnknown(result.Etcd)}
	if !result.Started.IsZero() {
		parts = append(parts, "begun "+result.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return strings.Join(parts, " · ")
}

// noticesOf is what a reader must know before any figure.
func noticesOf(result policy.Result) []noticeView {
	var out []noticeView
	if !result.Finished {
		out = append(out, noticeView{"Unfinished:", fmt.Sprintf("%d of %d runs were made. Every figure below counts those alone.", made(result), result.Planned)})
	}
	if scale := result.Sweep.TimeScale; scale > 1 {
		out = append(out, noticeView{fmt.Sprintf("Time scale %g×:", scale), scaleWords(result) + "."})
	}
	unfit := 0
	for _, r := range result.Runs {
		if !r.Counts() {
			unfit++
		}
	}
	if unfit > 0 {
		out = append(out, noticeView{"Not counted:", fmt.Sprintf("%d of %s gave no figures that can be relied upon; the list of runs says why.", unfit, plural(int64(len(result.Runs)), "run"))})
	}
	return out
}

// targetName is a target in words; one that this version does not know speaks for
// itself.
func targetName(target string) string {
	switch target {
	case policy.TargetRTO:
		return "recovery time (RTO)"
	case policy.TargetRPO:
		return "recovery point (RPO)"
	case policy.TargetBound:
		return "loss within what the policy explains"
	}
	return target
}

func targetsOf(verdicts []policy.Verdict) []targetView {
	var out []targetView
	for _, t := range verdicts {
		out = append(out, targetView{Tone: t.Verdict.String(), Word: t.Verdict.String(), Name: targetName(t.Target), Detail: t.Detail, Figures: targetFigures(t)})
	}
	return out
}

func alternativesOf(result policy.Result) []alternativeView {
	var out []alternativeView
	for _, a := range result.Alternatives {
		v := alternativeView{
			Name: a.Name, Interval: spanOf(a.Interval), Kept: "everything", Loss: span((time.Duration(a.LossMS) * time.Millisecond).Round(time.Second / 10)),
			Stored: sizeCell(a.Bytes), Often: fmt.Sprintf("%.4g", a.SnapshotsPerDay), Meets: "no target", Detail: a.Detail,
		}
		if a.Count > 0 {
			v.Kept = fmt.Sprint(a.Count)
		}
		if a.MeetsRPO != nil {
			v.Meets = map[bool]string{true: "yes", false: "no"}[*a.MeetsRPO]
		}
		out = append(out, v)
	}
	return out
}

// WorstRun is the run that took longest to recover, of those whose figures count and
// whose evidence was kept. One that had not recovered when watching ended is worse than
// any that had.
func WorstRun(result policy.Result) (worst policy.Run, ok bool) {
	for _, run := range result.Runs {
		worse := cmp.Or(cmp.Compare(run.Unrecovered, worst.Unrecovered), cmp.Compare(run.Recovered, worst.Recovered)) > 0
		if run.Counts() && worse && run.Directory != "" {
			worst, ok = run, true
		}
	}
	return worst, ok
}

func withoutWorst(result policy.Result) string {
	run, ok := WorstRun(result)
	if !ok {
		return ""
	}
	took := "took " + human(run.Recovered)
	if run.Unrecovered > 0 {
		took = "had not recovered after " + human(run.Unrecovered)
	}
	return fmt.Sprintf("The timeline of %s, number %d, seed %d, which %s, is not here: where this page was made there was no report in %s. Make it again from where the sweep was run, by firedrill policy --resume with the sweep's directory.",
		run.Title(), run.Number, run.Seed, took, run.Directory)
}

func worstOf(r reports.Report) *worstView {
	return &worstView{
		Title: metaOf(r), Because: because(r), Tone: r.Verdict.String(), Word: r.Verdict.String(),
		Figures: figuresOf(r), Timeline: timelineOf(r, "worst"), Directory: r.Directory, Rerun: r.Rerun,
	}
}
