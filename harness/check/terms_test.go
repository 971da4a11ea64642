package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var terms = check.LeaseTermsKept{}

// remains is what the lease has left at the end, 8 s after it had 50 s.
func remains(left time.Duration) func(*harness.Evidence, *book) {
	return lease(func(l *harness.LeaseView) { l.Remaining = left })
}

var termCases = []judged{
	{terms, "honest", nothing, harness.Held, "lease 7 had 50 s left before the strike, 8.0 s ago, and has 41 s now"},
	{terms, "as much as the cut-off second allows", remains(43 * time.Second), harness.Violated, "43 s now"},
	{terms, "a second less", remains(42 * time.Second), harness.Held, "42 s now"},
	{terms, "nothing left", remains(0), harness.Held, "0 s now"},
	{terms, "started anew", remains(58 * time.Second), harness.Violated, "lease 7 had 50 s left before the strike, 8.0 s ago, and has 58 s now: its time started anew"},
	{terms, "stood still", remains(50 * time.Second), harness.Violated, "its time started anew"},
	{terms, "asked late and answered at once", both(remains(42*time.Second), lease(func(l *harness.LeaseView) { l.Asked -= time.Second })), harness.Held, ""},

	{terms, "hardly older than the strike", both(left(59*time.Second), remains(50*time.Second)), harness.Inconclusive, "lease 7 had 59 of its 60 s left before the strike: too little"},
	{terms, "the same, and yet more than there can be", both(left(59*time.Second), remains(59*time.Second)), harness.Violated, "59 s now"},
	{terms, "just old enough", both(left(58*time.Second), remains(50*time.Second)), harness.Held, ""},
	{terms, "is gone", lease(ranOut), harness.Inconclusive, "lease 7 is gone"},
	{terms, "was not there before", left(-time.Second), harness.Inconclusive, "did not know lease 7"},
	{terms, "nobody asked in the end", func(ev *harness.Evidence, _ *book) { ev.LeasesAfter = nil }, harness.Inconclusive, "nobody asked for lease 7"},
	{terms, "all are renewed", func(ev *harness.Evidence, _ *book) { ev.LeasesBefore[0].Unrenewed = false }, harness.Inconclusive, "no lease was seen"},
	{terms, "read when all was over", func(ev *harness.Evidence, _ *book) { ev.LeasesBefore[0].At = struckAt + 1 }, harness.Inconclusive, "no lease was seen"},
	{terms, "nothing struck", without(harness.Struck), harness.Inconclusive, "no lease was seen"},
}
