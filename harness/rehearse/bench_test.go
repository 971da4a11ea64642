package rehearse

import (
	"context"
	"errors"
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
	memoryAtMost = 256 // MiB, the promise
	rounds       = 3   // of each, in turns
)

// BenchmarkRehearse1GiB: how much longer a rehearsal takes, from the fetched file to
// every member serving and all hashes equal, than the plain commands: three
// `etcdutl snapshot restore` side by side, one etcd started to its first
// acknowledgement, and its HashKV. At most 1.25 times is the promise.
//
// A rehearsal starts three etcds and not one, each of which reads the whole database
// while it starts. What that costs without us is measured in the same run: floor is
// the same plain commands with all three started and hashed, over the plain ones,
// and no rehearsal can be quicker than that on this machine. The census and the loss
// of a member are told apart. More than 256 MiB of our own memory is a failure.
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
	var plain, three, ours, total, census, loss, fetch time.Duration
	b.ResetTimer()
	for b.Loop() {
		for range rounds {
			plain += plainly(b, path, 1)
			three += plainly(b, path, restores)
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
	b.ReportMetric(plain.Seconds()/n, "s/plain")
	b.ReportMetric(ours.Seconds()/n, "s/rehearse")
	b.ReportMetric(ours.Seconds()/plain.Seconds(), "rehearse/plain")
	b.ReportMetric(three.Seconds()/plain.Seconds(), "floor")
	b.ReportMetric(fetch.Seconds()/n, "s/fetch-and-verify")
	b.ReportMetric(total.Seconds()/n, "s/recovered")
	b.ReportMetric(census.Seconds()/n, "s/census")
	b.ReportMetric(loss.Seconds()/n, "s/member-loss")
	b.ReportMetric(peak, "MiB-peak")
	b.ReportMetric(0, "ns/op") // said in seconds already
	if peak > memoryAtMost {
		b.Errorf("it took %.0f MiB of memory, and %d are promised", peak, memoryAtMost)
	}
}

// restores is how many members a snapshot is restored for.
const restores = 3

// plainly types the plain commands, and tells how long they took. Of the members that
// were restored so many are started: one, which is a cluster by itself, as an
// operator begins, or all, which are one together.
func plainly(b *testing.B, snapshot string, started int) time.Duration {
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
	var errs [restores]error
	var clusters []*localetcd.Cluster
	for i := range errs {
		if i%started == 0 {
			clusters = append(clusters, localetcd.New(filepath.Join(dir, strconv.Itoa(i)), started, "--quota-backend-bytes=17179869184"))
		}
		c := clusters[i/started]
		side.Go(func() { errs[i] = restorePlainly(snapshot, c.Members[i%started], c.InitialCluster()) })
	}
	side.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		b.Fatal(err)
	}
	restored := time.Since(begun)
	cluster := clusters[0]
	defer func() {
		if err := cluster.Stop(); err != nil {
			b.Error(err)
		}
	}()
	if err := cluster.Start(); err != nil {
		b.Fatal(err)
	}
	c, err := client.New(cluster.Endpoints(), nil)
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
	var targets []observe.Target
	for _, m := range cluster.Members {
		targets = append(targets, observe.Target{Host: m.Name, Endpoint: m.Endpoint})
	}
	for _, h := range observe.HashesWithin(ctx, targets, f.Revision, time.Minute) {
		if h.Error != "" {
			b.Fatal(h.Error)
		}
	}
	took := time.Since(begun)
	b.Logf("plain, %d started: restored after %.2f s, first acknowledgement after %.2f s, hashed after %.2f s", started, restored.Seconds(), served.Seconds(), took.Seconds())
	return took
}

// restorePlainly restores a snapshot for one member of a cluster.
func restorePlainly(snapshot string, m *localetcd.Member, initialCluster string) error {
	if err := os.MkdirAll(filepath.Dir(m.Dir), 0o700); err != nil {
		return err
	}
	cmd, err := localetcd.Tool("etcdutl", "snapshot", "restore", snapshot, "--data-dir", m.Dir, "--name", m.Name,
		"--initial-cluster", initialCluster, "--initial-advertise-peer-urls", m.PeerURL())
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
