package drill_test

import (
	"context"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

var repair = onEveryone("repair the disk", "rm -f /var/lib && mkdir -p /var/lib")

// unborn is the smallest drill of a cluster that is struck while it is created:
// its only member cannot start until the disk is repaired.
func unborn(then ...harness.Step) harness.Scenario {
	s := crash()
	s.Name, s.Summary, s.AtBirth = "unborn", "the only member fails to start", true
	s.Break = []harness.Fault{fault.SpoilDisk{Who: harness.Everyone}}
	s.Premises = []harness.Check{check.FailedToStart{Who: harness.Everyone}}
	s.Recover = runbook(then)
	s.Promises = []harness.Check{
		check.ProcedureCompleted{}, check.MembersAre{Who: harness.Everyone}, check.ServiceRestored{}, check.NewWritesKept{}, check.DatasetIntact{},
	}
	return s
}

var announce = harness.Step{Name: "announce", Do: harness.Announce{Hosts: []string{"m1"}}}

// What precedes the procedure in other drills follows it, and what did not occur
// leaves nothing in the evidence.
func TestStruckAtBirth(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	report := r.held(t, unborn(repair, awaitServe, announce), drill.Options{PreloadKeys: 250})
	ev := r.evidence(t)
	last := harness.Mark("")
	for _, m := range []harness.Mark{
		harness.Provisioned, harness.Struck, harness.TookEffect, harness.ProcedureBegan, harness.ProcedureEnded, harness.Redundant,
		harness.Booted, harness.TrafficBegan, harness.SteadyStateSeen, harness.Settled, harness.TrafficEnded, harness.Collected,
	} {
		if at, seen := ev.At(m); !seen || last != "" && at < ev.Marks[last] {
			t.Errorf("%s at %v (seen: %v), and %s at %v", m, at, seen, last, ev.Marks[last])
		}
		last = m
	}
	for _, m := range []harness.Mark{harness.Detected, harness.QuorumLost, harness.HistoryReplaced, harness.Fetched, harness.Restored} {
		if at, seen := ev.At(m); seen {
			t.Errorf("%s at %v", m, at)
		}
	}
	if len(ev.Before) > 0 || len(ev.Survivors) > 0 || ev.EtcdVersion == "" || len(ev.LeasesBefore) != 2 {
		t.Errorf("before the strike there was %+v, etcd %q, leases %+v", ev.Before, ev.EtcdVersion, ev.LeasesBefore)
	}
	if ev.DatasetBefore == nil || ev.DatasetBefore.Keys != 250 || *ev.DatasetBefore != *ev.DatasetAfter {
		t.Errorf("preloaded %+v, found %+v", ev.DatasetBefore, ev.DatasetAfter)
	}
	book, err := ledger.Open(r.latest(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	for o, err := range book.Operations() {
		if err != nil || o.Call < ev.Marks[harness.ProcedureEnded] {
			t.Fatalf("%s: %v", o, err)
		}
	}
	if report.OutageUnmeasured == "" || report.Phases.Outage != 0 || len(report.Gaps) > 0 || report.Phases.Detection != 0 || report.Phases.Redundancy == 0 {
		t.Errorf("%+v, %v, %q", report.Phases, report.Gaps, report.OutageUnmeasured)
	}
	if report.Loss == nil || report.Loss.LostWrites != 0 || report.Loss.AckedWrites == 0 {
		t.Errorf("lost: %+v", report.Loss)
	}
}

// Clients come whatever the procedure has made of it.
func TestACreationThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	report, err := r.run(t.Context(), t, unborn(onEveryone("give up", "exit 1")), drill.Options{PreloadKeys: 10})
	if err != nil || report.Verdict != harness.Violated {
		t.Fatalf("%s, %v", report.Verdict, err)
	}
	ev := r.evidence(t)
	for _, m := range []harness.Mark{harness.Booted, harness.Redundant, harness.SteadyStateSeen, harness.Settled} {
		if at, seen := ev.At(m); seen {
			t.Errorf("%s at %v", m, at)
		}
	}
	if _, ran := ev.At(harness.TrafficBegan); !ran || ev.DatasetBefore != nil {
		t.Errorf("traffic ran: %v, preloaded %+v", ran, ev.DatasetBefore)
	}
	says(t, read(t, r.latest(t), "timeline.jsonl"), "m1 does not answer", "no whole cluster was created", "nothing is preloaded", "no steady state")
}

// A fault that lets every member start makes the drill mean nothing.
func TestStruckInVain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := unborn(awaitServe, announce)
	s.Break = []harness.Fault{blow(func(context.Context, harness.Strike) error { return nil })}
	report, err := r.run(t.Context(), t, s, drill.Options{})
	if err != nil || report.Verdict != harness.Inconclusive {
		t.Fatalf("%s, %v", report.Verdict, err)
	}
	says(t, read(t, r.latest(t), "timeline.jsonl"), "it was not seen that etcd does not start", "m1 serves")
}

// A host that was struck before its etcd was first started, and is off, is the
// procedure's to deal with.
func TestStruckAndOffAtBirth(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := unborn(harness.Step{Name: "power m1 on", On: harness.Everyone, Do: harness.PowerOn{}},
		onEveryone("install etcd", "cat > /root/etcd.yaml <<'EOF'\n{{manifest name}}EOF\nmv /root/etcd.yaml "+harness.ManifestPath), awaitServe)
	s.Break = []harness.Fault{fault.PowerOff{Who: harness.Everyone}}
	s.Premises = nil
	r.held(t, s, drill.Options{})
}

// An etcd that does not start where nothing was struck is not the scenario's.
func TestAnotherEtcdThatDoesNotStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := unborn(repair, awaitServe)
	s.Given.Members, s.Break = 2, []harness.Fault{fault.SpoilDisk{Who: harness.Hosts("m2")}}
	_, err := r.run(t.Context(), t, s, drill.Options{EtcdArgs: []string{"--no-such-flag=1"}})
	if err == nil {
		t.Fatal("no error")
	}
	says(t, err.Error(), "install the cluster: ", "etcd on m1 does not start", "flag provided but not defined", "\nhint: ")
	if strings.Contains(err.Error(), "etcd on m2") {
		t.Error(err)
	}
}
