package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

func (a *app) copyCommand() *cobra.Command {
	var tree bool
	c := &cobra.Command{
		Use:   "cp [-r] SRC DST",
		Short: "copy a file or a tree to a host or from one, or a backup",
		Long: "Copy a file or a tree to a host, or from one. SRC and DST are NAME:PATH on a host, a path here, or -, the\n" +
			"standard streams. SRC may also be \"$" + bastion.BackupsVariable + "\"/NAME: a backup, or the bundle of certificates,\n" +
			bastion.BundleName + ", wherever they are kept, S3 included. `firedrill backups` lists the names.\n\n" +
			"DST names the copy. If it ends in /, or is a directory here, the copy goes into it under the name of SRC.\n" +
			"A tree is copied into what is there already, and so that nothing lands outside: links that lead out of it\n" +
			"are refused. A directory here is copied as a tree; one on a host needs -r or a / at its end, and - with -r\n" +
			"is a tar.\n\n" +
			"A file is there when it is whole, or not at all. On a host it has the mode of the file here; what comes\n" +
			"from a host, a stream or the backups is for its owner alone.\n\n" + outside,
		DisableFlagsInUseLine: true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return hint(fmt.Errorf("%s takes two arguments, but got %d", c.CommandPath(), len(args)), "usage: %s", c.UseLine())
			}
			return nil
		},
		ValidArgsFunction: a.completeCopy,
		RunE: func(c *cobra.Command, args []string) error {
			return a.copy(c.Context(), args[0], args[1], tree)
		},
	}
	c.Flags().BoolVarP(&tree, "recursive", "r", false, "SRC is a directory")
	return c
}

func (a *app) copy(ctx context.Context, from, to string, tree bool) error {
	socket, err := drillHere()
	if err != nil {
		return err
	}
	ctx, end := untilSignal(ctx)
	defer end()
	return a.answered(bastion.Copy{
		Socket: socket, By: os.Getenv(bastion.ByVariable), Backups: os.Getenv(bastion.BackupsVariable),
		From: from, To: to, Tree: tree, Streams: harness.Streams{In: a.in, Out: a.out, Err: a.err},
	}.Run(ctx))
}

// untilSignal returns a context that a signal ends, so that no half of a file is left
// behind. The returned function then has the signal do to us what it does to any
// program (see mortal).
func untilSignal(parent context.Context) (context.Context, func()) {
	mortal()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancelCause(parent)
	watched := make(chan struct{})
	var got os.Signal
	go func() {
		defer close(watched)
		select {
		case got = <-signals:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
		<-watched
		if got != nil {
			dieOf(got)
		}
	}
}

// dieOf ends this process by a signal. It returns only if that does not come.
func dieOf(s os.Signal) {
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(s) == nil {
		<-time.After(time.Second)
	}
}
