//go:build unix

package bastion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// told is the directory in the name that a tool is called by once the bastion was told
// of it. Unlike a variable it is not inherited by what the tool itself starts, as
// `etcdctl lock` does.
const told = "told"

// tellLimit is how long a tool that has ended waits for the bastion to hear it.
const tellLimit = 2 * time.Second

// Main is what a binary that is etcd's tools calls first. Called by the name of one in a
// runbook or a game day's shell, it tells the bastion what it is asked for, runs that
// tool as a process of its own, tells how it ended, and ends likewise. Otherwise, and
// where nobody answers at the bastion, it returns false: then it is the tool.
//
// It costs the start of another process, because etcd's tools end theirs from wherever
// they are.
func Main(args []string) (ran bool) {
	socket := os.Getenv(SocketVariable)
	if len(args) == 0 || socket == "" || !slices.Contains(Tools, filepath.Base(args[0])) || filepath.Dir(args[0]) == told ||
		len(args) > 1 && strings.HasPrefix(args[1], "__complete") { // which a shell asks, and nobody types
		return false
	}
	code, ran := tool{socket: socket, name: filepath.Base(args[0]), args: args[1:]}.run()
	if ran {
		os.Exit(code)
	}
	return false
}

// tool is one of etcd's, on its way.
type tool struct {
	socket, name string
	args         []string
}

func (t tool) run() (code int, ran bool) {
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	ending, tell := io.Pipe()
	begins, over := make(chan struct{}), make(chan struct{})
	var ended error // once it is over: how the call did
	go func() {
		defer close(over)
		call := Call{By: os.Getenv(ByVariable), Verb: Tool, Args: append([]string{t.name}, Masked(t.args)...)}
		_, ended = Do(context.Background(), t.socket, call, harness.Streams{In: ending, Out: &onFirst{then: sync.OnceFunc(func() { close(begins) })}})
	}()
	select {
	case <-begins:
	case <-over:
		var refused *Refusal
		if !errors.As(ended, &refused) {
			return 0, false // nobody is there who would write it down
		}
		fmt.Fprintf(os.Stderr, "%s: firedrill: %s\n", t.name, strings.TrimRight(ended.Error(), "\n"))
		return CodeRefused, true
	}
	state, err := t.passed(self)
	if err != nil {
		return 0, false
	}
	code = state.ExitCode()
	status, _ := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		code = exitSignal + int(status.Signal())
	}
	_, _ = fmt.Fprintln(tell, code)
	_ = tell.Close()
	patience := time.NewTimer(tellLimit)
	defer patience.Stop()
	select {
	case <-over:
	case <-patience.C:
	}
	if status.Signaled() {
		endBy(status.Signal())
	}
	return code, true
}

// exitSignal is what a shell adds to the number of the signal that ended a program.
const exitSignal = 128

// onFirst does something when anything is written to it.
type onFirst struct{ then func() }

func (o *onFirst) Write(p []byte) (int, error) {
	o.then()
	return len(p), nil
}

// passedOn are the signals that are the tool's. Those that were ignored when we were
// started it ignores as well.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// passed runs the tool in our place: its streams are ours, and so is everything else.
func (t tool) passed(self string) (*os.ProcessState, error) {
	child := &exec.Cmd{
		Path: self, Args: append([]string{filepath.Join(told, t.name)}, t.args...),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: &syscall.SysProcAttr{},
	}
	defer dieTogether(child)()
	signals := make(chan os.Signal, len(passedOn))
	signal.Notify(signals, slices.DeleteFunc(slices.Clone(passedOn), signal.Ignored)...)
	defer signal.Stop(signals)
	if err := child.Start(); err != nil {
		return nil, err
	}
	over, passing := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(passing)
		for {
			select {
			case s := <-signals:
				_ = child.Process.Signal(s) // it may have ended
			case <-over:
				return
			}
		}
	}()
	err := child.Wait()
	close(over)
	<-passing
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	return child.ProcessState, nil
}

// endBy ends us by the signal that ended the tool, so that whoever waits for us sees it.
func endBy(sig syscall.Signal) {
	if !slices.Contains([]syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGKILL}, sig) {
		return // of these our own runtime would make something else
	}
	signal.Reset(sig)
	if syscall.Kill(os.Getpid(), sig) == nil {
		<-time.After(tellLimit) // for the kernel; it may be ignored
	}
}

// AwaitTool is Tool's part of whoever answers it: the tool may begin now, and this
// returns how it ended.
func AwaitTool(s harness.Streams) (code int, err error) {
	if _, err := io.WriteString(s.Out, "begin\n"); err != nil {
		return 0, err
	}
	const most = 16
	text, err := io.ReadAll(io.LimitReader(s.In, most))
	if err == nil {
		code, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return 0, fmt.Errorf("nobody told how it ended: %w", err)
	}
	return code, nil
}
