package drill

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

func TestPlannedRefusesBeforeAnythingStarts(t *testing.T) {
	single := harness.Scenario{Name: "s", Given: harness.ClusterSpec{Members: 1, OnlyBecause: "the page is about one"}}
	free := harness.Scenario{Name: "f", Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic}
	backed := free
	backed.Name, backed.Backups = "k", harness.BackupJob{Every: 2 * time.Second, Age: time.Second}
	dying := backed
	dying.Backups = harness.BackupJob{Every: time.Second, Age: 1, Dies: 2}
	if err := Validate(backed, Options{BackupEvery: 5 * time.Second, BackupKeep: harness.Retention{Count: 1, Age: time.Hour}, BackupUnverified: true, Promises: []harness.Check{check.NoAlarms{}}}); err != nil {
		t.Error(err)
	}
	if err := Validate(backed, Options{BackupEvery: time.Second}); err != nil {
		t.Error(err) // the scenario's own age goes with its interval
	}
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
		{free, Options{BackupEvery: time.Second}, "it takes no backups"},
		{free, Options{BackupKeep: harness.Retention{Count: 3}}, "it takes no backups"},
		{free, Options{BackupKeep: harness.Retention{Age: 3}}, "it takes no backups"},
		{free, Options{BackupUnverified: true}, "it takes no backups"},
		{free, Options{Promises: []harness.Check{check.NoAlarms{}}}, "hint: choose a scenario that restores a snapshot"},
		{born, Options{BackupEvery: time.Second}, "it takes no backups"},
		{backed, Options{BackupEvery: -1}, "cannot be negative"},
		{backed, Options{BackupKeep: harness.Retention{Count: -1}}, "cannot be negative"},
		{backed, Options{BackupKeep: harness.Retention{Age: -1}}, "cannot be negative"},
		{backed, Options{Promises: []harness.Check{nil}}, "one of the promises is none"},
		{backed, Options{Promises: []harness.Check{unheardOf{}}}, "a check \"unheard-of\""},
		{dying, Options{}, "a backup job that dies"},
		{harness.Scenario{Name: "d", Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic, Backups: harness.BackupJob{Dies: 2}}, Options{}, "takes no backups that could be kept"},
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

// unheardOf is a check that no evidence can ask for.
type unheardOf struct{ check.NoAlarms }

func (unheardOf) Name() string { return "unheard-of" }

func TestPlannedWorksTheOptionsIn(t *testing.T) {
	p, err := planned(harness.Scenario{Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic},
		Options{Members: 5, Writers: 2, Rate: 7, ValueSize: 19, EtcdArgs: []string{"--quota-backend-bytes=5", "auto-compaction-retention=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.promises) != 0 || p.backups != (harness.BackupJob{}) {
		t.Errorf("promises are %v, backups %+v", p.promises, p.backups)
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

// What a policy says takes the place of what the scenario says, and its promises
// come beside the scenario's, which may depend on the number of members.
func TestPlannedWorksThePolicyIn(t *testing.T) {
	s := harness.Scenario{
		Given: harness.ClusterSpec{Members: 3}, Under: harness.KubernetesTraffic, Backups: harness.BackupJob{Every: time.Second, Age: time.Second / 2, Bucket: "b"},
		Promises: []harness.Check{check.ClusterID{Kept: true}},
		Sized: func(of *harness.Scenario, members int) {
			of.Promises = []harness.Check{check.MembersAre{Who: harness.Hosts(fmt.Sprintf("m%d", members))}}
		},
	}
	keep, bound := harness.Retention{Count: 2}, check.LossWithinPolicy{Interval: time.Minute}
	for _, c := range []struct {
		o        Options
		promises []harness.Check
		backups  harness.BackupJob
	}{
		{Options{}, s.Promises, s.Backups},
		{Options{Members: 3, BackupEvery: time.Minute}, s.Promises, harness.BackupJob{Every: time.Minute, Bucket: "b"}},
		{Options{Members: 5, BackupUnverified: true, BackupKeep: keep, Promises: []harness.Check{bound}},
			[]harness.Check{check.MembersAre{Who: harness.Hosts("m5")}, bound}, harness.BackupJob{Every: time.Second, Age: time.Second / 2, Bucket: "b", Keep: keep, Unverified: true}},
	} {
		p, err := planned(s, c.o)
		if err != nil || p.backups != c.backups || fmt.Sprint(p.promises) != fmt.Sprint(c.promises) {
			t.Errorf("with %+v: promises %v, backups %+v, %v", c.o, p.promises, p.backups, err)
		}
	}
	if len(s.Promises) != 1 {
		t.Errorf("the scenario's own promises are %v now", s.Promises)
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
