package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// byHand tells whether somebody else recovers: a program of the operator's own.
func (p *plan) byHand() bool {
	return slices.ContainsFunc(p.steps, func(s harness.Step) bool { _, own := s.Do.(harness.Executable); return own })
}

// Execute runs the operator's own program at a desk that has what an on-call
// engineer has: tools, certificates, addresses, and the bastion.
func (s site) Execute(ctx context.Context, path string) (out harness.Output, err error) {
	d := s.d
	if err := d.provisionSpares(ctx); err != nil {
		return out, err
	}
	name := filepath.Base(path)
	server, err := bastion.Listen(d.bench.Dir())
	if err != nil {
		return out, err
	}
	hand := newHand(d, d.steps())
	defer hand.close()
	served := make(chan error, 1)
	go func() { served <- crew.Surely(func() error { return server.Serve(estate{site: s, hand: hand}) }) }()
	defer func() {
		// Whatever it left running on hosts ends with it, before anything is looked at.
		err = errors.Join(err, server.Close(), <-served)
	}()
	var stdout, stderr relay.Clip
	told := &lines{d: d, by: name}
	code, err := d.bench.Run(ctx, operator.Program{
		Path: path, Env: d.environment(ctx, server.Path(), name),
		Streams: harness.Streams{Out: told.stream(&stdout), Err: told.stream(&stderr)},
	})
	told.end()
	text, dropped := stdout.Kept()
	complaints, more := stderr.Kept()
	out = harness.Output{Stdout: string(text), Stderr: string(complaints), Dropped: dropped + more, ExitCode: code}
	if errors.Is(err, operator.ErrNotExecutable) {
		err = fmt.Errorf("%w: %w", harness.ErrNotExecutable, err)
	}
	return out, err
}

// mostLines is how much of what a runbook prints is shown while it does: all of it
// is passed by, and the transcript has its beginning and its end.
const (
	mostLines = 2000
	mostLine  = 400 // bytes
)

// lines tells the timeline, line by line, what a program prints.
type lines struct {
	d  *drill
	by string

	mu      sync.Mutex
	streams []*lineStream
	told    int
}

func (l *lines) stream(keep *relay.Clip) *lineStream {
	s := &lineStream{of: l, keep: keep}
	l.streams = append(l.streams, s)
	return s
}

// lineStream is one stream of a program's.
type lineStream struct {
	of   *lines
	keep *relay.Clip
	part []byte // of a line that has not ended
}

func (s *lineStream) Write(p []byte) (int, error) {
	n, err := s.keep.Write(p)
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	for len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		if room := mostLine - len(s.part); room > 0 {
			s.part = append(s.part, line[:min(room, len(line))]...)
		}
		if p = rest; whole {
			s.tell()
		}
	}
	return n, err
}

func (s *lineStream) tell() {
	text := strings.ToValidUTF8(string(s.part), "\uFFFD")
	s.part = s.part[:0]
	switch l := s.of; {
	case l.told < mostLines:
		l.say(text)
	case l.told == mostLines:
		l.say("… (more than is kept line by line)")
	}
	s.of.told++
}

func (l *lines) say(text string) {
	l.d.timeline.say(harness.RunbookEvent, "", "%s", text)
	if err := l.d.transcript.say(l.d.timeline.now(), l.by, text); err != nil {
		l.d.broke(breakage{err: err})
	}
}

// end tells the last lines, which nothing ended.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.streams {
		if len(s.part) > 0 {
			s.tell()
		}
	}
}
