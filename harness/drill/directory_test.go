package drill

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Drills side by side replace the link, and nobody ever sees it missing.
func TestLatestIsNeverMissing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "runs")
	if _, _, err := newRunDirectory(out, "s", time.Now()); err != nil {
		t.Fatal(err)
	}
	var drills, looking sync.WaitGroup
	over := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			if info, err := os.Stat(filepath.Join(out, "latest")); err != nil || !info.IsDir() {
				t.Errorf("latest: %v", err)
				return
			}
		}
	})
	for range 8 {
		drills.Go(func() {
			for range 25 {
				if _, _, err := newRunDirectory(out, "s", time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	drills.Wait()
	close(over)
	looking.Wait()
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is left", e.Name())
		}
	}
	if len(entries) != 8*25+2 {
		t.Errorf("%d entries, of 201 runs and a link", len(entries))
	}
}

func TestLatestThatIsSomebodysOwn(t *testing.T) {
	out := t.TempDir()
	own := filepath.Join(out, "latest")
	if err := os.WriteFile(own, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := newRunDirectory(out, "s", time.Now()); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(own); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSparseIsWhatWasWritten(t *testing.T) {
	var want []byte
	for i, n := range []int{1, hole - 1, hole, 3, 10 * hole, 5, 2*hole + 7, 0, hole} {
		part := make([]byte, n)
		if i%2 == 0 {
			part = bytes.Repeat([]byte{byte(i + 1)}, n)
		}
		want = append(want, part...)
	}
	want = append(want, make([]byte, 3*hole+1)...) // ends in a hole
	for _, chunk := range []int{1, 100, hole, 3*hole + 1, len(want)} {
		path := filepath.Join(t.TempDir(), "file")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		s := &sparse{file: f}
		for rest := want; len(rest) > 0; {
			n, err := s.Write(rest[:min(chunk, len(rest))])
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("in chunks of %d: %d bytes of %d, %v", chunk, len(got), len(want), err)
		}
	}
}

// What etcd says of its usage hides what it does not like.
func TestLastLines(t *testing.T) {
	l, err := newHostLog(t.TempDir(), "m1", func(error) {}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := l.last(3); got != "(it logged nothing)" {
		t.Errorf("%q", got)
	}
	for range 2 {
		if _, err := l.Write([]byte("flag -x: no\nUsage:\n\n  etcd [flags]\n    Start it.\n\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.last(3); got != "flag -x: no" {
		t.Errorf("%q", got)
	}
}

// An etcd that finds no space on its disk is told of, once its last words are there.
func TestAHostsDiskIsFull(t *testing.T) {
	told := 0
	var l *hostLog
	l, err := newHostLog(t.TempDir(), "m1", func(err error) { t.Error(err) }, func() {
		if told++; !strings.Contains(l.last(1), diskFull) {
			t.Errorf("the last line is %q", l.last(1))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Write([]byte(`{"msg":"mvcc: database space exceeded"}` + "\n")); err != nil || told != 0 {
		t.Errorf("a quota is etcd's own: %d, %v", told, err)
	}
	if _, err := l.Write([]byte(`{"msg":"write /var/lib/etcd/member/wal/0.tmp: no space left on device"}` + "\n")); err != nil || told != 1 {
		t.Errorf("%d, %v", told, err)
	}
}

// The deadline of the steady state is one that the traffic asked for can meet.
func TestSteadyDeadline(t *testing.T) {
	for _, c := range []struct {
		traffic harness.Traffic
		every   time.Duration
		born    *harness.Dataset
		least   time.Duration
	}{
		{harness.KubernetesTraffic, 0, nil, 31 * time.Second},
		{harness.Traffic{Writers: 6, Rate: 1}, 0, nil, 120 * time.Second},
		{harness.Traffic{Writers: 100, Rate: 10}, 0, nil, 200 * time.Second},
		{harness.KubernetesTraffic, time.Minute, nil, 3 * time.Minute},
		{harness.KubernetesTraffic, time.Second, &harness.Dataset{Bytes: 1 << 30}, 3 * time.Minute},
	} {
		d := &drill{
			plan: plan{traffic: c.traffic}, ev: &harness.Evidence{DatasetBefore: c.born},
			scenario: harness.Scenario{Backups: harness.BackupJob{Every: c.every}},
		}
		if got := d.steadyDeadline(); got < c.least {
			t.Errorf("%+v with backups every %v: %v", c.traffic, c.every, got)
		}
	}
}

// TestAwaitPeerPort: the line is seen wherever the stream was cut, and what never
// comes is not waited for when the drill ends.
func TestAwaitPeerPort(t *testing.T) {
	l, err := newHostLog(t.TempDir(), "m1", func(error) {}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	over, end := context.WithCancel(t.Context())
	end()
	if err := l.awaitPeerPort(over); !errors.Is(err, context.Canceled) {
		t.Errorf("the drill has ended: %v", err)
	}
	for _, part := range []string{`{"msg":"serving peer`, ` traffic"}` + "\n", `{"msg":"serving peer traffic"}` + "\n"} {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-l.peering:
	default:
		t.Error("it was not seen")
	}
	if err := l.awaitPeerPort(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (*hostLog)(nil).awaitPeerPort(t.Context()); err != nil {
		t.Errorf("of no host: %v", err)
	}
}
