package runtimetest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (b *bench) deathSpecs() {
	b.it("by SIGKILL leaves nothing that a sweep would not remove, and the sweep spares the living", b.killed)
}

func (b *bench) killed(ctx SpecContext) {
	mine := b.host(ctx, "mine")
	boot(ctx, mine)

	drill := newDrill()
	address, kill := StartChild(ctx, drill, b.opt.ChildEnv, nil)
	Expect(b.opt.Sweep(ctx)).To(BeEmpty(), "everything has a living owner")
	kill()

	if b.opt.DiesWithHarness {
		Eventually(ctx, dial).WithArguments(ctx, address).Should(refused(), "the host lost its power")
	}
	Expect(b.leftovers(drill)).NotTo(BeEmpty(), "something is there to be swept")
	lines, err := b.opt.Sweep(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(strings.Join(lines, "\n")).To(ContainSubstring(drill), "what was swept is told")
	Expect(dial(ctx, address)).To(refused())
	Expect(b.leftovers(drill)).To(BeEmpty())
	Expect(b.opt.Sweep(ctx)).To(BeEmpty(), "nothing is left to sweep")

	awaitServing(ctx, mine) // the living were spared
	Expect(run(ctx, mine, "echo here")).To(Equal("here\n"))
}

func dial(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func refused() types.GomegaMatcher { return MatchError(syscall.ECONNREFUSED) }

// StartChild starts a harness in a process of its own (see Child), waits until
// the etcd on its host "m1" serves and returns that etcd's client address. kill
// is a SIGKILL to the harness alone, and waits for its end. adjust, if not nil,
// changes the command before it starts.
func StartChild(ctx context.Context, drill string, env []string, adjust func(*exec.Cmd)) (address string, kill func()) {
	GinkgoHelper()
	self, err := os.Executable()
	Expect(err).NotTo(HaveOccurred())
	child := exec.Command(self)
	child.Env = append(append(os.Environ(), env...), childDrill+"="+drill, childEnds+"=killed")
	child.Stderr = GinkgoWriter
	if adjust != nil {
		adjust(child)
	}
	_, err = child.StdinPipe() // its end ends the child, should we die first
	Expect(err).NotTo(HaveOccurred())
	out, err := child.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(child.Start()).To(Succeed())
	kill = sync.OnceFunc(func() {
		Expect(child.Process.Kill()).To(Succeed())
		Expect(child.Wait()).To(MatchError(ContainSubstring("killed")))
	})
	DeferCleanup(kill)
	lines := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			line = fmt.Sprintf("no line: %v", err)
		}
		lines <- line
	}()
	var line string
	Eventually(ctx, lines).Should(Receive(&line), "the child tells its etcd's address")
	address, ok := strings.CutPrefix(strings.TrimSpace(line), childServes)
	Expect(ok).To(BeTrue(), "the child said %q", line)
	return address, kill
}
