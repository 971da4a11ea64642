package workload

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
)

// A watcher whose revision was compacted away while it was cut off is told so,
// and says it.
func TestWatcherIsToldOfCompaction(t *testing.T) {
	first, second := startCluster(t, 1), startCluster(t, 1)
	ahead := startTraffic(t, config(t, &book{}, second.Endpoints()))
	if err := ahead.AwaitSteady(within(t, 20*time.Second), 60); err != nil {
		t.Fatal(err)
	}
	if _, err := ahead.Stop(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	traffic := startTraffic(t, config(t, &book{}, first.Endpoints()))
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	compact(t, second)
	if err := traffic.Announce(second.Endpoints()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the watcher is told", func() error {
		rec := traffic.watcher.record()
		if !strings.Contains(rec.Told, "compacted") || rec.ToldAt == 0 {
			return fmt.Errorf("%+v", rec)
		}
		return nil
	})
	// That is its end: it is not told twice.
	told := traffic.watcher.record()
	if err := traffic.AwaitCalm(within(t, 20*time.Second), told.ToldAt, 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if again := traffic.watcher.record(); again != told {
		t.Errorf("%+v, and later %+v", told, again)
	}
}

// The watcher is waited for until it is known to be complete, and no longer
// than promised.
func TestDrain(t *testing.T) {
	cluster := startCluster(t, 1)
	c, err := client.New(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	traffic := startTraffic(t, config(t, &book{}, cluster.Endpoints()))
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	traffic.stopIssue()
	traffic.issuers.Wait()
	// No event will tell of a change elsewhere: only asking for progress does.
	resp, err := c.Put(t.Context(), "/elsewhere", "x")
	if err != nil {
		t.Fatal(err)
	}
	traffic.watcher.drain(t.Context(), resp.Header.Revision)
	if rec := traffic.watcher.record(); rec.Progress < resp.Header.Revision || rec.Last >= resp.Header.Revision {
		t.Errorf("%+v is not known to be complete up to %d", rec, resp.Header.Revision)
	}
	// A revision that never comes: the stream is opened anew meanwhile, and
	// nothing is seen twice for that.
	before := traffic.watcher.record()
	begun := time.Now()
	traffic.watcher.drain(within(t, nudge+500*time.Millisecond), resp.Header.Revision+1)
	if took := time.Since(begun); took < nudge || took > catchUp {
		t.Errorf("it took %s", took)
	}
	if after := traffic.watcher.record(); after.Events != before.Events || after.Last != before.Last {
		t.Errorf("%+v, before %+v", after, before)
	}
}

func checkWatched(t *testing.T, ops []harness.Operation, events []harness.WatchEvent, watched harness.WatcherRecord) {
	t.Helper()
	seen := map[string]harness.WatchEvent{}
	for _, e := range events {
		id := fmt.Sprintf("%s@%d", e.Key, e.Revision)
		if _, twice := seen[id]; twice {
			t.Errorf("%+v was seen twice", e)
		}
		seen[id] = e
	}
	if !watched.Opened || watched.Told != "" || watched.Events != int64(len(events)) {
		t.Errorf("%+v with %d events", watched, len(events))
	}
	for _, op := range ops {
		if op.Outcome != harness.Acked || !op.Effective || op.Revision < watched.From {
			continue
		}
		for _, e := range op.Effects {
			got, ok := seen[fmt.Sprintf("%s@%d", e.Key, op.Revision)]
			if !ok || got.Delete != e.Delete || got.Value != e.Value {
				t.Errorf("%v: the watcher saw %+v (at all: %v)", op, got, ok)
			}
		}
	}
}
