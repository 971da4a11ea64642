package check

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// LeaseTermsKept holds when a lease that nobody renews runs out when it was to.
// A restore and a new leader both start the times of all leases anew: what was
// to go away after an hour stays for as long as every hour has its disaster.
type LeaseTermsKept struct{ none }

// Name is lease-terms-kept.
func (LeaseTermsKept) Name() string { return "lease-terms-kept" }

// Claim says what Held affirms.
func (LeaseTermsKept) Claim() string {
	return "a lease that nobody renews has no more left than it had before, less the time that passed"
}

// leaseGrain is the tolerance: etcd tells what a lease has left in whole seconds,
// cut off. When it was asked and answered is known to the millisecond.
const leaseGrain = time.Second

// Judge compares what the lease had left before the strike and at the end.
func (LeaseTermsKept) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	before, found := unrenewed(ev.LeasesBefore)
	switch {
	case !ok || !found || before.At > struck:
		return notSeen("before the strike no lease was seen that nobody renews")
	case before.Remaining < 0:
		return notSeen("before the strike the cluster did not know lease %x, which nobody renews", before.ID)
	}
	after, asked := leaseOf(ev.LeasesAfter, before.ID)
	switch {
	case !asked:
		return notSeen("nobody asked for lease %x at the end", before.ID)
	case after.Remaining < 0:
		return notSeen("lease %x is gone, and can tell nothing of its time", before.ID)
	}
	passed := after.Asked - before.At // at least
	most := before.Remaining + leaseGrain - passed
	// What would be left, at least, if its time had started anew with the strike.
	anew := before.Granted - (after.At - struck) - leaseGrain
	was, is := before.Remaining.Seconds(), after.Remaining.Seconds()
	switch {
	case after.Remaining >= most:
		return violated(nil, "lease %x had %.0f s left before the strike, %.1f s ago, and has %.0f s now: its time started anew", before.ID, was, passed.Seconds(), is)
	case anew < most:
		return notSeen("lease %x had %.0f of its %.0f s left before the strike: too little of it had passed to tell", before.ID, was, before.Granted.Seconds())
	}
	return held("lease %x had %.0f s left before the strike, %.1f s ago, and has %.0f s now", before.ID, was, passed.Seconds(), is)
}

// unrenewed is the lease that nobody renews.
func unrenewed(views []harness.LeaseView) (l harness.LeaseView, ok bool) {
	for _, l := range views {
		if l.Unrenewed {
			return l, true
		}
	}
	return harness.LeaseView{}, false
}
