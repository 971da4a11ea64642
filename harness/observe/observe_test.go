package observe

import (
	"context"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
)

func startCluster(t *testing.T, n int) (*localetcd.Cluster, []Target) {
	t.Helper()
	c := localetcd.New(t.TempDir(), n)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	var targets []Target
	for _, m := range c.Members {
		targets = append(targets, Target{Host: m.Name, Endpoint: m.Endpoint})
	}
	eventually(t, "every member serves", func() string {
		for _, v := range Members(t.Context(), targets) {
			if !v.Serves {
				return fmt.Sprintf("%+v", v)
			}
		}
		return ""
	})
	return c, targets
}

func eventually(t *testing.T, what string, lacks func() string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		last := lacks()
		if last == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("wait until %s; last seen: %s", what, last)
		}
	}
}

func dial(t *testing.T, c *localetcd.Cluster) *clientv3.Client {
	t.Helper()
	cl, err := client.New(c.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() })
	return cl
}

func put(t *testing.T, c *clientv3.Client, key, value string, opts ...clientv3.OpOption) {
	t.Helper()
	if _, err := c.Put(t.Context(), key, value, opts...); err != nil {
		t.Fatal(err)
	}
}

// The views of a healthy cluster agree; without a quorum each member that is
// left still tells its own, and nothing hangs.
func TestMembersWithAndWithoutQuorum(t *testing.T) {
	cluster, targets := startCluster(t, 3)
	c := dial(t, cluster)
	put(t, c, "k", "v")
	eventually(t, "redundancy", func() string { _, last := Redundant(t.Context(), targets, 3); return last })
	for i, v := range Members(t.Context(), targets) {
		if v.Error != "" || v.Host != targets[i].Host || len(v.Members) != 3 || !v.Serves || v.Leader == 0 || v.Version != "3.7.3" || v.Revision != 2 || len(v.Alarms) != 0 {
			t.Errorf("%+v", v)
		}
		if !slices.ContainsFunc(v.Members, func(m harness.Member) bool { return m.ID == v.MemberID && m.Name == v.Host }) {
			t.Errorf("%s is not in its own list: %+v", v.Host, v)
		}
	}
	if err := FreshServed(t.Context(), targets); err != nil {
		t.Error(err)
	}
	if err := FreshListed(t.Context(), targets); err != nil {
		t.Error(err)
	}
	for _, m := range cluster.Members[:2] {
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the survivor knows no leader", func() string {
		read, err := Survivor(t.Context(), targets[2])
		if err != nil || read.HasLeader || read.Revision != 2 || read.Host != "m3" {
			return fmt.Sprintf("%+v, %v", read, err)
		}
		return ""
	})
	begun := time.Now()
	views := Members(t.Context(), targets)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("asking took %s", took)
	}
	for _, v := range views[:2] {
		if v.Error == "" || !strings.Contains(v.Error, v.Host) {
			t.Errorf("a dead member: %+v", v)
		}
	}
	if v := views[2]; v.Error != "" || v.Serves || v.ServeError == "" || v.Leader != 0 || len(v.Members) != 3 {
		t.Errorf("the survivor: %+v", v)
	}
	if err := FreshServed(t.Context(), targets); err == nil {
		t.Error("served without a quorum")
	}
	if err := FreshListed(t.Context(), targets); err == nil {
		t.Error("the members were listed, linearizably, without a quorum")
	}
	if ok, last := Redundant(t.Context(), targets, 3); ok || !strings.HasPrefix(last, "m1: ") {
		t.Errorf("redundant: %v, %q", ok, last)
	}
	hashes := Hashes(t.Context(), targets, 2)
	if hashes[0].Error == "" || hashes[2].Error != "" || hashes[2].Hash == 0 {
		t.Errorf("%+v", hashes)
	}
}

// mute is a member that takes every question and answers none.
type mute struct {
	Target
	mu    sync.Mutex
	asked []time.Duration // for each question, how long whoever asks will wait
}

func newMute(t *testing.T) *mute {
	t.Helper()
	m := &mute{}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		waits := time.Duration(math.MaxInt64)
		if until, ends := s.Context().Deadline(); ends {
			waits = time.Until(until)
		}
		m.mu.Lock()
		m.asked = append(m.asked, waits)
		m.mu.Unlock()
		<-s.Context().Done()
		return s.Context().Err()
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }() // it ends by Stop
	t.Cleanup(func() { server.Stop(); <-ended })
	m.Target = Target{Host: "mute", Endpoint: listener.Addr().String()}
	return m
}

// A paused member answers nothing, and a wall that swallows everything neither: t's
// context has no end, so it is our own that comes. By whom it is swallowed one by one it
// is seen that each asks once, and how long it means to wait.
func TestNothingHangs(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	if err := cluster.Members[0].Pause(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	paused, wall := targets[0], Target{Host: "wall", Endpoint: listener.Addr().String()}
	for what, ask := range map[string]func(context.Context, Target) string{
		"Members": func(ctx context.Context, m Target) string { return Members(ctx, []Target{m})[0].Error },
		"Hashes":  func(ctx context.Context, m Target) string { return Hashes(ctx, []Target{m}, 1)[0].Error },
		"FreshServed": func(ctx context.Context, m Target) string {
			return fmt.Sprint(FreshServed(ctx, []Target{m, wall}))
		},
		"FreshListed": func(ctx context.Context, m Target) string {
			return fmt.Sprint(FreshListed(ctx, []Target{m, wall}))
		},
		"Survivor": func(ctx context.Context, m Target) string { _, err := Survivor(ctx, m); return fmt.Sprint(err) },
		"Dump": func(ctx context.Context, m Target) string {
			_, _, err := Dump(ctx, m, "/", keys{})
			return fmt.Sprint(err)
		},
		"Leases": func(ctx context.Context, m Target) string {
			_, err := Leases(ctx, m, []int64{1}, "/", func() time.Duration { return 0 })
			return fmt.Sprint(err)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			silent := newMute(t)
			for _, m := range []Target{paused, wall, silent.Target} {
				if says := ask(t.Context(), m); !strings.Contains(says, "deadline exceeded") {
					t.Errorf("%s: %q", m.Host, says)
				}
			}
			silent.mu.Lock()
			defer silent.mu.Unlock()
			// None, where the machine stood still until the time was up.
			if len(silent.asked) > 1 || len(silent.asked) == 1 && silent.asked[0] > askTimeout {
				t.Errorf("it was asked, and would be waited for: %v", silent.asked)
			}
		})
	}
}

func TestAlarmsAreTold(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	c := dial(t, cluster)
	id := Members(t.Context(), targets)[0].MemberID
	_, err := pb.NewMaintenanceClient(c.ActiveConnection()).Alarm(t.Context(), &pb.AlarmRequest{
		Action: pb.AlarmRequest_ACTIVATE, MemberID: id, Alarm: pb.AlarmType_NOSPACE,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Members(t.Context(), targets)[0].Alarms, []string{fmt.Sprintf("NOSPACE of %x", id)}; !slices.Equal(got, want) {
		t.Errorf("alarms %v, want %v", got, want)
	}
}

func TestAlarmText(t *testing.T) {
	for text, want := range map[string]string{
		"memberID:10501334649042878790 alarm:NOSPACE ": "NOSPACE of 91bc3c398fb3c146",
		"memberID:10501334649042878790  alarm:CORRUPT": "CORRUPT of 91bc3c398fb3c146",
		"alarm:NOSPACE":         "NOSPACE of 0",
		"etcdserver: no leader": "",
		// Everything else stands as it was said.
		"memberID:99999999999999999999999 alarm:NOSPACE":     "memberID:99999999999999999999999 alarm:NOSPACE",
		"memberID: 10501334649042878790  alarm: CORRUPT":     "CORRUPT of 91bc3c398fb3c146",
		`memberID:10501334649042878790 alarm:"NOSPACE"`:      `memberID:10501334649042878790 alarm:"NOSPACE"`,
		"memberID:10501334649042878790, alarm:NOSPACE":       "memberID:10501334649042878790, alarm:NOSPACE",
		`{"memberID":"10501334649042878790","alarm":1}`:      `{"memberID":"10501334649042878790","alarm":1}`,
		"alarm:CORRUPT memberID:10501334649042878790":        "alarm:CORRUPT memberID:10501334649042878790",
		"etcdserver: no leader, and the disk is full":        "etcdserver: no leader, and the disk is full",
		"etcdserver: storage size is close to storage quota": "etcdserver: storage size is close to storage quota",
		"memberID:10501334649042878790":                      "memberID:10501334649042878790",
		"":                                                   "",
	} {
		if got := strings.Join(alarms([]string{text}), ","); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzAlarmText(f *testing.F) {
	f.Add("memberID:10501334649042878790 alarm:NOSPACE ")
	f.Add("etcdserver: no leader")
	f.Fuzz(func(t *testing.T, text string) {
		got := alarms([]string{text})
		if (len(got) == 0) != (text == noLeader) {
			t.Errorf("%q gave %q", text, got)
		}
		for _, a := range got {
			if a != text && (!strings.Contains(a, " of ") || !strings.Contains(text, "alarm:")) {
				t.Errorf("%q gave %q", text, a)
			}
		}
	})
}

// Replicas that differ are seen by their hashes alone: same revision, all healthy.
func TestHashesDiffer(t *testing.T) {
	one, first := startCluster(t, 1)
	two, second := startCluster(t, 1)
	put(t, dial(t, one), "k", "one")
	put(t, dial(t, two), "k", "two")
	hashes := Hashes(t.Context(), append(first, second...), 2)
	if hashes[0].Error != "" || hashes[1].Error != "" || hashes[0].Hash == hashes[1].Hash {
		t.Errorf("%+v", hashes)
	}
	if h := hashesNow(t.Context(), first, 99, 1, hashTimeout, 100*time.Millisecond)[0]; h.Reached != 2 || !strings.Contains(h.Error, "has applied revision 99") || !strings.Contains(h.Error, "last seen: 2") {
		t.Errorf("a revision that is not there: %+v", h)
	}
	for says, ask := range map[string]func() (bool, string){
		"knows 1 members of 2": func() (bool, string) { return Redundant(t.Context(), append(first, second...), 2) },
		"1 hosts for 3":        func() (bool, string) { return Redundant(t.Context(), first, 3) },
		"":                     func() (bool, string) { return Redundant(t.Context(), first, 1) },
	} {
		if ok, last := ask(); ok != (says == "") || !strings.Contains(last, says) {
			t.Errorf("%v, %q, want %q", ok, last, says)
		}
	}
}

func TestUnfit(t *testing.T) {
	whole := func() harness.MemberView {
		return harness.MemberView{Host: "m1", ClusterID: 1, Serves: true, Members: []harness.Member{{ID: 1, Name: "m1"}, {ID: 2, Name: "m2"}}}
	}
	for says, damage := range map[string]func(*harness.MemberView){
		"":                 func(*harness.MemberView) {},
		"refused":          func(v *harness.MemberView) { v.Error = "refused" },
		"does not serve":   func(v *harness.MemberView) { v.Serves = false },
		"of cluster 9":     func(v *harness.MemberView) { v.ClusterID = 9 },
		"knows 1 members":  func(v *harness.MemberView) { v.Members = v.Members[:1] },
		"2 is a learner":   func(v *harness.MemberView) { v.Members[1].Learner = true },
		"or never started": func(v *harness.MemberView) { v.Members[1].Name = "" },
	} {
		v := whole()
		damage(&v)
		if lacks := unfit(v, whole(), 2); !strings.Contains(lacks, says) || (lacks == "") != (says == "") {
			t.Errorf("%q, want %q", lacks, says)
		}
	}
}

func TestLeases(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	c := dial(t, cluster)
	granted, err := c.Grant(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	stray, err := c.Grant(t.Context(), 70)
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, "/t/lease/a", "1", clientv3.WithLease(granted.ID))
	put(t, c, "/t/lease/b", "1", clientv3.WithLease(granted.ID))
	put(t, c, "/t/lease/c", "1", clientv3.WithLease(stray.ID)) // not asked for, found by its key
	put(t, c, "/u/lease/d", "1", clientv3.WithLease(granted.ID))
	views, err := Leases(t.Context(), targets[0], []int64{int64(granted.ID), 12345}, "/t/", func() time.Duration { return 7 })
	if err != nil || len(views) != 3 {
		t.Fatalf("%+v, %v", views, err)
	}
	for _, v := range views {
		want := map[int64]string{
			int64(granted.ID): "[/t/lease/a /t/lease/b /u/lease/d] [/t/lease/a /t/lease/b] 60",
			int64(stray.ID):   "[/t/lease/c] [/t/lease/c] 70",
			12345:             "[] [] 0",
		}[v.ID]
		if got := fmt.Sprintf("%v %v %d", v.Keys, v.Found, int(v.Granted.Seconds())); got != want {
			t.Errorf("%d: %s, want %s", v.ID, got, want)
		}
		if (v.ID == 12345) != (v.Remaining < 0) || v.At != 7 {
			t.Errorf("%+v", v)
		}
	}
}
