//go:build linux

package agent

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
)

// TestMain makes the test binary all that runs on a host: the agent, the real
// etcd and its tools by their names, and a fake etcd, by its place, that does
// as its arguments say.
func TestMain(m *testing.M) {
	if filepath.Dir(os.Args[0]) == "/fake" {
		fakeEtcd(os.Args[1:])
	}
	embedded.Main(os.Args)
	if status, ran := Main(os.Args); ran {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "the agent leaves goroutines behind:", err)
			status = 70
		}
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

// fakeEtcd understands, in order of appearance:
//
//	--print=TEXT     a line on standard error
//	--lines=N        so many lines of 100 bytes
//	--bytes=N        so many bytes at once
//	--stubborn       ignore SIGTERM
//	--while=DIR      do what comes next as long as DIR holds a file, of which each start takes one; else serve
//	--exit=N         exit with this status
//	--crash          die of SIGKILL
//	--child          start a copy that serves and keeps our output open
//	--escaped=ARG    the same with this argument, and the copy leaves our process group
//
// and then serves, which is to wait for SIGTERM and exit with status 0.
func fakeEtcd(args []string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "--print":
			fmt.Fprintln(os.Stderr, value)
		case "--lines":
			n, _ := strconv.Atoi(value)
			for i := range n {
				fmt.Fprintf(os.Stderr, "%099d\n", i)
			}
		case "--bytes":
			n, _ := strconv.Atoi(value)
			_, _ = os.Stderr.Write(bytes.Repeat([]byte("x"), n))
		case "--stubborn":
			signal.Ignore(syscall.SIGTERM)
		case "--while":
			left, err := os.ReadDir(value)
			if err != nil {
				panic(err)
			}
			if len(left) == 0 {
				<-stop
				os.Exit(0)
			}
			if err := os.Remove(filepath.Join(value, left[0].Name())); err != nil {
				panic(err)
			}
		case "--exit":
			n, _ := strconv.Atoi(value)
			os.Exit(n)
		case "--crash":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case "--child":
			p, err := os.StartProcess(os.Args[0], []string{os.Args[0], "--stubborn"}, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
			if err != nil {
				panic(err)
			}
			fmt.Println("child", p.Pid)
		case "--escaped":
			p, err := os.StartProcess(os.Args[0], []string{os.Args[0], value}, &os.ProcAttr{
				Files: []*os.File{os.Stdin, os.Stdout, os.Stdout}, Sys: &syscall.SysProcAttr{Setsid: true},
			})
			if err != nil {
				panic(err)
			}
			fmt.Println("child", p.Pid)
		}
	}
	select {
	case <-stop:
		os.Exit(0)
	case <-time.After(5 * time.Minute):
		os.Exit(99)
	}
}
