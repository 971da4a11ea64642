package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// byHand tells whether somebody else recovers: a program of the operator's own, or people.
func (p *plan) byHand() bool {
	return p.byTeam() || slices.ContainsFunc(p.steps, func(s harness.Step) bool { _, own := s.Do.(harness.Executable); return own })
}

// byTeam tells whether people recover.
func (p *plan) byTeam() bool {
	return slices.ContainsFunc(p.steps, func(s harness.Step) bool { _, team := s.Do.(harness.ByTeam); return team })
}

// Execute runs the operator's own program at a desk that has what an on-call
// engineer has: tools, certificates, addresses, backups, and the bastion.
func (s site) Execute(ctx context.Context, path string) (out harness.Output, err error) {
	d, desk := s.d, s.d.workplace
	told := &printed{d: d, by: filepath.Base(path)}
	hand := newHand(d, told.by, len(d.plan.steps))
	defer hand.close()
	server, err := bastion.Listen(desk.Dir())
	if err != nil {
		return out, err
	}
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	served := make(chan error, 1)
	go func() {
		defer cut() // a runbook that reaches nobody any more need not go on
		served <- crew.Surely(func() error { return server.Serve(estate{s, hand, server.Path()}) })
	}()
	// Whatever it left running on hosts ends with it, before anything is looked at.
	defer func() { err = errors.Join(err, server.Close(), <-served) }()

	var stdout, stderr relay.Clip
	code, err := desk.Run(ctx, operator.Program{
		Path: path, Unseen: d.unseen, Env: desk.Environment(d.elsewhere(os.Environ()), d.facts(ctx, desk, server.Path(), told.by)),
		Streams: harness.Streams{Out: told.stream(&stdout), Err: told.stream(&stderr)},
	})
	told.end()
	d.transcript.told(!told.cut)
	text, dropped := stdout.Kept()
	complaints, more := stderr.Kept()
	out = harness.Output{Stdout: string(text), Stderr: string(complaints), Dropped: dropped + more, ExitCode: code}
	switch {
	case errors.Is(err, operator.ErrUnfit):
		return out, fmt.Errorf("%w: %w", harness.ErrNotExecutable, err)
	case errors.Is(err, operator.ErrUnguarded):
		// It ended itself and whatever watched over it: that is how it went.
		return harness.Output{Stdout: out.Stdout, Stderr: out.Stderr + err.Error() + "\n", Dropped: out.Dropped, ExitCode: unguarded}, nil
	}
	return out, err
}

// unguarded is the exit status of a program that killed its guard: as of one that
// SIGKILL ended.
const unguarded = 128 + 9

// prepareHand makes ready what whoever recovers by hand has before he begins: spare
// hosts, and a desk with the backups. A team has a desk already.
func (d *drill) prepareHand(ctx context.Context) (err error) {
	if err := d.provisionSpares(ctx); err != nil {
		return err
	}
	if d.workplace == nil {
		if d.workplace, err = d.setDesk(); err != nil {
			return err
		}
	}
	return d.keepOnDesk(ctx, d.workplace)
}

// setDesk makes the desk, with the certificates of a client.
func (d *drill) setDesk() (_ *operator.Desk, err error) {
	desk, err := operator.OpenDesk("", d.id)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, desk.Close(false))
		}
	}()
	if d.authority != nil {
		client, err := d.authority.IssueClient(d.commonName(), time.Now())
		if err != nil {
			return nil, err
		}
		if err := desk.Certify(d.authority.CertPEM(), client.CertPEM(), client.KeyPEM()); err != nil {
			return nil, err
		}
	}
	return desk, nil
}

// keepOnDesk puts the backups that there are on the desk, where they are files of ours.
func (d *drill) keepOnDesk(ctx context.Context, desk *operator.Desk) error {
	if d.backups == nil || d.archive.place == "" {
		return nil
	}
	kept, err := d.backups.newestFirst()
	if err != nil {
		return err
	}
	for _, b := range kept {
		if err := desk.Keep(ctx, b.Name, filepath.Join(d.archive.place, b.Name)); err != nil {
			return err
		}
	}
	if d.bundle != "" {
		if err := desk.Keep(ctx, d.scenario.Backups.Bundle, filepath.Join(d.archive.place, d.scenario.Backups.Bundle)); err != nil {
			return err
		}
	}
	d.shelf.onDesk.Store(true)
	return nil
}

// facts are what an on-call engineer knows by now; when the alarm comes, that is the
// cluster as it was. A spare host that is used is one of its hosts from then on.
//
// etcdctl is sent to every host, the lost ones included, as on a day when nobody has
// changed its settings yet. It goes on to the next address where one does not answer.
func (d *drill) facts(ctx context.Context, desk *operator.Desk, bastion, by string) operator.Facts {
	used := d.atWork().inUse()
	d.mu.Lock()
	f := operator.Facts{Bastion: bastion, By: by, Token: d.desk.Token, PeerURLs: maps.Clone(d.desk.Peers), ClientURLs: maps.Clone(d.desk.Clients)}
	spares := slices.DeleteFunc(slices.Clone(d.spares), func(name string) bool { return slices.Contains(used, name) })
	reached := maps.Clone(d.reached)
	d.mu.Unlock()
	scheme := d.scenario.Given.TLS.Scheme()
	for _, name := range d.everKnown() {
		if slices.Contains(spares, name) {
			f.Spares = append(f.Spares, name)
			continue
		}
		f.Hosts = append(f.Hosts, name)
		f.Endpoints = append(f.Endpoints, scheme+"://"+reached[name])
		if h := d.host(name); h == nil || isOff(ctx, h) {
			f.Lost = append(f.Lost, name)
			continue
		}
		f.Up = append(f.Up, name)
	}
	switch {
	case d.backups == nil:
	case d.archive.place != "":
		f.Backups = desk.Backups()
	default:
		f.Backups = strings.TrimSuffix(d.archive.store.String()+"/"+d.archive.under, "/")
	}
	if d.archive.server != nil {
		mine := d.archive.server.Credentials()
		f.S3 = &operator.S3{Endpoint: d.archive.endpoint, Region: "us-east-1", AccessKey: mine.AccessKey, SecretKey: mine.SecretKey}
	}
	return f
}

// How much of what a runbook prints is told while it does. Where that is not all, the
// transcript has its beginning and its end as well.
const (
	mostLines = 2000
	mostLine  = 200 // bytes
)

// printed tells the timeline, line by line, what a program prints.
type printed struct {
	d  *drill
	by string
	// all are the streams, as programs write to them: without secrets, before anything is
	// cut off or kept.
	all []io.WriteCloser

	mu      sync.Mutex
	streams []*lineStream
	told    int
	cut     bool // something was left out
}

func (l *printed) stream(keep *relay.Clip) io.Writer {
	s := &lineStream{of: l, keep: keep}
	l.streams = append(l.streams, s)
	w := l.d.secrets.Writer(s)
	l.all = append(l.all, w)
	return w
}

// lineStream is one stream of a program's.
type lineStream struct {
	of   *printed
	keep *relay.Clip
	part []byte // of a line that has not ended
	cut  bool   // it is longer
}

func (s *lineStream) Write(p []byte) (int, error) {
	n, err := s.keep.Write(p)
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		room := max(0, min(mostLine-len(s.part), len(line)))
		s.part = append(s.part, line[:room]...)
		s.cut = s.cut || room < len(line)
		if p = rest; whole {
			s.tell()
		}
	}
	return n, err
}

func (s *lineStream) tell() {
	text := strings.ToValidUTF8(string(s.part), "\uFFFD")
	if s.cut {
		text, s.of.cut = text+"…", true
	}
	s.part, s.cut = s.part[:0], false
	switch l := s.of; {
	case l.told < mostLines:
		l.say(text)
	case l.told == mostLines:
		l.cut = true
		l.say("… (more than is told line by line)")
	}
	s.of.told++
}

func (l *printed) say(text string) {
	l.d.timeline.say(harness.RunbookEvent, "", "%s", text)
	if err := l.d.transcript.say(l.d.timeline.now(), l.by, text); err != nil {
		l.d.broke(breakage{err: err})
	}
}

// end tells the last lines, which nothing ended.
func (l *printed) end() {
	for _, w := range l.all {
		_ = w.Close() // a stream takes everything
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.streams {
		if len(s.part) > 0 {
			s.tell()
		}
	}
}
