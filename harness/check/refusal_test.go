package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	stopped   = check.ProcedureRefused{}
	untouched = check.NothingChanged{}
)

// refusal makes the honest drill one whose procedure refused at once.
func refusal(ev *harness.Evidence, _ *book) {
	delete(ev.Marks, harness.HistoryReplaced)
	ev.Procedure = harness.ProcedureRecord{Refused: "step 1: the cluster is healthy", Within: time.Minute}
	ev.Steps = ev.Steps[:1]
	ev.After = before()
}

// exit records that etcd ended on a host.
func exit(host string, at time.Duration, e harness.EtcdExit) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.Exits = append(ev.Exits, harness.HostExit{Host: host, At: at, EtcdExit: e})
	}
}

var refusalCases = []judged{
	{stopped, "honest", refusal, harness.Held, "step 1: the cluster is healthy"},
	{stopped, "completed", nothing, harness.Violated, "went through"},
	{stopped, "failed", both(refusal, record(harness.ProcedureRecord{Failed: "step 2"})), harness.Violated, "did not refuse, it failed: step 2"},
	{stopped, "refused and completed at once", both(refusal, record(harness.ProcedureRecord{Completed: true, Refused: "step 1"})), harness.Violated, "went through"},
	{stopped, "never began", both(refusal, without(harness.ProcedureBegan)), harness.Inconclusive, "not seen to begin"},
	{stopped, "never ended", both(refusal, without(harness.ProcedureEnded)), harness.Inconclusive, "not seen to begin"},
	{stopped, "how it ended is not known", both(refusal, record(harness.ProcedureRecord{})), harness.Inconclusive, "not recorded"},
	{stopped, "no step", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Steps = nil }), harness.Inconclusive, "not recorded"},

	{untouched, "honest", refusal, harness.Held, "before and after"},
	{untouched, "etcd died before it", both(refusal, exit("m1", beganAt-1, harness.EtcdExit{Code: -1, Signal: "killed"})), harness.Held, ""},
	{untouched, "etcd was stopped", both(refusal, exit("m1", beganAt, harness.EtcdExit{Asked: true})), harness.Violated, "etcd on m1 exited with status 0 at 2.50 s"},
	{untouched, "etcd died", both(refusal, exit("m2", endedAt, harness.EtcdExit{Code: -1, Signal: "killed"})), harness.Violated, "etcd on m2 ended by signal"},
	{untouched, "restored", both(refusal, mark(harness.HistoryReplaced, replacedAt)), harness.Violated, "other data at 3.00 s"},
	{untouched, "another list", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After[2].Members = ev.After[2].Members[:2] }), harness.Violated, "m3 lists"},
	{untouched, "another cluster", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After[0].ClusterID = 5 }), harness.Violated, "in cluster 5"},
	{untouched, "a new host", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Before = ev.Before[:2] }), harness.Violated, "m3 is a new host"},
	{untouched, "a host was lost before", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Hosts, ev.After = ev.Hosts[:2], ev.After[:2] }), harness.Held, ""},
	{untouched, "one does not answer", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After[1].Error = "connection refused" }), harness.Inconclusive, "m2 did not answer: connection refused"},
	{untouched, "one was not asked", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After = ev.After[:2] }), harness.Inconclusive, "m3 was not asked"},
	{untouched, "one did not answer before", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Before[0].Error = "refused" }), harness.Inconclusive, "m1 did not answer before"},
	{untouched, "never began", both(refusal, without(harness.ProcedureBegan)), harness.Inconclusive, "never began"},
}
