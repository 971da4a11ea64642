package rehearse

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// taken is a snapshot of an etcd in which do was done, as etcdctl saves it.
func taken(t *testing.T, do func(ctx context.Context, c *clientv3.Client) error, login []string, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a cluster")
	}
	cluster := localetcd.New(t.TempDir(), 1, args...)
	defer func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := await(ctx, "etcd serves", func(ctx context.Context) (bool, string) {
		_, err := c.Put(ctx, "first", "value-of-first")
		return err == nil, fmt.Sprint(err)
	}, func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	if err := do(ctx, c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "taken.db")
	save, err := localetcd.Tool("etcdctl", append([]string{"--endpoints=" + cluster.Members[0].Endpoint, "snapshot", "save", path}, login...)...)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := save.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func withAuth(ctx context.Context, c *clientv3.Client) error {
	_, e1 := c.UserAdd(ctx, "root", "secret")
	_, e2 := c.UserGrantRole(ctx, "root", "root")
	_, e3 := c.UserAdd(ctx, "app", "app-secret")
	_, e4 := c.AuthEnable(ctx)
	return errors.Join(e1, e2, e3, e4)
}

// Authentication does not defeat a rehearsal: what can be seen without a user is
// seen, the rest is inconclusive with a hint, and root sees all.
func TestASnapshotWithAuthentication(t *testing.T) {
	path := taken(t, withAuth, []string{"--user=root:secret"})
	rt := onProcess(t)
	unseen := map[string]harness.Verdict{
		"snapshot-whole": held, "restored-everywhere": held, "members-serve": inconclusive, "members-agree": inconclusive,
		"hashes-equal": inconclusive, "takes-writes": inconclusive, "survives-member-loss": inconclusive, "enough-keys": held,
	}
	nobody := rehearsed(t, rt, Options{Snapshot: path, MinKeys: 1})
	expect(t, nobody, inconclusive, unseen)
	if !nobody.Snapshot.Auth || nobody.Keys == nil || *nobody.Keys != 1 || !strings.Contains(strings.Join(nobody.Notes, "\n"), "--user") {
		t.Errorf("%+v, %v, %q", nobody.Snapshot, nobody.Keys, nobody.Notes)
	}
	root := rehearsed(t, rt, Options{Snapshot: path, MinKeys: 1, As: observe.Login{Name: "root", Password: "secret"}})
	expect(t, root, held, nil)
	delete(unseen, "enough-keys")
	for _, as := range []observe.Login{{Name: "root", Password: "wrong"}, {Name: "app", Password: "app-secret"}} {
		r := rehearsed(t, rt, Options{Snapshot: path, As: as})
		if r.Verdict != inconclusive || verdicts(r)["hashes-equal"].Verdict != inconclusive || verdicts(r)["takes-writes"].Verdict != inconclusive {
			expect(t, r, inconclusive, unseen)
		}
		for _, f := range r.Findings {
			if strings.Contains(f.Detail, as.Password) {
				t.Errorf("the password is in %s: %s", f.Check, f.Detail)
			}
		}
	}
}

// An alarm comes back with the backup, and such a cluster takes no writes.
func TestASnapshotWithAnAlarm(t *testing.T) {
	path := taken(t, func(ctx context.Context, c *clientv3.Client) error {
		for i := range 1000 {
			if _, err := c.Put(ctx, fmt.Sprintf("filler/%03d", i), strings.Repeat("x", 64<<10)); errors.Is(err, rpctypes.ErrNoSpace) {
				return nil
			} else if err != nil {
				return err
			}
		}
		return errors.New("the quota was never used up")
	}, nil, "--quota-backend-bytes=8388608")
	r := rehearsed(t, onProcess(t), Options{Snapshot: path})
	expect(t, r, violated, map[string]harness.Verdict{"no-alarm": violated, "takes-writes": violated, "survives-member-loss": inconclusive, "hashes-equal": held, "members-agree": held})
	if !slices.Equal(r.Snapshot.Alarms, []string{"NOSPACE"}) {
		t.Errorf("%q", r.Snapshot.Alarms)
	}
}

// Leases, compacted history and deletions: what counts is what there is at the
// snapshot's revision, whatever expires meanwhile.
func TestASnapshotWithAPast(t *testing.T) {
	var last int64
	path := taken(t, func(ctx context.Context, c *clientv3.Client) error {
		lease, err := c.Grant(ctx, 5)
		if err != nil {
			return err
		}
		// It lasts until the snapshot is saved and c is closed, however long that takes.
		renewed, err := c.KeepAlive(ctx, lease.ID)
		if err != nil {
			return err
		}
		go func() {
			for range renewed {
			}
		}()
		for i := range 20 {
			if _, err := c.Put(ctx, fmt.Sprintf("/app/%d", i%10), fmt.Sprint(i), clientv3.WithLease(lease.ID)); err != nil {
				return err
			}
		}
		gone, err := c.Delete(ctx, "/app/9")
		if err != nil {
			return err
		}
		last = gone.Header.Revision
		_, err = c.Compact(ctx, last)
		return err
	}, nil)
	r := rehearsed(t, onProcess(t), Options{Snapshot: path, MinKeys: 10, Revision: last})
	expect(t, r, held, nil)
	if r.Snapshot.Revision != last || r.Snapshot.Compacted != last || r.Snapshot.Leases != 1 || *r.Keys != 10 || !slices.Equal(r.Snapshot.TakenOf, []string{"m1"}) {
		t.Errorf("%+v, %d keys", r.Snapshot, *r.Keys)
	}
	if rows := rowsOf(r.Census); !slices.Equal(rows, []string{`"" 1`, `"/app/" 9`}) {
		t.Errorf("%q", rows)
	}
}

// What is wrong with a flag is not the backup's fault.
func TestAFlagThatEtcdDoesNotTake(t *testing.T) {
	_, err := Run(t.Context(), onProcess(t), Options{Snapshot: aFile(t, 10), Members: 1, EtcdArgs: []string{"--no-such-flag=1"}})
	if err == nil || !strings.Contains(err.Error(), "does not start") || !strings.Contains(err.Error(), "\nhint: ") {
		t.Errorf("%v", err)
	}
	r := rehearsed(t, onProcess(t), Options{Snapshot: aFile(t, 10), Members: 1, EtcdArgs: []string{"--snapshot-count=5000"}})
	expect(t, r, held, nil)
}
