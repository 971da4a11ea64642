package observe_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// BenchmarkVerify1GiB reads 1,000,000 keys of 1 KiB through one client, alone
// and with HashKV on all three members beside it, in turns, six times. It prints
// the ratio of their totals, and the memory of the reader. It takes minutes and
// 8 GiB of disk, so it runs only if FIREDRILL_BENCH=full.
//
// floor is the ratio below which no order of the same work can come on this
// machine: the processor time of dump and hashes, ours and the members', spread
// evenly over all cores, against the dump alone. Where it is near the ratio,
// what is left to gain is only in etcd, or in more cores. What the ratio is above
// it has two parts: verify_cpu_s is what the same work costs when it is done at
// once (above dump_cpu_s + hash_cpu_s it is what the two take from each other,
// caches and memory), and verify_busy is the part of all cores' time that was
// spent on it (below 1 a core had nothing to do, or did something else).
func BenchmarkVerify1GiB(b *testing.B) {
	if os.Getenv("FIREDRILL_BENCH") != "full" {
		b.Skip("FIREDRILL_BENCH=full is not set")
	}
	dir := b.TempDir()
	path := filepath.Join(dir, "born.db")
	begun := time.Now()
	info, err := dataset.Write(b.Context(), path, dataset.Spec{Keys: 1_000_000, ValueSize: 1024})
	if err != nil {
		b.Fatal(err)
	}
	wrote := time.Since(begun)
	begun = time.Now()
	if again, err := dataset.Read(b.Context(), path, ""); err != nil || again != info {
		b.Fatalf("%+v, %v", again, err)
	}
	read := time.Since(begun)
	cluster, targets := bear(b, dir, path)
	// What writing and reading left behind is not the verifier's.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
	var alone, verify, dumping, hashing, verifying time.Duration
	for b.Loop() {
		for range rounds {
			begun, used := time.Now(), processorTime(b, cluster)
			revision, data, err := observe.Dump(b.Context(), targets[0], "/firedrill/", none{})
			if err != nil || data != info.Dataset {
				b.Fatalf("%+v, %v", data, err)
			}
			alone += time.Since(begun)
			dumping += processorTime(b, cluster) - used
			used = processorTime(b, cluster)
			observe.Hashes(b.Context(), targets, revision)
			hashing += processorTime(b, cluster) - used
			begun, used = time.Now(), processorTime(b, cluster)
			v, err := observe.Verify(b.Context(), targets[0], targets, "/firedrill/", none{})
			if err != nil || v.Dataset != info.Dataset {
				b.Fatalf("%+v, %v", v, err)
			}
			for _, h := range v.Hashes {
				if h.Error != "" || h.Hash != v.Hashes[0].Hash {
					b.Fatalf("%+v", v.Hashes)
				}
			}
			verify += time.Since(begun)
			verifying += processorTime(b, cluster) - used
		}
	}
	b.ReportMetric(wrote.Seconds(), "write_s")
	b.ReportMetric(read.Seconds(), "read_s")
	b.ReportMetric(alone.Seconds()/float64(rounds*b.N), "dump_s")
	b.ReportMetric(verify.Seconds()/float64(rounds*b.N), "verify_s")
	b.ReportMetric(verify.Seconds()/alone.Seconds(), "ratio")
	b.ReportMetric((dumping+hashing).Seconds()/float64(runtime.NumCPU())/alone.Seconds(), "floor")
	b.ReportMetric(dumping.Seconds()/float64(rounds*b.N), "dump_cpu_s")
	b.ReportMetric(hashing.Seconds()/float64(rounds*b.N), "hash_cpu_s")
	b.ReportMetric(verifying.Seconds()/float64(rounds*b.N), "verify_cpu_s")
	b.ReportMetric(verifying.Seconds()/float64(runtime.NumCPU())/verify.Seconds(), "verify_busy")
	b.ReportMetric(dumping.Seconds()/float64(runtime.NumCPU())/alone.Seconds(), "dump_busy")
	b.ReportMetric(peak(b), "peak_MiB")
}

// rounds are enough for a ratio of totals that one slow read does not decide.
const rounds = 6

type none struct{}

func (none) Add(harness.KeyState) error { return nil }

// bear starts three members from a snapshot.
func bear(b *testing.B, dir, snapshot string) (*localetcd.Cluster, []observe.Target) {
	b.Helper()
	cluster := localetcd.New(dir, 3)
	var targets []observe.Target
	for _, m := range cluster.Members {
		cmd, err := localetcd.Tool("etcdutl", "snapshot", "restore", snapshot, "--data-dir", m.Dir, "--name", m.Name,
			"--initial-cluster", cluster.InitialCluster(), "--initial-advertise-peer-urls", m.PeerURL())
		if err != nil {
			b.Fatal(err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		targets = append(targets, observe.Target{Host: m.Name, Endpoint: m.Endpoint})
	}
	b.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			b.Error(err)
		}
	})
	if err := cluster.Start(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, last := observe.Redundant(ctx, targets, 3)
		if ok {
			return cluster, targets
		}
		select {
		case <-ctx.Done():
			b.Fatalf("wait until the members are redundant; last seen: %s", last)
		case <-tick.C:
		}
	}
}

// processorTime is what this process and the members have used up to now, in
// user and kernel mode (proc(5): stat, in clock ticks, 100 a second).
func processorTime(b *testing.B, cluster *localetcd.Cluster) (total time.Duration) {
	b.Helper()
	pids := []int{os.Getpid()}
	for _, m := range cluster.Members {
		pids = append(pids, m.PID())
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Fatal(err)
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
		for _, field := range fields[12:14] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			total += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return total
}

// peak is the most memory that this process had resident, in MiB.
func peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	b.Fatal("the kernel tells no VmHWM")
	return 0
}
