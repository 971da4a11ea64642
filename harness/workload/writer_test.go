package workload

import (
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// The ledger tells what each write compared with: where all are answered, the
// revision at which the one before left the key.
func TestWritersRecordTheirGuards(t *testing.T) {
	cluster := startCluster(t, 1)
	b := &book{}
	traffic := startTraffic(t, config(t, b, cluster.Endpoints()))
	if err := traffic.AwaitSteady(within(t, 20*time.Second), 20); err != nil {
		t.Fatal(err)
	}
	if _, err := traffic.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, unclear := map[string]int64{}, map[string]bool{}
	deletes, updates := 0, 0
	ops, _ := b.read()
	for _, o := range ops {
		for _, e := range o.Effects {
			unclear[e.Key] = unclear[e.Key] || o.Outcome != harness.Acked || !o.Effective
			switch {
			case unclear[e.Key]:
				continue
			case e.Guarded != (o.Kind == harness.WriteOp) || e.Guarded && e.Guard != at[e.Key]:
				t.Errorf("%s: guard %d (%v), and the key was at %d", o, e.Guard, e.Guarded, at[e.Key])
			}
			at[e.Key] = o.Revision
			if e.Delete {
				at[e.Key] = 0
				deletes++
			} else if e.Guard != 0 {
				updates++
			}
		}
	}
	if deletes == 0 || updates == 0 {
		t.Errorf("%d deletes and %d updates were compared", deletes, updates)
	}
}
