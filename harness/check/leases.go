package check

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// LeasesAgree holds when every lease knows the keys that carry it, and no key
// carries a lease that is gone (which would keep it for ever).
type LeasesAgree struct{ none }

// Name is leases-agree.
func (LeasesAgree) Name() string { return "leases-agree" }

// Claim says what Held affirms.
func (LeasesAgree) Claim() string { return "leases and the keys that carry them agree" }

// Judge compares both ways.
func (LeasesAgree) Judge(ev *harness.Evidence) harness.Result {
	if len(ev.LeasesBefore) == 0 || len(ev.LeasesAfter) == 0 {
		return notSeen("%d leases were seen before the strike and %d at the end", len(ev.LeasesBefore), len(ev.LeasesAfter))
	}
	carried := false
	for _, l := range ev.LeasesBefore {
		carried = carried || len(l.Found) > 0
		if !slices.ContainsFunc(ev.LeasesAfter, func(a harness.LeaseView) bool { return a.ID == l.ID }) {
			return notSeen("lease %x was there before the strike, and nobody asked for it at the end", l.ID)
		}
	}
	var wrong []string
	kept := 0
	for _, l := range ev.LeasesAfter {
		keys, found := slices.Sorted(slices.Values(l.Keys)), slices.Sorted(slices.Values(l.Found))
		carried = carried || len(found) > 0
		switch {
		case l.Remaining < 0 && l.Granted > 0 && slices.Equal(keys, found):
			// It has run out and is about to be revoked with its keys.
		case l.Remaining < 0 && len(found) > 0:
			wrong = append(wrong, fmt.Sprintf("lease %x is gone and %d keys still carry it", l.ID, len(found)))
		case l.Remaining >= 0 && !slices.Equal(keys, found):
			wrong = append(wrong, fmt.Sprintf("lease %x knows keys %v, and those that carry it are %v", l.ID, keys, found))
		case l.Remaining >= 0:
			kept++
		}
	}
	if len(wrong) > 0 {
		return violated(wrong, "%s", wrong[0])
	}
	if !carried {
		return notSeen("no key was ever seen to carry one of the %d leases", len(ev.LeasesAfter))
	}
	return held("%d of %d leases are alive with their keys", kept, len(ev.LeasesAfter))
}
