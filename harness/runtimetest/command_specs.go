package runtimetest

import (
	"context"
	"fmt"
	"io"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

func (b *bench) commandSpecs() {
	b.it("tell their output and how they ended", b.outputs)
	b.it("are the etcd tools of the host", b.tools)
	b.it("end when their time is up", b.timeOut)
	b.it("end with their children, and theirs", b.grandchildren)
	b.it("may print a gigabyte", b.gigabyte)
	b.it("run side by side", b.sideBySide)
}

func (b *bench) outputs(ctx SpecContext) {
	host := b.host(ctx, "m1")
	out, err := host.Run(ctx, "pwd; echo problem >&2; exit 7")
	Expect(err).NotTo(HaveOccurred(), "a script that fails is an answer")
	Expect(out.Stdout).To(Equal("/\n"))
	Expect(out.Stderr).To(Equal("problem\n"))
	Expect(out.ExitCode).To(Equal(7))
	Expect(out.Duration).To(BeNumerically(">", 0))

	for script, code := range map[string]int{
		"true": 0, "false": 1, "no-such-program": 127, "if then": 2,
		"set -e; false; echo not reached": 1, "test -e /etc/kubernetes": 0, "test -e /nothing": 1,
	} {
		out, err := host.Run(ctx, script)
		Expect(err).NotTo(HaveOccurred())
		Expect(out.ExitCode).To(Equal(code), "%s: %+v", script, out)
		Expect(out.Stdout).To(BeEmpty())
	}
	Expect(run(ctx, host, "cat <<'EOF' >/tmp/a && mkdir -p /tmp/b/c && cp /tmp/a /tmp/b/c/d && cat /tmp/b/c/d\none\ntwo\nEOF\n")).
		To(Equal("one\ntwo\n"), "here-documents, pipes and core commands")
	Expect(run(ctx, host, "echo kept >/tmp/noise 2>/dev/null; cat /tmp/noise >/dev/null; echo $HOME; cd /tmp && pwd")).
		To(Equal("/root\n/tmp\n"))
	Expect(run(ctx, host, "pwd")).To(Equal("/\n"), "a script leaves nothing to the next")
}

func (b *bench) tools(ctx SpecContext) {
	host := b.host(ctx, "m1")
	Expect(run(ctx, host, "etcd --version")).To(ContainSubstring("etcd Version: 3."))
	Expect(run(ctx, host, "etcdctl version")).To(ContainSubstring("etcdctl version: 3."))
	Expect(run(ctx, host, "etcdutl version")).To(ContainSubstring("etcdutl version: 3."))
}

func (b *bench) timeOut(ctx SpecContext) {
	host := b.host(ctx, "m1")
	brief, end := context.WithCancelCause(ctx)
	defer end(nil)
	ended := make(chan ending, 1)
	go func() {
		out, err := host.Run(brief, "echo before; touch /tmp/begun; sleep 1000; echo after")
		ended <- ending{out, err}
	}()
	run(ctx, host, "until test -e /tmp/begun; do sleep 0.01; done")
	end(context.DeadlineExceeded)
	var got ending
	Eventually(ctx, ended).Should(Receive(&got))
	Expect(got.err).To(MatchError(context.DeadlineExceeded))
	Expect(got.err).To(MatchError(ContainSubstring("m1")))
	Expect(got.out.Stdout).To(Equal("before\n"), "what it printed until then: the host has said how it ended")
}

// ending is how a script ended.
type ending struct {
	out harness.Output
	err error
}

// grandchildren ends a script in which a program runs that has started another:
// both have to go, and etcd has to stay.
func (b *bench) grandchildren(ctx SpecContext) {
	host := b.host(ctx, "m1")
	boot(ctx, host)
	program := uploadProgram(ctx, host)
	address := host.PeerAddress() + ":12379"
	ended := make(chan ending, 1)
	answers := func() (bool, error) {
		if len(ended) > 0 {
			end := <-ended
			return false, StopTrying("the script ended").Wrap(end.err).Attach("output", end.out)
		}
		out, err := host.Run(ctx, program+" dial "+address)
		return out.ExitCode == 0, err
	}
	script, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		out, err := host.Run(script, program+" parent "+address)
		ended <- ending{out, err}
	}()
	Eventually(ctx, answers).Should(BeTrue(), "the grandchild answers")
	stop()
	var end ending
	Eventually(ctx, ended).Should(Receive(&end))
	Expect(end.err).To(MatchError(context.Canceled), "%+v", end.out)
	Eventually(ctx, answers).Should(BeFalse(), "the grandchild is gone")
	awaitServing(ctx, host)
}

func (b *bench) gigabyte(ctx SpecContext) {
	const chunk, times, kept = 64 << 20, 16, 512 << 10
	host := b.host(ctx, "m1")
	Expect(host.Upload(ctx, "/tmp/chunk", 0o600, io.LimitReader(endless('x'), chunk))).To(Succeed())
	out, err := host.Run(ctx, "echo first; for i in "+strings.Repeat("1 ", times)+"; do cat /tmp/chunk; done; echo; echo last")
	Expect(err).NotTo(HaveOccurred())
	Expect(out.ExitCode).To(BeZero(), "%s", out.Stderr)
	Expect(out.Stdout).To(HavePrefix("first\nxxx"))
	Expect(out.Stdout).To(HaveSuffix("xxx\nlast\n"))
	Expect(len(out.Stdout)).To(BeNumerically("<", 2*kept+1024), "bounded, whatever is printed")
	total := int64(chunk)*times + int64(len("first\n\nlast\n"))
	Expect(out.Dropped).To(BeNumerically("~", total-2*kept, 1024), "what was dropped is counted")
}

// sideBySide runs scripts each of which waits for all others.
func (b *bench) sideBySide(ctx SpecContext) {
	host := b.host(ctx, "m1")
	const scripts = 20
	all := ""
	for i := range scripts {
		all += fmt.Sprintf(" %d", i)
	}
	answers := make(chan error, scripts)
	for i := range scripts {
		go func() {
			out, err := host.Run(ctx, fmt.Sprintf("touch /tmp/script%d; for i in%s; do until test -e /tmp/script$i; do sleep 0.01; done; done; echo %d", i, all, i))
			if err == nil && out.Stdout != fmt.Sprintf("%d\n", i) {
				err = fmt.Errorf("script %d printed %q", i, out.Stdout)
			}
			answers <- err
		}()
	}
	for range scripts {
		Eventually(ctx, answers).Should(Receive(BeNil()), "not one after another")
	}
}

// endless is a reader of one byte, again and again.
type endless byte

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(e)
	}
	return len(b), nil
}
