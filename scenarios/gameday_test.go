package scenarios_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
	"github.com/etcd-firedrill/firedrill/fixtures/runbooks"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/recovery"
	"github.com/etcd-firedrill/firedrill/reports"
)

// onceItStruck waits in a shell of a game day until reads are answered no more, says so,
// and then waits until the drill has looked at what the strike left: a command that may
// change something is not run before. A single read that is late is no disaster.
const onceItStruck = onceItIsSeen + `firedrill host exec -n m1 -- touch /root/seen
`

const onceItIsSeen = `lost=0
while [ $lost -lt 2 ]; do
  if etcdctl --command-timeout=1s get x >/dev/null 2>&1; then lost=0; else lost=$((lost+1)); fi
  sleep 0.2
done
firedrill gameday --notice
`

var _ = Describe("game day", func() {
	It("is played by two shells, of which one recovers by the book", Label("process", "gameday"), func(ctx SpecContext) {
		day := openDoors(ctx)
		bob, watched := day.shell(ctx, "bob", "while sleep 0.5; do firedrill host ls; firedrill backups; done\n")
		ann, did := day.shell(ctx, "ann", onceItStruck+"sh "+day.book()+" </dev/null && firedrill gameday --done\nexit $?\n")
		Eventually(ctx, ann).Should(gexec.Exit(0), func() string { return string(did.Contents()) })
		Eventually(ctx, bob).Should(gexec.Exit(0))
		Expect(string(watched.Contents())).To(ContainSubstring("the game day is over: ann said that it is done"))

		report, record := day.after(ctx)
		Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		Expect(report.Rerun).To(HavePrefix("firedrill gameday kubeadm-force-new-cluster "))
		Expect(record.Shells).To(HaveLen(2))
		Expect(record.Noticed.By).To(Equal("ann"))
		Expect(record.Decided.By).To(Equal("ann"))
		Expect(record.Ended.By).To(Equal("ann"))
		Expect(record.WrongMoves).To(BeEmpty())
		Expect(record.FalseAlarms).To(BeEmpty())
		for _, name := range []string{"after-action.html", "after-action.md"} {
			Expect(os.ReadFile(filepath.Join(report.Directory, name))).To(ContainSubstring("None was seen on the hosts"))
		}
	}, SpecTimeout(specDeadline))

	It("is Held where the team leaves alone what is no disaster", Label("process", "gameday"), func(ctx SpecContext) {
		day := openDoorsOf(ctx, "rancher-healthy-stop", time.Second)
		ann, did := day.shell(ctx, "ann", `until firedrill host ls | grep '^m3 ' | grep -q gone; do sleep 0.2; done
firedrill gameday --notice
etcdctl endpoint health
firedrill gameday --leave-it
exit $?
`)
		Eventually(ctx, ann).Should(gexec.Exit(0), func() string { return string(did.Contents()) })
		report, record := day.after(ctx)
		Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		Expect(record.Left).To(BeTrue())
		Expect(record.Decided.By).To(BeEmpty())
	}, SpecTimeout(specDeadline))

	It("is Held where the team leaves alone what it may not touch", Label("process", "gameday"), func(ctx SpecContext) {
		day := openDoorsOf(ctx, "talos-init-node", time.Second)
		ann, did := day.shell(ctx, "ann", onceItIsSeen+`firedrill host exec m1 -- cat `+recovery.TalosMachineType+` | grep -q init && firedrill gameday --leave-it
exit $?
`)
		Eventually(ctx, ann).Should(gexec.Exit(0), func() string { return string(did.Contents()) })
		report, _ := day.after(ctx)
		Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
	}, SpecTimeout(specDeadline))

	It("is played on containers, by a shell that was open before", Label("container", "gameday"), func(ctx SpecContext) {
		day := openDoorsOn(ctx, runtimes()[1], "kubeadm-force-new-cluster", time.Second)
		ann, did := day.shell(ctx, "ann", onceItStruck+`eval "$(firedrill env)"
etcdctl --command-timeout=2s get quorum
sh `+day.book()+" </dev/null && etcdctl member list && firedrill gameday --done\nexit $?\n")
		Eventually(ctx, ann).Should(gexec.Exit(0), func() string { return string(did.Contents()) })

		report, record := day.after(ctx)
		Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		Expect(record.Shells).To(HaveLen(1))
		Expect(record.Ended.By).To(Equal("ann"))
		Expect(commandsOf(report, "ann")).To(ContainElements("firedrill env", "etcdctl '--command-timeout=2s' get quorum", "etcdctl member list"))
	}, SpecTimeout(specDeadline))

	It("is followed on its pages, and ended there", Label("process", "gameday", "browser"), func(ctx SpecContext) {
		facilitator := browser.Open(GinkgoT())
		wall := facilitator.Tab()
		day := openDoorsOf(ctx, "kubeadm-force-new-cluster", pagesOpened)
		live := func(w *browser.Window, name, address string) {
			w.Do(browser.Wide(1280, 800), chromedp.Navigate(address))
			w.See(name+", live", `document.querySelector('#live')?.innerText === 'live'`)
		}
		live(facilitator, "the facilitator's page", day.address("the facilitator's page"))
		live(wall, "the wall", day.address("the wall, for all"))
		wall.Reads(".state", "Serving")
		wall.Reads(".clock", "no alarm so far")
		facilitator.Reads(".strike", "Strike")

		// It breaks. The wall shows that it does, and not what.
		wall.Reads(".state", "Not serving")
		facilitator.Reads(".faults", "ruin")
		Expect(wall.Text("body")).NotTo(ContainSubstring("ruin"))
		wall.Reads(".recovered", "m1, m2 and m3 are the members")
		wall.Shoot("drill-wall-alarm")
		facilitator.Shoot("drill-facilitator-alarm")
		facilitator.Do(browser.Fill("#text", "Who has data?"), browser.Click("form[action$=hint] button"))
		wall.Reads(".hints", "Who has data?")

		// The team recovers it, and says on the wall that it is done.
		ann, did := day.shell(ctx, "ann", onceItStruck+"exec sh "+day.book()+" </dev/null\n")
		facilitator.ReadsWithin(recovered, "[data-table=steps]", "member add m2")
		Eventually(ctx, ann).Should(gexec.Exit(0), func() string { return string(did.Contents()) })
		wall.Reads(".state", "Serving")
		wall.Shoot("drill-wall-recovered")
		facilitator.Shoot("drill-facilitator-recovered")
		wall.Do(browser.Fill("#by", "ann"), browser.Click("[data-ask=sure-done]"), browser.Click("#sure-done .danger"))
		wall.ReadsWithin(recovered, ".outcome", "Held")
		facilitator.ReadsWithin(recovered, ".outcome", "Held")
		wall.Shoot("drill-wall-over")

		report, record := day.after(ctx)
		Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		Expect(record.Ended.By).To(Equal("ann"))
		Expect(record.Hints).To(HaveLen(1))
		Expect(record.Hints[0].Text).To(Equal("Who has data?"))
	}, SpecTimeout(specDeadline), early)
})

// pagesOpened is how long a browser may take to open both pages, on a busy machine too.
const pagesOpened = 20 * time.Second

// commandsOf is what somebody typed.
func commandsOf(report reports.Report, name string) []string {
	var commands []string
	for _, s := range report.Typed() {
		if s.By == name {
			commands = append(commands, s.Command)
		}
	}
	return commands
}

// recovered is how long a team may take, and the checks after it.
const recovered = 2 * time.Minute

// gameDay is a running game day; unless it says otherwise, of the scenario that kubeadm.sh
// recovers.
type gameDay struct {
	dir     string
	session *gexec.Session
	out     *bytes.Buffer  // its report
	told    *gbytes.Buffer // what people are told
}

// openDoors begins one on the process runtime, and returns when people may come.
func openDoors(ctx SpecContext) *gameDay {
	GinkgoHelper()
	return openDoorsOf(ctx, "kubeadm-force-new-cluster", time.Second)
}

// openDoorsOf begins one that is quiet for so long at least, and not much longer.
func openDoorsOf(ctx SpecContext, scenario string, quiet time.Duration) *gameDay {
	GinkgoHelper()
	return openDoorsOn(ctx, runtimes()[0], scenario, quiet)
}

func openDoorsOn(ctx SpecContext, rt place, scenario string, quiet time.Duration) *gameDay {
	GinkgoHelper()
	rt.must(ctx)
	d := &gameDay{dir: GinkgoT().TempDir(), out: &bytes.Buffer{}, told: gbytes.NewBuffer()}
	cmd := exec.CommandContext(ctx, command, "gameday", scenario, "--runtime", rt.name, "--quiet-least", quiet.String(), "--quiet-most", (quiet + time.Second).String(),
		"--no-comparison", "--json", "--out", filepath.Join(d.dir, "runs"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = tearDown
	var err error
	d.session, err = gexec.Start(cmd, d.out, d.told)
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, d.told).Should(gbytes.Say(`facilitator's page +\S+\n`))
	return d
}

// address is what people are told after these words.
func (d *gameDay) address(words string) string {
	GinkgoHelper()
	_, rest, found := strings.Cut(string(d.told.Contents()), words)
	Expect(found).To(BeTrue(), "%q in %s", words, d.told.Contents())
	address, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(address)
}

// shell opens a shell of this name and types a script into it.
func (d *gameDay) shell(ctx SpecContext, name, script string) (*gexec.Session, *gbytes.Buffer) {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, command, "shell", "--name", name, "--socket", d.address("by --socket "))
	cmd.Dir = GinkgoT().TempDir()
	cmd.Env = append(os.Environ(), "SHELL=/bin/sh")
	cmd.Stdin = strings.NewReader(script)
	printed := gbytes.NewBuffer()
	session, err := gexec.Start(cmd, printed, printed)
	Expect(err).NotTo(HaveOccurred())
	return session, printed
}

// book is the path of the document's runbook.
func (d *gameDay) book() string {
	GinkgoHelper()
	text, err := runbooks.Files.ReadFile("kubeadm.sh")
	Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(d.dir, "kubeadm.sh")
	Expect(os.WriteFile(path, text, 0o700)).To(Succeed())
	return path
}

// after is the report and the game day's own record, when it is over.
func (d *gameDay) after(ctx SpecContext) (report reports.Report, record *harness.GameDayRecord) {
	GinkgoHelper()
	Eventually(ctx, d.session).Should(gexec.Exit(0), func() string { return string(d.told.Contents()) })
	Expect(json.Unmarshal(d.out.Bytes(), &report)).To(Succeed(), "%s", d.out)
	text, err := os.ReadFile(filepath.Join(report.Directory, "evidence.json"))
	Expect(err).NotTo(HaveOccurred())
	var evidence harness.Evidence
	Expect(json.Unmarshal(text, &evidence)).To(Succeed())
	return report, evidence.GameDay
}
