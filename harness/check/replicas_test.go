package check_test

import (
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	agree  = check.ReplicasAgree{}
	intact = check.DatasetIntact{}
)

// hash alters the hash of m3.
func hash(alter func(*harness.MemberHash)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.Hashes[2]) }
}

// stuck is a member that never comes to the revision it is asked for.
func stuck(h *harness.MemberHash) {
	*h = harness.MemberHash{Host: h.Host, Revision: 150, Reached: 90, Error: "wait until etcd on m3 has applied revision 150"}
}

func dataset(alter func(*harness.Dataset)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(ev.DatasetAfter) }
}

var replicaCases = []judged{
	{agree, "honest", nothing, harness.Held, "3 members have hash 0000abcd at revision 150"},
	{agree, "another hash", hash(func(h *harness.MemberHash) { h.Hash++ }), harness.Violated, "m1 has hash 0000abcd and m3 has 0000abce"},
	{agree, "another compaction", hash(func(h *harness.MemberHash) { h.CompactRevision++ }), harness.Violated, "m3 at 6"},
	{agree, "another revision", hash(func(h *harness.MemberHash) { h.Revision, h.Hash = 151, 1 }), harness.Inconclusive, "cannot be compared"},
	{agree, "no revision", hash(func(h *harness.MemberHash) { h.Revision = 0 }), harness.Inconclusive, "not known"},
	{agree, "one was not asked", func(ev *harness.Evidence, _ *book) { ev.Hashes = ev.Hashes[:2] }, harness.Inconclusive, "m3 was not asked"},
	{agree, "one is silent", hash(func(h *harness.MemberHash) { *h = harness.MemberHash{Host: "m3", Error: "refused"} }), harness.Inconclusive, "m3: refused"},
	{agree, "one is silent and another differs", both(hash(func(h *harness.MemberHash) { *h = harness.MemberHash{Host: "m3", Error: "refused"} }), func(ev *harness.Evidence, _ *book) { ev.Hashes[1].Hash++ }), harness.Violated, "m2 has"},
	{agree, "one serves and stands short", hash(stuck), harness.Violated, "m3 has applied all there is and is at revision 90, not 150"},
	{agree, "one is behind and does not serve", both(hash(stuck), told(func(v *harness.MemberView) { v.Serves = false })), harness.Inconclusive, "m3: wait until"},
	{agree, "one is behind and did not answer", both(hash(stuck), silent("m3")), harness.Inconclusive, "m3: wait until"},

	{intact, "honest", nothing, harness.Held, "all 100 keys"},
	{intact, "born with none", func(ev *harness.Evidence, _ *book) { ev.DatasetBefore, ev.DatasetAfter = nil, &harness.Dataset{} }, harness.Held, "none were found"},
	{intact, "strangers", func(ev *harness.Evidence, _ *book) { ev.DatasetBefore = nil }, harness.Violated, "born with 0 keys"},
	{intact, "a key is gone", dataset(func(d *harness.Dataset) { d.Keys-- }), harness.Violated, "99 of 2000 bytes"},
	{intact, "a byte is gone", dataset(func(d *harness.Dataset) { d.Bytes-- }), harness.Violated, "100 of 1999 bytes"},
	{intact, "a value is another", dataset(func(d *harness.Dataset) { d.Digest = "d2" }), harness.Violated, "not as they were"},
	{intact, "all are gone", dataset(func(d *harness.Dataset) { *d = harness.Dataset{} }), harness.Violated, "0 of 0 bytes"},
	{intact, "not read", func(ev *harness.Evidence, _ *book) { ev.DatasetAfter = nil }, harness.Inconclusive, "not read"},
}
