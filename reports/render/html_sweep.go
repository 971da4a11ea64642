package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

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
		Facts:   factsOf(result),
		Ran:     ranOn(result),
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
	Runs                []runsView
}

type noticeView struct{ Head, Text string }

type targetView struct {
	Tone, Word, Name, Detail string
	Figures                  string // promised, and worst seen; empty if neither is known
}

type fact struct{ Name, Value string }

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
		because = "Not kept: " + andList(violated) + "."
	case len(result.Targets) == 0:
		verdict, because = harness.Inconclusive, "Nothing was judged yet."
	case counts[harness.Inconclusive] > 0:
		verdict = harness.Inconclusive
		because = fmt.Sprintf("%d of %d could not be judged.", counts[harness.Inconclusive], len(result.Targets))
	case !result.Finished:
		verdict, because = harness.Inconclusive, "All that was run kept what was promised, and not all was run."
	default:
		because = fmt.Sprintf("All that was promised was kept, in each of %s.", plural(int64(len(result.Runs)), "drill"))
	}
	return verdict.String(), verdictWord(verdict), because
}

func sweepMeta(result policy.Result) string {
	parts := []string{plural(int64(len(result.Runs)), "drill"), result.Runtime + " runtime", "etcd " + orUnknown(result.Etcd)}
	if !result.Started.IsZero() {
		parts = append(parts, "begun "+result.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return strings.Join(parts, " · ")
}

// noticesOf is what a reader must know before any figure.
func noticesOf(result policy.Result) []noticeView {
	var out []noticeView
	if !result.Finished {
		out = append(out, noticeView{"Unfinished:", fmt.Sprintf("%d of %d runs were made. Every figure below counts those alone.", len(result.Runs), result.Planned)})
	}
	if scale := result.Sweep.TimeScale; scale > 1 {
		out = append(out, noticeView{
			fmt.Sprintf("Time scale %g×:", scale),
			fmt.Sprintf("a snapshot was taken every %s instead of every %s. Losses and their bounds are in this compressed time; what etcd, the disk and the network need is not compressed.",
				span(result.Sweep.Scaled(result.Policy.Interval)), spanOf(result.Policy.Interval)),
		})
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

// span is a chosen time as people say it, such as 1 h 30 min,
// without the parts that are zero.
func span(d time.Duration) string {
	if d < time.Second {
		return human(d.Milliseconds())
	}
	var parts []string
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "h"}, {time.Minute, "min"}} {
		if n := d / unit.length; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
			d %= unit.length
		}
	}
	if d > 0 {
		parts = append(parts, strconv.FormatFloat(d.Seconds(), 'f', -1, 64)+" s")
	}
	return strings.Join(parts, " ")
}

func spanOf(d policy.Duration) string { return span(time.Duration(d)) }

// targetName is a target in words; one that this version does not know speaks for
// itself.
func targetName(target string) string {
	switch target {
	case "rto":
		return "recovery time (RTO)"
	case "rpo":
		return "recovery point (RPO)"
	case "loss-bound":
		return "loss within what the policy predicts"
	}
	return target
}

func targetsOf(verdicts []policy.Verdict) []targetView {
	var out []targetView
	for _, t := range verdicts {
		v := targetView{Tone: t.Verdict.String(), Word: t.Verdict.String(), Name: targetName(t.Target), Detail: t.Detail}
		var figures []string
		if t.Wanted > 0 {
			figures = append(figures, "promised "+span(time.Duration(t.Wanted)*time.Millisecond))
		}
		if t.Worst > 0 {
			figures = append(figures, "worst seen "+lasting(t.Worst))
		}
		v.Figures = strings.Join(figures, ", ")
		out = append(out, v)
	}
	return out
}

// factsOf is the policy, and over what it was tried.
func factsOf(result policy.Result) []fact {
	p, s := result.Policy, result.Sweep
	facts := []fact{{"A snapshot every", spanOf(p.Interval)}}
	kept := "everything"
	switch count, age := p.Retention.Count, p.Retention.Age; {
	case count > 0 && age > 0:
		kept = fmt.Sprintf("%s, none older than %s", plural(int64(count), "snapshot"), spanOf(age))
	case count > 0:
		kept = plural(int64(count), "snapshot")
	case age > 0:
		kept = "what is not older than " + spanOf(age)
	}
	facts = append(facts, fact{"Kept", kept})
	store := p.Store
	if store == "" {
		store = "a directory of each drill's own"
	}
	if p.Endpoint != "" {
		store += " at " + p.Endpoint
	}
	facts = append(facts, fact{"Store", store})
	verify := string(p.Verify)
	switch p.Verify {
	case "", policy.VerifyTrailer:
		verify = "by its SHA-256 trailer"
	case policy.VerifyNone:
		verify = "not at all"
	}
	facts = append(facts, fact{"Verified when taken", verify})
	if d := p.Targets.RTO; d > 0 {
		facts = append(facts, fact{"RTO", spanOf(d)})
	}
	if d := p.Targets.RPO; d > 0 {
		facts = append(facts, fact{"RPO", spanOf(d)})
	}
	return append(facts,
		fact{"Database sizes", joined(s.Sizes, func(v policy.Size) string { return v.String() })},
		fact{"Value sizes", joined(s.ValueSizes, func(v int) string { return humanize.IBytes(uint64(max(v, 0))) })},
		fact{"Members", joined(s.Members, func(v int) string { return fmt.Sprint(v) })},
		fact{"Procedures", strings.Join(s.Procedures, ", ")},
		fact{"Runs of each point", fmt.Sprintf("%d, seeds from %d", s.Runs, s.Seed)},
		fact{"Time scale", timeScale(s.TimeScale)},
	)
}

func timeScale(scale float64) string {
	if scale <= 1 {
		return "real time: nothing is compressed"
	}
	return fmt.Sprintf("%g×: interval and ages are compressed", scale)
}

func joined[T any](items []T, word func(T) string) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = word(item)
	}
	return strings.Join(words, ", ")
}

// ranOn is the hardware and the versions.
func ranOn(result policy.Result) []fact {
	m := result.Machine
	facts := []fact{{"etcd", orUnknown(result.Etcd)}, {"firedrill", orDash(result.Firedrill)}, {"Runtime", orDash(result.Runtime)}}
	cpu := plural(int64(m.CPUs), "CPU")
	if m.Model != "" {
		cpu += ", " + m.Model
	}
	if m.CPUs > 0 {
		facts = append(facts, fact{"Processor", cpu})
	}
	if m.Memory > 0 {
		facts = append(facts, fact{"Memory", sizeCell(m.Memory)})
	}
	for _, f := range []fact{{"Disk", m.Disk}, {"System", m.OS}, {"Kernel", m.Kernel}} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	for _, note := range result.Notes() {
		facts = append(facts, fact{"Note", note})
	}
	return facts
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

func worstOf(r reports.Report) *worstView {
	return &worstView{
		Title: metaOf(r), Because: because(r), Tone: r.Verdict.String(), Word: r.Verdict.String(),
		Figures: figuresOf(r), Timeline: timelineOf(r, "worst"), Directory: r.Directory, Rerun: r.Rerun,
	}
}
