package scenarios_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/etcd-firedrill/firedrill/fixtures/runbooks"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// command is the binary itself: a runbook finds it on its PATH, and a drill that a
// user starts is a process of its own. It is linked once for all processes of the suite,
// and beside no drill.
var command string

var _ = SynchronizedBeforeSuite(func() []byte {
	path, err := gexec.BuildWithEnvironment("github.com/etcd-firedrill/firedrill/cmd/firedrill", []string{"CGO_ENABLED=0"})
	Expect(err).NotTo(HaveOccurred())
	return []byte(path)
}, func(path []byte) { command = string(path) })

var _ = SynchronizedAfterSuite(func() {}, gexec.CleanupBuildArtifacts)

// tearDown is how long a drill that is told to end may take before it is killed.
const tearDown = 90 * time.Second

// drillBy runs a scenario by a runbook, as a user does, and returns the report and
// the exit code.
func drillBy(ctx SpecContext, rt place, r runbooks.Runbook) (reports.Report, int) {
	GinkgoHelper()
	rt.must(ctx) // or skip
	text, err := r.Text()
	Expect(err).NotTo(HaveOccurred())
	dir := GinkgoT().TempDir()
	file := filepath.Join(dir, filepath.Base(r.File))
	Expect(os.WriteFile(file, text, 0o700)).To(Succeed())
	cmd := exec.CommandContext(ctx, command, "run", r.Scenario, "--runbook", file, "--runtime", rt.name, "--json", "--out", filepath.Join(dir, "runs"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = tearDown
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, GinkgoWriter
	err = cmd.Run()
	Expect(ctx.Err()).NotTo(HaveOccurred())
	Expect(cmd.ProcessState).NotTo(BeNil(), "%v", err)
	var report reports.Report
	Expect(json.Unmarshal(out.Bytes(), &report)).To(Succeed(), "%s", out.String())
	return report, cmd.ProcessState.ExitCode()
}

var _ = Describe("runbook", func() {
	for _, rt := range runtimes() {
		for _, r := range runbooks.All() {
			It(r.Name+" recovers "+r.Scenario+" on the "+rt.name+" runtime", Label(rt.name, "runbook"), func(ctx SpecContext) {
				report, code := drillBy(ctx, rt, r)
				Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
				Expect(code).To(Equal(0))
			}, SpecTimeout(specDeadline))
		}
		for _, r := range runbooks.Broken() {
			if rt.name == "container" {
				continue // what catches them does not depend on where hosts come from
			}
			It(r.Name+" is caught by "+r.Catches+" on the "+rt.name+" runtime", Label(rt.name, "runbook", "control"), func(ctx SpecContext) {
				report, code := drillBy(ctx, rt, r)
				Expect(report.Verdict).To(Equal(harness.Violated), "%s", explain(report))
				Expect(verdictOf(report, r.Catches)).To(Equal(harness.Violated), "%s", explain(report))
				Expect(verdictOf(report, "procedure-completed")).To(Equal(harness.Held), "it went through to its end: %s", explain(report))
				Expect(code).To(Equal(1))
			}, SpecTimeout(specDeadline), begins(r.Name))
		}
	}
})

func verdictOf(report reports.Report, check string) harness.Verdict {
	for _, f := range report.Findings {
		if f.Check == check {
			return f.Verdict
		}
	}
	return harness.Inconclusive
}
