//go:build linux

package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/runtimetest"
)

// What only processes have to show, beside what every runtime has.
var _ = Describe("a host that is a process", func() {
	var base string
	var rt harness.Runtime
	var k *rack
	const drill = "d1"
	BeforeEach(func(ctx SpecContext) {
		var err error
		base, err = filepath.EvalSymlinks(openDir(GinkgoTB()))
		Expect(err).NotTo(HaveOccurred())
		base = filepath.Join(base, "base")
		rt, err = newRuntime(base, false)
		Expect(err).NotTo(HaveOccurred())
		built, err := rt.Build(ctx, drill)
		Expect(err).NotTo(HaveOccurred())
		k = built.(*rack)
		DeferCleanup(func(ctx SpecContext) { Expect(k.Close(ctx, false)).To(Succeed()) })
	})
	it := func(text string, body func(SpecContext)) { It(text, body, SpecTimeout(30*time.Second)) }
	provision := func(ctx context.Context, spec harness.HostSpec) harness.Host {
		GinkgoHelper()
		host, err := k.Provision(ctx, spec)
		Expect(err).NotTo(HaveOccurred())
		return host
	}
	processes := func() int {
		GinkgoHelper()
		return count(filepath.Join(base, drill))
	}

	it("does not follow links on its disk to the operator's machine", func(ctx SpecContext) {
		outside := openDir(GinkgoTB())
		song := filepath.Join(outside, "canary")
		Expect(os.WriteFile(song, []byte("the operator's own"), 0o666)).To(Succeed())
		host := provision(ctx, harness.HostSpec{Name: "m1"})
		Expect(host.PowerOff(ctx)).To(Succeed())
		root := k.root("m1")
		for _, planted := range []string{firmwareDir, "tmp", "etc", "var"} {
			Expect(os.RemoveAll(filepath.Join(root, planted))).To(Succeed())
			Expect(os.Symlink(outside, filepath.Join(root, planted))).To(Succeed())
		}
		Expect(host.PowerOn(ctx)).To(Succeed(), "the agent is put in the link's place")
		_ = host.Upload(ctx, "/tmp/canary", 0o600, strings.NewReader("overwritten"))
		_ = host.UploadTree(ctx, "/etc", strings.NewReader(""))
		out, err := host.Run(ctx, "cat /tmp/canary; echo >/var/canary; rm -rf /tmp/canary /etc/* /var; mkdir -p "+outside+"/new")
		Expect(err).NotTo(HaveOccurred())
		Expect(out.Stdout).NotTo(ContainSubstring("operator"))
		Expect(host.Destroy(ctx)).To(Succeed())
		Expect(os.ReadFile(song)).To(BeEquivalentTo("the operator's own"))
		Expect(os.ReadDir(outside)).To(HaveLen(1))
	})

	it("leaves its disk, and how to enter it, when it is kept", func(ctx SpecContext) {
		host := provision(ctx, harness.HostSpec{Name: "m1"})
		Expect(host.Upload(ctx, "/root/kept", 0o600, strings.NewReader("kept"))).To(Succeed())
		Expect(k.Close(ctx, true)).To(Succeed())
		Expect(processes()).To(BeZero())
		root := k.root("m1")
		Expect(os.ReadFile(filepath.Join(root, "root/kept"))).To(BeEquivalentTo("kept"))
		enter := k.HowToEnter("m1")
		Expect(enter).To(ContainSubstring(" chroot " + root + " /usr/local/bin/etcdctl"))
		if os.Geteuid() == 0 {
			tool := exec.CommandContext(ctx, "/usr/local/bin/etcdctl", "version")
			tool.SysProcAttr, tool.Dir, tool.Stdin = &syscall.SysProcAttr{Chroot: root}, "/", strings.NewReader("")
			Expect(tool.CombinedOutput()).To(ContainSubstring("etcdctl version"))
		}
		Expect(Sweep(ctx, base)).To(ConsistOf(ContainSubstring("drill " + drill)))
		Expect(filepath.Join(base, drill)).NotTo(BeAnExistingFile())
	})

	it("is not left half made", func(ctx SpecContext) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := k.Provision(ended, harness.HostSpec{Name: "m1"})
		Expect(err).To(MatchError(And(ContainSubstring("provision m1"), ContainSubstring("canceled"))))
		Expect(processes()).To(BeZero())
		Expect(k.hostDir("m1")).NotTo(BeAnExistingFile())

		agent := filepath.Join(k.dir, "bin", agentFile)
		Expect(os.Rename(agent, agent+".away")).To(Succeed())
		_, err = k.Provision(ctx, harness.HostSpec{Name: "m1"})
		Expect(err).To(MatchError(And(ContainSubstring("provision m1"), ContainSubstring("put the agent in place"))))
		Expect(os.ReadDir(filepath.Join(k.dir, "hosts"))).To(BeEmpty())

		Expect(os.WriteFile(agent, []byte("no program"), 0o755)).To(Succeed())
		_, err = k.Provision(ctx, harness.HostSpec{Name: "m1"})
		Expect(err).To(MatchError(And(ContainSubstring("provision m1"), ContainSubstring("exec format error"))))
		Expect(os.ReadDir(filepath.Join(k.dir, "hosts"))).To(BeEmpty())
	})

	it("has the etcd of --etcd-bin, as copies of its own", func(ctx SpecContext) {
		bin := openDir(GinkgoTB())
		for _, tool := range etcdTools {
			Expect(copyProgram("/proc/self/exe", filepath.Join(bin, tool))).To(Succeed())
		}
		other, err := New(Options{Dir: base, EtcdBin: bin})
		Expect(err).NotTo(HaveOccurred())
		built, err := other.Build(ctx, "d2")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { Expect(built.Close(ctx, false)).To(Succeed()) })
		host, err := built.Provision(ctx, harness.HostSpec{Name: "m1"})
		Expect(err).NotTo(HaveOccurred())
		out, err := host.Run(ctx, "etcd --version && rm -f /usr/local/bin/etcd")
		Expect(err).NotTo(HaveOccurred())
		Expect(out.Stdout).To(ContainSubstring("etcd Version"))
		Expect(filepath.Join(bin, "etcd")).To(BeAnExistingFile())
		theirs, err := os.Stat(filepath.Join(bin, "etcdctl"))
		Expect(err).NotTo(HaveOccurred())
		ours, err := os.Stat(filepath.Join(built.(*rack).dir, "bin", "etcdctl"))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.SameFile(theirs, ours)).To(BeFalse(), "a host must not be able to change the user's file")
	})

	it("is swept without touching what merely lies there, from any directory", func(ctx SpecContext) {
		provision(ctx, harness.HostSpec{Name: "m1"})
		notes := filepath.Join(base, "notes", "rack")
		Expect(os.MkdirAll(notes, 0o700)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(base, "stray"), nil, 0o600)).To(Succeed())
		here, err := os.Getwd()
		Expect(err).NotTo(HaveOccurred())
		relative, err := filepath.Rel(here, base)
		Expect(err).NotTo(HaveOccurred())
		for _, spelling := range []string{base, relative, base + "/../base/."} {
			Expect(Sweep(ctx, spelling)).To(BeEmpty())
		}
		Expect(Sweep(ctx, filepath.Join(base, "nothing"))).To(BeEmpty())
		Expect(notes).To(BeADirectory())
		Expect(filepath.Join(base, "stray")).To(BeARegularFile())
		Expect(processes()).To(Equal(1), "the living are spared")
	})

	it("works for an ordinary user, and dies with a harness of theirs", func(ctx SpecContext) {
		if os.Geteuid() != 0 {
			Skip("every spec here is run by an ordinary user already")
		}
		dir := openDir(GinkgoTB())
		if err := (fence{user: true, pids: true}).try(dir); err != nil {
			Skip("user namespaces are forbidden here: " + err.Error())
		}
		program := publicCopy(GinkgoTB(), dir)
		become := func(cmd *exec.Cmd) {
			cmd.Path, cmd.Args[0], cmd.Dir = program, program, "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		theirs := filepath.Join(dir, "firedrill-"+strconv.Itoa(nobody))

		whole := exec.CommandContext(ctx, program)
		whole.Env = append(append(os.Environ(), "TMPDIR="+dir), runtimetest.ChildEnv("whole")...)
		become(whole)
		out, err := whole.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), "%s", out)
		Expect(leftovers(filepath.Join(theirs, "whole"))).To(BeEmpty())

		address, kill := runtimetest.StartChild(ctx, "killed", []string{"TMPDIR=" + dir}, become)
		Expect(leftovers(filepath.Join(theirs, "killed"))).To(HaveLen(3), "a directory, an agent, an etcd")
		kill()
		Eventually(ctx, leftovers).WithArguments(filepath.Join(theirs, "killed")).Should(HaveLen(1), "the directory, to be swept")
		Expect(Sweep(ctx, theirs)).To(ConsistOf(ContainSubstring("drill killed")))
		Expect(leftovers(filepath.Join(theirs, "killed"))).To(BeEmpty())
		GinkgoWriter.Println("was at", address)
	})
})
