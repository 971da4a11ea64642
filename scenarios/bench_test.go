package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/harness/workload"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// pairs is how many times drill and plain script are run in turn.
const pairs = 20

// BenchmarkRecoveryAgainstPlainScript: how much longer a procedure takes from its
// beginning to service restored because a drill runs it. The plain script is the
// same commands on the same hosts, one after another, under the same traffic
// (etcd's graceful stop waits for its clients), with nothing of the drill. Neither
// has TLS: the script has nobody to issue certificates.
func BenchmarkRecoveryAgainstPlainScript(b *testing.B) {
	for _, rt := range runtimes() {
		b.Run(rt.name, func(b *testing.B) {
			for b.Loop() {
				var drills, scripts, ratios []float64
				s := named("kubeadm-force-new-cluster")
				s.Given.TLS = harness.TLSFiles{}
				for range pairs {
					report := mustRun(b, rt.mustFor(b), s)
					drilled := restoredAfter(b, report)
					plain := plainScript(b, rt.mustFor(b), s)
					drills, scripts = append(drills, drilled.Seconds()), append(scripts, plain.Seconds())
					ratios = append(ratios, drilled.Seconds()/plain.Seconds())
				}
				b.ReportMetric(median(drills), "s/drill")
				b.ReportMetric(median(scripts), "s/script")
				b.ReportMetric(median(drills)/median(scripts), "drill/script")
				b.Logf("pair by pair: %.2f … %.2f … %.2f", slices.Min(ratios), median(ratios), slices.Max(ratios))
			}
		})
	}
}

// BenchmarkOutageAgainstIndependentProbe: how far the reported outage is from what
// fresh clients see that ask every 5 ms and share nothing with the drill.
func BenchmarkOutageAgainstIndependentProbe(b *testing.B) {
	for b.Loop() {
		var apart []float64
		for range 5 {
			watched := &watchedRuntime{Runtime: runtimes()[0].mustFor(b)}
			probe := startProbe(b.Context(), watched)
			report := mustRun(b, watched, named("etcd-snapshot-restore"))
			// As the report has it: the total of gaps, trials outside.
			settled := evidenceOf(b, report).Marks[harness.Settled]
			seen, began, ended := probe.outage(report.Started.Add(settled))
			first, last := report.Gaps[0], report.Gaps[len(report.Gaps)-1]
			b.Logf("reported %d ms, seen by the probe %d ms; our first gap began %s and our last ended %s",
				report.Phases.Outage, seen.Milliseconds(), besides(report, first.From, began), besides(report, last.To, ended))
			apart = append(apart, abs(float64(report.Phases.Outage)-float64(seen.Milliseconds())))
		}
		b.ReportMetric(median(apart), "ms-apart-median")
		b.ReportMetric(slices.Max(apart), "ms-apart-worst")
	}
}

// BenchmarkOwnCost: what a drill costs beyond its traffic window and etcd's own
// starts, elections and health intervals: provisioning, collecting, judging,
// tearing down.
func BenchmarkOwnCost(b *testing.B) {
	for _, rt := range runtimes() {
		b.Run(rt.name, func(b *testing.B) {
			for b.Loop() {
				var own, boot []float64
				for range 5 {
					began := time.Now()
					report := mustRun(b, rt.mustFor(b), named("etcd-snapshot-restore"))
					total := time.Since(began)
					ev := evidenceOf(b, report)
					// From the first manifest to the last quiet second the time is
					// etcd's, the traffic's and the procedure's; the trials are more of the same.
					theirs := ev.Marks[harness.Settled] - ev.Marks[harness.Provisioned]
					for _, t := range ev.Trials {
						theirs += t.Took
					}
					own = append(own, (total - theirs).Seconds())
					boot = append(boot, (ev.Marks[harness.Booted] - ev.Marks[harness.Provisioned]).Seconds())
				}
				b.ReportMetric(median(own), "s-own-cost")
				b.ReportMetric(slices.Max(own), "s-own-cost-worst")
				b.ReportMetric(median(boot), "s-3-members-serve")
				b.ReportMetric(slices.Max(boot), "s-3-members-serve-worst")
			}
		})
	}
}

func named(name string) harness.Scenario {
	for _, s := range scenarios.All() {
		if s.Name == name {
			return s
		}
	}
	panic("no scenario " + name)
}

func mustRun(b *testing.B, rt harness.Runtime, s harness.Scenario) reports.Report {
	b.Helper()
	report, err := drill.Run(b.Context(), rt, s, drill.Options{Seed: 1, Out: b.TempDir(), Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	if report.Verdict != harness.Held {
		b.Fatal(explain(report))
	}
	return report
}

func evidenceOf(b *testing.B, report reports.Report) *harness.Evidence {
	b.Helper()
	ev, done, err := drill.OpenEvidence(report.Directory)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = done() })
	return ev
}

// restoredAfter is the time from the procedure's beginning to the first
// acknowledged probe.
func restoredAfter(b *testing.B, report reports.Report) time.Duration {
	b.Helper()
	began := evidenceOf(b, report).Marks[harness.ProcedureBegan]
	for _, g := range report.Gaps {
		if to := time.Duration(g.To) * time.Millisecond; to > began {
			return to - began
		}
	}
	b.Fatalf("no gap ended after the procedure began: %+v", report.Gaps)
	return 0
}

// plainScript boots the same cluster, breaks it the same way, and types the
// procedure's commands until a probe is acknowledged.
func plainScript(b *testing.B, rt harness.Runtime, s harness.Scenario) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	bare := &bareCluster{desk: &harness.Desk{Token: "bench", Peers: map[string]string{}, Clients: map[string]string{}, Flags: map[string][]string{}}}
	defer bare.close()
	must(b, bare.boot(ctx, rt, s.Given.Members))
	must(b, bare.load(ctx, b.TempDir(), s.Under))
	bare.traffic.NextGeneration()
	for _, f := range s.Break {
		_, err := f.Inject(ctx, bare)
		must(b, err)
	}
	must(b, until(ctx, func() bool { return observe.FreshServed(ctx, bare.targets()) != nil && !bare.traffic.Serving() }))
	steps, err := s.Recover.Steps(bare.names)
	must(b, err)
	began := bare.now()
	for _, step := range steps {
		if bare.restoredAt() > began {
			break
		}
		must(b, bare.typed(ctx, step))
	}
	must(b, until(ctx, func() bool { return bare.restoredAt() > began }))
	return bare.restoredAt() - began
}

// bareCluster is hosts with etcd on them and nothing of a drill.
type bareCluster struct {
	desk    *harness.Desk
	rack    harness.Rack
	names   []string
	hosts   map[string]harness.Host
	start   time.Time
	book    *ledger.Writer
	traffic *workload.Traffic

	mu       sync.Mutex
	restored time.Duration
}

func (c *bareCluster) now() time.Duration { return time.Since(c.start) }

// restoredAt is when writes were last seen to be acknowledged again.
func (c *bareCluster) restoredAt() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.restored
}

// load puts the drill's own traffic on the cluster.
func (c *bareCluster) load(ctx context.Context, dir string, traffic harness.Traffic) (err error) {
	if c.book, err = ledger.Create(dir); err != nil {
		return err
	}
	c.start = time.Now()
	var endpoints []string
	for _, t := range c.targets() {
		endpoints = append(endpoints, t.Endpoint)
	}
	c.traffic, err = workload.Start(ctx, workload.Config{
		Seed: 1, Prefix: "/firedrill/bench/", Traffic: traffic, Clock: c.now, Ledger: c.book, Endpoints: endpoints,
		Serving: func(at time.Duration, serving bool) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if serving {
				c.restored = at
			}
		},
	})
	if err != nil {
		return err
	}
	return c.traffic.AwaitSteady(ctx, 20)
}

func (c *bareCluster) boot(ctx context.Context, rt harness.Runtime, members int) (err error) {
	if c.rack, err = rt.Build(ctx, fmt.Sprintf("bench-%d", time.Now().UnixNano())); err != nil {
		return err
	}
	c.hosts = map[string]harness.Host{}
	var initial []string
	for i := range members {
		name := fmt.Sprintf("m%d", i+1)
		h, err := c.rack.Provision(ctx, harness.HostSpec{Name: name})
		if err != nil {
			return err
		}
		c.names, c.hosts[name] = append(c.names, name), h
		c.desk.Peers[name] = fmt.Sprintf("http://%s:%d", h.PeerAddress(), harness.PeerPort)
		c.desk.Clients[name] = fmt.Sprintf("http://%s:%d", h.PeerAddress(), harness.ClientPort)
		initial = append(initial, name+"="+c.desk.Peers[name])
	}
	for _, name := range c.names {
		peer, url := c.desk.Peers[name], c.desk.Clients[name]
		c.desk.Flags[name] = []string{
			"name=" + name, "data-dir=" + harness.DataDir, "listen-peer-urls=" + peer, "initial-advertise-peer-urls=" + peer,
			"listen-client-urls=" + url, "advertise-client-urls=" + url,
			"initial-cluster=" + strings.Join(initial, ","), "initial-cluster-state=new", "initial-cluster-token=bench",
		}
		if err := c.hosts[name].Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(harness.Manifest(name, c.desk.Flags[name]))); err != nil {
			return err
		}
	}
	return until(ctx, func() bool { return observe.FreshServed(ctx, c.targets()) == nil })
}

func (c *bareCluster) targets() []observe.Target {
	var targets []observe.Target
	for _, name := range c.names {
		targets = append(targets, observe.Target{Host: name, Endpoint: c.hosts[name].ClientAddress()})
	}
	return targets
}

// Select makes it a harness.Strike.
func (c *bareCluster) Select(_ context.Context, who harness.Selector) ([]harness.Host, error) {
	names, err := who.Select(c.names, "")
	var hosts []harness.Host
	for _, name := range names {
		hosts = append(hosts, c.hosts[name])
	}
	return hosts, err
}

func (c *bareCluster) Render(text, on string) (string, error) { return c.desk.Render(text, on) }

// AwaitBackup: nobody takes any here.
func (c *bareCluster) AwaitBackup(context.Context) error {
	return errors.New("this cluster has no backup job")
}

// typed runs one step as a script would.
func (c *bareCluster) typed(ctx context.Context, step harness.Step) error {
	if to, ok := step.Do.(harness.Announce); ok {
		var endpoints []string
		for _, name := range to.Hosts {
			endpoints = append(endpoints, c.hosts[name].ClientAddress())
		}
		return c.traffic.Announce(endpoints)
	}
	hosts, err := c.Select(ctx, step.On)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(hosts))
	for i, h := range hosts {
		run := func() {
			text, err := c.desk.Render(step.Do.String(), h.Name())
			for err == nil {
				var out harness.Output
				if out, err = h.Run(ctx, text); err != nil || out.ExitCode == 0 {
					break
				}
				if !step.Await {
					err = fmt.Errorf("%s: exit status %d: %s", step.Name, out.ExitCode, out.Stderr)
				}
			}
			errs[i] = err
		}
		if step.AtOnce {
			wg.Go(run)
		} else {
			run()
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (c *bareCluster) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if c.traffic != nil {
		if _, err := c.traffic.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if c.book != nil {
		_ = c.book.Close()
	}
	if c.rack != nil {
		if err := c.rack.Close(ctx, false); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// watchedRuntime tells an outsider where the hosts' etcds can be reached.
type watchedRuntime struct {
	harness.Runtime
	mu        sync.Mutex
	endpoints []string
}

func (w *watchedRuntime) Build(ctx context.Context, drill string) (harness.Rack, error) {
	rack, err := w.Runtime.Build(ctx, drill)
	return watchedRack{rack, w}, err
}

type watchedRack struct {
	harness.Rack
	w *watchedRuntime
}

func (r watchedRack) Provision(ctx context.Context, spec harness.HostSpec) (harness.Host, error) {
	h, err := r.Rack.Provision(ctx, spec)
	if err == nil {
		r.w.mu.Lock()
		defer r.w.mu.Unlock()
		r.w.endpoints = append(r.w.endpoints, h.ClientAddress())
	}
	return h, err
}

// independentProbe asks with a fresh client every 5 ms. It deletes a key that
// does not exist: a proposal that a quorum must commit and that changes nothing.
type independentProbe struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	acks   []time.Time
}

func startProbe(ctx context.Context, w *watchedRuntime) *independentProbe {
	ctx, cancel := context.WithCancel(ctx)
	p := &independentProbe{cancel: cancel}
	p.done.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		inFlight := make(chan struct{}, 64)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			w.mu.Lock()
			endpoints := slices.Clone(w.endpoints)
			w.mu.Unlock()
			if len(endpoints) == 0 {
				continue
			}
			select {
			case inFlight <- struct{}{}:
				p.done.Go(func() { p.ask(ctx, endpoints); <-inFlight })
			default:
			}
		}
	})
	return p
}

// ask tries each endpoint once, as stock clients do at first: sixty of them that
// try again every few milliseconds would take the processor from who is measured.
func (p *independentProbe) ask(ctx context.Context, endpoints []string) {
	c, err := client.NewStock(endpoints, nil)
	if err != nil {
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, clientv3.OpDelete("there is no such key")); err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.acks = append(p.acks, time.Now())
	}
}

// outage stops the probe and returns the total of its times without an answer
// that began before a moment, and the edges of the first and the last of them.
func (p *independentProbe) outage(before time.Time) (total time.Duration, began, ended time.Time) {
	p.cancel()
	p.done.Wait()
	slices.SortFunc(p.acks, time.Time.Compare)
	for i := 1; i < len(p.acks); i++ {
		from, to := p.acks[i-1], p.acks[i]
		if to.Sub(from) <= harness.GapThreshold || from.After(before) {
			continue
		}
		if total == 0 {
			began = from
		}
		total, ended = total+to.Sub(from), to
	}
	return total, began, ended
}

// besides says how far an offset of the report lies from a moment.
func besides(r reports.Report, offset int64, moment time.Time) string {
	return fmt.Sprintf("%+d ms", r.Started.Add(time.Duration(offset)*time.Millisecond).Sub(moment).Milliseconds())
}

func until(ctx context.Context, holds func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func median(xs []float64) float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

func abs(x float64) float64 { return max(x, -x) }
