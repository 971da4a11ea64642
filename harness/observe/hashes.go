package observe

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

const (
	// hashTimeout bounds one HashKV, which reads everything the member holds
	// (measured: 1.2 s for 1 GiB on three members at once, on 2 cores).
	hashTimeout = time.Minute
	// catchUpTimeout bounds the wait for a member that has yet to apply the
	// revision that is asked for.
	catchUpTimeout = 10 * time.Second
	catchUpPoll    = 20 * time.Millisecond
)

// levelTimeout bounds the wait for a compaction that one member has applied and
// another has yet to.
const levelTimeout = 2 * time.Second

// Hashes asks every target for its HashKV at one revision, all at once, each as
// soon as it has applied that revision (10 s at most). Hashes are comparable
// where CompactRevision is the same too: while it is not, all are asked again,
// for 2 s.
func Hashes(ctx context.Context, targets []Target, revision int64) []harness.MemberHash {
	return HashesWithin(ctx, targets, revision, hashTimeout)
}

// HashesWithin is Hashes for members that hold so much that the hashing itself
// needs so long.
func HashesWithin(ctx context.Context, targets []Target, revision int64, limit time.Duration) []harness.MemberHash {
	return hashes(ctx, targets, revision, len(targets), limit)
}

// hashes is Hashes with at most so many members hashing at the same time.
func hashes(ctx context.Context, targets []Target, revision int64, abreast int, limit time.Duration) []harness.MemberHash {
	deadline := time.Now().Add(levelTimeout)
	for {
		hashes := hashesNow(ctx, targets, revision, abreast, limit, catchUpTimeout)
		if level(hashes) || time.Now().After(deadline) || ctx.Err() != nil {
			return hashes
		}
	}
}

// level tells whether all members that were hashed are compacted alike.
func level(hashes []harness.MemberHash) bool {
	var first *harness.MemberHash
	for i := range hashes {
		if hashes[i].Error != "" {
			continue
		}
		if first == nil {
			first = &hashes[i]
		}
		if hashes[i].CompactRevision != first.CompactRevision {
			return false
		}
	}
	return true
}

func hashesNow(ctx context.Context, targets []Target, revision int64, abreast int, limit, patience time.Duration) []harness.MemberHash {
	turns := make(chan struct{}, abreast)
	return each(targets, func(t Target) harness.MemberHash {
		hash := harness.MemberHash{Host: t.Host, Revision: revision}
		err := with([]Target{t}, func(c *clientv3.Client) error {
			var err error
			if hash.Reached, err = awaitRevision(ctx, c, t, revision, patience); err != nil {
				return err
			}
			turns <- struct{}{}
			defer func() { <-turns }()
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			resp, err := c.HashKV(ctx, t.Endpoint, revision)
			if err != nil {
				return fmt.Errorf("ask etcd on %s for its hash at revision %d: %w", t.Host, revision, err)
			}
			hash.Hash, hash.CompactRevision = resp.Hash, resp.CompactRevision
			// Answered since 3.6: the revision that was really hashed.
			if resp.HashRevision != 0 && resp.HashRevision != revision {
				return fmt.Errorf("etcd on %s hashed revision %d instead of %d", t.Host, resp.HashRevision, revision)
			}
			return nil
		})
		if err != nil {
			return harness.MemberHash{Host: t.Host, Revision: revision, Reached: hash.Reached, Error: err.Error()}
		}
		return hash
	})
}

// awaitRevision waits until the member has applied a revision. behind is how far
// it had come when it was asked for the last time, at the end of the patience,
// and answered: 0 where anything else ended the wait, for then it may only have
// been slow.
func awaitRevision(ctx context.Context, c *clientv3.Client, t Target, revision int64, patience time.Duration) (behind int64, err error) {
	deadline := time.Now().Add(patience)
	reached, answered := int64(0), false
	tick := time.NewTicker(catchUpPoll)
	defer tick.Stop()
	for {
		last := !time.Now().Before(deadline)
		asked, cancel := context.WithTimeout(ctx, askTimeout)
		says, err := c.Status(asked, t.Endpoint)
		cancel()
		switch {
		case err != nil && (last || !answered || !timedOut(err)):
			return 0, fmt.Errorf("ask etcd on %s how far it is: %w", t.Host, err)
		case err != nil:
			// It answered before and is slow: it is asked again.
		case says.Header.Revision >= revision:
			return 0, nil
		default:
			reached, answered = says.Header.Revision, true
		}
		if last {
			return reached, fmt.Errorf("wait until etcd on %s has applied revision %d: not within %s; last seen: %d", t.Host, revision, patience, reached)
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("wait until etcd on %s has applied revision %d: %w; last seen: %d", t.Host, revision, ctx.Err(), reached)
		case <-tick.C:
		}
	}
}

// Redundant tells whether every target is a healthy voter of one cluster of so
// many voters and nobody else, caught up, with the same hash. If not, last says
// what is missing. It is a condition to poll: hashes are asked for only once
// all else holds.
func Redundant(ctx context.Context, targets []Target, voters int) (ok bool, last string) {
	if len(targets) != voters {
		return false, fmt.Sprintf("%d hosts for %d voters", len(targets), voters)
	}
	views := Members(ctx, targets)
	revision := int64(0)
	for _, v := range views {
		if lacks := unfit(v, views[0], voters); lacks != "" {
			return false, v.Host + ": " + lacks
		}
		revision = max(revision, v.Revision)
	}
	hashes := Hashes(ctx, targets, revision)
	for _, h := range hashes {
		switch first := hashes[0]; {
		case h.Error != "":
			return false, h.Host + ": " + h.Error
		case h.CompactRevision != first.CompactRevision:
			// One compacts a moment before the other: to be asked again.
			return false, fmt.Sprintf("%s is compacted at %d, %s at %d", h.Host, h.CompactRevision, first.Host, first.CompactRevision)
		case h.Hash != first.Hash:
			return false, fmt.Sprintf("at revision %d the hash of %s is %08x, of %s %08x", revision, h.Host, h.Hash, first.Host, first.Hash)
		}
	}
	return true, ""
}

// unfit says what keeps a member from counting, "" if nothing does.
func unfit(v, first harness.MemberView, voters int) string {
	switch {
	case v.Error != "":
		return v.Error
	case !v.Serves:
		return "it does not serve: " + v.ServeError
	case v.ClusterID != first.ClusterID:
		return fmt.Sprintf("it is of cluster %x, %s of %x", v.ClusterID, first.Host, first.ClusterID)
	case len(v.Members) != voters:
		return fmt.Sprintf("it knows %d members of %d", len(v.Members), voters)
	}
	for _, m := range v.Members {
		if m.Learner || m.Name == "" {
			return fmt.Sprintf("member %x is a learner or never started", m.ID)
		}
	}
	return ""
}
