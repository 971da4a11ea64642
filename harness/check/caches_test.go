package check_test

import (
	"slices"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var freshness = check.CachesFresh{}

// controllers alters the second of the two caches.
func controllers(alter func(*harness.CacheRecord)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.Caches[1]) }
}

func comparison(alter func(*harness.CacheComparison)) func(*harness.Evidence, *book) {
	return controllers(func(c *harness.CacheRecord) { alter(c.Compared) })
}

func listed(reason harness.ListReason) func(*harness.Evidence, *book) {
	return controllers(func(c *harness.CacheRecord) {
		c.Lists = append(c.Lists, harness.CacheList{At: 5 * time.Second, Revision: 100, Reason: reason})
	})
}

var (
	stale = controllers(func(c *harness.CacheRecord) {
		c.Stale = []harness.CacheSpan{{Since: 4 * time.Second, Until: 5500 * time.Millisecond}}
	})
	uncompared = controllers(func(c *harness.CacheRecord) { c.Compared, c.Error = nil, "it has no stream" })
	surplus    = comparison(func(c *harness.CacheComparison) { c.Surplus, c.Differing = 1, []string{"g0/w0/k3"} })
)

var cacheCases = []judged{
	{freshness, "honest", nothing, harness.Held, "kube-apiserver holds all 29 keys; kube-controller-manager holds all 29 keys"},
	{freshness, "told", listed(harness.CacheTold), harness.Held, "kube-controller-manager holds all 29 keys; it listed again (compacted) at 5.00 s"},
	{freshness, "stale until it was restarted", both(stale, listed(harness.CacheRestarted)), harness.Held, "listed again (restarted) at 5.00 s, stale for 1.50 s until then"},

	{freshness, "holds what is gone", surplus, harness.Violated, "kube-controller-manager was never told: of 29 keys it misses 0, has another version of 0, and has 1 that are gone"},
	{freshness, "misses a key", comparison(func(c *harness.CacheComparison) { c.Missing = 1 }), harness.Violated, "it misses 1, has another version of 0, and has 0 that are gone"},
	{freshness, "holds another version", comparison(func(c *harness.CacheComparison) { c.Stale = 1 }), harness.Violated, "it misses 0, has another version of 1, and has 0 that are gone"},
	{freshness, "served another history", both(surplus, stale), harness.Violated, "it was served another history for 1.50 s"},
	{freshness, "listed and is wrong", both(surplus, listed(harness.CacheTold)), harness.Violated, "listed again (compacted) at 5.00 s and is wrong all the same"},
	{freshness, "one is wrong and the other was not compared", both(surplus, func(ev *harness.Evidence, _ *book) { ev.Caches[0].Compared = nil }), harness.Violated, "kube-controller-manager was never told"},
	{freshness, "born after the strike, and wrong", both(surplus, controllers(func(c *harness.CacheRecord) { c.Lists[0].At = struckAt })), harness.Violated, "was never told"},

	{freshness, "was not compared", uncompared, harness.Inconclusive, "kube-controller-manager was not compared: it has no stream"},
	{freshness, "none ran", func(ev *harness.Evidence, _ *book) { ev.Caches = nil }, harness.Inconclusive, "no long-lived client"},
	{freshness, "nothing struck", without(harness.Struck), harness.Inconclusive, "no long-lived client"},
	{freshness, "born after the strike", controllers(func(c *harness.CacheRecord) { c.Lists[0].At = struckAt }), harness.Inconclusive, "knew nothing before the strike"},
	{freshness, "never listed", controllers(func(c *harness.CacheRecord) { c.Lists = nil }), harness.Inconclusive, "knew nothing before the strike"},
	{freshness, "hardly a key", comparison(func(c *harness.CacheComparison) { c.Keys = 9 }), harness.Inconclusive, "9 keys to hold, and 10 are needed"},
}

// Keys are named with the cache that is wrong about them, nothing else of them.
func TestStaleCacheNamesItsKeys(t *testing.T) {
	ev, b := honest()
	surplus(ev, b)
	if r := freshness.Judge(ev); !slices.Equal(r.Offending, []string{"kube-controller-manager is wrong about g0/w0/k3"}) {
		t.Errorf("%q", r.Offending)
	}
}
