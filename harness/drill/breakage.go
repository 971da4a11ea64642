package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// breakage is why the harness broke off a drill in the middle of something
// else: an agent is lost, etcd does not start at all, the disk is full. It is
// the cause with which the drill's context ends.
type breakage struct {
	host string // where; "" if it is no host's
	err  error
	hint string
}

func (b *breakage) Error() string { return b.err.Error() }
func (b *breakage) Unwrap() error { return b.err }

// broke ends the drill because the harness cannot go on. The first cause counts.
// It may be called from anywhere, also before anybody waits.
func (d *drill) broke(b breakage) {
	if d.fullByHand(b.err) {
		d.timeline.say(harness.WarningEvent, b.host, "what was asked for could not be done: %v", b.err)
		return
	}
	if errors.Is(b.err, harness.ErrAgentLost) {
		b.hint = agentHint
	}
	d.abort(&b)
}

// newsDelay is how long after a method of a host failed its runtime may take to
// tell that the agent is lost, and where.
const newsDelay = time.Second

// noteLost ends the drill if the error says that a host's agent is lost. It is
// for places that take any other error for something seen.
func (d *drill) noteLost(h harness.Host, err error) {
	if errors.Is(err, harness.ErrAgentLost) {
		d.broke(breakage{host: h.Name(), err: err})
	}
}

// blame says why a part of the drill did not come to its end: what was being
// done, what broke, on which host with the last lines of its log, and what a
// person can do about it.
func (d *drill) blame(ctx context.Context, doing string, err error) error {
	if errors.Is(err, harness.ErrAgentLost) {
		select {
		case <-ctx.Done():
		case <-time.After(newsDelay):
		}
	}
	cause := context.Cause(ctx)
	var own *breakage
	switch {
	case errors.As(cause, &own):
		err = fmt.Errorf("%s: %w", doing, own)
		if own.host != "" {
			err = errors.Join(err, d.lastLines(own.host))
		}
		return hinted(err, own.hint)
	case cause != nil && err == nil:
		return fmt.Errorf("%s: %w", doing, cause)
	case cause != nil && !errors.Is(err, cause):
		return fmt.Errorf("%s: %w (%w)", doing, cause, err)
	case errors.Is(err, harness.ErrAgentLost):
		return hinted(fmt.Errorf("%s: %w", doing, err), agentHint)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

const (
	agentHint = "the agent is a process of ours on each host: was it killed, or memory short? (dmesg tells of the latter)"
	etcdHint  = "the lines above are etcd's own; --etcd-arg, --etcd-bin and --image decide what runs there"
	diskHint  = "free some space, or put evidence elsewhere by --out DIR and the process runtime's hosts by TMPDIR"
)

// diskFull is how every layer words ENOSPC; agents send their errors as text.
var diskFull = syscall.ENOSPC.Error()

// hinted adds what a person can do, unless something better is said already.
func hinted(err error, hint string) error {
	if hint == "" || strings.Contains(err.Error(), "\nhint: ") {
		return err
	}
	return errors.Join(err, errors.New("hint: "+hint))
}

// lastLines are the ends of the hosts' etcd logs, for errors.
func (d *drill) lastLines(hosts ...string) error {
	var errs []error
	for _, name := range hosts {
		if l, err := d.logOf(name); err == nil {
			errs = append(errs, fmt.Errorf("the last lines of etcd's log on %s:\n%s", name, l.last(logLines)))
		}
	}
	return errors.Join(errs...)
}

// logLines is how many lines of a log an error holds: etcd's last words are one
// or two lines, after the flags that it was given.
const logLines = 5

// startsAllowed is how often an etcd may end by itself before the steady state
// was seen. Once may be a port that was still taken; the agent restarts it with
// a growing back-off, and one that ends every time will do so until the
// deadline.
const startsAllowed = 3

// badManifest: the agent cannot read the first manifests, which we wrote. A
// step's manifest is the procedure's business.
func (d *drill) badManifest(e harness.HostEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ours(e.Host) {
		d.broke(breakage{host: e.Host, hint: "is there a --etcd-arg that YAML reads otherwise?", err: fmt.Errorf("the manifest on %s cannot be run: %s", e.Host, e.Text)})
	}
}

// ours tells whether an etcd that does not start is the harness's or the user's
// problem; d.mu is held. Once the cluster was steady it is a finding. Of a cluster
// that is struck while it is created, it is one on the hosts that were struck,
// and wherever the procedure has begun.
func (d *drill) ours(host string) bool {
	if _, steady := d.ev.Marks[harness.SteadyStateSeen]; steady {
		return false
	}
	_, begun := d.ev.Marks[harness.ProcedureBegan]
	struck := slices.ContainsFunc(d.ev.Faults, func(f harness.FaultRecord) bool { return slices.Contains(f.Hosts, host) })
	return !d.scenario.AtBirth || !begun && !struck
}

// ended counts an etcd that ended by itself while that is ours; d.mu is held.
func (d *drill) ended(host string, exit harness.EtcdExit) {
	if exit.Asked || !d.ours(host) {
		return
	}
	d.deaths[host]++
	if d.deaths[host] == startsAllowed {
		d.broke(breakage{
			host: host, hint: etcdHint,
			err: fmt.Errorf("etcd on %s does not start: it ended %d times, the last time it %s", host, startsAllowed, exit),
		})
	}
}
