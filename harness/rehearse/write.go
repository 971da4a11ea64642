package rehearse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

const (
	ourPrefix = "/firedrill/rehearsal/"
	ourValue  = "put by a rehearsal"
	// tryWithin bounds one try of a write: one that was sent to a member without a
	// leader would wait there long after the others have elected one.
	tryWithin   = 500 * time.Millisecond
	loginWithin = 5 * time.Second // etcd makes the checking of a password slow on purpose
)

// trial is what became of a write. The zero value: it was not tried.
type trial struct {
	held    bool
	refused string // etcd will not do it for whoever asks
	failed  string // it did not do it
}

// tried sorts the outcome of a write.
func tried(err error) trial {
	switch {
	case err == nil:
		return trial{held: true}
	case refused(err):
		return trial{refused: err.Error()}
	}
	return trial{failed: err.Error()}
}

// ourKey is a key that nobody else can have: a random one below a prefix of ours,
// and it is put only if there is none.
func ourKey() string { return ourPrefix + rand.Text() }

// dial opens a client of these members, as the user's own user where the snapshot
// has authentication.
func (r *rehearsal) dial(members []*member) (*clientv3.Client, error) {
	var endpoints []string
	for _, m := range members {
		endpoints = append(endpoints, m.host.ClientAddress())
	}
	if r.report.Snapshot.Auth && r.o.As.Name != "" {
		return client.NewUser(endpoints, nil, r.o.As.Name, r.o.As.Password, loginWithin)
	}
	return client.New(endpoints, nil)
}

// put puts a key, and tries again until that is acknowledged, refused for good, or
// ctx ends.
func (r *rehearsal) put(ctx context.Context, what, key string, through []*member) error {
	var c *clientv3.Client
	defer func() {
		if c != nil {
			_ = c.Close() // it was only asked
		}
	}()
	var last error
	err := await(ctx, what, func(ctx context.Context) (bool, string) {
		if c == nil {
			if c, last = r.dial(through); last != nil {
				return false, last.Error()
			}
		}
		ctx, cancel := context.WithTimeout(ctx, tryWithin)
		defer cancel()
		if last = create(ctx, c, key); last != nil {
			return false, last.Error()
		}
		return true, ""
	}, func() bool { return refused(last) || forGood(last) })
	if err != nil && (refused(last) || forGood(last)) {
		return last
	}
	return err
}

// forGood tells of an error that trying again does not mend.
func forGood(err error) bool {
	return errors.Is(err, rpctypes.ErrNoSpace) || errors.Is(err, rpctypes.ErrCorrupt) || errors.Is(err, errTaken)
}

var errTaken = errors.New("the key that we made up is taken")

func create(ctx context.Context, c *clientv3.Client, key string) error {
	resp, err := c.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, ourValue)).
		Else(clientv3.OpGet(key)).Commit()
	if err != nil || resp.Succeeded {
		return err
	}
	// A try before, whose answer was not heard, may have put it.
	if kvs := resp.Responses[0].GetResponseRange().Kvs; len(kvs) != 1 || string(kvs[0].Value) != ourValue {
		return errTaken
	}
	return nil
}

// firstWrite writes as soon as the cluster takes writes.
func (r *rehearsal) firstWrite(ctx context.Context) {
	limit := r.weight(writeDeadline) + r.weight(serveDeadline)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	r.seen.key = ourKey()
	err := r.put(ctx, "a write is acknowledged", r.seen.key, r.members)
	if err != nil && errors.Is(context.Cause(ctx), errElsewhere) {
		return // there was no cluster to take it
	}
	r.seen.write = tried(err)
	if err != nil {
		r.say(harness.TrialEvent, "", "no write was acknowledged: %v", err)
		return
	}
	now := time.Since(r.start) - r.seen.fetched
	r.report.Phases.FirstAck = milliseconds(now)
	r.say(harness.ServiceEvent, "", "the first write is acknowledged, %.3f s after the file was fetched", now.Seconds())
}

// write reads the first write back, takes it away again, and waits until every
// member has done all that.
func (r *rehearsal) write(ctx context.Context) error {
	if !r.seen.write.held {
		return ctx.Err()
	}
	limit := r.weight(writeDeadline)
	done, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	err := r.undo(done)
	if ctx.Err() != nil {
		return err
	}
	if err != nil && done.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(done), err)
	}
	r.seen.undo = tried(err)
	return nil
}

func (r *rehearsal) undo(ctx context.Context) error {
	c, err := r.dial(r.members)
	if err != nil {
		return fmt.Errorf("read the key back: %w", err)
	}
	defer c.Close()
	resp, err := c.Get(ctx, r.seen.key)
	if err != nil {
		return fmt.Errorf("read the key back: %w", err)
	}
	if len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != ourValue {
		return errors.New("the key that was put, and acknowledged, could not be read back")
	}
	gone, err := c.Delete(ctx, r.seen.key)
	if err != nil {
		return fmt.Errorf("delete the key again: %w", err)
	}
	if gone.Deleted != 1 {
		return errors.New("the key that was put, and read back, could not be deleted again")
	}
	return r.everywhere(func(m *member) error { return r.gone(ctx, m, gone.Header.Revision) })
}

// gone waits until a member has come as far as a revision, and tells whether the
// first write's key is gone there. It asks at that very revision: a try to write
// whose answer was not heard may be applied later.
func (r *rehearsal) gone(ctx context.Context, m *member, revision int64) error {
	if err := observe.Applied(ctx, r.target(m), revision); err != nil {
		return err
	}
	c, err := r.dial([]*member{m})
	if err != nil {
		return fmt.Errorf("look for the deleted key on %s: %w", m.name, err)
	}
	defer c.Close()
	resp, err := c.Get(ctx, r.seen.key, clientv3.WithSerializable(), clientv3.WithRev(revision), clientv3.WithCountOnly())
	if err != nil {
		return fmt.Errorf("look for the deleted key on %s: %w", m.name, err)
	}
	if resp.Count > 0 {
		return fmt.Errorf("the key that was deleted is still there on %s", m.name)
	}
	return nil
}

// fewest members that can lose one.
const fewest = 3

// lose takes the leader's host from the cluster and looks whether writes go on.
// It is the last that is done.
func (r *rehearsal) lose(ctx context.Context) error {
	if len(r.members) < fewest {
		r.note("a cluster of %d cannot lose a member and go on: that was not tried", len(r.members))
		return ctx.Err()
	}
	if !r.seen.undo.held {
		return ctx.Err() // nothing went on that could stop
	}
	victim, leads := r.victim(ctx)
	var left []*member
	for _, m := range r.members {
		if m != victim {
			left = append(left, m)
		}
	}
	victim.mu.Lock()
	victim.off = true
	victim.mu.Unlock()
	begun := time.Now() // of the loss: a large member takes a while to be gone
	if err := victim.host.PowerOff(ctx); err != nil {
		return err
	}
	r.say(harness.TrialEvent, victim.name, "powered off, the member on it %s", leads)
	limit := r.weight(lossDeadline)
	trying, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	err := r.put(trying, "a write is acknowledged without "+victim.name, ourKey(), left)
	if ctx.Err() != nil {
		return err
	}
	r.seen.lost, r.seen.loss = victim.name+" (its member "+leads+")", tried(err)
	if err != nil {
		r.say(harness.TrialEvent, "", "writes do not go on without it: %v", err)
		return nil
	}
	r.report.Phases.MemberLoss = milliseconds(time.Since(begun))
	r.say(harness.TrialEvent, "", "writes go on %d ms after that", r.report.Phases.MemberLoss)
	return nil
}

// victim is the member that is the leader, whose loss is the worst, or where none is
// told of the first; and what it is, for people.
func (r *rehearsal) victim(ctx context.Context) (m *member, leads string) {
	for i, v := range observe.Members(ctx, r.targets()) {
		if v.Error == "" && v.Leader == v.MemberID {
			return r.members[i], "was the leader"
		}
	}
	return r.members[0], "may have been the leader"
}
