package check

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// ReplicasAgree holds when every member has the same hash at the same revision.
type ReplicasAgree struct{ none }

// Name is replicas-agree.
func (ReplicasAgree) Name() string { return "replicas-agree" }

// Claim says what Held affirms.
func (ReplicasAgree) Claim() string {
	return "every member holds the same, by its hash at one revision"
}

// Judge compares the hashes. Compaction is replicated, and those who asked waited
// for it to be level: where it is not, the members do not share a history. A
// member that serves linearizable reads, so has applied all that was committed,
// and yet stands at a lower revision, was not built from the same data.
func (ReplicasAgree) Judge(ev *harness.Evidence) harness.Result {
	var hashes []harness.MemberHash
	var missing, wrong []string
	for _, host := range ev.Hosts {
		at := slices.IndexFunc(ev.Hashes, func(h harness.MemberHash) bool { return h.Host == host })
		if at < 0 {
			missing = append(missing, host+" was not asked")
			continue
		}
		h := ev.Hashes[at]
		switch {
		case h.Error == "" && h.Revision == 0:
			missing = append(missing, host+": at which revision it was hashed is not known")
		case h.Error == "":
			hashes = append(hashes, h)
		case h.Reached != 0 && h.Reached < h.Revision && serves(ev, host):
			wrong = append(wrong, fmt.Sprintf("%s has applied all there is and is at revision %d, not %d", host, h.Reached, h.Revision))
		default:
			missing = append(missing, fmt.Sprintf("%s: %s", host, h.Error))
		}
	}
	for _, h := range hashes {
		first := hashes[0]
		switch {
		case h.Revision != first.Revision:
			missing = append(missing, fmt.Sprintf("%s was hashed at revision %d and %s at %d, which cannot be compared", first.Host, first.Revision, h.Host, h.Revision))
		case h.CompactRevision != first.CompactRevision:
			wrong = append(wrong, fmt.Sprintf("%s is compacted at revision %d and %s at %d, and stay so", first.Host, first.CompactRevision, h.Host, h.CompactRevision))
		case h.Hash != first.Hash:
			wrong = append(wrong, fmt.Sprintf("at revision %d %s has hash %08x and %s has %08x", h.Revision, first.Host, first.Hash, h.Host, h.Hash))
		}
	}
	switch {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0:
		return notSeen("not every member's hash is known: %s", missing[0])
	case len(hashes) == 0:
		return notSeen("no member was asked for its hash")
	}
	return held("%d members have hash %08x at revision %d", len(hashes), hashes[0].Hash, hashes[0].Revision)
}

func serves(ev *harness.Evidence, host string) bool {
	return slices.ContainsFunc(ev.After, func(v harness.MemberView) bool { return v.Host == host && v.Error == "" && v.Serves })
}

// DatasetIntact holds when the keys that the cluster was born with are all there
// and unchanged.
type DatasetIntact struct{ none }

// Name is dataset-intact.
func (DatasetIntact) Name() string { return "dataset-intact" }

// Claim says what Held affirms.
func (DatasetIntact) Claim() string {
	return "the keys that the cluster was born with are there, unchanged, and no others beside the traffic's"
}

// Judge compares the digests of keys, values and mod_revisions.
func (DatasetIntact) Judge(ev *harness.Evidence) harness.Result {
	if ev.DatasetAfter == nil {
		return notSeen("what the cluster held at the end was not read")
	}
	before, after := harness.Dataset{}, *ev.DatasetAfter
	if ev.DatasetBefore != nil {
		before = *ev.DatasetBefore
	}
	switch {
	case ev.DatasetBefore == nil && after.Keys == 0:
		return held("it was born with none, and none were found")
	case before.Keys != after.Keys || before.Bytes != after.Bytes:
		return violated(nil, "it was born with %d keys of %d bytes, and %d of %d bytes were found", before.Keys, before.Bytes, after.Keys, after.Bytes)
	case before.Digest != after.Digest:
		return violated(nil, "all %d keys are there, but not as they were: their digest was %s and is %s", after.Keys, before.Digest, after.Digest)
	}
	return held("all %d keys", after.Keys)
}
