package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

func lease(alter func(*harness.LeaseView)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.LeasesAfter[0]) }
}

var leases = check.LeasesAgree{}

var leaseCases = []judged{
	{leases, "honest", nothing, harness.Held, "1 of 1 leases are alive"},
	{leases, "in another order", lease(func(l *harness.LeaseView) { l.Keys, l.Found = []string{"b", "a"}, []string{"a", "b"} }), harness.Held, ""},
	{leases, "ran out with its keys", lease(func(l *harness.LeaseView) { *l = harness.LeaseView{ID: 7, Remaining: -time.Second} }), harness.Held, "0 of 1"},
	{leases, "has run out and is about to go", lease(func(l *harness.LeaseView) { l.Remaining = -time.Second }), harness.Held, "0 of 1"},
	{leases, "is gone and its key stays", lease(func(l *harness.LeaseView) { l.Granted, l.Remaining, l.Keys = 0, -time.Second, nil }), harness.Violated, "lease 7 is gone and 1 keys still carry it"},
	{leases, "is gone and pretends to know its key", lease(func(l *harness.LeaseView) { l.Granted, l.Remaining = 0, -time.Second }), harness.Violated, "lease 7 is gone"},
	{leases, "does not know its key", lease(func(l *harness.LeaseView) { l.Keys = nil }), harness.Violated, "lease 7 knows keys"},
	{leases, "knows a key that is not there", lease(func(l *harness.LeaseView) { l.Found = nil }), harness.Violated, "lease 7 knows keys"},
	{leases, "a second lease of which nobody knew", func(ev *harness.Evidence, _ *book) {
		ev.LeasesAfter = append(ev.LeasesAfter, harness.LeaseView{ID: 8, Remaining: -time.Second, Found: []string{"x"}})
	}, harness.Violated, "lease 8 is gone"},
	{leases, "none before", func(ev *harness.Evidence, _ *book) { ev.LeasesBefore = nil }, harness.Inconclusive, "0 leases were seen before"},
	{leases, "none after", func(ev *harness.Evidence, _ *book) { ev.LeasesAfter = nil }, harness.Inconclusive, "0 at the end"},
	{leases, "not asked for", lease(func(l *harness.LeaseView) { l.ID = 8 }), harness.Inconclusive, "lease 7 was there before the strike"},
	{leases, "never a key", func(ev *harness.Evidence, _ *book) {
		for _, l := range []*harness.LeaseView{&ev.LeasesBefore[0], &ev.LeasesAfter[0]} {
			l.Keys, l.Found = nil, nil
		}
	}, harness.Inconclusive, "no key was ever seen"},
}
