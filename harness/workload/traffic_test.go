package workload

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// A quorum is lost and comes back. What clients were told must agree with what
// is there, which is the one thing that this package is for.
func TestThroughADisaster(t *testing.T) {
	cluster := startCluster(t, 3)
	ledger := &book{}
	cfg := config(t, ledger, cluster.Endpoints())
	var mu sync.Mutex
	var changes []bool
	cfg.Serving = func(_ time.Duration, serving bool) { mu.Lock(); changes = append(changes, serving); mu.Unlock() }
	ended := map[harness.Outcome]int{}
	cfg.Ended = func(op harness.Operation) { mu.Lock(); ended[op.Outcome]++; mu.Unlock() }
	traffic := startTraffic(t, cfg)
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 10); err != nil {
		t.Fatal(err)
	}
	if traffic.Stats().Leases.Acked != 5 {
		t.Errorf("%+v: five leased keys were promised", traffic.Stats())
	}
	leases, err := observe.Leases(within(t, 5*time.Second), targets(cluster)[0], traffic.LeaseIDs(), prefix, cfg.Clock)
	if err != nil || len(leases) != 3 {
		t.Fatalf("%v, %v", leases, err)
	}
	idle := 0
	for _, l := range leases {
		granted, keys := leaseTTL, 2
		if traffic.Unrenewed(l.ID) {
			idle++
			granted, keys = idleTTL, 1
		}
		if l.Remaining <= 0 || l.Granted != granted || len(l.Keys) != keys || fmt.Sprint(l.Keys) != fmt.Sprint(l.Found) {
			t.Errorf("%+v", l)
		}
	}
	if idle != 1 {
		t.Errorf("%d leases are not renewed, want one", idle)
	}

	struck := cfg.Clock()
	traffic.NextGeneration()
	moved := cfg.Clock()
	for _, m := range cluster.Members[:2] {
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the outage is noticed", func() error {
		if traffic.Serving() {
			return errors.New("serving")
		}
		return nil
	})
	eventually(t, "writes time out", func() error {
		if s := traffic.Stats(); s.Writes.Unknown < int64(cfg.Traffic.Writers) || s.Stock.Unknown == 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	for _, m := range cluster.Members[:2] {
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
	}
	back := cfg.Clock()
	if err := traffic.AwaitCalm(within(t, 20*time.Second), back, time.Second); err != nil {
		t.Fatal(err)
	}
	watched, err := traffic.Stop(within(t, 20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	ops, events := ledger.read()
	if len(ops) == 0 || traffic.Stats().Writes.Rejected != 0 {
		t.Errorf("%+v", traffic.Stats())
	}
	recorded := map[harness.Outcome]int{}
	for _, op := range ops {
		recorded[op.Outcome]++
	}
	if fmt.Sprint(ended) != fmt.Sprint(recorded) {
		t.Errorf("told of operations by outcome: %v, recorded: %v", ended, recorded)
	}
	checkGenerations(t, ops, struck, moved)
	checkPresent(t, cluster.Members[0].Endpoint, ops)
	checkWatched(t, ops, events, watched)
	mu.Lock()
	defer mu.Unlock()
	for i, serving := range changes {
		if serving != (i%2 == 0) {
			t.Errorf("told of service: %v", changes)
		}
	}
	if len(changes) < 3 {
		t.Errorf("told of service: %v, want it lost and back", changes)
	}
}

func checkGenerations(t *testing.T, ops []harness.Operation, struck, moved time.Duration) {
	t.Helper()
	var of [2]int
	for _, op := range ops {
		if op.Kind == harness.LeaseOp {
			continue
		}
		old := strings.HasPrefix(op.Effects[0].Key, prefix+"g0/")
		if old && op.Call > moved || !old && op.Call < struck {
			t.Errorf("%v is of the wrong generation; it changed between %s and %s", op, struck, moved)
		}
		of[map[bool]int{true: 0, false: 1}[old]]++
	}
	if of[0] == 0 || of[1] == 0 {
		t.Errorf("operations by generation: %v", of)
	}
}

// checkPresent holds the final state against what was acknowledged.
func checkPresent(t *testing.T, endpoint string, ops []harness.Operation) {
	t.Helper()
	final := keys{}
	target := observe.Target{Host: "m1", Endpoint: endpoint}
	if _, _, err := observe.Dump(within(t, 20*time.Second), target, prefix, final); err != nil {
		t.Fatal(err)
	}
	last := map[string]harness.Operation{}
	unknown := map[string]map[uint64]bool{}
	for _, op := range ops {
		for _, e := range op.Effects {
			if op.Outcome == harness.Unknown {
				if unknown[e.Key] == nil {
					unknown[e.Key] = map[uint64]bool{}
				}
				unknown[e.Key][e.Value] = true
			}
			if op.Outcome == harness.Acked && op.Effective && op.Revision > last[e.Key].Revision {
				last[e.Key] = op
			}
		}
	}
	matched := 0
	for name, op := range last {
		e, _ := op.EffectOn(name)
		found, there := final[name]
		switch {
		case there && !e.Delete && found.ModRevision == op.Revision && found.Value == e.Value, !there && e.Delete:
			matched++
		case unknown[name] != nil:
		default:
			t.Errorf("%v: found %+v (there: %v)", op, found, there)
		}
	}
	for name, found := range final {
		if _, known := last[name]; !known && !unknown[name][found.Value] {
			t.Errorf("%+v was written by nobody", found)
		}
	}
	if matched < 50 {
		t.Errorf("only %d keys were compared", matched)
	}
}

// A guard that fails is acknowledged, and changed nothing. The writer learns
// what is there and goes on with the key.
func TestGuardThatFails(t *testing.T) {
	cluster := startCluster(t, 1)
	c, err := client.New(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ledger := &book{}
	traffic := startTraffic(t, config(t, ledger, cluster.Endpoints()))
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 20); err != nil {
		t.Fatal(err)
	}
	live, err := c.Get(t.Context(), prefix+"g0/w", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	meddled := map[string]int64{}
	for _, kv := range live.Kvs {
		resp, err := c.Put(t.Context(), string(kv.Key), "somebody else")
		if err != nil {
			t.Fatal(err)
		}
		meddled[string(kv.Key)] = resp.Header.Revision
	}
	eventually(t, "a writer noticed, and wrote the key again", func() error {
		ops, _ := ledger.read()
		noticed := map[string]bool{}
		for _, op := range ops {
			name := op.Effects[0].Key
			if op.Outcome != harness.Acked || op.Revision < meddled[name] || meddled[name] == 0 {
				continue
			}
			if noticed[name] && op.Effective {
				return nil
			}
			noticed[name] = noticed[name] || !op.Effective
		}
		return fmt.Errorf("noticed for %v", noticed)
	})
}

// Clients follow an announcement at once; the watcher resumes where it was,
// which the other cluster may not notice, or answer with "compacted".
func TestAnnounce(t *testing.T) {
	first, second := startCluster(t, 1), startCluster(t, 1)
	ledger := &book{}
	cfg := config(t, ledger, first.Endpoints())
	var old atomic.Pointer[link] // once it is about to be left
	cfg.Ended = func(op harness.Operation) {
		if l := old.Load(); l != nil && op.Epoch == 0 && op.Kind != harness.StockOp && l.client.Ctx().Err() != nil {
			t.Errorf("%v was in flight when its client was closed", op)
		}
	}
	traffic := startTraffic(t, cfg)
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 20); err != nil {
		t.Fatal(err)
	}
	watched := traffic.watcher.record()
	// What is in flight then is answered late, and through the old connection.
	if err := first.Members[0].Pause(); err != nil {
		t.Fatal(err)
	}
	awaitHanging(t)
	traffic.mu.RLock()
	old.Store(traffic.link)
	traffic.mu.RUnlock()
	traffic.NextGeneration()
	moving := traffic.cfg.Clock()
	if err := traffic.Announce(second.Endpoints()); err != nil {
		t.Fatal(err)
	}
	moved := traffic.cfg.Clock()
	if err := first.Members[0].Resume(); err != nil {
		t.Fatal(err)
	}
	if err := traffic.AwaitCalm(within(t, 10*time.Second), moved, 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	// The second cluster's revisions pass those of the first, and are compacted:
	// a watcher that comes back must be told.
	if told := traffic.watcher.record().Told; told != "" {
		t.Errorf("told %q by a cluster that forgot nothing", told)
	}
	until := traffic.watcher.record().Last + 20
	if watched.Last == 0 || until <= watched.Last {
		t.Fatalf("the watcher was at %d, then %d", watched.Last, until)
	}
	awaitRevision(t, second, until)
	traffic.mu.RLock()
	epoch := traffic.link.epoch
	traffic.mu.RUnlock()
	if epoch != 1 {
		t.Errorf("epoch %d", epoch)
	}
	if _, err := traffic.Stop(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	ops, _ := ledger.read()
	clusters := map[int]map[uint64]int{0: {}, 1: {}}
	for _, op := range ops {
		// The stock client is one and the same, told of other endpoints: what it had not sent yet goes there.
		follows := op.Epoch == 0 && op.Kind == harness.StockOp && op.Sent > moving
		if op.Outcome == harness.Acked && !follows {
			clusters[op.Epoch][op.ClusterID]++
		}
		if op.Epoch == 0 && op.Call > moved {
			t.Errorf("%v of epoch 0 was sent after the announcement", op)
		}
		limit := opTimeout
		if op.Kind == harness.ProbeOp {
			limit = probeTimeout
		}
		// One whose own time was up may have been slow: that its client was there is seen above.
		if op.Epoch == 0 && op.Outcome != harness.Acked && op.Kind != harness.StockOp && op.Return-op.Call < limit {
			t.Errorf("%v was cut off by the announcement", op)
		}
	}
	if len(clusters[0]) != 1 || len(clusters[1]) != 1 {
		t.Errorf("acknowledgements by epoch and cluster: %v", clusters)
	}
	for id := range clusters[0] {
		if clusters[1][id] != 0 {
			t.Errorf("both epochs were answered by cluster %x", id)
		}
	}
}

// Stop must come back whatever state etcd is in, and leave nothing (TestMain
// looks for goroutines).
func TestStop(t *testing.T) {
	cluster, kept := startCluster(t, 1), &book{}
	traffic := startTraffic(t, config(t, kept, cluster.Endpoints()))
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Members[0].Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "operations hang", func() error {
		if traffic.Serving() {
			return errors.New("serving")
		}
		return nil
	})
	awaitHanging(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := traffic.Stop(ended); err != nil {
		t.Error(err)
	}
	// Left to itself, what hangs would return when its own time is up.
	ops, _ := kept.read()
	if !slices.ContainsFunc(ops, func(o harness.Operation) bool {
		return o.Kind == harness.WriteOp && strings.Contains(o.Error, "canceled")
	}) {
		t.Error("no write was cut off, although the time to stop was over")
	}
	if traffic.Stats().Probes.Unknown == 0 {
		t.Errorf("%+v: what was cut off is unknown", traffic.Stats())
	}
	if err := traffic.Announce(cluster.Endpoints()); err != nil {
		t.Errorf("an announcement after the end: %v", err)
	}
}

// awaitHanging waits until a write is in flight, which hangs where the cluster is paused.
func awaitHanging(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	eventually(t, "a write hangs", func() error {
		for at := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(at, ".Commit(") && strings.Contains(at, "workload.(*writer).step(") {
				return nil
			}
		}
		return errors.New("no writer waits for an answer")
	})
}

// Where nobody answers, the await methods say who lacked what.
func TestNobodyAnswers(t *testing.T) {
	traffic := startTraffic(t, config(t, &book{}, []string{"127.0.0.1:1"}))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := traffic.AwaitSteady(ctx, 1); err == nil || !strings.Contains(err.Error(), "writer-0 has 0 of 1 acknowledgements") {
		t.Error(err)
	}
	if err := traffic.AwaitCalm(ctx, 0, 0); err == nil || !strings.Contains(err.Error(), "no probe was ever acknowledged") {
		t.Error(err)
	}
}

func TestLedgerThatRefuses(t *testing.T) {
	cluster := startCluster(t, 1)
	full := errors.New("no space left on device")
	traffic := startTraffic(t, config(t, &book{refuses: full}, cluster.Endpoints()))
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 1); !errors.Is(err, full) {
		t.Errorf("AwaitSteady: %v", err)
	}
	if _, err := traffic.Stop(within(t, 10*time.Second)); !errors.Is(err, full) {
		t.Errorf("Stop: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"0 writers":      func(c *Config) { c.Traffic.Writers = 0 },
		"0 writes":       func(c *Config) { c.Traffic.Rate = 0 },
		"values of 3":    func(c *Config) { c.Traffic.ValueSize = 3 },
		"-1 leases":      func(c *Config) { c.Traffic.Leases = -1 },
		"must end in a":  func(c *Config) { c.Prefix = "/firedrill" },
		"no endpoint":    func(c *Config) { c.Endpoints = nil },
		"a clock and a ": func(c *Config) { c.Clock = nil },
	} {
		cfg := config(t, &book{}, []string{"127.0.0.1:1"})
		change(&cfg)
		if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
}

// discard is a ledger that keeps nothing.
type discard struct{}

func (discard) Append(harness.Operation) (uint64, error) { return 0, nil }
func (discard) Saw(harness.WatchEvent) error             { return nil }

// gate holds whoever comes to it while it is closed.
type gate struct {
	sync.RWMutex
	held atomic.Int64
}

func (g *gate) pass(harness.Operation) {
	g.held.Add(1)
	g.RLock()
	defer g.RUnlock()
	g.held.Add(-1)
}

// Memory does not grow with the number of writes.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	cluster := startCluster(t, 1, "--unsafe-no-fsync")
	cfg := config(t, discard{}, cluster.Endpoints())
	cfg.Traffic.Rate, cfg.Traffic.Writers, cfg.Traffic.Leases = 5000, 8, 0
	var gate gate
	cfg.Ended = gate.pass
	traffic := startTraffic(t, cfg)
	// How long so many writes take is the machine's affair: the test has the time it was given.
	ctx := t.Context()
	if limit, limited := t.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, limit.Add(-10*time.Second))
		defer cancel()
	}
	await := func(what string, look func() (bool, string)) {
		t.Helper()
		if err := traffic.await(ctx, what, look); err != nil {
			t.Fatal(err)
		}
	}
	// What is in flight is not what is kept: all clients are held when they have recorded
	// their answer, and those that only listen have heard of it all.
	clients := int64(cfg.Traffic.Writers + probesInFlight + 1) // the stock client
	heapAt := func(writes int64) uint64 {
		t.Helper()
		await("enough was written", func() (bool, string) {
			n := traffic.Stats().Writes.Acked
			return n >= writes, fmt.Sprintf("%d of %d", n, writes)
		})
		gate.Lock()
		defer gate.Unlock()
		await("all clients are held", func() (bool, string) {
			n := gate.held.Load()
			return n == clients, fmt.Sprintf("%d of %d", n, clients)
		})
		await("the watcher has seen it all", func() (bool, string) {
			traffic.mu.RLock()
			defer traffic.mu.RUnlock()
			seen := traffic.watcher.record().Last
			return seen >= traffic.tail, fmt.Sprintf("%d of %d", seen, traffic.tail)
		})
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	early, late := heapAt(2000), heapAt(12_000)
	// 10,000 operations of 200 bytes, were they kept, would be more than this.
	if late > early+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", early, late)
	}
	t.Logf("the heap was %d bytes, then %d", early, late)
}

// An operation that was begun while nobody was there, and acknowledged by who came, was
// sent to whoever that was when he was there, and not before.
func TestSentToWhoWasThere(t *testing.T) {
	cluster, kept := startCluster(t, 1), &book{}
	cfg := config(t, kept, cluster.Endpoints())
	traffic := startTraffic(t, cfg)
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 1); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "service is lost", func() error {
		if traffic.Serving() {
			return errors.New("serving")
		}
		return nil
	})
	back := cfg.Clock()
	if err := cluster.Members[0].Start(); err != nil {
		t.Fatal(err)
	}
	if err := traffic.AwaitCalm(within(t, 20*time.Second), back, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := traffic.Stop(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	waited := 0
	ops, _ := kept.read()
	for _, o := range ops {
		switch {
		case o.Outcome != harness.Acked:
			if o.Sent != 0 {
				t.Errorf("%v: who was told nothing was sent something at %v", o, o.Sent)
			}
		case o.Sent < o.Call || o.Sent > o.Return:
			t.Errorf("%v: sent at %v", o, o.Sent)
		case o.Call < back && o.Return >= back:
			waited++
			if o.Sent < back {
				t.Errorf("%v: sent at %v, when nobody was there until %v", o, o.Sent, back)
			}
		}
	}
	if waited == 0 {
		t.Errorf("none of %d operations waited for a server", len(ops))
	}
}
