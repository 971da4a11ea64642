package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// What is said of a sweep is written here once: a page lists it, text and Markdown
// join it.

type fact struct{ Name, Value string }

// policyFacts is what was decided about backups.
func policyFacts(result policy.Result) []fact {
	p := result.Policy
	kept := "everything"
	switch count, age := p.Retention.Count, p.Retention.Age; {
	case count > 0 && age > 0:
		kept = fmt.Sprintf("%s, none older than %s", plural(int64(count), "snapshot"), spanOf(age))
	case count > 0:
		kept = plural(int64(count), "snapshot")
	case age > 0:
		kept = "what is not older than " + spanOf(age)
	}
	store := p.Store
	if store == "" {
		store = "a directory of each drill's own"
	}
	if p.Endpoint != "" {
		store += " at " + p.Endpoint
	}
	verify := string(p.Verify)
	switch p.Verify {
	case "", policy.VerifyTrailer:
		verify = "by its SHA-256 trailer"
	case policy.VerifyNone:
		verify = "not at all"
	}
	facts := []fact{{"A snapshot every", spanOf(p.Interval)}, {"Kept", kept}, {"Stored in", store}, {"Verified when taken", verify}}
	if d := p.Targets.RTO; d > 0 {
		facts = append(facts, fact{"RTO", spanOf(d)})
	}
	if d := p.Targets.RPO; d > 0 {
		facts = append(facts, fact{"RPO", spanOf(d)})
	}
	return facts
}

// triedFacts is over what it was tried.
func triedFacts(result policy.Result) []fact {
	s := result.Sweep
	facts := []fact{
		{"Database sizes", joined(s.Sizes, func(v policy.Size) string { return v.String() })},
		{"Value sizes", joined(s.ValueSizes, func(v int) string { return humanize.IBytes(uint64(max(v, 0))) })},
		{"Members", joined(s.Members, strconv.Itoa)},
		{"Procedures", strings.Join(s.Procedures, ", ")},
		{"Runs of each point", fmt.Sprintf("%d, seeds from %d", s.Runs, s.Seed)},
	}
	if s.Writers > 0 {
		facts = append(facts, fact{"Writers", strconv.Itoa(s.Writers)})
	}
	if s.Rate > 0 {
		facts = append(facts, fact{"Writes per second", strconv.Itoa(s.Rate)})
	}
	return facts
}

// ranOn is the hardware, and the programs with what they were told.
func ranOn(result policy.Result) []fact {
	facts := []fact{{"etcd", orUnknown(result.Etcd)}}
	for _, f := range []fact{{"Image", result.Image}, {"Binaries", result.EtcdBin}, {"Flags of etcd", strings.Join(result.EtcdArgs, " ")}} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	facts = append(facts, fact{"firedrill", orDash(result.Firedrill)}, fact{"Runtime", orDash(result.Runtime)})
	m := result.Machine
	if m.CPUs > 0 {
		cpu := plural(int64(m.CPUs), "core")
		if m.Model != "" {
			cpu += " of " + m.Model
		}
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
	return facts
}

// inLine is facts one after the other, within a sentence.
func inLine(facts []fact) string {
	return joinedBy("; ", facts, func(f fact) string {
		if f.Name != strings.ToUpper(f.Name) {
			return strings.ToLower(f.Name[:1]) + f.Name[1:] + " " + f.Value
		}
		return f.Name + " " + f.Value
	})
}

func joined[T any](items []T, word func(T) string) string { return joinedBy(", ", items, word) }

func joinedBy[T any](sep string, items []T, word func(T) string) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = word(item)
	}
	return strings.Join(words, sep)
}

// sweepHead is what must be known to read the figures.
func sweepHead(r policy.Result) []fact {
	runs := fmt.Sprintf("%d of %d drills, %s each of %s", made(r), r.Planned, plural(int64(r.Sweep.Runs), "run"), plural(int64(len(r.Points())), "point"))
	if !r.Finished {
		runs += "; NOT FINISHED"
	}
	return append([]fact{
		{"runs", runs},
		{"policy", inLine(policyFacts(r))},
		{"tried over", inLine(triedFacts(r))},
		{"time scale", fmt.Sprintf("%g: %s", max(r.Sweep.TimeScale, 1), scaleWords(r))},
		{"ran on", inLine(ranOn(r))},
		{"begun", r.Started.UTC().Format("2006-01-02 15:04 MST")},
	}, remarks(r, "note")...)
}

// remarks are what a reader must know besides, each under this name.
func remarks(r policy.Result, name string) (facts []fact) {
	for _, text := range r.Notes() {
		facts = append(facts, fact{name, text})
	}
	return facts
}

// made is how many drills were run: one that the harness broke was not, and is made
// again.
func made(r policy.Result) int {
	n := 0
	for _, run := range r.Runs {
		if run.Broke == "" {
			n++
		}
	}
	return n
}

// scaleWords is in every output, for a compressed figure is none of production's.
func scaleWords(r policy.Result) string {
	if r.Sweep.TimeScale <= 1 {
		return "the interval in the drills was that of the policy"
	}
	return fmt.Sprintf("in the drills the interval of %s was %s, and ages as much shorter; losses and their bounds are in this compressed time; what etcd, the disk and the network need is not compressed",
		spanOf(r.Policy.Interval), span(r.Sweep.Scaled(r.Policy.Interval).Round(time.Millisecond)))
}

// targetFigures is what a target asks for, and what it is held against, each by its
// right name: some are measured, some computed, and the bound of a loss was promised
// by nobody.
func targetFigures(t policy.Verdict) string {
	wanted := span((time.Duration(t.Wanted) * time.Millisecond).Round(time.Second))
	switch {
	case t.Wanted == 0:
		return ""
	case t.Target == policy.TargetBound:
		return "loss or age " + lasting(t.Worst) + ", explained " + lasting(t.Wanted)
	case t.Worst == 0 && t.Target == policy.TargetRPO:
		return "target " + wanted + ", none computed"
	case t.Target == policy.TargetRPO:
		return "target " + wanted + ", at most " + lasting(t.Worst) + ", computed"
	case t.Worst == 0:
		return "target " + wanted + ", none seen"
	case t.AtLeast:
		return "target " + wanted + ", worst seen more than " + lasting(t.Worst)
	}
	return "target " + wanted + ", worst seen " + lasting(t.Worst)
}

// lasting shows a time as policies have them, of hours and days too.
func lasting(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d < 10*time.Minute {
		return human(ms)
	}
	return span(d.Round(time.Second))
}

// span is a chosen time as people say it.
func span(d time.Duration) string { return policy.Duration(d).Words() }

func spanOf(d policy.Duration) string { return span(time.Duration(d)) }

// unseen tells whether a target has no figure to be held against. That nothing was
// lost is one, where a run was held against its own bound.
func unseen(t policy.Verdict) bool { return t.Worst == 0 && t.Target != policy.TargetBound }
