package trial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/etcd-firedrill/firedrill/harness"
)

// host is a host of which some requests fail, by what was asked.
type host struct {
	harness.Host
	name  string
	fails map[string]error
}

func (h host) Name() string                                 { return h.name }
func (h host) PowerOn(context.Context) error                { return h.fails["on"] }
func (h host) PowerOff(context.Context) error               { return h.fails["off"] }
func (h host) Signal(context.Context, syscall.Signal) error { return h.fails["signal"] }

func (h host) Etcd(context.Context) (harness.EtcdState, error) {
	return harness.EtcdState{PID: 9}, h.fails["etcd"]
}

func (h host) AwaitEtcd(context.Context, string, func(harness.EtcdState) bool) (harness.EtcdState, error) {
	return harness.EtcdState{PID: 9}, h.fails["await"]
}

// cluster acknowledges whatever is written.
type cluster struct {
	living, dead []harness.Host
}

func (c cluster) Select(context.Context, harness.Selector) ([]harness.Host, error) {
	return c.living, nil
}
func (c cluster) Dead(context.Context) []harness.Host          { return c.dead }
func (c cluster) Lead(context.Context, string) error           { return nil }
func (c cluster) Members(context.Context) []harness.MemberView { return nil }

func (c cluster) Write(_ context.Context, _ string, n int, _ []string) (int, error) { return n, nil }
func (c cluster) Read(context.Context, string, []string) (int, error)               { return writes, nil }

func (c cluster) Look(context.Context, []harness.Host) []harness.MemberView { return nil }

// What a host does not do for a trial is told with its name, and whether all was seen that
// the trial is for: the writes without a member were, also where it does not come back.
func TestWhatHostsDoNotDo(t *testing.T) {
	full := fmt.Errorf("asked: %w", syscall.ENOSPC)
	at := func(name string, fails ...string) harness.Host {
		h := host{name: name, fails: map[string]error{}}
		for _, what := range fails {
			h.fails[what] = full
		}
		return h
	}
	hosts := func(list ...harness.Host) []harness.Host { return list }
	for name, c := range map[string]struct {
		trial  harness.Trial
		in     cluster
		failed []string
		ran    bool
	}{
		"the leader is not powered off":    {KillOneMember{}, cluster{living: hosts(at("m1", "off"), at("m2"))}, []string{"m1"}, false},
		"the leader does not come back":    {KillOneMember{}, cluster{living: hosts(at("m1", "on"), at("m2"))}, []string{"m1"}, true},
		"etcd is not looked at":            {RestartMember{Host: "m1"}, cluster{living: hosts(at("m1"), at("m2", "etcd"))}, []string{"m2"}, false},
		"etcd is not restarted":            {RestartMember{Host: "m1"}, cluster{living: hosts(at("m1", "signal"), at("m2"))}, []string{"m1"}, false},
		"nobody knows whether it was":      {RestartMember{Host: "m1"}, cluster{living: hosts(at("m1", "await"), at("m2"))}, []string{"m1"}, false},
		"two of the dead do not come back": {PowerOnTheDead{}, cluster{hosts(at("m4")), hosts(at("m3", "on"), at("m2"), at("m1", "on"))}, []string{"m1", "m3"}, false},
		"the living are not looked at":     {PowerOnTheDead{}, cluster{hosts(at("m4", "etcd")), hosts(at("m1"))}, []string{"m4"}, false},
		"nobody knows what became of them": {PowerOnTheDead{}, cluster{hosts(at("m4")), hosts(at("m1", "etcd"))}, []string{"m1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				record, err := c.trial.Try(t.Context(), c.in)
				var failed HostErrors
				if !errors.As(err, &failed) || !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("%v", err)
				}
				if got := slices.Sorted(maps.Keys(failed)); !slices.Equal(got, c.failed) {
					t.Errorf("of %v, not %v", got, c.failed)
				}
				if record.Ran != c.ran || c.ran && (record.Acked != writes || !record.Read) {
					t.Errorf("%+v", record)
				}
			})
		})
	}
}
