package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// outside says when the commands of this file and its neighbours are of use.
const outside = "It works within a drill: in a runbook, and in a shell of a game day. Exit codes: 1 what was asked for\n" +
	"cannot be, 3 there is no drill, it is over or broke, or the command was misused."

func (a *app) hostCommand() *cobra.Command {
	host := &cobra.Command{
		Use:   "host",
		Short: "reach a drill's hosts, from a runbook or a shell of a game day",
		Long: "Reach the hosts of the drill that this runs in, as an operator does: look, run commands, copy files, start\n" +
			"and stop etcd, order new machines.\n\n" + outside,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknown("command", args[0], commandsOf(c), "firedrill host --help lists them")
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	host.AddCommand(
		a.verbCommand(bastion.List, "list the hosts: name, power, etcd",
			"List the hosts, one a line: its name, whether it is on, off or gone, and etcd there as its supervisor sees it."),
		a.execCommand(), a.copyCommand(),
		a.verbCommand(bastion.Logs, "print etcd's log",
			"Print what etcd on a host has logged since the host came up."),
		a.startCommand(),
		a.verbCommand(bastion.Stop, "stop etcd: remove its manifest, and wait until it has ended", ""),
		a.verbCommand(bastion.Status, "tell the state of one host, and of etcd there", ""),
		a.verbCommand(bastion.New, "order new, clean hosts",
			"Order new, clean hosts, and wait until they are up. The name of a host that is gone may be used again."),
		a.verbCommand(bastion.On, "power a host on: it comes back with its disk and its addresses", ""),
		a.verbCommand(bastion.Off, "power a host off, as pulling the plug", ""),
		a.verbCommand(bastion.Reboot, "power a host off and on", ""),
		a.verbCommand(bastion.Certify, "make a host's certificates anew, with the authority in a bundle there",
			"Make a host's certificates anew, with the authority in the bundle that lies at the path BUNDLE on the host."),
	)
	return host
}

// commandsOf are the names of a command's own.
func commandsOf(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

// verbCommand is a command that is one verb of the bastion's and nothing else.
func (a *app) verbCommand(verb, short, long string) *cobra.Command {
	signature, _ := bastion.SignatureOf(verb)
	var option bool
	c := &cobra.Command{
		Use:                   signature.String(),
		Short:                 short,
		Long:                  strings.TrimLeft(long+"\n\n"+outside, "\n"),
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			return bastion.Call{Verb: verb, Args: args}.Check()
		},
		ValidArgsFunction: a.completeHosts(signature.Hosts),
		RunE: func(c *cobra.Command, args []string) error {
			if option {
				args = append(args, signature.Option)
			}
			return a.ask(c.Context(), nil, verb, args...)
		},
	}
	switch signature.Option {
	case bastion.OptionJSON:
		c.Flags().BoolVar(&option, "json", false, "for programs to read")
	case bastion.OptionFollow:
		c.Flags().BoolVarP(&option, "follow", "f", false, "go on with what etcd logs from now on, until Ctrl-C")
	}
	return c
}

func (a *app) execCommand() *cobra.Command {
	var deaf bool
	c := &cobra.Command{
		Use:   "exec [-n] NAME [--] COMMAND [ARG…]",
		Short: "run one command on a host",
		Long: "Run one command on a host, in its root directory, with the etcdctl and etcdutl of that host. The words\n" +
			"are the command's own: no shell reads them again. `sh -c TEXT`, and a script on `sh -s`'s standard input,\n" +
			"are read by a POSIX shell there.\n\n" +
			"Standard input is passed on, which takes it from a loop that reads it, as ssh does: -n. The exit code is\n" +
			"the command's, 128+N if signal N ended it; 1 and 3 may be ours:\n\n" + outside,
		DisableFlagsInUseLine: true,
		Args: func(c *cobra.Command, args []string) error {
			args, err := afterName(c, args)
			if err != nil {
				return err
			}
			return bastion.Call{Verb: bastion.Exec, Args: args}.Check()
		},
		ValidArgsFunction: a.completeHosts(1),
		RunE: func(c *cobra.Command, args []string) error {
			args, err := afterName(c, args)
			if err != nil {
				return err
			}
			in := a.in
			if deaf {
				in = nil
			}
			return a.ask(c.Context(), in, bastion.Exec, args...)
		},
	}
	c.Flags().BoolVarP(&deaf, "no-input", "n", false, "the command's standard input is empty")
	c.Flags().SetInterspersed(false)
	return c
}

func (a *app) startCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "start NAME [--] [--FLAG[=VALUE]…]",
		Short: "start etcd: write its manifest, with these flags",
		Long: "Start etcd on a host by writing its manifest: the flags that the host was born with, those given here in\n" +
			"their place or beside them, as --force-new-cluster. It returns when etcd has started, which says nothing\n" +
			"of whether it serves.\n\n" + outside,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			return bastion.Call{Verb: bastion.Start, Args: withoutDashes(args)}.Check()
		},
		ValidArgsFunction: a.completeHosts(1),
		RunE: func(c *cobra.Command, args []string) error {
			if slices.Contains(args, "--help") { // after the name it is no flag of ours
				return c.Help()
			}
			return a.ask(c.Context(), nil, bastion.Start, withoutDashes(args)...)
		},
	}
	c.Flags().SetInterspersed(false)
	return c
}

// withoutDashes leaves out a -- that stands after the host's name.
func withoutDashes(args []string) []string {
	if len(args) > 1 && args[1] == "--" {
		return append(args[:1:1], args[2:]...)
	}
	return args
}

// afterName is a host's name and the command after it. A flag of ours that stands
// between them would be taken for the command.
func afterName(c *cobra.Command, args []string) ([]string, error) {
	if len(args) > 1 && args[1] != "--" && strings.HasPrefix(args[1], "-") {
		return nil, hint(fmt.Errorf("%s: %q stands where the command is expected", c.CommandPath(), args[1]), "flags come before the host's name: %s", c.UseLine())
	}
	return withoutDashes(args), nil
}

// ask makes one call of the drill that this runs in, and ends as that does.
func (a *app) ask(ctx context.Context, in io.Reader, verb string, args ...string) error {
	socket, err := drillHere()
	if err != nil {
		return err
	}
	mortal()
	call := bastion.Call{By: os.Getenv(bastion.ByVariable), Verb: verb, Args: args}
	return a.answered(bastion.Do(ctx, socket, call, harness.Streams{In: in, Out: a.out, Err: a.err}))
}

// mostCode is the greatest exit code that a program can have.
const mostCode = 255

// answered makes the exit code of how a call ended.
func (a *app) answered(code int, err error) error {
	var refused *bastion.Refusal
	switch {
	case err == nil && (code < 0 || code > mostCode):
		return fmt.Errorf("it ended with %d, which is no program's exit code", code)
	case err == nil:
		a.code = code
	case errors.As(err, &refused):
		a.complain(err)
		a.code = code
	case errors.Is(err, bastion.ErrGone):
		return hint(err, "how it ended is told where it was started, and in its run directory")
	default:
		return err
	}
	return nil
}

// drillHere is the socket of the drill that this runs in.
func drillHere() (string, error) {
	if socket := os.Getenv(bastion.SocketVariable); socket != "" {
		return socket, nil
	}
	return "", hint(errors.New("there is no drill here: these commands work inside a runbook or a shell of a game day"),
		"`firedrill run SCENARIO --runbook FILE` runs a runbook of yours, `firedrill shell` opens a shell in a game day; whatever they start finds the drill by %s", bastion.SocketVariable)
}

// mortal gives back to signals what they do to any program. What only passes on dies
// of them at once, and the drill ends its call when the connection goes. And a shell
// that runs a script ends the script only if it sees that the signal ended us.
func mortal() {
	signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
}
