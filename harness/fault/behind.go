package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// LeaveBehind makes a host's etcd miss what its cluster does before the cluster
// meets its end: its process hangs, as on a disk or a hypervisor that stalls, the
// others go on without it, they are struck, and it runs on. What stays damaged is
// that it is behind, and that nobody is left to tell it.
//
// A process that hangs misses only what is never sent to it: the rest waits in
// its sockets. A leader goes on sending to a follower that does not answer, up to
// 512 messages (raft's window of messages in flight), but a leader that was
// elected meanwhile sends one message and waits for the answer to it. So the one
// that hangs is the leader.
//
// It is not the host's power that is cut. An etcd that starts without a quorum
// does not open its client port (it waits until its own name is published, which
// is a proposal), so nobody could ask it what it holds.
type LeaveBehind struct {
	Host      string
	Revisions int64         // that the others go on for
	Then      harness.Fault // what becomes of the others
}

func (f LeaveBehind) String() string {
	return fmt.Sprintf("leave etcd on %s %d revisions behind, and %s", f.Host, f.Revisions, f.Then)
}

// Inject makes the host's member the leader, pauses it, waits until the others
// have another leader and have come that far, strikes them, and lets it run on.
func (f LeaveBehind) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	struck, err := f.inject(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	return append([]string{f.Host}, struck...), nil
}

func (f LeaveBehind) inject(ctx context.Context, s harness.Strike) ([]string, error) {
	one, err := s.Select(ctx, harness.Hosts(f.Host))
	if err != nil {
		return nil, err
	}
	others, err := s.Select(ctx, harness.AllBut(f.Host))
	if err != nil {
		return nil, err
	}
	if len(others) == 0 {
		return nil, errors.New("there is no other host that could go on")
	}
	last, err := f.lead(ctx, s, one[0])
	if err != nil {
		return nil, err
	}
	if err := one[0].Signal(ctx, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	if err := f.goOn(ctx, s, others[0], last); err != nil {
		return nil, err
	}
	struck, err := f.Then.Inject(ctx, s)
	if err != nil {
		return nil, err
	}
	return struck, one[0].Signal(ctx, syscall.SIGCONT)
}

// lead hands the leadership to the host's member, and returns what it told of
// itself as the leader.
func (f LeaveBehind) lead(ctx context.Context, s harness.Strike, h harness.Host) (last status, err error) {
	err = await(ctx, "etcd on "+h.Name()+" leads", func() (bool, string, error) {
		var seen string
		if last, seen, err = statusOf(ctx, s, h); err != nil || seen != "" {
			return false, seen, err
		}
		if last.Leader == last.Header.Member {
			return true, "", nil
		}
		leader, err := s.Select(ctx, harness.Leader)
		if err != nil {
			return false, err.Error(), nil // between two leaders there is none
		}
		out, err := etcdctl(ctx, s, leader[0], fmt.Sprintf("move-leader %x", last.Header.Member))
		return false, fmt.Sprintf("%x leads, asked to stand back: %s%s", last.Leader, out.Stdout, out.Stderr), err
	})
	return last, err
}

// goOn waits until another member leads, as a host that is not paused tells, and
// so many revisions were made under it. The paused leader may have been further
// than that host, which is why it is not counted from what it told.
func (f LeaveBehind) goOn(ctx context.Context, s harness.Strike, h harness.Host, paused status) error {
	var from int64 // the revision at which another was first seen to lead
	return await(ctx, fmt.Sprintf("%s tells of another leader and %d revisions since", h.Name(), f.Revisions), func() (bool, string, error) {
		now, seen, err := statusOf(ctx, s, h)
		if err != nil || seen != "" {
			return false, seen, err
		}
		if now.Leader == 0 || now.Leader == paused.Header.Member {
			return false, "no other leader yet", nil
		}
		if from == 0 {
			from = max(now.Header.Revision, paused.Header.Revision)
		}
		return now.Header.Revision >= from+f.Revisions, fmt.Sprintf("revision %d, and from %d on another leads", now.Header.Revision, from), nil
	})
}

// status is what a member tells of itself.
type status struct {
	Header struct {
		Member   uint64 `json:"member_id"`
		Revision int64  `json:"revision"`
	} `json:"header"`
	Leader uint64 `json:"leader"` // 0: it knows none
}

// statusOf asks the member on a host. seen is why it did not tell, "" if it did;
// an error is the harness's.
func statusOf(ctx context.Context, s harness.Strike, h harness.Host) (told status, seen string, err error) {
	out, err := etcdctl(ctx, s, h, "endpoint status --write-out=json")
	if err != nil {
		return status{}, "", err
	}
	if out.ExitCode != 0 {
		return status{}, out.Stderr, nil
	}
	var list []struct{ Status status }
	err = json.Unmarshal([]byte(out.Stdout), &list)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%d members answered", len(list))
	}
	if err != nil {
		return status{}, "", fmt.Errorf("ask etcd on %s for its status: %w in %q", h.Name(), err, out.Stdout)
	}
	return list[0].Status, "", nil
}

// etcdctl asks a host's etcd, from that host.
func etcdctl(ctx context.Context, s harness.Strike, h harness.Host, args string) (harness.Output, error) {
	text, err := s.Render("{{etcdctl name}} "+args, h.Name())
	if err != nil {
		return harness.Output{}, err
	}
	return h.Run(ctx, text)
}

// lookEvery separates the looks at a condition that a host must be asked about.
const lookEvery = 50 * time.Millisecond

// await looks until a condition holds. When ctx ends first, the error names the
// condition and what was seen last.
func await(ctx context.Context, what string, look func() (ok bool, seen string, err error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := "nothing"
	for {
		ok, seen, err := look()
		if ok || (err != nil && ctx.Err() == nil) {
			return err
		}
		if ctx.Err() == nil {
			last = seen
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w; last seen: %s", what, context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}
