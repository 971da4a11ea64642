package check_test

import (
	"fmt"
	"slices"
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
	ev.Starts, ev.DisksBegan, ev.DisksAfter = []harness.HostStart{}, nil, nil
	for _, host := range []string{"m1", "m2", "m3"} {
		ev.Starts = append(ev.Starts, harness.HostStart{Host: host, At: 50 * time.Millisecond})
		ev.DisksBegan = append(ev.DisksBegan, lies(host))
		ev.DisksAfter = append(ev.DisksAfter, lies(host))
	}
}

const (
	member   = harness.DataDir + "/member"
	database = member + "/snap/db"
	firstLog = member + "/wal/0000000000000000-0000000000000000.wal"
)

// lies is what lies on a host whose etcd runs.
func lies(host string) harness.HostDisk {
	d := harness.HostDisk{Host: host, Manifest: "a0", Database: true, LogHead: "b0"}
	for i, path := range []string{harness.DataDir, member, member + "/snap", database, member + "/wal", firstLog} {
		d.Files = append(d.Files, harness.DiskFile{Path: path, Inode: uint64(100 + i)})
	}
	return d
}

// began and ended alter what lay on m1 when the procedure began, and in the end.
func began(alter func(*harness.HostDisk)) func(*harness.Evidence, *book) {
	return both(refusal, func(ev *harness.Evidence, _ *book) { alter(&ev.DisksBegan[0]) })
}

func ended(alter func(*harness.HostDisk)) func(*harness.Evidence, *book) {
	return both(refusal, func(ev *harness.Evidence, _ *book) { alter(&ev.DisksAfter[0]) })
}

func bare(d *harness.HostDisk) { *d = harness.HostDisk{Host: d.Host, Files: d.Files[:1]} }

func unlooked(d *harness.HostDisk) { *d = harness.HostDisk{Host: d.Host, Error: "it took 20 s"} }

func isOff(d *harness.HostDisk) { *d = harness.HostDisk{Host: d.Host, Off: true} }

func empty(d *harness.HostDisk) { d.Files, d.Database, d.LogHead = nil, false, "" }

// loses takes a file away, with all that is in it.
func loses(path string) func(*harness.HostDisk) {
	return func(d *harness.HostDisk) {
		at := slices.IndexFunc(d.Files, func(f harness.DiskFile) bool { return f.Path == path })
		d.Files = slices.Delete(d.Files, at, at+1)
	}
}

// replaces puts another file in the place of one.
func replaces(path string) func(*harness.HostDisk) {
	return func(d *harness.HostDisk) {
		at := slices.IndexFunc(d.Files, func(f harness.DiskFile) bool { return f.Path == path })
		d.Files[at].Inode += 1000
	}
}

// logs has these parts of the log in the place of the first.
func logs(numbers ...int) func(*harness.HostDisk) {
	return func(d *harness.HostDisk) {
		d.Files = d.Files[:len(d.Files)-1]
		for _, n := range numbers {
			d.Files = append(d.Files, harness.DiskFile{Path: fmt.Sprintf("%s/wal/%016x-%016x.wal", member, n, 1000*n), Inode: uint64(105 + n)})
		}
	}
}

// absent is a host that is not there, from now on or from the beginning.
func absent(host string, then bool) func(*harness.Evidence, *book) {
	not := func(d harness.HostDisk) bool { return d.Host == host }
	return both(refusal, func(ev *harness.Evidence, b *book) {
		ev.Hosts = slices.DeleteFunc(ev.Hosts, func(h string) bool { return h == host })
		ev.DisksAfter = slices.DeleteFunc(ev.DisksAfter, not)
		if !then {
			ev.DisksBegan = slices.DeleteFunc(ev.DisksBegan, not)
		}
		unasked(host)(ev, b)
	})
}

// alike alters what lay, and lies, on m1, whose etcd does not run.
func alike(alter func(*harness.HostDisk)) func(*harness.Evidence, *book) {
	return both(silent("m1"), func(ev *harness.Evidence, _ *book) { alter(&ev.DisksBegan[0]); alter(&ev.DisksAfter[0]) })
}

// exit records that etcd ended on a host.
func exit(host string, at time.Duration, e harness.EtcdExit) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.Exits = append(ev.Exits, harness.HostExit{Host: host, At: at, EtcdExit: e})
	}
}

// start records that etcd was started on a host.
func start(host string, at time.Duration) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.Starts = append(ev.Starts, harness.HostStart{Host: host, At: at})
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
	{check.ProcedureRefused{Because: "cluster is healthy"}, "for the reason that it should have", refusal, harness.Held, "step 1: the cluster is healthy"},
	{check.ProcedureRefused{Because: "there is no disaster"}, "for another reason", refusal, harness.Inconclusive, "for another reason than \"there is no disaster\": step 1: the cluster is healthy"},
	{check.ProcedureRefused{Because: "there is no disaster"}, "completed, and not for that reason", nothing, harness.Violated, "went through"},
	{stopped, "no step", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Steps = nil }), harness.Inconclusive, "not recorded"},

	{untouched, "honest", refusal, harness.Held, "before and after"},
	{untouched, "etcd died before it", both(refusal, exit("m1", beganAt-1, harness.EtcdExit{Code: -1, Signal: "killed"})), harness.Held, ""},
	{untouched, "etcd was stopped", both(refusal, exit("m1", beganAt, harness.EtcdExit{Asked: true})), harness.Violated, "etcd on m1 exited with status 0 at 2.50 s"},
	{untouched, "etcd died", both(refusal, exit("m2", endedAt, harness.EtcdExit{Code: -1, Signal: "killed"})), harness.Violated, "etcd on m2 ended by signal"},
	{untouched, "restored", both(refusal, mark(harness.HistoryReplaced, replacedAt)), harness.Violated, "other data at 3.00 s"},
	{untouched, "another list", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After[2].Members = ev.After[2].Members[:2] }), harness.Violated, "m3 lists"},
	{untouched, "another cluster", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After[0].ClusterID = 5 }), harness.Violated, "in cluster 5"},
	{untouched, "a new host", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Before = ev.Before[:2] }), harness.Violated, "m3 is a new host"},
	{untouched, "a host was lost before", absent("m3", false), harness.Held, ""},
	{untouched, "a host was lost", absent("m3", true), harness.Violated, "m3 is not there any more"},
	{untouched, "a spare was not used", both(absent("m3", true), func(ev *harness.Evidence, _ *book) { bare(&ev.DisksBegan[2]) }), harness.Held, ""},
	{untouched, "a host was destroyed, and ordered anew", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Gone["m2"] = beganAt }), harness.Violated, "m2 was destroyed at 2.50 s"},
	{untouched, "a host was off for a while", both(refusal, func(ev *harness.Evidence, _ *book) {
		ev.Power = []harness.PowerRecord{{Host: "m2", At: endedAt}, {Host: "m2", At: trafficEnd, On: true}}
	}), harness.Violated, "m2 went off at 4.00 s"},
	{untouched, "a host went off", ended(isOff), harness.Violated, "m1 is off, and was not when the procedure began"},
	{untouched, "a host went on", began(isOff), harness.Violated, "m1 is on, and was not when the procedure began"},
	{untouched, "a host was off", both(refusal, alike(isOff)), harness.Held, ""},
	{untouched, "a host has no etcd", both(refusal, alike(bare)), harness.Held, ""},
	{untouched, "a host came", both(refusal, func(ev *harness.Evidence, _ *book) { ev.DisksBegan = ev.DisksBegan[:2] }), harness.Violated, "m3 was not there when the procedure began"},

	{untouched, "etcd was started before it", both(refusal, start("m1", beganAt-1)), harness.Held, ""},
	{untouched, "etcd was started", both(refusal, start("m1", beganAt)), harness.Violated, "etcd on m1 was started at 2.50 s"},
	{untouched, "starts were not recorded", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Starts = nil }), harness.Inconclusive, "which etcds were started was not recorded"},

	{untouched, "the manifest was rewritten", ended(func(d *harness.HostDisk) { d.Manifest = "a1" }), harness.Violated, "etcd's manifest is not what it was on m1"},
	{untouched, "the manifest was removed", ended(func(d *harness.HostDisk) { d.Manifest = "" }), harness.Violated, "etcd's manifest is gone on m1"},
	{untouched, "a manifest was written", began(func(d *harness.HostDisk) { d.Manifest = "" }), harness.Violated, "there was no manifest of etcd's, and there is one on m1"},
	{untouched, "the data were wiped", ended(empty), harness.Violated, "/var/lib/etcd is gone on m1"},
	{untouched, "there are data", began(empty), harness.Violated, "/var/lib/etcd was not there, and is on m1"},
	{untouched, "the directory was put back", ended(replaces(member)), harness.Violated, "in the place of /var/lib/etcd/member on m1"},
	{untouched, "the database was removed", ended(loses(database)), harness.Violated, "snap/db is gone on m1"},
	{untouched, "the database was replaced", ended(replaces(database)), harness.Violated, "in the place of /var/lib/etcd/member/snap/db on m1"},
	{untouched, "the database was overwritten", ended(func(d *harness.HostDisk) { d.Database = false }), harness.Violated, "none any more on m1"},
	{untouched, "the log was removed", ended(loses(firstLog)), harness.Violated, ".wal is gone on m1"},
	{untouched, "the log was overwritten", ended(func(d *harness.HostDisk) { d.LogHead = "b1" }), harness.Violated, "the write-ahead log is another one on m1"},
	{untouched, "the log's beginning was not full yet", began(func(d *harness.HostDisk) { d.LogHead = "" }), harness.Held, ""},
	{untouched, "the log grew", ended(logs(0, 1)), harness.Held, ""},
	{untouched, "a log appeared where no etcd runs", both(refusal, both(alike(func(d *harness.HostDisk) { d.Manifest = "" }), func(ev *harness.Evidence, _ *book) { logs(0, 1)(&ev.DisksAfter[0]) })), harness.Violated, ".wal was not there, and is on m1"},
	{untouched, "the log's oldest parts were removed", ended(logs(2, 3, 4, 5, 6)), harness.Held, ""},
	{untouched, "the log's only old part was removed", ended(logs(1)), harness.Inconclusive, "whether etcd itself removed /var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal on m1 is not known"},
	{untouched, "a part from the middle of the log was removed", both(began(logs(0, 1, 2)), func(ev *harness.Evidence, _ *book) { logs(0, 2)(&ev.DisksAfter[0]) }), harness.Violated, ".wal is gone on m1"},
	{untouched, "disks were not looked at before", both(refusal, func(ev *harness.Evidence, _ *book) { ev.DisksBegan = nil }), harness.Inconclusive, "was not looked at before and after"},
	{untouched, "disks were not looked at after", both(refusal, func(ev *harness.Evidence, _ *book) { ev.DisksAfter = nil }), harness.Inconclusive, "was not looked at before and after"},
	{untouched, "one could not be looked at before", began(unlooked), harness.Inconclusive, "what lay on m1 could not be looked at when the procedure began: it took 20 s"},
	{untouched, "one could not be looked at after", ended(unlooked), harness.Inconclusive, "what lies on m1 could not be looked at in the end: it took 20 s"},
	{untouched, "one was not looked at after", both(refusal, func(ev *harness.Evidence, _ *book) { ev.DisksAfter = ev.DisksAfter[:2] }), harness.Inconclusive, "what lies on m3 was not looked at in the end"},
	{untouched, "no etcd was there", both(refusal, func(ev *harness.Evidence, _ *book) {
		for i := range ev.DisksBegan {
			isOff(&ev.DisksBegan[i])
			isOff(&ev.DisksAfter[i])
		}
	}), harness.Inconclusive, "no member was heard"},
	{untouched, "one does not answer", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After[1].Error = "connection refused" }), harness.Inconclusive, "m2 did not answer: connection refused"},
	{untouched, "one was not asked", both(refusal, func(ev *harness.Evidence, _ *book) { ev.After = ev.After[:2] }), harness.Inconclusive, "m3 was not asked"},
	{untouched, "one did not answer before", both(refusal, func(ev *harness.Evidence, _ *book) { ev.Before[0].Error = "refused" }), harness.Inconclusive, "m1 did not answer before"},
	{untouched, "never began", both(refusal, without(harness.ProcedureBegan)), harness.Inconclusive, "never began"},
}
