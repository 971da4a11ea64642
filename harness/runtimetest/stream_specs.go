package runtimetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

func (b *bench) streamSpecs() {
	b.it("tell how they ended", b.exitCodes)
	b.it("talk while they run", b.conversation)
	b.it("take in and print megabytes, and nothing is dropped", b.megabytes)
	b.it("are scripts: a text, a file, or what they are told", b.scripts)
	b.it("end with their children when they are not wanted any more", b.unwanted)
}

// execute runs a command to its end and returns what it printed.
func execute(ctx context.Context, host harness.Host, in string, argv ...string) (code int, stdout, stderr string) {
	GinkgoHelper()
	var out, errs bytes.Buffer
	code, err := host.Exec(ctx, argv, harness.Streams{In: strings.NewReader(in), Out: &out, Err: &errs})
	Expect(err).NotTo(HaveOccurred(), "%q", argv)
	return code, out.String(), errs.String()
}

// uploadProgram puts this test binary on a host as a program.
func uploadProgram(ctx context.Context, host harness.Host) (path string) {
	GinkgoHelper()
	self, err := os.Open("/proc/self/exe")
	Expect(err).NotTo(HaveOccurred())
	defer self.Close()
	path = "/tmp/" + programName
	Expect(host.Upload(ctx, path, 0o755, self)).To(Succeed())
	return path
}

func (b *bench) exitCodes(ctx SpecContext) {
	host := b.host(ctx, "m1")
	program := uploadProgram(ctx, host)
	for _, c := range []struct {
		argv           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"pwd"}, 0, "/\n", ""},
		{[]string{"echo", "a  b", "$HOME", "*", "'"}, 0, "a  b $HOME * '\n", ""},
		{[]string{"false"}, 1, "", ""},
		{[]string{"sh", "-c", "echo out; echo problem >&2; exit 7"}, 7, "out\n", "problem\n"},
		{[]string{"etcdctl", "version", "--no-such-flag"}, 1, "", "no-such-flag"},
		{[]string{program, "die", fmt.Sprint(int(syscall.SIGKILL))}, 128 + int(syscall.SIGKILL), "", ""},
		{[]string{program, "die", fmt.Sprint(int(syscall.SIGTERM))}, 128 + int(syscall.SIGTERM), "", ""},
		{[]string{"no-such-program"}, 127, "", "no-such-program: not found"},
		{[]string{"rm -rf /"}, 127, "", "not found"},
	} {
		code, stdout, stderr := execute(ctx, host, "", c.argv...)
		Expect(code).To(Equal(c.code), "%q: %s", c.argv, stderr)
		Expect(stdout).To(Equal(c.stdout), "%q", c.argv)
		if c.stderr == "" {
			Expect(stderr).To(BeEmpty(), "%q", c.argv)
		}
		Expect(stderr).To(ContainSubstring(c.stderr), "%q", c.argv)
	}
	code, err := host.Exec(ctx, []string{"sh", "-c", "cat; echo unheard; exit 3"}, harness.Streams{})
	Expect(err).NotTo(HaveOccurred())
	Expect(code).To(Equal(3), "without any stream")
	_, err = host.Exec(ctx, nil, harness.Streams{})
	Expect(err).To(MatchError(ContainSubstring("m1")), "no command at all")
}

// told passes on what is printed, in whole lines.
type told struct {
	lines chan string
	rest  []byte
}

func (t *told) Write(p []byte) (int, error) {
	t.rest = append(t.rest, p...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		t.lines <- string(line)
		t.rest = rest
	}
}

// conversation talks to a shell: every answer comes while it runs, or never.
func (b *bench) conversation(ctx SpecContext) {
	host := b.host(ctx, "m1")
	in, typed := io.Pipe()
	printed := &told{lines: make(chan string, 10)}
	ended := make(chan int, 1)
	go func() {
		defer GinkgoRecover()
		code, err := host.Exec(ctx, []string{"sh"}, harness.Streams{In: in, Out: printed, Err: printed})
		Expect(err).NotTo(HaveOccurred())
		ended <- code
	}()
	for _, said := range []struct{ line, answer string }{
		{"echo hello", "hello"},
		{"cd /tmp; x=5; pwd", "/tmp"},
		{"echo $x >&2", "5"},
		{"read y", ""},
		{"something", ""},
		{"echo $y", "something"},
		{"no-such-program", "sh: no-such-program: not found"},
		{"etcdutl version | cat >/dev/null; echo $?", "0"},
	} {
		_, err := io.WriteString(typed, said.line+"\n")
		Expect(err).NotTo(HaveOccurred())
		if said.answer != "" {
			Eventually(ctx, printed.lines).Should(Receive(Equal(said.answer)), "to %q", said.line)
		}
	}
	Expect(typed.Close()).To(Succeed())
	Eventually(ctx, ended).Should(Receive(BeZero()), "it ends with its input")
}

func (b *bench) megabytes(ctx SpecContext) {
	const size = 32 << 20
	host := b.host(ctx, "m1")
	seed := [32]byte{1}
	content := func() io.Reader { return io.LimitReader(rand.NewChaCha8(seed), size) }
	hash := sha256.New()
	_, err := io.Copy(hash, content())
	Expect(err).NotTo(HaveOccurred())
	want := fmt.Sprintf("%x", hash.Sum(nil))

	var out, errs bytes.Buffer
	code, err := host.Exec(ctx, []string{"sh", "-c", "cat >/tmp/m && sha256sum </tmp/m"}, harness.Streams{In: content(), Out: &out, Err: &errs})
	Expect(err).NotTo(HaveOccurred())
	Expect(code).To(BeZero(), "%s", &errs)
	Expect(out.String()).To(Equal(want+"  -\n"), "what it took in")

	hash.Reset()
	code, err = host.Exec(ctx, []string{"cat", "/tmp/m"}, harness.Streams{Out: hash, Err: &errs})
	Expect(err).NotTo(HaveOccurred())
	Expect(code).To(BeZero(), "%s", &errs)
	Expect(fmt.Sprintf("%x", hash.Sum(nil))).To(Equal(want), "what it printed")

	code, err = host.Exec(ctx, []string{"echo", "enough"}, harness.Streams{In: endless('x')})
	Expect(err).NotTo(HaveOccurred())
	Expect(code).To(BeZero(), "input that never ends is no reason to go on")
}

func (b *bench) scripts(ctx SpecContext) {
	host := b.host(ctx, "m1")
	const script = "#!/bin/sh\nset -eu\necho $# $1\nread x\necho $x\n[ $x = one ]\ncat\n"
	Expect(host.Upload(ctx, "/srv/script", 0o755, strings.NewReader(script))).To(Succeed())
	for _, argv := range [][]string{
		{"sh", "/srv/script", "a b", "c"}, {"/srv/script", "a b", "c"}, {"sh", "-c", script, "sh", "a b", "c"},
	} {
		code, stdout, stderr := execute(ctx, host, "one\ntwo\n", argv...)
		Expect(stdout).To(Equal("2 a b\none\ntwo\n"), "%q", argv)
		Expect(stderr).To(BeEmpty(), "%q", argv)
		Expect(code).To(BeZero(), "%q", argv)
		code, stdout, _ = execute(ctx, host, "zero\ntwo\n", argv...)
		Expect(stdout).To(Equal("2 a b\nzero\n"), "%q", argv)
		Expect(code).To(Equal(1), "%q", argv)
	}
	code, stdout, stderr := execute(ctx, host, "echo $1\nsh -c 'exit 5'\n", "sh", "-s", "told")
	Expect(code).To(Equal(5), "%s", stderr)
	Expect(stdout).To(Equal("told\n"))
	code, _, stderr = execute(ctx, host, "if then\n", "sh")
	Expect(code).To(Equal(2))
	Expect(stderr).To(HavePrefix("sh:1:"))
}

// unwanted ends commands that would go on for ever, one with a program in it that
// has started another: all have to go, and etcd has to stay.
func (b *bench) unwanted(ctx SpecContext) {
	host := b.host(ctx, "m1")
	boot(ctx, host)
	program, address := uploadProgram(ctx, host), host.PeerAddress()+":12379"
	answers := func() (bool, error) {
		code, err := host.Exec(ctx, []string{program, "dial", address}, harness.Streams{})
		return code == 0, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	silence, end := io.Pipe()
	defer end.Close()
	commands := []struct {
		argv []string
		in   io.Reader
	}{
		{[]string{program, "parent", address}, nil},
		{[]string{"cat"}, silence},
		{[]string{"cat"}, endless('x')},
		{[]string{"sh", "-c", "while true; do sleep 0.01; done"}, endless('x')},
	}
	ended := make(chan error, len(commands))
	for _, c := range commands {
		go func() {
			_, err := host.Exec(running, c.argv, harness.Streams{In: c.in, Out: io.Discard})
			ended <- err
		}()
	}
	Eventually(ctx, answers).Should(BeTrue(), "the grandchild answers")
	Expect(ended).NotTo(Receive())
	begun := time.Now()
	stop()
	for range commands {
		var err error
		Eventually(ctx, ended).Should(Receive(&err))
		Expect(err).To(MatchError(context.Canceled))
		Expect(err).To(MatchError(ContainSubstring("m1")))
	}
	Expect(time.Since(begun)).To(BeNumerically("<", 10*time.Second), "they are not waited for in vain")
	Eventually(ctx, answers).Should(BeFalse(), "the grandchild is gone")
	awaitServing(ctx, host)
}
