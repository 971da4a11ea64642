package workload

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

const (
	// opTimeout bounds every operation but a probe. It is longer than an
	// election at default timings (1–2 s at worst), so that a mere change of
	// leader does not turn writes into Unknown ones.
	opTimeout = 2 * time.Second
	// grain is how often conditions are looked at; it is the error of Serving
	// and of the Await methods.
	grain = 10 * time.Millisecond
)

// Ledger is where traffic records what it was told: *ledger.Writer in a drill.
// Both methods are called concurrently.
type Ledger interface {
	Append(harness.Operation) (id uint64, err error)
	Saw(harness.WatchEvent) error
}

// Config is what traffic needs. Every field but TLS, Serving and Ended is required.
type Config struct {
	Seed      int64
	Prefix    string // of every key, ends in "/"; nothing else may write under it
	Traffic   harness.Traffic
	Clock     func() time.Duration // offset from the drill's start
	Ledger    Ledger
	Endpoints []string    // host:port
	TLS       *tls.Config // nil: plain text
	// Serving is called when service is lost (at: the last acknowledgement
	// before the silence) and when it is back (at: the first after it), one
	// call at a time, in order. It must not call back into Traffic.
	Serving func(at time.Duration, serving bool)
	// Ended is told each operation once it was recorded, by whichever client sent it,
	// several at once. The client sends nothing more before it returns, so it only
	// counts. It must not call back into Traffic.
	Ended func(harness.Operation)
}

func (c Config) validate() error {
	var errs []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	say(c.Traffic.Writers < 1, "%d writers: at least one is needed", c.Traffic.Writers)
	say(c.Traffic.Rate < 1, "%d writes per second: at least one is needed", c.Traffic.Rate)
	say(c.Traffic.Leases < 0, "%d leases", c.Traffic.Leases)
	say(c.Traffic.ValueSize < MinValueSize, "values of %d bytes: unique values need %d", c.Traffic.ValueSize, MinValueSize)
	say(len(c.Prefix) < 2 || c.Prefix[len(c.Prefix)-1] != '/', "prefix %q: it must end in a slash and be more than one", c.Prefix)
	say(len(c.Endpoints) == 0, "no endpoint")
	say(c.Clock == nil || c.Ledger == nil, "a clock and a ledger are needed")
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("start traffic: %w", err)
	}
	return nil
}

// Traffic is the running clients of one drill. Its methods may be called
// concurrently; Stop ends it.
type Traffic struct {
	cfg     Config
	pace    *rate.Limiter // shared by the writers
	service *service
	watcher *watcher
	caches  []*cache
	tally   tally
	writers []*writer
	leases  []*lease

	issue     context.Context // ends when nothing new may be sent
	stopIssue context.CancelFunc
	hard      context.Context // ends when what is in flight must return at once
	cut       context.CancelFunc
	issuers   sync.WaitGroup // everything that sends operations
	keepers   sync.WaitGroup // everything else: the watcher, the caches, the silence, retiring clients

	stop    sync.Once
	stopped harness.WatcherRecord
	stopErr error

	// mu orders calls against changes of generation and epoch: whoever holds
	// it for reading has its call's time stamped before the change.
	mu    sync.RWMutex
	gen   int
	link  *link
	stock *stock
	tail  int64 // greatest revision acknowledged in this generation

	failOnce sync.Once
	failed   chan struct{} // closed when the ledger refused a record, or a client panicked
	failure  error
}

// Start starts all clients. ctx bounds the start alone: traffic runs until Stop.
func Start(ctx context.Context, cfg Config) (*Traffic, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Serving == nil {
		cfg.Serving = func(time.Duration, bool) {}
	}
	if cfg.Ended == nil {
		cfg.Ended = func(harness.Operation) {}
	}
	forever := context.WithoutCancel(ctx)
	t := &Traffic{
		cfg: cfg,
		// A burst of one: an outage is never made up for.
		pace:    rate.NewLimiter(rate.Limit(cfg.Traffic.Rate), 1),
		service: newService(cfg.Serving),
		failed:  make(chan struct{}),
	}
	var err error
	if t.link, err = dial(cfg.Endpoints, cfg.TLS, 0); err != nil {
		return nil, err
	}
	if t.stock, err = newStock(t); err != nil {
		return nil, errors.Join(err, t.link.client.Close())
	}
	t.issue, t.stopIssue = context.WithCancel(forever)
	t.hard, t.cut = context.WithCancel(forever)
	t.watcher = newWatcher(t)
	for _, name := range cacheNames {
		t.caches = append(t.caches, newCache(t, name))
	}
	for i := range cfg.Traffic.Writers {
		t.writers = append(t.writers, newWriter(t, i))
	}
	t.leases = newLeases(t)
	t.run()
	return t, nil
}

func (t *Traffic) run() {
	t.start(&t.keepers, func() { t.service.watch(t.hard, t.cfg.Clock) })
	t.start(&t.keepers, func() { t.watcher.run(t.hard) })
	for _, c := range t.caches {
		t.start(&t.keepers, func() { c.run(t.hard) })
	}
	for _, w := range t.writers {
		t.start(&t.issuers, func() { w.run(t.issue) })
	}
	for _, l := range t.leases {
		t.start(&t.issuers, func() { l.run(t.issue) })
	}
	t.start(&t.issuers, func() { t.stock.run(t.issue) })
	t.start(&t.issuers, func() { t.probe(t.issue) })
}

// start does something in a goroutine of its own. A panic in it (the ledger and
// Serving are others' code) is a failure as any of ours.
func (t *Traffic) start(among *sync.WaitGroup, do func()) {
	among.Go(func() {
		if err := crew.Caught(do); err != nil {
			t.fail(fmt.Errorf("a client panicked: %w", err))
		}
	})
}

// NextGeneration makes every key used so far untouchable: from its return on,
// writers, probes and the stock client send to fresh keys only. What is in
// flight stays on the old ones.
func (t *Traffic) NextGeneration() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gen++
	t.tail = 0
}

// LeaseIDs are the leases that were asked for, granted or not.
func (t *Traffic) LeaseIDs() []int64 {
	ids := make([]int64, 0, len(t.leases))
	for _, l := range t.leases {
		ids = append(ids, l.id)
	}
	return ids
}

// Unrenewed tells whether a lease is the one that nobody renews.
func (t *Traffic) Unrenewed(id int64) bool {
	return slices.ContainsFunc(t.leases, func(l *lease) bool { return l.id == id && l.idle })
}

// call is an operation that was begun: under which generation and epoch, when,
// and through which clients.
type call struct {
	gen  int
	at   time.Duration
	link *link
	sent *atomic.Int64 // when its request could go out, the last time
}

// within is the context of its request.
func (t *Traffic) within(c call, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(client.Sending(t.hard, func() { c.sent.Store(int64(t.cfg.Clock())) }), limit)
}

// begin stamps a call. Every begin is followed by a release of its link.
func (t *Traffic) begin() call {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.link.inFlight.Add(1)
	return call{gen: t.gen, at: t.cfg.Clock(), link: t.link, sent: &atomic.Int64{}}
}

// answer is what came back.
type answer struct {
	header    *pb.ResponseHeader // nil with an error
	effective bool
	err       error
}

// record completes an operation by its answer and writes it to the ledger.
func (t *Traffic) record(c call, op harness.Operation, a answer) harness.Operation {
	op.Call, op.Return, op.Epoch = c.at, t.cfg.Clock(), c.link.epoch
	op.Outcome = outcome(a.err)
	if op.Outcome == harness.Acked {
		op.Sent, op.Effective = time.Duration(c.sent.Load()), a.effective
		op.Revision, op.ClusterID = a.header.Revision, a.header.ClusterId
		op.MemberID, op.Term = a.header.MemberId, a.header.RaftTerm
		t.advance(c.gen, op)
	} else {
		op.Error = a.err.Error()
	}
	if _, err := t.cfg.Ledger.Append(op); err != nil {
		t.fail(fmt.Errorf("record what %s was told: %w", op.Client, err))
	}
	t.tally.count(op)
	t.cfg.Ended(op)
	return op
}

func (t *Traffic) advance(gen int, op harness.Operation) {
	if !op.Effective {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if gen == t.gen {
		t.tail = max(t.tail, op.Revision)
	}
}

// fail notes that the harness itself broke. Traffic goes on, so that clients
// are there until Stop, but nobody will be told that all is well.
func (t *Traffic) fail(err error) {
	t.failOnce.Do(func() {
		t.failure = err
		close(t.failed)
	})
}

// broken is the error noted by fail, nil if there is none.
func (t *Traffic) broken() error {
	select {
	case <-t.failed:
		return t.failure
	default:
		return nil
	}
}

// next waits for the next tick; false: ctx ended, also where both are due.
func next(ctx context.Context, tick *time.Ticker) bool {
	select {
	case <-ctx.Done():
	case <-tick.C:
	}
	return ctx.Err() == nil
}

// await looks at a condition until it holds. The error of a ctx that ended
// first names the condition and what was seen last.
func (t *Traffic) await(ctx context.Context, what string, look func() (ok bool, seen string)) error {
	tick := time.NewTicker(grain)
	defer tick.Stop()
	for {
		if err := t.broken(); err != nil {
			return err
		}
		ok, seen := look()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w; last seen: %s", what, ctx.Err(), seen)
		case <-tick.C:
		}
	}
}
