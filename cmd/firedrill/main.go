package main

import (
	"context"
	"errors"
	"os"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/process"
	"github.com/etcd-firedrill/firedrill/harness/rehearse"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

func main() {
	if dispatched(os.Args) {
		return
	}
	os.Exit(firedrill(os.Args[1:]))
}

// dispatched runs what this binary is on a host: etcd and its tools, chosen by
// the name it is called by, and the agent. On an operator's machine it is the
// tools again, which tell the bastion what they are asked for, and the guard of a
// program of the operator's own.
func dispatched(args []string) bool {
	return bastion.Main(args) || embedded.Main(args) || process.Main(args) || operator.Main(args)
}

// firedrill is the command itself, and returns its exit code.
func firedrill(args []string) int {
	signals, stop := interruptible(context.Background(), os.Stderr)
	defer stop()
	where := runtimes{
		engine: engineName,
		process: func(p place) (harness.Runtime, error) {
			return process.New(process.Options{EtcdBin: p.etcdBin})
		},
		container: newContainers,
	}
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, style: styleOf(os.Stdout),
		scenarios: scenarios.All, validate: drill.Validate, run: drill.Run, rejudge: drill.Rejudge, rehearse: rehearse.Run,
		runtime: where.choose, sweep: sweep, pages: servePages, signals: signals,
	}
	return a.execute(signals.ctx, args)
}

// servePages serves the pages of a game day.
func servePages(ctx context.Context, address string, e gameday.Exercise) (pages, error) {
	s, err := gameday.Listen(ctx, address, e)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// sweep removes what is ours and has no living owner, on both runtimes.
func sweep(ctx context.Context) ([]string, error) {
	lines, err := process.Sweep(ctx, "")
	more, cerr := sweepContainers(ctx, os.Stderr)
	return append(lines, more...), errors.Join(err, cerr)
}
