package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// look asks the members what they are, and counts the keys. What cannot be asked
// is not seen, and no error.
func (r *rehearsal) look(ctx context.Context) error {
	if r.blind() {
		return ctx.Err() // the members tell nobody anything
	}
	limit := r.weight(lookDeadline)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	targets := r.targets()
	r.seen.views = observe.Views(ctx, targets)
	for i, v := range r.seen.views {
		if v.Error != "" {
			r.note("%s could not be asked what it is: %s", v.Host, v.Error)
			continue
		}
		m := r.members[i]
		m.report.Version, m.report.MemberID = v.Version, strconv.FormatUint(v.MemberID, 16)
		if size, err := observe.DBSize(ctx, targets[i]); err == nil {
			m.report.DBBytes = size
		}
	}
	if id, one := oneCluster(r.seen.views); one {
		r.report.Cluster = strconv.FormatUint(id, 16)
	}
	if r.o.NoKeys {
		return r.count(ctx, targets[0])
	}
	return r.census(ctx, targets[0])
}

func oneCluster(views []harness.MemberView) (id uint64, one bool) {
	for i, v := range views {
		if v.Error != "" || i > 0 && v.ClusterID != id {
			return 0, false
		}
		id = v.ClusterID
	}
	return id, len(views) > 0
}

func (r *rehearsal) count(ctx context.Context, t observe.Target) error {
	keys, err := observe.Count(ctx, t, r.report.Snapshot.Revision)
	return r.counted(ctx, keys, err)
}

func (r *rehearsal) census(ctx context.Context, t observe.Target) error {
	r.say(harness.StepEvent, "", "counting the keys")
	begun := time.Now()
	var c census
	err := observe.Keys(ctx, t, r.report.Snapshot.Revision, c.add)
	if err == nil {
		r.report.Census = c.sum()
		r.report.Phases.Census = milliseconds(time.Since(begun))
		r.say(harness.StepEvent, "", "%d keys, %s of keys and values", c.keys, mebibytes(c.bytes))
	}
	return r.counted(ctx, c.keys, err)
}

func (r *rehearsal) counted(ctx context.Context, keys int64, err error) error {
	switch {
	case err == nil:
		r.report.Keys = &keys
	case errors.Is(context.Cause(ctx), context.Canceled):
		return err
	default:
		r.seen.uncounted = err.Error()
		r.note("the keys could not be counted: %v", err)
	}
	return nil
}

// status has etcdutl on a host count the keys in the file: the cluster will tell
// nobody. What etcdutl complains of is not shown: it prints keys and values. Before
// 3.6 it calls every record of the file a key: old revisions, users and leases too.
func (r *rehearsal) status(ctx context.Context, m *member) error {
	if before, known := newer("3.6", r.etcd); before || !known {
		r.seen.uncounted = fmt.Sprintf("etcdutl %s does not tell keys from what else the file holds%s", r.etcd, asUser)
		return nil
	}
	out, err := m.host.Run(ctx, "etcdutl snapshot status "+snapshotPath+" --write-out json")
	if err != nil {
		return err
	}
	var status struct {
		TotalKey *int64 `json:"totalKey"`
	}
	if out.ExitCode != 0 || json.Unmarshal([]byte(out.Stdout), &status) != nil || status.TotalKey == nil {
		r.seen.uncounted = fmt.Sprintf("etcdutl snapshot status ended with status %d", out.ExitCode)
		return nil
	}
	r.report.Keys = status.TotalKey
	return nil
}

// copy reads our copy of the snapshot.
func (r *rehearsal) copy() io.Reader { return io.NewSectionReader(r.scratch, 0, r.report.Source.Bytes) }

// refused tells of an answer that etcd gave because of who asked.
func refused(err error) bool {
	for _, no := range []error{
		rpctypes.ErrUserEmpty, rpctypes.ErrPermissionDenied, rpctypes.ErrInvalidAuthToken, rpctypes.ErrAuthFailed, rpctypes.ErrAuthOldRevision,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
