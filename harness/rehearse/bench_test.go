package rehearse

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/hardware"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

const (
	slowerAtMost = 1.25 // times the plain commands, the promise
	memoryAtMost = 256  // MiB, the promise
	rounds       = 3    // of each, in turns
)

// BenchmarkRehearse1GiB: how much longer a rehearsal takes, from the fetched file to
// every member serving and all hashes equal, than the plain commands: three
// `etcdutl snapshot restore` side by side, one etcd started to its first
// acknowledgement, and its HashKV. More than 1.25 times, or more than 256 MiB of our
// own memory, is a failure. The census and the loss of a member are told apart.
//
// It takes minutes and 8 GiB of disk, so it runs only if FIREDRILL_BENCH=full;
// FIREDRILL_BENCH_MIB makes the file of another size.
func BenchmarkRehearse1GiB(b *testing.B) {
	if os.Getenv("FIREDRILL_BENCH") != "full" {
		b.Skip("FIREDRILL_BENCH=full is not set")
	}
	mib := 1024
	if given := os.Getenv("FIREDRILL_BENCH_MIB"); given != "" {
		var err error
		if mib, err = strconv.Atoi(given); err != nil {
			b.Fatal(err)
		}
	}
	rt := onProcess(b)
	path := filepath.Join(b.TempDir(), "backup.db")
	if _, err := dataset.Write(b.Context(), path, dataset.Spec{Keys: mib << 10, ValueSize: 1024}); err != nil {
		b.Fatal(err)
	}
	// What writing the file left behind is not the rehearsal's.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	var plain, ours, total, census, loss, fetch time.Duration
	b.ResetTimer()
	for b.Loop() {
		for range rounds {
			took := plainly(b, path)
			plain += took
			b.Logf("plain: %.2f s", took.Seconds())
			var told progress
			r, err := Run(b.Context(), rt, Options{Snapshot: path, Version: "bench", Progress: told.take})
			if err != nil || r.Verdict != harness.Held {
				b.Fatalf("%v, %+v", err, r.Findings)
			}
			b.Logf("rehearsed: %+v", r.Phases)
			for _, h := range r.Hosts {
				b.Logf("%+v", h)
			}
			ours += time.Duration(r.Phases.Serving) * time.Millisecond
			total += time.Duration(r.Phases.Recovered) * time.Millisecond
			census += time.Duration(r.Phases.Census) * time.Millisecond
			loss += time.Duration(r.Phases.MemberLoss) * time.Millisecond
			fetch += time.Duration(r.Phases.Fetch) * time.Millisecond
		}
	}
	n := float64(b.N * rounds)
	peak := float64(hardware.PeakMemory()) / (1 << 20)
	ratio := ours.Seconds() / plain.Seconds()
	b.ReportMetric(plain.Seconds()/n, "s/plain")
	b.ReportMetric(ours.Seconds()/n, "s/rehearse")
	b.ReportMetric(ratio, "rehearse/plain")
	b.ReportMetric(fetch.Seconds()/n, "s/fetch-and-verify")
	b.ReportMetric(total.Seconds()/n, "s/recovered")
	b.ReportMetric(census.Seconds()/n, "s/census")
	b.ReportMetric(loss.Seconds()/n, "s/member-loss")
	b.ReportMetric(peak, "MiB-peak")
	b.ReportMetric(0, "ns/op") // said in seconds already
	if ratio > slowerAtMost {
		b.Errorf("a rehearsal takes %.2f times the plain commands, and %.2f are promised", ratio, slowerAtMost)
	}
	if peak > memoryAtMost {
		b.Errorf("it took %.0f MiB of memory, and %d are promised", peak, memoryAtMost)
	}
}

// plainly types the plain commands, and tells how long they took.
func plainly(b *testing.B, snapshot string) time.Duration {
	b.Helper()
	dir, err := os.MkdirTemp(b.TempDir(), "plain-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	begun := time.Now()
	var side sync.WaitGroup
	errs := make([]error, 3)
	clusters := make([]*localetcd.Cluster, 3) // of one member each: what an operator starts first
	for i := range errs {
		clusters[i] = localetcd.New(filepath.Join(dir, strconv.Itoa(i)), 1, "--quota-backend-bytes=17179869184")
		side.Go(func() {
			m := clusters[i].Members[0]
			if errs[i] = os.MkdirAll(filepath.Dir(m.Dir), 0o700); errs[i] != nil {
				return
			}
			cmd, err := localetcd.Tool("etcdutl", "snapshot", "restore", snapshot, "--data-dir", m.Dir, "--name", m.Name,
				"--initial-cluster", clusters[i].InitialCluster(), "--initial-advertise-peer-urls", m.PeerURL())
			if err == nil {
				var out []byte
				if out, err = cmd.CombinedOutput(); err != nil {
					err = fmt.Errorf("%w\n%s", err, out)
				}
			}
			errs[i] = err
		})
	}
	side.Wait()
	for _, err := range errs {
		if err != nil {
			b.Fatal(err)
		}
	}
	restored := time.Since(begun)
	m := clusters[0].Members[0]
	if err := clusters[0].Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := clusters[0].Stop(); err != nil {
			b.Error(err)
		}
	}()
	c, err := client.New([]string{m.Endpoint}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := await(ctx, "the first write is acknowledged", func(ctx context.Context) (bool, string) {
		ctx, cancel := context.WithTimeout(ctx, tryWithin)
		defer cancel()
		_, err := c.Put(ctx, "plain", "plain")
		return err == nil, fmt.Sprint(err)
	}, func() bool { return false }); err != nil {
		b.Fatal(err)
	}
	served := time.Since(begun)
	f, err := dataset.Examine(snapshot)
	if err != nil {
		b.Fatal(err)
	}
	if h := observe.Hashes(ctx, []observe.Target{{Host: m.Name, Endpoint: m.Endpoint}}, f.Revision); h[0].Error != "" {
		b.Fatal(h[0].Error)
	}
	took := time.Since(begun)
	b.Logf("plain: restored after %.2f s, first acknowledgement after %.2f s, hashed after %.2f s", restored.Seconds(), served.Seconds(), took.Seconds())
	return took
}
