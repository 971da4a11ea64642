package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/operator"
)

func (a *app) shellCommand() *cobra.Command {
	var name, socket string
	c := &cobra.Command{
		Use:   "shell [--name NAME]",
		Short: "open a shell in a game day: what an on-call engineer has",
		Long: "Open your shell ($SHELL) in a game day that is on: PATH has firedrill, etcdctl and etcdutl; ETCDCTL_… point\n" +
			"at the cluster; FIREDRILL_… tell the hosts, their addresses and the backups, as of the moment when it was\n" +
			"opened: `eval \"$(firedrill env)\"` tells them as they are by now. `firedrill host` reaches the hosts. What is\n" +
			"done by these is recorded, with NAME; what happens past them is not.\n\n" +
			"It ends when you leave it, or when the game day is over. Exit codes: the shell's own; 0 if the game day\n" +
			"ended it; 1 if NAME is taken, 3 if there is no game day or it broke, or the command was misused.",
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.shell(c.Context(), cmp.Or(name, userName(), "somebody"), socket)
		},
	}
	c.Flags().StringVar(&name, "name", "", "`who` types: nobody else in the game day has the name (default: yours here)")
	socketFlag(c.Flags(), &socket)
	return c
}

// defaultShell is started where SHELL does not say which.
const defaultShell = "/bin/sh"

// shell takes part in a game day by a shell.
func (a *app) shell(ctx context.Context, name, socket string) error {
	in, isFile := a.in.(*os.File)
	out, outIsFile := a.out.(*os.File)
	errs, errIsFile := a.err.(*os.File)
	if !isFile || !outIsFile || !errIsFile {
		return errors.New("a shell needs standard streams that are files")
	}
	if err := (bastion.Call{Verb: bastion.Join, Args: []string{name}}).Check(); err != nil {
		return fmt.Errorf("--name: %w", err)
	}
	socket, err := livingGameDay(socket)
	if err != nil {
		return err
	}
	part := join(ctx, socket, name)
	defer part.leave()
	if part.kit == nil {
		<-part.over
		return a.answered(part.code, part.err)
	}
	a.say("%s takes part in the game day; `exit` leaves it", name)
	a.say("once something is lost, `eval \"$(firedrill env)\"` has this shell know it, and the spare hosts")
	lasting, end := context.WithCancelCause(ctx)
	defer end(nil)
	ending := make(chan struct{})
	go func() {
		defer close(ending)
		select {
		case <-part.over:
			end(bastion.ErrGone)
		case <-lasting.Done():
		}
	}()
	code, err := operator.Shell{
		Path: cmp.Or(os.Getenv("SHELL"), defaultShell), Env: part.kit.Environment(os.Environ()), In: in, Out: out, Err: errs,
	}.Run(lasting)
	end(nil)
	<-ending
	if !errors.Is(err, bastion.ErrGone) {
		a.code = code
		return err
	}
	if part.err == nil {
		a.say("firedrill: %s", strings.TrimSpace(part.why.String()))
	}
	return a.answered(part.code, part.err)
}

// part is taking part in a game day.
type part struct {
	kit   *operator.Kit // nil: it did not come to that
	leave func()        // waits until it was heard

	over chan struct{} // closed when the call has ended; then:
	code int
	err  error
	why  bytes.Buffer // the game day is over
}

// join takes part under a name, until leave is called or the game day is over.
func join(ctx context.Context, socket, name string) *part {
	ctx, cancel := context.WithCancel(ctx)
	p := &part{over: make(chan struct{})}
	p.leave = func() {
		cancel()
		<-p.over
	}
	printed, to := io.Pipe()
	go func() {
		defer close(p.over)
		p.code, p.err = bastion.Do(ctx, socket, bastion.Call{By: name, Verb: bastion.Join, Args: []string{name}}, harness.Streams{Out: to, Err: &p.why})
		_ = to.Close()
	}()
	line, err := bufio.NewReader(printed).ReadBytes('\n')
	_ = printed.Close() // nothing more comes
	var kit operator.Kit
	if err == nil && json.Unmarshal(line, &kit) == nil && kit.Bin != "" {
		p.kit = &kit
	} else {
		cancel()
	}
	return p
}
