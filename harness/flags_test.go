package harness_test

import (
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestElectionTimeoutOf(t *testing.T) {
	for _, c := range []struct {
		flags []string
		want  time.Duration
	}{
		{nil, time.Second},
		{[]string{"heartbeat-interval=10", "snapshot-count=100"}, time.Second},
		{[]string{"heartbeat-interval=10", "election-timeout=100"}, 100 * time.Millisecond},
		{[]string{"election-timeout=100", "election-timeout=5000"}, 5 * time.Second},
		{[]string{"election-timeout=soon"}, 0},
		{[]string{"election-timeout=-1"}, 0},
		{[]string{"election-timeout="}, 0},
	} {
		if got := harness.ElectionTimeoutOf(c.flags); got != c.want {
			t.Errorf("%q: %v, want %v", c.flags, got, c.want)
		}
	}
}
