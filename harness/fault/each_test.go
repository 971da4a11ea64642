package fault

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host panics when it is asked for its etcd.
type host struct {
	harness.Host
	name string
}

func (h host) Name() string { return h.name }

func (h host) Etcd(context.Context) (harness.EtcdState, error) { panic(h.name + " is out of order") }

func (h host) PowerOff(context.Context) error { return errors.New("no switch") }

type hosts []harness.Host

func (hosts) AwaitBackup(context.Context) error { return errors.New("no backup job") }

func (h hosts) Select(context.Context, harness.Selector) ([]harness.Host, error) { return h, nil }

func (hosts) Render(text, _ string) (string, error) { return text, nil }

// A panic while one host is damaged is that of whoever injects the fault.
func TestAFaultPanics(t *testing.T) {
	err := crew.Caught(func() {
		_, err := KillEtcd{Who: harness.Everyone}.Inject(t.Context(), hosts{host{name: "m1"}})
		t.Errorf("it returned: %v", err)
	})
	if err == nil || !strings.Contains(err.Error(), "m1 is out of order") || !strings.Contains(err.Error(), "each_test.go") {
		t.Error(err)
	}
	struck, err := PowerOff{Who: harness.Everyone}.Inject(t.Context(), hosts{host{name: "m1"}, host{name: "m2"}})
	if err == nil || !strings.Contains(err.Error(), "on m2: no switch") || len(struck) != 2 {
		t.Errorf("%v, %v", struck, err)
	}
}
