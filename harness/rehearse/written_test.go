package rehearse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/reports"
)

// late is a runtime on which one host's etcd is started only once others have gone so
// far as to let it, and then cannot start.
type late struct {
	harness.Runtime
	host  string
	begin chan struct{} // closed: now
	done  chan error    // of the start
}

func (l *late) Build(ctx context.Context, id string) (harness.Rack, error) {
	rack, err := l.Runtime.Build(ctx, id)
	return lateRack{rack, l}, err
}

type lateRack struct {
	harness.Rack
	late *late
}

func (r lateRack) Provision(ctx context.Context, spec harness.HostSpec) (harness.Host, error) {
	host, err := r.Rack.Provision(ctx, spec)
	if err == nil && spec.Name == r.late.host {
		host = lateHost{host, r.late}
	}
	return host, err
}

type lateHost struct {
	harness.Host
	late *late
}

func (h lateHost) Upload(ctx context.Context, path string, mode fs.FileMode, content io.Reader) error {
	if path != harness.ManifestPath {
		return h.Host.Upload(ctx, path, mode, content)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	broken := bytes.Replace(text, []byte("--name="), []byte("--no-such-flag="), 1)
	if bytes.Equal(broken, text) {
		return errors.New("there is no flag in the manifest that could be spoilt")
	}
	go func() {
		<-h.late.begin
		h.late.done <- h.Host.Upload(context.WithoutCancel(ctx), path, mode, bytes.NewReader(broken))
	}()
	return nil
}

// A write that a majority acknowledged before one member gave up is no more than
// that: it was not read back, not applied by every member, and not taken away again.
func TestAWriteThatWasOnlyAcknowledged(t *testing.T) {
	rt := &late{Runtime: onProcess(t), host: "m3", begin: make(chan struct{}), done: make(chan error, 1)}
	begin := sync.OnceFunc(func() { close(rt.begin) })
	defer begin()
	var told progress
	told.told = func(e harness.Event) {
		if strings.Contains(e.Text, "the first write is acknowledged") {
			begin()
		}
	}
	r, err := Run(t.Context(), rt, Options{Snapshot: aFile(t, 10), Progress: told.take})
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(told.lines, "\n"))
	}
	if err := <-rt.done; err != nil {
		t.Error(err)
	}
	expect(t, r, violated, map[string]harness.Verdict{
		"restored-everywhere": held, "members-serve": violated, "hashes-equal": inconclusive, "takes-writes": inconclusive, "survives-member-loss": inconclusive,
	})
	if f := verdicts(r)["takes-writes"]; !strings.Contains(f.Detail, "acknowledged, and not read back") || r.Phases.FirstAck == 0 {
		t.Errorf("%q, %+v", f.Detail, r.Phases)
	}
	if f := verdicts(r)["survives-member-loss"]; !strings.Contains(f.Detail, "not every member was seen to serve") {
		t.Errorf("%q", f.Detail)
	}
}

// at is a host of which no more is known than where its etcd is.
type at struct {
	harness.Host
	endpoint string
}

func (h at) ClientAddress() string { return h.endpoint }

// A key is gone where a member that has come as far as its deletion does not have it.
func TestAKeyThatIsNotGone(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a cluster")
	}
	cluster := localetcd.New(t.TempDir(), 1)
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
	r := &rehearsal{}
	r.report.Snapshot, r.seen.key = &reports.RehearsedFile{}, ourKey()
	var put *clientv3.PutResponse
	if err := await(ctx, "etcd serves", func(ctx context.Context) (ok bool, seen string) {
		put, err = c.Put(ctx, r.seen.key, ourValue)
		return err == nil, fmt.Sprint(err)
	}, func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	deleted, err := c.Delete(ctx, r.seen.key)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{name: "m1", host: at{endpoint: cluster.Members[0].Endpoint}}
	if err := r.gone(ctx, m, put.Header.Revision); err == nil || !strings.Contains(err.Error(), "still there on m1") {
		t.Errorf("before it was deleted: %v", err)
	}
	if err := r.gone(ctx, m, deleted.Header.Revision); err != nil {
		t.Errorf("once it was deleted: %v", err)
	}
	// What is applied later, of a try that nobody heard of, changes nothing.
	if _, err := c.Put(ctx, r.seen.key, ourValue); err != nil {
		t.Fatal(err)
	}
	if err := r.gone(ctx, m, deleted.Header.Revision); err != nil {
		t.Errorf("once it was put again: %v", err)
	}
	soon, end := context.WithTimeout(ctx, time.Second)
	defer end()
	if err := r.gone(soon, m, deleted.Header.Revision+100); err == nil {
		t.Error("of a member that has not come so far")
	}
}
