package rehearse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// allSeen is a rehearsal of which all was seen, and held.
func allSeen() (Options, reports.Rehearsal, seen) {
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	taken, keys := started.Add(-time.Hour), int64(100)
	r := reports.Rehearsal{
		Started: started, Members: 3, EtcdVersion: "3.7.3", Keys: &keys, Source: reports.RehearsedSource{Bytes: 40_992, Taken: &taken},
		Snapshot: &reports.RehearsedFile{Revision: 101, StorageVersion: "3.6.0"},
		Phases:   reports.RehearsalPhases{Restore: 20, FirstAck: 900, Serving: 1000, Recovered: 1500, MemberLoss: 1200},
	}
	s := seen{fetched: time.Second, serving: true, raised: true, write: trial{held: true}, undo: trial{held: true}, lost: "m2 (its member was the leader)", loss: trial{held: true}}
	var members []harness.Member
	for i := range 3 {
		members = append(members, harness.Member{ID: uint64(i + 1), Name: fmt.Sprintf("m%d", i+1)})
	}
	for _, m := range members {
		r.Hosts = append(r.Hosts, reports.RehearsedHost{Host: m.Name, Restore: 20, Up: 300, Hash: "4ad0c1f3", Compact: 7})
		s.views = append(s.views, harness.MemberView{Host: m.Name, ClusterID: 0xc1, MemberID: m.ID, Members: members, Serves: true})
	}
	return Options{MaxAge: 2 * time.Hour, RTO: 2 * time.Second, MinKeys: 100, Revision: 101}, r, s
}

// Each finding is seen to be violated by what it is there to see, and to be
// inconclusive where that was not looked at.
func TestJudge(t *testing.T) {
	o, r, s := allSeen()
	for _, f := range judge(o, r, s) {
		if f.Verdict != held || f.Claim == "" || f.Detail == "" || f.Kind != harness.Promise {
			t.Errorf("all was seen: %+v", f)
		}
	}
	few := int64(99)
	for what, c := range map[string]struct {
		change func(*Options, *reports.Rehearsal, *seen)
		check  string
		want   harness.Verdict
		detail string
	}{
		"no snapshot": {func(_ *Options, r *reports.Rehearsal, s *seen) {
			r.Snapshot, r.Hosts, s.unfit = nil, nil, "it is empty"
		}, "snapshot-whole", violated, "it is empty"},
		"never fetched":         {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.fetched = 0 }, "snapshot-whole", inconclusive, "not seen to be fetched"},
		"never read":            {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Snapshot = nil }, "format-known", inconclusive, "not read"},
		"too new":               {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.tooNew = "it was written by etcd 3.9" }, "format-known", violated, "3.9"},
		"too new to restore":    {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.tooNew = "it was written by etcd 3.9" }, "restored-everywhere", inconclusive, "cannot read"},
		"not restored":          {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts[1].Restore, r.Hosts[1].Problem = 0, "exit 1" }, "restored-everywhere", violated, "1 host"},
		"not restored: serving": {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts[1].Restore, r.Hosts[1].Problem = 0, "exit 1" }, "members-serve", inconclusive, "not restored"},
		"there is none": {func(_ *Options, r *reports.Rehearsal, s *seen) {
			r.Snapshot, r.Hosts, s.none, s.unfit = nil, nil, true, "there is no object"
		}, "snapshot-whole", violated, "no object"},
		"none to restore": {func(_ *Options, r *reports.Rehearsal, s *seen) {
			r.Snapshot, r.Hosts, s.none, s.unfit = nil, nil, true, "there is no object"
		}, "restored-everywhere", inconclusive, "there is no snapshot"},
		"a version that is none": {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Snapshot.StorageVersion = "new\x1b" }, "format-known", inconclusive, `new\x1b`},
		"an etcd of no version":  {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.EtcdVersion = "" }, "format-known", inconclusive, "cannot be told"},
		"before 3.6": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			r.Snapshot.StorageVersion, r.Snapshot.ClusterVersion = "", "3.5.0"
		}, "format-known", held, "no storage version"},
		"of a newer cluster": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			r.Snapshot.StorageVersion, r.Snapshot.ClusterVersion = "", "3.8.0"
		}, "format-known", inconclusive, "3.8.0"},
		"a host missing":           {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts = r.Hosts[:2] }, "restored-everywhere", inconclusive, ""},
		"a host missing: serving":  {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts = r.Hosts[:2] }, "members-serve", inconclusive, ""},
		"a host missing: its hash": {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts = r.Hosts[:2] }, "hashes-equal", inconclusive, ""},
		"serves no longer": {func(_ *Options, _ *reports.Rehearsal, s *seen) {
			s.views[1].Serves, s.views[1].ServeError = false, "no leader"
		}, "members-serve", inconclusive, "m2 served, and did not when it was asked again: no leader"},
		"may not read": {func(_ *Options, r *reports.Rehearsal, s *seen) {
			s.views[1].Serves, s.views[1].ServeError, r.Snapshot.Auth = false, "permission denied", true
		}, "members-serve", held, ""},
		"restore unseen":  {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts[1].Restore = 0 }, "restored-everywhere", inconclusive, ""},
		"no host":         {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts = nil }, "restored-everywhere", inconclusive, ""},
		"does not serve":  {func(_ *Options, r *reports.Rehearsal, s *seen) { r.Hosts[2].Problem, s.serving = "no leader", false }, "members-serve", violated, ""},
		"serving unseen":  {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.serving = false }, "members-serve", inconclusive, ""},
		"another cluster": {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views[1].ClusterID = 0xc2 }, "members-agree", violated, ""},
		"a ghost": {func(_ *Options, _ *reports.Rehearsal, s *seen) {
			s.views[1].Members = append(s.views[1].Members[:3:3], harness.Member{ID: 9})
		}, "members-agree", violated, ""},
		"a ghost in all": {func(_ *Options, _ *reports.Rehearsal, s *seen) {
			for i := range s.views {
				s.views[i].Members = append(s.views[i].Members[:3:3], harness.Member{ID: 9})
			}
		}, "members-agree", violated, ""},
		"of another cluster": {func(_ *Options, _ *reports.Rehearsal, s *seen) {
			for i := range s.views {
				s.views[i].Members = []harness.Member{{ID: 7, Name: "m1"}, {ID: 8, Name: "m2"}, {ID: 9, Name: "m3"}}
			}
		}, "members-agree", violated, ""},
		"one of them twice": {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views[2].MemberID = 1 }, "members-agree", violated, ""},
		"a learner in all": {func(_ *Options, _ *reports.Rehearsal, s *seen) {
			for i := range s.views {
				s.views[i].Members[2].Learner = true // all views share the list
			}
		}, "members-agree", violated, ""},
		"a view too few":     {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views = s.views[:2] }, "members-agree", inconclusive, ""},
		"an alarm unseen":    {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views = s.views[:2] }, "no-alarm", inconclusive, ""},
		"a view missing":     {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views[1].Error = "refused" }, "members-agree", inconclusive, "m2"},
		"no views":           {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views = nil }, "members-agree", inconclusive, ""},
		"another hash":       {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts[2].Hash = "00000000" }, "hashes-equal", violated, "differ"},
		"another compaction": {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts[2].Compact = 8 }, "hashes-equal", violated, "differ"},
		"a hash missing":     {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Hosts[0].Hash = "" }, "hashes-equal", inconclusive, "m1"},
		"an alarm":           {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views[1].Alarms = []string{"CORRUPT of 1"} }, "no-alarm", violated, ""},
		"an alarm in it":     {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Snapshot.Alarms = []string{"NOSPACE"} }, "no-alarm", violated, "NOSPACE"},
		"alarms unseen":      {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.views = nil }, "no-alarm", inconclusive, ""},
		"no write":           {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.write, s.undo = trial{failed: "no space"}, trial{} }, "takes-writes", violated, "no space"},
		"a write refused": {func(_ *Options, _ *reports.Rehearsal, s *seen) {
			s.write, s.undo = trial{refused: "user name is empty"}, trial{}
		}, "takes-writes", inconclusive, "--user"},
		"writes untried":     {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.write, s.undo = trial{}, trial{} }, "takes-writes", inconclusive, "not tried"},
		"a write not undone": {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.undo = trial{failed: "still there on m2"} }, "takes-writes", violated, "still there on m2"},
		"may only write":     {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.undo = trial{refused: "permission denied"} }, "takes-writes", inconclusive, "not let go on"},
		"a write not read back": {func(_ *Options, r *reports.Rehearsal, s *seen) {
			r.Hosts[2].Problem, s.serving, s.undo, s.loss = "etcd does not start", false, trial{}, trial{}
		}, "takes-writes", inconclusive, "a write was acknowledged, and not read back"},
		"a loss not tried": {func(_ *Options, r *reports.Rehearsal, s *seen) {
			r.Hosts[2].Problem, s.serving, s.undo, s.loss = "etcd does not start", false, trial{}, trial{}
		}, "survives-member-loss", inconclusive, "not every member was seen to serve"},
		"stops without one": {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.loss = trial{failed: "not within 45s"} }, "survives-member-loss", violated, "m2"},
		"loss untried":      {func(_ *Options, _ *reports.Rehearsal, s *seen) { s.loss = trial{} }, "survives-member-loss", inconclusive, "not tried"},
		"too old":           {func(o *Options, _ *reports.Rehearsal, _ *seen) { o.MaxAge = 59 * time.Minute }, "young-enough", violated, "1h0m0s"},
		"of the future": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			late := r.Started.Add(time.Hour)
			r.Source.Taken = &late
		}, "young-enough", inconclusive, "clocks"},
		"of a moment ahead": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			late := r.Started.Add(time.Second)
			r.Source.Taken = &late
		}, "young-enough", held, ""},
		"of unknown age":  {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Source.Taken = nil }, "young-enough", inconclusive, ""},
		"too slow":        {func(o *Options, _ *reports.Rehearsal, _ *seen) { o.RTO = 1499 * time.Millisecond }, "within-rto", violated, "1.500 s"},
		"never recovered": {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Phases.Recovered = 0 }, "within-rto", inconclusive, ""},
		"never recovered, and it is late": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			r.Phases.Recovered, r.Phases.Total = 0, 62_001
		}, "within-rto", violated, "not seen within 2s: not after 62.001 s either"},
		"not restored, and it is late": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			r.Phases.Recovered, r.Phases.Total, r.Hosts[1].Restore = 0, 62_001, 0
		}, "within-rto", violated, "not seen within"},
		"never recovered, and there is time": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			r.Phases.Recovered, r.Phases.Total = 0, 1999
		}, "within-rto", inconclusive, "not seen"},
		"late before it was begun": {func(_ *Options, r *reports.Rehearsal, s *seen) {
			r.Phases.Recovered, r.Phases.Total, s.raised, s.unfit, r.Hosts = 0, 62_001, false, "it is empty", nil
		}, "within-rto", inconclusive, "no whole snapshot"},
		"late, and nobody may look": {func(_ *Options, r *reports.Rehearsal, _ *seen) {
			r.Phases.Recovered, r.Phases.Total, r.Snapshot.Auth = 0, 62_001, true
		}, "within-rto", inconclusive, "not seen"},
		"too few keys":        {func(_ *Options, r *reports.Rehearsal, _ *seen) { r.Keys = &few }, "enough-keys", violated, "99"},
		"keys uncounted":      {func(_ *Options, r *reports.Rehearsal, s *seen) { r.Keys, s.uncounted = nil, "permission denied" }, "enough-keys", inconclusive, "permission denied"},
		"an earlier revision": {func(o *Options, _ *reports.Rehearsal, _ *seen) { o.Revision = 102 }, "revision-reached", violated, "101"},
	} {
		o, r, s := allSeen()
		c.change(&o, &r, &s)
		findings := judge(o, r, s)
		seen := false
		for _, f := range findings {
			if f.Check == c.check {
				seen = true
				if f.Verdict != c.want || !strings.Contains(f.Detail, c.detail) {
					t.Errorf("%s: %s is %s: %s; want %s, %q", what, f.Check, f.Verdict, f.Detail, c.want, c.detail)
				}
			}
		}
		if !seen {
			t.Errorf("%s: there is no finding %s", what, c.check)
		}
		if c.want != held && harness.Judge(findings, false) == held {
			t.Errorf("%s: the rehearsal held", what)
		}
	}
}

// What is not asked for is not promised.
func TestJudgeWhatWasNotAskedFor(t *testing.T) {
	_, r, s := allSeen()
	r.Members = 2
	for _, f := range judge(Options{}, r, s) {
		switch f.Check {
		case "young-enough", "within-rto", "enough-keys", "revision-reached", "survives-member-loss":
			t.Errorf("%s was not asked for", f.Check)
		}
	}
}

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		version, than string
		want, known   bool
	}{
		{"3.8.0", "3.7.3", true, true}, {"3.7.0", "3.7.3", false, true}, {"3.6.0", "3.7.3", false, true}, {"4.0.0", "3.7.3", true, true}, {"3.10.0", "3.9.1", true, true},
		{"", "3.7.3", false, false}, {"3.8", "", false, false}, {"nonsense", "3.7.3", false, false},
	} {
		if got, known := newer(c.version, c.than); got != c.want || known != c.known {
			t.Errorf("%q is newer than %q: %v, known: %v", c.version, c.than, got, known)
		}
	}
}
