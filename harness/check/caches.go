package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// CachesFresh holds when every long-lived client, such as kube-apiserver, holds
// in the end what the cluster holds: it missed nothing, or was told so
// ("compacted") and listed again, or was restarted.
type CachesFresh struct{ none }

// Name is caches-fresh.
func (CachesFresh) Name() string { return "caches-fresh" }

// Claim says what Held affirms.
func (CachesFresh) Claim() string { return "every long-lived client holds what the cluster holds" }

// Judge reads how each stood beside the cluster when the traffic had ended.
func (CachesFresh) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	if !ok || len(ev.Caches) == 0 {
		return notSeen("no long-lived client was there when disaster struck")
	}
	var stale, wrong, unseen, fresh []string
	for _, c := range ev.Caches {
		switch found := c.Compared; {
		case found == nil:
			unseen = append(unseen, fmt.Sprintf("%s was not compared: %s", c.Name, c.Error))
		case !found.Equal():
			stale = append(stale, c.Name+" "+astray(c))
			for _, key := range found.Differing {
				wrong = append(wrong, c.Name+" is wrong about "+key)
			}
		case len(c.Lists) == 0 || c.Lists[0].At >= struck:
			unseen = append(unseen, c.Name+" knew nothing before the strike")
		case found.Keys < minimum:
			unseen = append(unseen, fmt.Sprintf("%s had %d keys to hold, and %d are needed", c.Name, found.Keys, minimum))
		default:
			fresh = append(fresh, c.Name+" "+kept(c))
		}
	}
	switch {
	case len(stale) > 0:
		return violated(wrong, "%s", strings.Join(stale, "; "))
	case len(unseen) > 0:
		return notSeen("%s", strings.Join(unseen, "; "))
	}
	return held("%s", strings.Join(fresh, "; "))
}

// astray says what a cache has wrong, and for how long it was.
func astray(c harness.CacheRecord) string {
	found := c.Compared
	text := "was never told"
	if again := listedAgain(c); again != "" {
		text = again + " and is wrong all the same"
	}
	text += fmt.Sprintf(": of %d keys it misses %d, has another version of %d, and has %d that are gone", found.Keys, found.Missing, found.Stale, found.Surplus)
	if stale := forHowLong(c); stale > 0 {
		text += fmt.Sprintf("; it was served another history for %.2f s", stale.Seconds())
	}
	return text
}

// kept says how a cache that is right came to be so.
func kept(c harness.CacheRecord) string {
	text := fmt.Sprintf("holds all %d keys", c.Compared.Keys)
	if again := listedAgain(c); again != "" {
		text += "; it " + again
	}
	if stale := forHowLong(c); stale > 0 {
		text += fmt.Sprintf(", stale for %.2f s until then", stale.Seconds())
	}
	return text
}

// listedAgain says when and why a cache listed last, "" if it did only once.
func listedAgain(c harness.CacheRecord) string {
	if len(c.Lists) < 2 {
		return ""
	}
	last := c.Lists[len(c.Lists)-1]
	return fmt.Sprintf("listed again (%s) at %.2f s", last.Reason, last.At.Seconds())
}

// forHowLong is the time that a cache was stale for, all told.
func forHowLong(c harness.CacheRecord) (stale time.Duration) {
	for _, span := range c.Stale {
		stale += max(0, span.Until-span.Since)
	}
	return stale
}
