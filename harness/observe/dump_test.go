package observe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

// keys is a sink that demands byte order.
type keys map[string]harness.KeyState

func (k keys) Add(s harness.KeyState) error {
	for before := range k {
		if before >= s.Key {
			return fmt.Errorf("%s came after %s", s.Key, before)
		}
	}
	k[s.Key] = s
	return nil
}

func TestDump(t *testing.T) {
	cluster, targets := startCluster(t, 3)
	c := dial(t, cluster)
	lease, err := c.Grant(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	want := NewDigest()
	var outside []string
	for i := range 300 {
		outside = append(outside, fmt.Sprintf("/registry/%03d", i), fmt.Sprintf("/z/%d", i))
	}
	slices.Sort(outside)
	for _, k := range outside {
		resp, err := c.Put(t.Context(), k, "value of "+k)
		if err != nil {
			t.Fatal(err)
		}
		if err := want.Add([]byte(k), []byte("value of "+k), resp.Header.Revision); err != nil {
			t.Fatal(err)
		}
	}
	put(t, c, "/leased", "by its own accord", clientv3.WithLease(lease.ID))
	put(t, c, "/t/a", "1")
	put(t, c, "/t/a", "2")
	put(t, c, "/t/b", "3", clientv3.WithLease(lease.ID))
	put(t, c, "/t/gone", "4")
	if _, err := c.Delete(t.Context(), "/t/gone"); err != nil {
		t.Fatal(err)
	}
	found := keys{}
	revision, data, err := Dump(t.Context(), targets[1], "/t/", found)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Sum(), data); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(keys{
		"/t/a": {Key: "/t/a", Value: xxhash.Sum64String("2"), CreateRevision: 603, ModRevision: 604, Version: 2},
		"/t/b": {Key: "/t/b", Value: xxhash.Sum64String("3"), CreateRevision: 605, ModRevision: 605, Version: 1, Lease: int64(lease.ID)},
	}, found); diff != "" || revision != 607 {
		t.Errorf("revision %d\n%s", revision, diff)
	}
	// Pages, for members that cannot stream, give the same, and hold to their revision.
	put(t, c, "/registry/later", "x")
	paged := NewDigest()
	if err := pages(t.Context(), c, revision, func(kvs []*mvccpb.KeyValue) error {
		for _, kv := range kvs {
			if kv.Lease != 0 || strings.HasPrefix(string(kv.Key), "/t/") {
				continue
			}
			if err := paged.Add(kv.Key, kv.Value, kv.ModRevision); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data, paged.Sum()); diff != "" {
		t.Error(diff)
	}
	v, err := Verify(t.Context(), targets[0], targets, "/t/", keys{})
	if err != nil || v.Revision != 608 || v.Dataset.Keys != data.Keys+1 || len(v.Hashes) != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	for _, h := range v.Hashes {
		if h.Error != "" || h.Hash != v.Hashes[0].Hash || h.Revision != 608 {
			t.Errorf("%+v", v.Hashes)
		}
	}
	full := errors.New("no space left on device")
	if _, _, err := Dump(t.Context(), targets[0], "/t/", refusing{full}); !errors.Is(err, full) {
		t.Errorf("a sink that is full: %v", err)
	}
}

type refusing struct{ err error }

func (r refusing) Add(harness.KeyState) error { return r.err }

// Whatever differs between two datasets differs in their sum.
func TestDigestTellsApart(t *testing.T) {
	type record struct {
		key, value string
		revision   int64
	}
	seen := map[string]int{}
	for i, set := range [][]record{
		{},
		{{"a", "b", 2}},
		{{"a", "b", 3}},
		{{"a", "c", 2}},
		{{"ab", "", 2}},
		{{"a", "b", 2}, {"c", "d", 3}},
		{{"a", "b", 2}, {"c", "d", 4}},
		{{"a", "bc", 2}, {"d", "", 3}},
	} {
		d := NewDigest()
		for _, r := range set {
			if err := d.Add([]byte(r.key), []byte(r.value), r.revision); err != nil {
				t.Fatal(err)
			}
		}
		sum := d.Sum()
		if other, twice := seen[sum.Digest]; twice {
			t.Errorf("sets %d and %d have the digest %s", other, i, sum.Digest)
		}
		seen[sum.Digest] = i
		if sum.Keys != int64(len(set)) || len(sum.Digest) != 32 {
			t.Errorf("%+v", sum)
		}
	}
	d := NewDigest()
	if err := errors.Join(d.Add([]byte("b"), nil, 2), d.Add([]byte("a"), nil, 3)); err == nil {
		t.Error("keys out of order were summed up")
	}
	if err := d.Add([]byte("b"), nil, 3); err == nil {
		t.Error("a key was summed up twice")
	}
}

// old is a member of before 3.7: it answers ranges, and knows no streams.
type old struct {
	pb.UnimplementedKVServer
	keys []*mvccpb.KeyValue
}

func (o *old) Range(_ context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	resp := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: 9}}
	if r.CountOnly {
		return resp, nil
	}
	if r.Revision != 9 || r.Limit < 1 {
		return nil, fmt.Errorf("asked for %v: pages are of one revision, and bounded", r)
	}
	for _, kv := range o.keys {
		if bytes.Compare(kv.Key, r.Key) < 0 {
			continue
		}
		if resp.More = int64(len(resp.Kvs)) == r.Limit; resp.More {
			break
		}
		resp.Kvs = append(resp.Kvs, kv)
	}
	return resp, nil
}

func TestDumpOfAMemberThatCannotStream(t *testing.T) {
	member, want := &old{}, NewDigest()
	for i := range 1000 {
		kv := &mvccpb.KeyValue{Key: fmt.Appendf(nil, "/k%04d", i), Value: []byte("v"), ModRevision: int64(i)}
		member.keys = append(member.keys, kv)
		if err := want.Add(kv.Key, kv.Value, kv.ModRevision); err != nil {
			t.Fatal(err)
		}
	}
	server := grpc.NewServer()
	pb.RegisterKVServer(server, member)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }() // it ends by Stop
	defer func() { server.Stop(); <-ended }()
	revision, data, err := Dump(t.Context(), Target{Host: "old", Endpoint: listener.Addr().String()}, "/t/", keys{})
	if err != nil || revision != 9 {
		t.Fatal(revision, err)
	}
	if diff := cmp.Diff(want.Sum(), data); diff != "" {
		t.Error(diff)
	}
}
