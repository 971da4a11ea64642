package drill

import (
	"errors"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestPlannedRefusesBeforeAnythingStarts(t *testing.T) {
	single := harness.Scenario{Name: "s", Given: harness.ClusterSpec{Members: 1, OnlyBecause: "the page is about one"}}
	free := harness.Scenario{Name: "f", Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic}
	born := free
	born.AtBirth = true
	if err := Validate(born, Options{PreloadKeys: 100, Members: 5}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		s    harness.Scenario
		o    Options
		says string
	}{
		{single, Options{Members: 5}, "the page is about one"},
		{free, Options{Members: 10}, "from 1 to 9"},
		{free, Options{Members: -1}, "from 1 to 9"},
		{free, Options{EtcdArgs: []string{"--name=x"}}, "set by the drill itself"},
		{free, Options{EtcdArgs: []string{"--"}}, "give it as"},
		{free, Options{EtcdArgs: []string{"--quota-backend-bytes 5"}}, "give it as"},
		{free, Options{PreloadFrom: "x.db", PreloadKeys: 1}, "not both"},
		{born, Options{PreloadFrom: "x.db"}, "installs an empty one"},
		{harness.Scenario{Name: "b", AtBirth: true, Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic, Backups: harness.BackupJob{Every: 1}}, Options{}, "neither backups"},
		{harness.Scenario{Name: "b", AtBirth: true, Given: harness.ClusterSpec{Members: 3, Grown: true}, Under: harness.KubernetesTraffic}, Options{}, "nor grown"},
		{harness.Scenario{Name: "b", Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic, Backups: harness.BackupJob{Every: 2, Age: 2}}, Options{}, "cannot be 2ns old"},
		{free, Options{Rate: -1}, "negative"},
		{free, Options{ValueSize: 10}, "unique only from 11"},
		{free, Options{Within: -1}, "needs time"},
		{harness.Scenario{Name: "a", Given: harness.ClusterSpec{Members: 3, Auth: true}, Under: harness.KubernetesTraffic}, Options{}, "certificate of its own"},
		{harness.Scenario{Name: "t", Given: harness.ClusterSpec{Members: 1}}, Options{}, "values of 0 bytes"},
		{harness.Scenario{Name: "t", Given: harness.ClusterSpec{Members: 1}, Under: harness.Traffic{ValueSize: 64}}, Options{}, "at least one writer"},
	} {
		err := Validate(c.s, c.o)
		if !errors.Is(err, ErrUnsuited) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s with %+v: %v; it should say %q", c.s.Name, c.o, err, c.says)
		}
	}
}

func TestPlannedWorksTheOptionsIn(t *testing.T) {
	p, err := planned(harness.Scenario{Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic},
		Options{Members: 5, Writers: 2, Rate: 7, ValueSize: 19, EtcdArgs: []string{"--quota-backend-bytes=5", "auto-compaction-retention=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.hosts) != 5 || p.hosts[4] != "m5" {
		t.Errorf("hosts are %v", p.hosts)
	}
	if p.traffic.Writers != 2 || p.traffic.Rate != 7 || p.traffic.ValueSize != 19 || p.traffic.Leases != harness.KubernetesTraffic.Leases {
		t.Errorf("traffic is %+v", p.traffic)
	}
	if strings.Join(p.args, " ") != "quota-backend-bytes=5 auto-compaction-retention=1" {
		t.Errorf("etcd's flags are %v", p.args)
	}
}

// A cluster that is struck while it is created has its clients afterwards.
func TestOrder(t *testing.T) {
	s := harness.Scenario{Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic}
	for _, c := range []struct {
		atBirth bool
		want    string
	}{
		{false, "provision hosts, preload, boot the cluster, reach a steady state, strike, detect, recover, settle, collect evidence, try the recovered cluster"},
		{true, "provision hosts, strike, install the cluster, recover, see what was created, preload, open to clients, settle, collect evidence, try the recovered cluster"},
	} {
		s.AtBirth = c.atBirth
		p, err := planned(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, part := range (&drill{scenario: s, plan: p}).order(nil) {
			names = append(names, part.name)
		}
		if got := strings.Join(names, ", "); got != c.want {
			t.Errorf("struck at birth %v: %s\nwant %s", c.atBirth, got, c.want)
		}
	}
}
