package workload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

// A cache follows every kind of change, and takes no notice of leased keys nor
// of others' keys.
func TestCacheFollows(t *testing.T) {
	cluster := startCluster(t, 1)
	c := dialed(t, cluster)
	// More keys than a page, so that the list has several.
	for i := range pageKeys + 10 {
		set(t, c, fmt.Sprintf("%sg0/other/k%d", prefix, i), "there before")
	}
	traffic := steadyTraffic(t, cluster)
	watched, other, elsewhere := prefix+"g0/other/x", prefix+"lease/other", "/elsewhere"
	for _, key := range []string{watched, other, elsewhere} {
		set(t, c, key, "created")
	}
	holds := func(want string, revision int64) {
		t.Helper()
		eventually(t, "caches hold the change", func() error {
			for _, cache := range traffic.caches {
				if is, ok := heldBy(cache, watched); ok != (want != "") || ok && is != (version{revision, ledger.Hash([]byte(want))}) {
					return fmt.Errorf("%s: %v, there: %v", cache.name, is, ok)
				}
			}
			return nil
		})
	}
	holds("created", set(t, c, watched, "created"))
	holds("updated", set(t, c, watched, "updated"))
	if _, err := c.Delete(t.Context(), watched); err != nil {
		t.Fatal(err)
	}
	holds("", 0)
	for _, cache := range traffic.caches {
		for _, key := range []string{other, elsewhere} {
			if is, ok := heldBy(cache, key); ok {
				t.Errorf("%s holds %s: %v", cache.name, key, is)
			}
		}
	}
	for _, rec := range stopped(t, traffic) {
		if !fresh(rec, harness.CacheBorn) || len(rec.Stale) > 0 {
			t.Errorf("%+v, %+v", rec, rec.Compared)
		}
		if first := rec.Lists[0]; first.Keys < pageKeys+10 || rec.Compared.Keys <= first.Keys-10 {
			t.Errorf("%+v, %+v", rec, rec.Compared)
		}
	}
}

// A member that comes back with its data finds the cache where it was: it watches
// from the revision after the last that it saw, and lists nothing.
func TestCacheReconnects(t *testing.T) {
	cluster := startCluster(t, 1)
	traffic := steadyTraffic(t, cluster)
	if err := cluster.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	var last []int64
	for _, cache := range traffic.caches {
		eventually(t, "the stream is seen to be broken", func() error {
			if cache.watch.connected() {
				return fmt.Errorf("%s is connected", cache.name)
			}
			return nil
		})
		from, ok := cache.from(t.Context(), nil) // no client: it must not list
		last = append(last, cache.record().Last)
		if !ok || from != last[len(last)-1]+1 {
			t.Errorf("%s watches from %d, and saw %d last", cache.name, from, last[len(last)-1])
		}
	}
	if err := cluster.Members[0].Start(); err != nil {
		t.Fatal(err)
	}
	for i, cache := range traffic.caches {
		eventually(t, "the cache sees more", func() error {
			if rec := cache.record(); rec.Last <= last[i] {
				return fmt.Errorf("%+v", rec)
			}
			return nil
		})
	}
	for _, rec := range stopped(t, traffic) {
		if !fresh(rec, harness.CacheBorn) || len(rec.Stale) > 0 {
			t.Errorf("%+v, %+v", rec, rec.Compared)
		}
	}
}

// A snapshot is restored in place, and revisions are not bumped: nobody tells the
// caches. The comparison does.
func TestCacheIsStaleAfterARestore(t *testing.T) {
	cluster := startCluster(t, 1)
	traffic := steadyTraffic(t, cluster)
	restored := rewind(t, cluster, traffic)
	// Beyond what they saw, so that their watches deliver again.
	awaitRevision(t, cluster, traffic.caches[0].record().Last+20)
	for _, rec := range stopped(t, traffic) {
		found := rec.Compared
		if found == nil || found.Equal() || len(rec.Lists) != 1 {
			t.Fatalf("%+v, %+v", rec, found)
		}
		// It has what was written after the snapshot, and never saw what was
		// written anew at those revisions.
		if found.Missing == 0 || found.Surplus == 0 || found.Revision < rec.Last || len(found.Differing) != mostDiffering {
			t.Errorf("%+v", found)
		}
		for _, key := range found.Differing {
			if !strings.HasPrefix(key, prefix+"g") {
				t.Errorf("it names %q", key)
			}
		}
		if len(rec.Stale) != 1 || rec.Stale[0].Since < restored || rec.Stale[0].Until != found.At {
			t.Errorf("stale %+v, restored at %s, compared at %s", rec.Stale, restored, found.At)
		}
	}
}

// The same restore, and the components are restarted.
func TestRestartMakesCachesFresh(t *testing.T) {
	cluster := startCluster(t, 1)
	traffic := steadyTraffic(t, cluster)
	rewind(t, cluster, traffic)
	for _, cache := range traffic.caches {
		eventually(t, "it is served the other history", func() error {
			if len(cache.record().Stale) == 0 {
				return fmt.Errorf("%s is not", cache.name)
			}
			return nil
		})
	}
	began := traffic.cfg.Clock()
	if err := traffic.RestartCaches(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	ended := traffic.cfg.Clock()
	for _, rec := range stopped(t, traffic) {
		if !fresh(rec, harness.CacheBorn, harness.CacheRestarted) || rec.Lists[1].At < began || rec.Lists[1].At > ended {
			t.Errorf("%+v, %+v; restarted from %s to %s", rec, rec.Compared, began, ended)
		}
		if len(rec.Stale) != 1 || rec.Stale[0].Since >= began || rec.Stale[0].Until != rec.Lists[1].At {
			t.Errorf("%+v", rec)
		}
	}
}

// Revisions are bumped and marked compacted: every cache is told, and lists.
func TestCacheIsToldOfABumpedRestore(t *testing.T) {
	cluster := startCluster(t, 1)
	traffic := steadyTraffic(t, cluster)
	rewind(t, cluster, traffic, "--bump-revision=1000000000", "--mark-compacted")
	for _, rec := range stopped(t, traffic) {
		if !fresh(rec, harness.CacheBorn, harness.CacheTold) || rec.Lists[1].Revision < 1_000_000_000 || len(rec.Stale) > 0 {
			t.Errorf("%+v, %+v", rec, rec.Compared)
		}
	}
}

// In a cluster whose revisions are far below, a cache waits for what never comes,
// and follows it only when it is restarted.
func TestCacheAheadOfTheCluster(t *testing.T) {
	first, second := startCluster(t, 1), startCluster(t, 1)
	c := dialed(t, first)
	traffic := steadyTraffic(t, first)
	awaitRevision(t, first, 400)
	ahead := set(t, c, prefix+"g0/other/x", "far ahead")
	for _, cache := range traffic.caches {
		eventually(t, "it is far ahead", func() error {
			if rec := cache.record(); rec.Last < ahead {
				return fmt.Errorf("%+v", rec)
			}
			return nil
		})
	}
	traffic.NextGeneration()
	if err := traffic.Announce(second.Endpoints()); err != nil {
		t.Fatal(err)
	}
	if err := traffic.AwaitWriters(within(t, 20*time.Second), 5); err != nil {
		t.Fatal(err)
	}
	// Stopped before the cluster's revision passes theirs.
	for _, rec := range stopped(t, traffic) {
		if rec.Compared == nil || rec.Compared.Revision > rec.Last || rec.Compared.Missing < 10 || rec.Compared.Surplus < 10 || len(rec.Stale) != 1 {
			t.Errorf("%+v, %+v", rec, rec.Compared)
		}
	}
}

// What cannot be compared is said to be so, and why.
func TestCacheThatCannotBeCompared(t *testing.T) {
	cluster := startCluster(t, 1)
	traffic := steadyTraffic(t, cluster)
	if err := cluster.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	// No component comes up while etcd does not serve.
	if err := traffic.RestartCaches(ctx); err == nil || !strings.Contains(err.Error(), "kube-apiserver has not") {
		t.Errorf("%v", err)
	}
	for _, rec := range stopped(t, traffic) {
		if rec.Compared != nil || !strings.Contains(rec.Error, "could not be read") || len(rec.Lists) != 1 {
			t.Errorf("%+v", rec)
		}
	}
	if err := traffic.RestartCaches(t.Context()); err != nil {
		t.Errorf("a restart after the end: %v", err)
	}
}

func TestDifference(t *testing.T) {
	there := versions{"a": {2, 20}, "b": {3, 30}, "c": {4, 40}}
	for name, c := range map[string]struct {
		held                    versions
		stale, missing, surplus int
		differing               string
	}{
		"equal":                    {versions{"a": {2, 20}, "b": {3, 30}, "c": {4, 40}}, 0, 0, 0, "[]"},
		"another revision":         {versions{"a": {2, 20}, "b": {2, 30}, "c": {4, 40}}, 1, 0, 0, "[b]"},
		"the revision, once again": {versions{"a": {2, 20}, "b": {3, 31}, "c": {4, 40}}, 1, 0, 0, "[b]"},
		"one that is gone":         {versions{"a": {2, 20}, "b": {3, 30}, "c": {4, 40}, "d": {1, 10}}, 0, 0, 1, "[d]"},
		"nothing":                  {nil, 0, 3, 0, "[a b c]"},
		"many":                     {versions{"k1": {}, "k2": {}, "k3": {}}, 0, 3, 3, "[a b c k1 k2]"},
	} {
		d := difference(c.held, there)
		if d.Stale != c.stale || d.Missing != c.missing || d.Surplus != c.surplus || d.Keys != 3 || fmt.Sprint(d.Differing) != c.differing || d.Equal() != (name == "equal") {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// rewind saves a snapshot, lets the history go on, and restores the snapshot in
// the member's place. It returns when the old history had ended.
func rewind(t *testing.T, cluster *localetcd.Cluster, traffic *Traffic, flags ...string) (ended time.Duration) {
	t.Helper()
	member, file := cluster.Members[0], filepath.Join(t.TempDir(), "snapshot.db")
	tool(t, "etcdctl", "--endpoints="+member.Endpoint, "snapshot", "save", file)
	if err := traffic.AwaitWriters(within(t, 20*time.Second), 20); err != nil {
		t.Fatal(err)
	}
	traffic.NextGeneration()
	if err := member.Kill(); err != nil {
		t.Fatal(err)
	}
	ended = traffic.cfg.Clock()
	if err := os.RemoveAll(member.Dir); err != nil {
		t.Fatal(err)
	}
	tool(t, "etcdutl", append([]string{
		"snapshot", "restore", file, "--data-dir=" + member.Dir, "--name=" + member.Name,
		"--initial-cluster=" + cluster.InitialCluster(), "--initial-advertise-peer-urls=" + member.PeerURL(),
	}, flags...)...)
	traffic.NextGeneration()
	if err := member.Start(); err != nil {
		t.Fatal(err)
	}
	if err := traffic.AwaitWriters(within(t, 20*time.Second), 5); err != nil {
		t.Fatal(err)
	}
	return ended
}

func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd, err := localetcd.Tool(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func dialed(t *testing.T, cluster *localetcd.Cluster) *clientv3.Client {
	t.Helper()
	c, err := client.New(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func set(t *testing.T, c *clientv3.Client, key, value string) (revision int64) {
	t.Helper()
	resp, err := c.Put(t.Context(), key, value)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Header.Revision
}

func steadyTraffic(t *testing.T, cluster *localetcd.Cluster) *Traffic {
	t.Helper()
	traffic := startTraffic(t, config(t, &book{}, cluster.Endpoints()))
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 20); err != nil {
		t.Fatal(err)
	}
	return traffic
}

// stopped stops the traffic, and returns both caches.
func stopped(t *testing.T, traffic *Traffic) []harness.CacheRecord {
	t.Helper()
	if _, err := traffic.Stop(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	list := traffic.Caches()
	if len(list) != 2 || list[0].Name != "kube-apiserver" || list[1].Name != "kube-controller-manager" {
		t.Fatalf("%+v", list)
	}
	return list
}

func heldBy(c *cache, key string) (is version, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is, ok = c.held[key]
	return is, ok
}

// fresh tells whether a cache listed for these reasons and is right in the end.
func fresh(rec harness.CacheRecord, reasons ...harness.ListReason) bool {
	if rec.Compared == nil || !rec.Compared.Equal() || len(rec.Lists) != len(reasons) || rec.Error != "" {
		return false
	}
	for i, l := range rec.Lists {
		if l.Reason != reasons[i] {
			return false
		}
	}
	return true
}

// A cache is compared with what was read only while it is known to be where the
// read was: not behind it, not beyond it, and not about to list.
func TestWhenACacheIsCompared(t *testing.T) {
	there := versions{"a": {7, 70}}
	for name, c := range map[string]struct {
		alter func(*cache)
		want  bool
	}{
		"at the revision":                {func(*cache) {}, true},
		"complete beyond it":             {func(c *cache) { c.complete = 12 }, true},
		"ahead, of another history":      {func(c *cache) { c.last, c.heard = 50, 0 }, true},
		"behind":                         {func(c *cache) { c.complete = 9 }, false},
		"moved on since the read":        {func(c *cache) { c.last, c.heard, c.complete = 11, 11, 11 }, false},
		"told, or restarted: it is lost": {func(c *cache) { c.asked++ }, false},
	} {
		is := &cache{
			t:    &Traffic{cfg: Config{Clock: func() time.Duration { return time.Second }}},
			held: versions{"a": {7, 70}}, last: 10, heard: 7, complete: 10, asked: 1, met: 1,
		}
		c.alter(is)
		if got := is.settled(there, 10); got != c.want || (is.record().Compared != nil) != c.want {
			t.Errorf("%s: %v, %+v", name, got, is.rec.Compared)
		}
		if due := is.met < is.asked; due && is.opened(t.Context(), nil, 11) {
			t.Errorf("%s: it stays with a stream that continues what it is to drop", name)
		}
	}
}
