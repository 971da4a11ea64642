package workload

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// torn is a ledger that panics at one kind of record.
type torn struct {
	book
	at      harness.OpKind
	watcher bool // rather at what the watcher saw
}

func (l *torn) Append(op harness.Operation) (uint64, error) {
	if op.Kind == l.at && !l.watcher {
		panic("the ledger is out of order")
	}
	return l.book.Append(op)
}

func (l *torn) Saw(e harness.WatchEvent) error {
	if l.watcher {
		panic("the ledger is out of order")
	}
	return l.book.Saw(e)
}

// A panic in what traffic calls is its failure, wherever it happens, and hinders
// neither Announce nor Stop.
func TestPanics(t *testing.T) {
	cluster := startCluster(t, 1)
	served := func(wanted bool) func(time.Duration, bool) {
		return func(_ time.Duration, serving bool) {
			if serving == wanted {
				panic("the listener is out of order")
			}
		}
	}
	for name, c := range map[string]struct {
		ledger  Ledger
		serving func(time.Duration, bool)
		pause   bool
	}{
		"serving":      {&book{}, served(true), false},
		"no longer":    {&book{}, served(false), true},
		"writer":       {&torn{at: harness.WriteOp}, nil, false},
		"probe":        {&torn{at: harness.ProbeOp}, nil, false},
		"stock client": {&torn{at: harness.StockOp}, nil, false},
		"lease":        {&torn{at: harness.LeaseOp}, nil, false},
		"watcher":      {&torn{watcher: true}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, c.ledger, cluster.Endpoints())
			cfg.Serving = c.serving
			traffic := startTraffic(t, cfg)
			if c.pause {
				if err := traffic.AwaitSteady(within(t, 20*time.Second), 1); err != nil {
					t.Fatal(err)
				}
				if err := cluster.Members[0].Pause(); err != nil {
					t.Fatal(err)
				}
			}
			failed := traffic.await(within(t, 20*time.Second), "it fails", func() (bool, string) { return false, "it runs on" })
			if c.pause {
				if err := cluster.Members[0].Resume(); err != nil {
					t.Fatal(err)
				}
			}
			if err := traffic.Announce(cluster.Endpoints()); err != nil {
				t.Error(err)
			}
			_, err := traffic.Stop(within(t, 20*time.Second))
			for _, err := range []error{failed, err} {
				var crash *crew.Crash
				if !errors.As(err, &crash) || !strings.Contains(err.Error(), "out of order") || !strings.Contains(err.Error(), "panic_test.go") {
					t.Errorf("%v", err)
				}
			}
		})
	}
}
