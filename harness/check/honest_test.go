package check_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// book is a ledger in memory. Its errors end its iterators at the last record.
type book struct {
	ops     []harness.Operation
	seen    []harness.WatchEvent
	final   map[string]*harness.KeyState
	opsErr  error
	keysErr error
}

func (b *book) Operations() iter.Seq2[harness.Operation, error] {
	return func(yield func(harness.Operation, error) bool) {
		for _, o := range b.ops {
			if !yield(o, nil) {
				return
			}
		}
		if b.opsErr != nil {
			yield(harness.Operation{}, b.opsErr)
		}
	}
}

func (b *book) Keys() iter.Seq2[harness.KeyHistory, error] {
	return func(yield func(harness.KeyHistory, error) bool) {
		keys := maps.Clone(b.final)
		for _, o := range b.ops {
			for _, e := range o.Effects {
				keys[e.Key] = b.final[e.Key]
			}
		}
		for _, e := range b.seen {
			keys[e.Key] = b.final[e.Key]
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			h := harness.KeyHistory{Key: key, Final: b.final[key]}
			for _, o := range b.ops {
				if _, ok := o.EffectOn(key); ok {
					h.Ops = append(h.Ops, o)
				}
			}
			for _, e := range b.seen {
				if e.Key == key {
					h.Seen = append(h.Seen, e)
				}
			}
			if !yield(h, nil) {
				return
			}
		}
		if b.keysErr != nil {
			yield(harness.KeyHistory{}, b.keysErr)
		}
	}
}

// find returns the first operation that suits.
func (b *book) find(suits func(*harness.Operation) bool) *harness.Operation {
	for i := range b.ops {
		if suits(&b.ops[i]) {
			return &b.ops[i]
		}
	}
	panic("the honest ledger has no such operation")
}

// ack records an acknowledged write that took effect, was seen, and is there.
func (b *book) ack(o harness.Operation) {
	o.ID = uint64(len(b.ops) + 1)
	o.Return = o.Call + time.Millisecond
	o.Outcome, o.Effective = harness.Acked, true
	for i := range o.Effects {
		e := &o.Effects[i]
		ev := harness.WatchEvent{Key: e.Key, Delete: e.Delete, Revision: o.Revision, At: o.Return}
		delete(b.final, e.Key)
		if !e.Delete {
			e.Value = o.ID * 1000
			ev.Value = e.Value
			b.final[e.Key] = &harness.KeyState{Key: e.Key, Value: e.Value, ModRevision: o.Revision, CreateRevision: o.Revision, Version: 1, Lease: e.Lease}
		}
		b.seen = append(b.seen, ev)
	}
	b.ops = append(b.ops, o)
}

// add records an operation as it is.
func (b *book) add(o harness.Operation) {
	o.ID = uint64(len(b.ops) + 1)
	b.ops = append(b.ops, o)
}

// unsee takes back what the watcher saw of a revision.
func (b *book) unsee(revision int64) {
	b.seen = slices.DeleteFunc(b.seen, func(e harness.WatchEvent) bool { return e.Revision == revision })
}

// The honest drill: three members, quorum lost at 2 s, m1 forced into a new
// cluster of its old ID at 3 s with all that was ever acknowledged, two members
// added, service back at 4 s.
const (
	struckAt   = 2 * time.Second
	beganAt    = 2500 * time.Millisecond
	replacedAt = 3 * time.Second
	endedAt    = 4 * time.Second
	trafficEnd = 9 * time.Second

	bornID   = 0xc1
	lastOld  = int64(72) // greatest revision of the old history
	firstNew = lastOld + 1
)

// written writes rounds of two writers, a probe and now and then a delete.
func written(b *book, gen, rounds int, at time.Duration, revision int64, term uint64) (last int64) {
	for n := range rounds {
		for _, client := range []string{"writer-0", "writer-1", "probe"} {
			o := harness.Operation{
				Client: client, Kind: harness.WriteOp, Call: at, Revision: revision, ClusterID: bornID, MemberID: 1, Term: term,
				Effects: []harness.Effect{{Key: fmt.Sprintf("g%d/%s/k%d", gen, client, n%5), Delete: n == 9 && client == "writer-0"}},
			}
			if client == "probe" {
				o.Kind = harness.ProbeOp
			}
			b.ack(o)
			at += 20 * time.Millisecond
			revision++
		}
	}
	return revision - 1
}

func view(host string, n uint64) harness.MemberView {
	v := harness.MemberView{Host: host, ClusterID: bornID, MemberID: n, Leader: 1, Term: 3, Revision: 150, Serves: true, Alarms: []string{}}
	for i := range uint64(3) {
		v.Members = append(v.Members, harness.Member{ID: i + 1, Name: fmt.Sprintf("m%d", i+1), PeerURLs: []string{fmt.Sprintf("http://10.0.0.%d:2380", i+1)}})
	}
	return v
}

func views() []harness.MemberView {
	return []harness.MemberView{view("m1", 1), view("m2", 2), view("m3", 3)}
}

// before is what they told before the strike: m2 and m3 were other members.
func before() []harness.MemberView {
	list := views()
	for i := range list {
		for _, m := range []int{1, 2} {
			list[i].Members[m].ID += 30
		}
	}
	list[1].MemberID, list[2].MemberID = 32, 33
	return list
}

// caches are two that were served throughout: the forced start kept all.
func caches() (list []harness.CacheRecord) {
	for _, name := range []string{"kube-apiserver", "kube-controller-manager"} {
		list = append(list, harness.CacheRecord{
			Name: name, Last: 147, Lists: []harness.CacheList{{At: 100 * time.Millisecond, Revision: 2, Reason: harness.CacheBorn}}, Stale: []harness.CacheSpan{},
			Compared: &harness.CacheComparison{At: trafficEnd - time.Millisecond, Revision: 150, Keys: 29, Differing: []string{}},
		})
	}
	return list
}

// honest is evidence on which every check holds.
func honest() (*harness.Evidence, *book) {
	b := &book{final: map[string]*harness.KeyState{}}
	leased := harness.Operation{Client: "lease-0", Kind: harness.LeaseOp, Call: 100 * time.Millisecond, Revision: 2, ClusterID: bornID, MemberID: 1, Term: 2,
		Effects: []harness.Effect{{Key: "lease/l0/k0", Lease: 7}}}
	b.ack(leased)
	if last := written(b, 0, 23, 200*time.Millisecond, 3, 2); last != lastOld-1 {
		panic(fmt.Sprintf("the old history ends with revision %d", last))
	}
	b.ack(harness.Operation{Client: "stock", Kind: harness.StockOp, Call: 1900 * time.Millisecond, Revision: lastOld, ClusterID: bornID, MemberID: 1, Term: 2,
		Effects: []harness.Effect{{Key: "g0/stock/k0"}}})
	written(b, 2, 25, endedAt+100*time.Millisecond, firstNew, 3)

	restart := check.RestartKeepsMembers{Host: "m1"}.Needs()[0]
	kill := check.SurvivesOneMemberLoss{}.Needs()[0]
	off := views()
	off[1] = harness.MemberView{Host: "m2", Error: "the host is powered off"}
	dataset := func() *harness.Dataset { return &harness.Dataset{Keys: 100, Bytes: 2000, Digest: "d1"} }
	lease := func(remaining, at time.Duration) []harness.LeaseView {
		return []harness.LeaseView{{
			ID: 7, Granted: time.Minute, Remaining: remaining, Keys: []string{"lease/l0/k0"}, Found: []string{"lease/l0/k0"},
			Asked: at - time.Millisecond, At: at, Unrenewed: true,
		}}
	}
	var hashes []harness.MemberHash
	var exits []harness.HostExit
	for _, host := range []string{"m1", "m2", "m3"} {
		hashes = append(hashes, harness.MemberHash{Host: host, Revision: 150, CompactRevision: 5, Hash: 0xabcd})
		exits = append(exits, harness.HostExit{Host: host, At: struckAt + time.Millisecond, EtcdExit: harness.EtcdExit{Code: -1, Signal: "killed"}})
	}
	app := harness.LoginRecord{User: "app", Prefix: "/firedrill/app/", Before: login(struckAt-time.Millisecond, 5000)}
	app.Held, app.After = &harness.Answer{Took: 5 * time.Millisecond, Within: time.Second}, new(harness.LoginView)
	*app.After = login(trafficEnd+time.Second, 1000)
	return &harness.Evidence{
		Schema: harness.EvidenceSchema, Hosts: []string{"m1", "m2", "m3"}, BornHosts: []string{"m1", "m2", "m3"}, Writers: 2, ElectionTimeout: harness.ElectionTimeout,
		Marks: map[harness.Mark]time.Duration{
			harness.TrafficBegan: 50 * time.Millisecond, harness.Struck: struckAt, harness.Detected: 2100 * time.Millisecond, harness.QuorumLost: 2200 * time.Millisecond,
			harness.ProcedureBegan: beganAt, harness.HistoryReplaced: replacedAt, harness.ProcedureEnded: endedAt,
			harness.Settled: 6 * time.Second, harness.TrafficEnded: trafficEnd, harness.Collected: trafficEnd + 2*time.Second,
		},
		Steps:     []harness.StepRecord{{Number: 1, Name: "stop etcd", Attempts: 1}, {Number: 2, Name: "force m1", Attempts: 3}},
		Procedure: harness.ProcedureRecord{Completed: true, Within: time.Minute},
		Exits:     exits,
		Gone:      map[string]time.Duration{"m2": struckAt + time.Millisecond, "m3": struckAt + time.Millisecond},
		Backups:   []harness.Backup{{Name: "b1", Host: "m1", Begun: 2 * time.Second, Took: time.Millisecond, Verified: true, Revision: lastOld, Bytes: 100, SHA256: "5a"}},
		KeptBegan: []harness.KeptBackup{{Backup: "b1", At: beganAt, Bytes: 100, SHA256: "5a"}},
		KeptAfter: []harness.KeptBackup{{Backup: "b1", At: 9500 * time.Millisecond, Bytes: 100, SHA256: "5a"}},
		Survivors: []harness.SurvivorRead{{Host: "m1", At: 2300 * time.Millisecond, Revision: lastOld}},
		Before:    before(), After: views(), Hashes: hashes,
		DatasetBefore: dataset(), DatasetAfter: dataset(),
		LeasesBefore: lease(50*time.Second, struckAt-time.Millisecond), LeasesAfter: lease(41*time.Second, trafficEnd+time.Second),
		Watcher: harness.WatcherRecord{Opened: true, From: 2, Last: 147, Events: 147},
		Caches:  caches(),
		Login:   &app,
		Trials: []harness.TrialRecord{
			{Spec: restart, Ran: true, Struck: []string{"m1"}, Sent: 20, Acked: 20, Read: true, Found: 20, Told: views()},
			{Spec: kill, Ran: true, Struck: []string{"m2"}, Sent: 20, Acked: 20, Read: true, Found: 20, Told: off},
		},
		Ledger: b,
	}, b
}

// honestChecks lists every check with the parameters that suit the honest drill.
func honestChecks() []harness.Check {
	checks := check.All()
	for i, c := range checks {
		switch c.(type) {
		case check.EtcdDied:
			checks[i] = check.EtcdDied{Who: harness.Everyone}
		case check.FailedToStart:
			checks[i] = check.FailedToStart{Who: harness.Hosts("m3")}
		case check.HostsWereLost:
			checks[i] = check.HostsWereLost{Who: harness.AllBut("m1")}
		case check.SurvivorWasBehind:
			checks[i] = check.SurvivorWasBehind{Host: "m1"}
		case check.HostsWereOff:
			checks[i] = check.HostsWereOff{Who: harness.AllBut("m1")}
		case check.ProcedureRefused:
			checks[i] = check.ProcedureRefused{Because: "healthy"}
		case check.MemberReplaced:
			checks[i] = check.MemberReplaced{Host: "m3", Elsewhere: true}
		case check.CutAtSurvivor:
			checks[i] = check.CutAtSurvivor{Host: "m1"}
		case check.LossWithinPolicy:
			checks[i] = bounded
		case check.MembersAre:
			checks[i] = check.MembersAre{Who: harness.Everyone}
		case check.ClusterID:
			checks[i] = check.ClusterID{Kept: true}
		case check.RestartKeepsMembers:
			checks[i] = check.RestartKeepsMembers{Host: "m1"}
		}
	}
	return checks
}
