package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/fixtures/runbooks"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("drills are not short")
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "scenarios and controls")
}

// specDeadline bounds one spec: a drill's own deadlines are shorter.
const specDeadline = 5 * time.Minute

// early is for specs of a minute or about: when they are shuffled, these begin first, and
// none of them runs on alone after all others have ended.
const early = SpecPriority(1)

// slow are the controls and broken runbooks that are early: what has not recovered is
// waited for.
var slow = []string{"both-old-hosts-at-once", "one-failure-from-the-end", "task-not-launched", "etcd-old-member-left-running"}

func begins(name string) SpecPriority {
	if slices.Contains(slow, name) {
		return early
	}
	return 0
}

func TestSlowAreThere(t *testing.T) {
	var names []string
	for _, c := range scenarios.Controls() {
		names = append(names, c.Name)
	}
	for _, r := range runbooks.Broken() {
		names = append(names, r.Name)
	}
	for _, name := range slow {
		if !slices.Contains(names, name) {
			t.Errorf("there is no control or broken runbook %s", name)
		}
	}
}

var _ = Describe("scenario", func() {
	for _, rt := range runtimes() {
		for _, s := range scenarios.All() {
			It(s.Name+" holds on the "+rt.name+" runtime", Label(append([]string{rt.name, s.Name}, s.Labels...)...), func(ctx SpecContext) {
				report := run(ctx, rt, s)
				Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
				Expect(report.Findings).NotTo(BeEmpty())
				// What a survivor had missed is shown as lost, and not merely unexamined.
				if slices.ContainsFunc(s.Premises, func(c harness.Check) bool { return c.Name() == check.SurvivorWasBehind{}.Name() }) {
					Expect(report.Loss).NotTo(BeNil())
					Expect(report.Loss.LostWrites).To(BeNumerically(">=", check.Behind), "%s", explain(report))
				}
				// What is promised of revisions, watchers and caches hangs on a loss.
				if s.Backups.Age > 0 {
					Expect(report.Loss).NotTo(BeNil())
					Expect(report.Loss.LostWrites).To(BeNumerically(">", 0), "%s", explain(report))
				}
				// With a member that never connects, who asks for the members hangs too.
				if s.Name == "dcos-2-scale-up-crash" {
					Expect(report.Listed).NotTo(BeNil())
					Expect(report.Listed.Answered).To(BeFalse())
				}
			}, SpecTimeout(specDeadline))
		}
	}
})

var _ = Describe("refusal", func() {
	for _, s := range scenarios.Refusals() {
		It(s.Name+" refuses and changes nothing", Label("process", "refusal"), func(ctx SpecContext) {
			report := run(ctx, runtimes()[0], s)
			Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		}, SpecTimeout(specDeadline))
	}
})

var _ = Describe("control", func() {
	for _, rt := range runtimes() {
		for _, c := range scenarios.Controls() {
			if c.Doctor != nil || (rt.name == "container" && !c.Containers) {
				continue
			}
			It(c.Name+" is caught by "+c.Catches+" on the "+rt.name+" runtime", Label(rt.name, "control"), func(ctx SpecContext) {
				report := run(ctx, rt, withoutIdleTrials(c))
				Expect(caughtBy(report, c)).To(Succeed(), "%s", explain(report))
			}, SpecTimeout(specDeadline), begins(c.Name))
		}
	}
})

var _ = Describe("doctored history", func() {
	for _, name := range honest() {
		It("of "+name+" is caught", Label("process", "control"), func(ctx SpecContext) {
			var base harness.Scenario
			for _, c := range scenarios.Controls() {
				if c.Doctor != nil && c.Scenario.Name == name {
					base = c.Scenario
				}
			}
			report := run(ctx, runtimes()[0], base)
			Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
			for _, c := range scenarios.Controls() {
				if c.Doctor == nil || c.Scenario.Name != name {
					continue
				}
				By(c.Name + ": " + c.Summary)
				ev, done, err := drill.OpenEvidence(report.Directory)
				Expect(err).NotTo(HaveOccurred())
				altered := c.Doctor(ev)
				judged, err := drill.Judge(ev)
				Expect(errors.Join(altered, err, done())).NotTo(HaveOccurred(), c.Name)
				Expect(caughtBy(judged, c)).To(Succeed(), "%s: %s", c.Name, explain(judged))
			}
		}, SpecTimeout(specDeadline))
	}
})

// A check that no control is caught by has not been seen to fail on a real drill.
func TestEveryCheckHasAControl(t *testing.T) {
	for _, c := range check.All() {
		if !slices.ContainsFunc(scenarios.Controls(), func(control scenarios.Control) bool { return control.Catches == c.Name() }) {
			t.Errorf("no control is caught by %s", c.Name())
		}
	}
}

// A procedure that must not complete may be stopped by anything: its control says at
// which step.
func TestControlsSayWhereTheyEnd(t *testing.T) {
	for _, c := range scenarios.Controls() {
		if c.Catches == (check.ProcedureCompleted{}).Name() && !strings.HasPrefix(c.Says, "(") {
			t.Errorf("%s is caught by %s, which says %q", c.Name, c.Catches, c.Says)
		}
	}
}

// withoutIdleTrials leaves out what needs a trial, unless that is what must catch
// the control: a cluster that was left broken is waited for in vain.
func withoutIdleTrials(c scenarios.Control) harness.Scenario {
	s := c.Scenario
	s.Promises = slices.DeleteFunc(slices.Clone(s.Promises), func(k harness.Check) bool { return len(k.Needs()) > 0 && k.Name() != c.Catches })
	s.Hazards = nil
	return s
}

// honest lists the scenarios whose histories are doctored.
func honest() []string {
	var names []string
	for _, c := range scenarios.Controls() {
		if c.Doctor != nil && !slices.Contains(names, c.Scenario.Name) {
			names = append(names, c.Scenario.Name)
		}
	}
	return names
}

// run runs one drill with a small preloaded dataset, in a directory of its own.
func run(ctx context.Context, rt place, s harness.Scenario) reports.Report {
	GinkgoHelper()
	report, err := drill.Run(ctx, rt.must(ctx), s, drill.Options{
		Seed: GinkgoRandomSeed(), Out: GinkgoT().TempDir(), PreloadKeys: 200, Version: "test",
		Progress: func(e harness.Event) {
			fmt.Fprintf(GinkgoWriter, "%8.3fs %-8s %-4s %s\n", e.At.Seconds(), e.Kind, e.Host, e.Text)
		},
	})
	Expect(err).NotTo(HaveOccurred())
	if text, err := os.ReadFile(report.Directory + "/transcript.txt"); err == nil {
		_, _ = GinkgoWriter.Write(text)
	}
	return report
}

// caughtBy tells whether the control ended as it must: never Held, and by the
// check one would expect.
func caughtBy(report reports.Report, c scenarios.Control) error {
	want, verdict := harness.Violated, harness.Violated
	if c.Premise {
		want, verdict = harness.Inconclusive, harness.Inconclusive
	}
	if report.Verdict != verdict {
		return fmt.Errorf("control %s ended %s, not %s", c.Name, report.Verdict, verdict)
	}
	for _, f := range report.Findings {
		if f.Check == c.Catches {
			if f.Verdict != want {
				return fmt.Errorf("control %s: %s found it %s, not %s: %s", c.Name, f.Check, f.Verdict, want, f.Detail)
			}
			if said := append([]string{f.Detail}, f.Offending...); !slices.ContainsFunc(said, func(text string) bool { return strings.Contains(text, c.Says) }) {
				return fmt.Errorf("control %s: %s says %q, and not %q", c.Name, f.Check, said, c.Says)
			}
			return nil
		}
	}
	return fmt.Errorf("control %s: the drill has no check %s", c.Name, c.Catches)
}

func explain(report reports.Report) string {
	text := fmt.Sprintf("%s ended %s in %s\n", report.Scenario, report.Verdict, report.Directory)
	for _, f := range report.Findings {
		text += fmt.Sprintf("  %-12s %-8s %-26s %s\n", f.Verdict, f.Kind, f.Check, f.Detail)
		for _, o := range f.Offending {
			text += "      " + o + "\n"
		}
	}
	return text
}
