package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/reports"
)

// member is one host of the throw-away cluster, and its etcd.
type member struct {
	host         harness.Host
	name         string
	peer, client string // URLs
	log          tail
	report       reports.RehearsedHost
	lastWords    []string // of an etcd that does not start
	unasked      string   // why it let nobody ask
	unhashed     string   // why it told no hash

	mu     sync.Mutex
	deaths int // of its etcd, by itself
	exit   harness.EtcdExit
	off    bool // powered off by us
}

// placer is a host whose disk is in our reach. It is to be handed a file that
// belongs to nobody else: it may become the host's own.
type placer interface {
	Place(ctx context.Context, path string, mode os.FileMode, file *os.File) error
}

// provision orders the hosts, all at once, and asks one which etcd it has.
func (r *rehearsal) provision(ctx context.Context, rt harness.Runtime) (err error) {
	begun := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, hostsDeadline, fmt.Errorf("the time limit of %v passed: %w", hostsDeadline, context.DeadlineExceeded))
	defer cancel()
	if r.rack, err = rt.Build(ctx, r.id); err != nil {
		return err
	}
	for _, name := range r.plan.hosts {
		r.members = append(r.members, &member{name: name})
	}
	if err := r.everywhere(func(m *member) (err error) {
		m.host, err = r.rack.Provision(ctx, harness.HostSpec{Name: m.name, Event: func(e harness.HostEvent) { r.event(m, e) }, Log: &m.log})
		if err == nil {
			m.peer = fmt.Sprintf("http://%s:%d", m.host.PeerAddress(), harness.PeerPort)
			m.client = fmt.Sprintf("http://%s:%d", m.host.PeerAddress(), harness.ClientPort)
			m.report.Host = m.name
		}
		return err
	}); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w (%w)", cause, err)
		}
		return err
	}
	if r.etcd, err = toolVersion(ctx, r.members[0].host); err != nil {
		return err
	}
	r.report.EtcdVersion = r.etcd
	r.report.Phases.Hosts = milliseconds(time.Since(begun))
	r.say(harness.StepEvent, "", "%d hosts up on the %s runtime, with etcd %s", len(r.members), rt.Name(), r.etcd)
	return nil
}

var toolVersionLine = regexp.MustCompile(`(?m)^etcdutl version: *([0-9]\S*)`)

func toolVersion(ctx context.Context, on harness.Host) (string, error) {
	out, err := on.Run(ctx, "etcdutl version")
	if err != nil {
		return "", err
	}
	found := toolVersionLine.FindStringSubmatch(out.Stdout)
	if out.ExitCode != 0 || found == nil {
		return "", fmt.Errorf("ask etcdutl on %s for its version: exit status %d: %s%s\nhint: restoring needs etcdutl beside etcd, as etcd 3.5 and later have it", on.Name(), out.ExitCode, out.Stdout, out.Stderr)
	}
	return found[1], nil
}

// event takes what happens on a host without being asked for.
func (r *rehearsal) event(m *member, e harness.HostEvent) {
	switch {
	case e.Kind == harness.AgentLost:
		r.abort(fmt.Errorf("%w: on %s\nhint: the agent is a process of ours on each host: was it killed, or memory short? (dmesg tells of the latter)", harness.ErrAgentLost, e.Host))
	case e.Kind == harness.ManifestBad:
		r.abort(fmt.Errorf("the manifest on %s cannot be run: %s\nhint: is there an --etcd-arg that YAML reads otherwise?", e.Host, e.Text))
	case e.Kind == harness.EtcdExited && e.Exit != nil && !e.Exit.Asked:
		m.mu.Lock()
		off := m.off
		m.deaths++
		m.exit = *e.Exit
		m.mu.Unlock()
		if !off {
			r.say(harness.WarningEvent, e.Host, "etcd %s", e.Exit)
		}
	}
}

// startsAllowed is how often an etcd may end by itself before it answers. Once
// may be a port that was still taken.
const startsAllowed = 3

// dead tells how an etcd ended that is not going to answer.
func (m *member) dead() (how string, is bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.exit.String(), m.deaths >= startsAllowed
}

func (m *member) isDead() bool {
	_, is := m.dead()
	return is
}

// everywhere does something with every member, at once.
func (r *rehearsal) everywhere(do func(*member) error) error {
	errs := make([]error, len(r.members))
	var all crew.Crew
	for i, m := range r.members {
		all.Go(func() { errs[i] = do(m) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// target is the member as questions are asked of it: by the user's own user where
// the snapshot has authentication.
func (r *rehearsal) target(m *member) observe.Target {
	t := observe.Target{Host: m.name, Endpoint: m.host.ClientAddress()}
	if r.report.Snapshot.Auth {
		t.As = r.o.As
	}
	return t
}

func (r *rehearsal) targets() []observe.Target {
	targets := make([]observe.Target, 0, len(r.members))
	for _, m := range r.members {
		targets = append(targets, r.target(m))
	}
	return targets
}

// initialCluster is the members as --initial-cluster wants them.
func (r *rehearsal) initialCluster() string {
	list := make([]string, 0, len(r.members))
	for _, m := range r.members {
		list = append(list, m.name+"="+m.peer)
	}
	return strings.Join(list, ",")
}

// tail is the end of etcd's log.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailBytes hold all starts that an etcd is allowed: the event of its end may come
// before its last words.
const tailBytes = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailBytes; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

const (
	tailLines = 3
	lineBytes = 300
)

// quotesNothing is how lines begin that are no record of etcd's and hold nothing that
// is stored.
var quotesNothing = []string{
	"flag provided but not defined: ", "flag needs an argument: ", "invalid value ", "error verifying flags", "conflicting environment variable",
	"fatal error: ", "panic: runtime error: ", "runtime: ",
}

// lines are the last that say something: those by which etcd ended, if there are
// any. Of etcd's own lines only the message is told, and the error where it quotes
// nothing, cut where they are very long; of others what complains of the command line
// or is Go's own. The rest may quote what is stored.
func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var telling, last []string
	for line := range bytes.Lines(t.text) {
		text := strings.TrimRight(string(line), "\n")
		var own struct{ Level, Msg, Error string }
		if json.Unmarshal(line, &own) == nil && own.Msg != "" {
			text = own.Msg
			if own.Error != "" && !strings.ContainsAny(own.Error, `"'`+"`") {
				text += ": " + own.Error
			}
		} else if !slices.ContainsFunc(quotesNothing, func(begin string) bool { return strings.HasPrefix(text, begin) }) {
			continue
		}
		if len(text) > lineBytes {
			text = strings.ToValidUTF8(text[:lineBytes], "") + " …"
		}
		telling = append(telling, text)
		if own.Level == "fatal" || own.Level == "panic" {
			last = append(last, text)
		}
	}
	if len(last) > 0 {
		telling = last
	}
	telling = slices.Compact(telling)
	return telling[max(0, len(telling)-tailLines):]
}
