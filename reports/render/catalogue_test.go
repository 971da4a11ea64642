package render_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// measurable is a catalogue with a family of variants, a scenario that makes
// promises of its own, and one that nobody has run.
func measurable() []harness.Scenario {
	agree := check{name: "replicas-agree", claim: "every member holds the same data"}
	born := check{name: "cluster-id", claim: "the cluster ID is the one it was born with"}
	cut := check{name: "cut-at-survivor", claim: "all that m1 held is there"}
	unique := check{name: "revisions-unique", claim: "no revision was handed out twice"}
	informed := check{name: "watcher-informed", claim: "the watcher was told"}
	restart := check{name: "restart-keeps-members", claim: "a restart of m1 leaves the members as they are"}
	kubeadm := harness.Scenario{
		Name: "kubeadm", Source: harness.Source{Document: "kubeadm.md", Section: "step 7 | the last"}, Summary: "quorum lost for good;\nforce a *new* cluster",
		Promises: []harness.Check{agree, born, cut}, Hazards: []harness.Check{restart, unique, informed},
	}
	verbatim, learner := kubeadm, kubeadm
	verbatim.Name, verbatim.VariantOf, verbatim.Summary = "kubeadm-verbatim", "kubeadm", "as documented"
	learner.Name, learner.VariantOf, learner.Summary = "learners-instead", "kubeadm", "with learners"
	learner.Hazards = []harness.Check{unique, check{name: "watcher-informed", claim: "both watchers were told"}}
	return []harness.Scenario{
		kubeadm,
		{Name: "crash", Summary: "the process dies", Promises: []harness.Check{agree, born}},
		verbatim,
		learner,
		{
			Name: "restore", Source: harness.Source{Document: "guide: <recovery>"}, Summary: "restore a snapshot", Backups: harness.BackupJob{Every: time.Second},
			Promises: []harness.Check{agree, check{name: "cluster-id", claim: "the cluster ID is a new one"}}, Hazards: []harness.Check{unique},
		},
		{Name: "refusal", Source: harness.Source{Document: "kubeadm.md", Section: "step 1"}, Summary: "the procedure refuses", Promises: []harness.Check{check{name: "refused", claim: "it refuses"}}},
		{Name: "nothing", Summary: "nothing is promised"},
		{Name: "fenced", Summary: "the dead come back", Promises: []harness.Check{agree, born}, Hazards: []harness.Check{check{name: "dead-stay-out", claim: "the dead stay out"}, unique}},
	}
}

// drilled is a report as made by a quiet machine; change may spoil it.
func drilled(scenario, runtime string, outage int64, change ...func(*reports.Report)) reports.Report {
	r := reports.Report{
		Schema: 1, Scenario: scenario, Runtime: runtime, Seed: 7, EtcdVersion: "3.7.3", Firedrill: "v0", CPUs: 2,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Verdict: harness.Held,
		Phases: reports.Phases{Outage: outage, OutageSpan: outage, Redundancy: 2 * outage}, Loss: &reports.Loss{AckedWrites: 300},
		Rerun: "firedrill run " + scenario + " --runtime " + runtime + " --seed 7",
	}
	if outage > 0 {
		r.Gaps = []reports.Gap{{MS: outage}}
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func unfit(r *reports.Report) { r.Unfit = []string{"the machine was too busy"} }

func found(verdict harness.Verdict, hazards ...string) func(*reports.Report) {
	return func(r *reports.Report) {
		for _, name := range hazards {
			r.Findings = append(r.Findings, harness.Finding{Check: name, Kind: harness.Hazard, Verdict: verdict})
		}
	}
}

// ended is a hazard that was met in one of several ways.
func ended(verdict harness.Verdict, outcome string) func(*reports.Report) {
	return func(r *reports.Report) {
		r.Findings = append(r.Findings, harness.Finding{Check: "dead-stay-out", Kind: harness.Hazard, Verdict: verdict, Outcome: outcome})
	}
}

func oddDrills() []reports.Report {
	open := func(r *reports.Report) { r.OutageOpen = true }
	broken := func(r *reports.Report) { r.Verdict, r.Loss, r.Phases.Redundancy = harness.Violated, nil, 0 }
	lost := func(writes, span int64) func(*reports.Report) {
		return func(r *reports.Report) {
			r.Loss = &reports.Loss{AckedWrites: 300, LostWrites: writes, LostSpan: span, Cut: 9}
		}
	}
	unmet := func(r *reports.Report) {
		r.Verdict = harness.Inconclusive
		r.Findings = append(r.Findings, harness.Finding{Check: "quorum-was-lost", Kind: harness.Premise})
	}
	return []reports.Report{
		// Measured on both, one unfit, one violated, a hazard seen now and then.
		drilled("kubeadm", "process", 16000, found(harness.Held, "restart-keeps-members", "revisions-unique")),
		drilled("kubeadm", "process", 16400, found(harness.Violated, "revisions-unique"), found(harness.Held, "restart-keeps-members")),
		drilled("kubeadm", "process", 99000, unfit, found(harness.Held, "restart-keeps-members"), found(harness.Inconclusive, "revisions-unique")),
		drilled("kubeadm", "process", 17100, broken, found(harness.Held, "restart-keeps-members", "revisions-unique")),
		drilled("kubeadm", "container", 18000, lost(1, 0), found(harness.Held, "restart-keeps-members", "revisions-unique")),
		// Open, and the only one.
		drilled("kubeadm-verbatim", "process", 61000, open, broken, found(harness.Violated, "restart-keeps-members"), found(harness.Inconclusive, "revisions-unique")),
		// None that could be timed.
		drilled("learners-instead", "process", 7000, unfit, found(harness.Held, "revisions-unique")),
		drilled("learners-instead", "process", 7000, unmet, found(harness.Held, "revisions-unique")),
		// No gap at all, and no redundancy to be seen.
		drilled("crash", "container", 0),
		drilled("crash", "container", 300, lost(3, 40)),
		drilled("crash", "container", 0),
		// A loss, with flags of its own, elsewhere, later.
		drilled("restore", "process", 6000, lost(32, 163), found(harness.Violated, "revisions-unique"), func(r *reports.Report) {
			r.EtcdVersion, r.CPUs, r.Strict, r.Started = "3.6.1", 0, true, r.Started.Add(24*time.Hour)
			r.Findings = append(r.Findings, harness.Finding{Check: "replicas-agree", Kind: harness.Promise, Verdict: harness.Held})
			r.Verdict = harness.Violated
			r.Rerun += " --members 5 --strict"
		}),
		// A hazard that is met in several ways, and once in one that no report told.
		drilled("fenced", "process", 900, ended(harness.Violated, "captured")),
		drilled("fenced", "process", 900, ended(harness.Violated, "serving-apart")),
		drilled("fenced", "process", 900, ended(harness.Violated, "captured")),
		drilled("fenced", "process", 900, ended(harness.Held, "refused")),
		drilled("fenced", "process", 900, ended(harness.Violated, "")),
		drilled("fenced", "container", 900, ended(harness.Held, "refused")),
		drilled("fenced", "container", 900, ended(harness.Inconclusive, "")),
	}
}

var bothRuntimes = []string{"process", "container"}

func TestCatalogue(t *testing.T) {
	drills := oddDrills()
	section := render.Catalogue(measurable(), bothRuntimes, drills)
	golden(t, "catalogue.md", section, 0)
	for range 20 {
		rand.Shuffle(len(drills), func(i, j int) { drills[i], drills[j] = drills[j], drills[i] })
		if diff := cmp.Diff(section, render.Catalogue(measurable(), bothRuntimes, drills)); diff != "" {
			t.Fatalf("another order gives another catalogue:\n%s", diff)
		}
	}
}

func TestCatalogueWithoutAMeasurement(t *testing.T) {
	golden(t, "catalogue-none.md", render.Catalogue(measurable(), bothRuntimes, nil), 0)
}

// Every table of a catalogue is one: as many cells in each row as in its head.
// A bar in a document's words would make another column.
func TestTablesOfTheCatalogueAreTables(t *testing.T) {
	section := strings.ReplaceAll(render.Catalogue(measurable(), bothRuntimes, oddDrills()), `\|`, "")
	tables, columns := 0, 0
	for text := range strings.Lines(section) {
		n := strings.Count(text, "|")
		switch {
		case n == 0:
			columns = 0
		case columns == 0:
			tables, columns = tables+1, n
		case n != columns:
			t.Errorf("%d bars in a row of a table with %d: %s", n, columns, text)
		}
	}
	if tables != 4 {
		t.Errorf("%d tables, want figures, variants, hazards and promises", tables)
	}
}

func TestSplice(t *testing.T) {
	const begin, end = render.CatalogueBegin + "\n", render.CatalogueEnd + "\n"
	for name, c := range map[string]struct{ document, want, problem string }{
		"replaced":         {document: "a\n" + begin + "old\n" + end + "z\n", want: "a\n" + begin + "new\n" + end + "z\n"},
		"empty before":     {document: begin + end, want: begin + "new\n" + end},
		"no last line end": {document: begin + render.CatalogueEnd, want: begin + "new\n" + render.CatalogueEnd},
		"Windows' ends":    {document: "a\r\n" + render.CatalogueBegin + "\r\nold\r\n" + render.CatalogueEnd + "\r\n", want: "a\r\n" + begin + "new\n" + render.CatalogueEnd + "\r\n"},
		"only spoken of":   {document: "between `" + render.CatalogueBegin + "` and `" + render.CatalogueEnd + "`\n", problem: "there is no line " + render.CatalogueBegin},
		"no beginning":     {document: "a\n" + end, problem: "there is no line " + render.CatalogueBegin},
		"no end":           {document: begin + "a\n", problem: "there is no line " + render.CatalogueEnd},
		"two beginnings":   {document: begin + begin + end, problem: render.CatalogueBegin + " is there more than once"},
		"two ends":         {document: begin + end + "a\n" + end, problem: render.CatalogueEnd + " is there more than once"},
		"the wrong way":    {document: end + begin, problem: "comes before"},
	} {
		got, err := render.Splice(c.document, "new\n")
		if got != c.want || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.want, c.problem)
		}
	}
}

// What is written is found again, so that the next writing replaces it.
func TestSpliceIsStable(t *testing.T) {
	section := render.Catalogue(measurable(), bothRuntimes, oddDrills())
	once, err := render.Splice(render.CatalogueBegin+"\n"+render.CatalogueEnd+"\n", section)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := render.Splice(once, section)
	if err != nil || once != twice {
		t.Errorf("%v (-once +twice):\n%s", err, cmp.Diff(once, twice))
	}
	if slices.Contains(strings.Split(section, "\n"), render.CatalogueBegin) {
		t.Error("the section holds its own marker")
	}
}
