package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/harness/rehearse"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// rehearsalOrder is what the user asked `rehearse` for.
type rehearsalOrder struct {
	place      place
	options    rehearse.Options
	user       string
	json       bool
	junit      string
	prometheus string
}

// passwordVariable may hold the password of --user, which then is on no command line.
const passwordVariable = "FIREDRILL_PASSWORD"

func (a *app) rehearseCommand() *cobra.Command {
	var o rehearsalOrder
	c := &cobra.Command{
		Use:   "rehearse SNAPSHOT",
		Short: "restore your own backup into a throw-away cluster, and prove what comes back",
		Long: "Restore your own backup into a throw-away cluster, and prove what comes back.\n\n" +
			"SNAPSHOT is a file, a directory (its newest file is taken), s3://BUCKET/KEY, s3://BUCKET/PREFIX (the newest\n" +
			"object below it, as below a folder), or 's3://BUCKET/PREFIX*' (the newest whose key begins so). It is read and\n" +
			"never changed; its checksum is verified; the hosts' own etcdutl restores it on all of them at once; and it is\n" +
			"proved: every member serves and holds the same, lists the same members, raises no alarm, takes writes, and\n" +
			"goes on when one member is lost.\n\n" +
			"Age goes by when the file or object was last modified, which copying it renews: --expect-revision-at-least,\n" +
			"with the revision of the last backup, tells an old backup that was copied from a new one.\n\n" +
			"No value and no key is ever printed: what many keys begin with is, with counts and sizes, unless --no-keys.\n\n" +
			"Exit codes: 0 all of it held; 1 the backup is no good, there is none in the directory or bucket, or one of the\n" +
			"bounds given is not kept; 2 something could not be seen; 3 the backup could not be reached, firedrill broke,\n" +
			"or was misused.",
		Args: one,
		RunE: func(c *cobra.Command, args []string) error {
			o.options.Snapshot = args[0]
			o.options.Version = version()
			return a.rehearsal(c.Context(), o)
		},
	}
	f := c.Flags()
	o.place.flags(c)
	f.StringArrayVar(&o.options.EtcdArgs, "etcd-arg", nil, "a server `flag` for every member, --name=value; may be repeated")
	f.IntVar(&o.options.Members, "members", rehearse.DefaultMembers, "throw-away cluster of `n` members")
	f.StringVar(&o.options.S3Endpoint, "s3-endpoint", "", "the S3 server's `url` (default: Amazon's); credentials come from AWS_* variables and files")
	f.StringVar(&o.user, "user", "", "ask as this user of the snapshot's, `name:password`; the password may be in "+passwordVariable+" instead")
	f.BoolVar(&o.options.NoKeys, "no-keys", false, "count the keys, and do not tell what they begin with")
	f.DurationVar(&o.options.MaxAge, "max-age", 0, "the snapshot must be no older than this `duration`, as 26h, by when it was last modified")
	f.DurationVar(&o.options.RTO, "rto", 0, "every member must serve the same within this `duration` of the beginning of the fetch")
	f.Int64Var(&o.options.MinKeys, "min-keys", 1, "there must be at least `n` keys; 0 asks for none")
	f.Int64Var(&o.options.Revision, "expect-revision-at-least", 0, "the snapshot's `revision` must be at least this")
	f.BoolVar(&o.json, "json", false, "one report, as a line of JSON, on standard output; progress goes to standard error")
	f.StringVar(&o.junit, "junit", "", "write a JUnit `file`")
	f.StringVar(&o.prometheus, "prometheus", "", "write a `file` for the textfile collector of Prometheus's node exporter")
	return c
}

// rehearsal runs what was asked for, or refuses before anything is started. What
// collects metrics and test results is told of a rehearsal that came to nothing too.
func (a *app) rehearsal(ctx context.Context, o rehearsalOrder) error {
	if o.user != "" {
		name, password, ok := strings.Cut(o.user, ":")
		if !ok {
			password = os.Getenv(passwordVariable)
		}
		o.options.As = observe.Login{Name: name, Password: password}
	}
	if err := errors.Join(o.options.Validate(), o.place.valid()); err != nil {
		return err
	}
	junit, metrics := paper{"--junit", o.junit}, paper{"--prometheus", o.prometheus}
	for _, p := range []paper{junit, metrics} {
		if err := p.possible(); err != nil {
			return err
		}
	}
	before, err := metrics.before()
	if err != nil {
		return err
	}
	style, beside := a.style, o.json
	if beside {
		style = styleOf(a.err)
	}
	var lost error // output that could not be written
	o.options.Progress = func(e harness.Event) {
		if err := a.print(style.Progress(e), beside); err != nil && lost == nil {
			lost = err
		}
	}
	began := time.Now()
	report, err := a.rehearseSafely(ctx, o)
	took := time.Since(began)
	lost = errors.Join(lost, junit.replace(func(w io.Writer) error { return render.RehearsalJUnit(w, report, took, err) }))
	if err != nil {
		return errors.Join(err, lost, metrics.replace(func(w io.Writer) error {
			return render.BrokenRehearsalMetrics(w, o.options.Snapshot, began, before)
		}))
	}
	a.code = codeOf(report.Verdict)
	lost = errors.Join(lost, metrics.replace(func(w io.Writer) error { return render.RehearsalMetrics(w, report, before) }))
	if o.json {
		return errors.Join(lost, report.Encode(a.out))
	}
	return errors.Join(lost, a.print("\n"+style.Rehearsal(report), false))
}

// rehearseSafely makes an error of a panic before the rehearsal, which makes one of
// its own: what collects metrics and test results is told of either.
func (a *app) rehearseSafely(ctx context.Context, o rehearsalOrder) (report reports.Rehearsal, err error) {
	rt, why, err := a.runtime(ctx, o.place)
	if err != nil {
		return reports.Rehearsal{}, err
	}
	if why != "" {
		a.say("runtime %s: %s", rt.Name(), why)
	}
	if crash := crew.Caught(func() { report, err = a.rehearse(ctx, rt, o.options) }); crash != nil {
		err = fmt.Errorf("firedrill itself panicked: %w", crash)
	}
	return report, err
}

// print writes to standard output, or beside it.
func (a *app) print(text string, beside bool) error {
	a.lines.Lock()
	defer a.lines.Unlock()
	to := a.out
	if beside {
		to = a.err
	}
	if _, err := io.WriteString(to, text); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}
