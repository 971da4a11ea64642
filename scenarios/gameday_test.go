package scenarios_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"

	"github.com/etcd-firedrill/firedrill/fixtures/runbooks"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// onceItStruck waits in a shell of a game day until somebody may say that something is
// wrong, and then until the drill has looked at what the strike left: a command that may
// change something is not run before.
const onceItStruck = `until firedrill gameday --notice 2>/dev/null; do sleep 0.2; done
firedrill host exec -n m1 -- touch /root/seen
`

var _ = Describe("game day", func() {
	It("is played by two shells, of which one recovers by the book", Label("process", "gameday"), func(ctx SpecContext) {
		runtimes()[0].must(ctx)
		binary, err := command()
		Expect(err).NotTo(HaveOccurred())
		book, err := runbooks.Files.ReadFile("kubeadm.sh")
		Expect(err).NotTo(HaveOccurred())
		dir := GinkgoT().TempDir()
		file := filepath.Join(dir, "kubeadm.sh")
		Expect(os.WriteFile(file, book, 0o700)).To(Succeed())

		held, out := exec.CommandContext(ctx, binary, "gameday", "kubeadm-force-new-cluster", "--runtime", "process", "--quiet-least", "1s", "--quiet-most", "2s",
			"--no-comparison", "--json", "--out", filepath.Join(dir, "runs")), &bytes.Buffer{}
		held.Cancel = func() error { return held.Process.Signal(syscall.SIGTERM) }
		held.WaitDelay = tearDown
		told := gbytes.NewBuffer()
		day, err := gexec.Start(held, out, told)
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, told).Should(gbytes.Say(`by --socket \S+\n`))
		socket := socketIn(string(told.Contents()))

		shell := func(name, script string) (*gexec.Session, *gbytes.Buffer) {
			cmd := exec.CommandContext(ctx, binary, "shell", "--name", name, "--socket", socket)
			cmd.Dir = GinkgoT().TempDir()
			cmd.Env = append(os.Environ(), "SHELL=/bin/sh")
			cmd.Stdin = strings.NewReader(script)
			printed := gbytes.NewBuffer()
			session, err := gexec.Start(cmd, printed, printed)
			Expect(err).NotTo(HaveOccurred())
			return session, printed
		}
		bob, watched := shell("bob", "while sleep 0.5; do firedrill host ls; firedrill backups; done\n")
		ann, did := shell("ann", onceItStruck+"sh "+file+" </dev/null && firedrill gameday --done\nexit $?\n")
		Eventually(ctx, ann).Should(gexec.Exit(0), func() string { return string(did.Contents()) })
		Eventually(ctx, bob).Should(gexec.Exit(0))
		Expect(string(watched.Contents())).To(ContainSubstring("the game day is over: ann said that it is done"))
		Eventually(ctx, day).Should(gexec.Exit(0), func() string { return string(told.Contents()) })

		var report reports.Report
		Expect(json.Unmarshal(out.Bytes(), &report)).To(Succeed(), "%s", out.String())
		Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		Expect(report.Rerun).To(HavePrefix("firedrill gameday kubeadm-force-new-cluster "))
		var evidence harness.Evidence
		text, err := os.ReadFile(filepath.Join(report.Directory, "evidence.json"))
		Expect(err).NotTo(HaveOccurred())
		Expect(json.Unmarshal(text, &evidence)).To(Succeed())
		record := evidence.GameDay
		Expect(record.Shells).To(HaveLen(2))
		Expect(record.Noticed.By).To(Equal("ann"))
		Expect(record.Decided.By).To(Equal("ann"))
		Expect(record.Ended.By).To(Equal("ann"))
		Expect(record.WrongMoves).To(BeEmpty())
	}, SpecTimeout(specDeadline))
})

// socketIn is the path of the socket that a game day tells people.
func socketIn(text string) string {
	_, rest, _ := strings.Cut(text, "--socket ")
	path, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(path)
}
