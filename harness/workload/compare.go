package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

const (
	// comparePatience bounds the comparison of one cache; catchUp of it is for
	// the cluster's answer, where none may ever come.
	comparePatience = 15 * time.Second
	// compareNudge is the time after which a cache that does not come to the
	// cluster's revision connects anew meanwhile.
	compareNudge = 3 * time.Second
)

// compare holds what a cache has against what the cluster has. Traffic has
// stopped, so that both stand still but for writes of unknown outcome, which may
// take effect at any time: then the cluster is read again.
func (c *cache) compare(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, comparePatience)
	defer cancel()
	call := c.t.begin()
	defer call.release()
	if err := c.compareWith(ctx, call.link.client); err != nil {
		c.mu.Lock()
		c.rec.Error = err.Error()
		c.mu.Unlock()
	}
}

func (c *cache) compareWith(ctx context.Context, client *clientv3.Client) error {
	pause := time.NewTicker(inquire)
	defer pause.Stop()
	for {
		there, revision, err := c.t.answered(ctx, client)
		if err != nil {
			return fmt.Errorf("what the cluster holds could not be read: %w", err)
		}
		if !c.watch.pursue(ctx, compareNudge, func() bool { return c.reached(revision) }) {
			return fmt.Errorf("it did not come to the cluster's revision %d: %s", revision, c.progress())
		}
		if c.settled(there, revision) {
			return nil
		}
		if !next(ctx, pause) {
			return errors.New("the cluster's keys changed whenever they were compared")
		}
	}
}

// answered is read, tried until it is answered.
func (t *Traffic) answered(ctx context.Context, client *clientv3.Client) (there versions, revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	pause := time.NewTicker(watchRetry)
	defer pause.Stop()
	for {
		there, revision, err = t.read(ctx, client, 0)
		if err == nil || !next(ctx, pause) {
			return there, revision, err
		}
	}
}

// reached tells whether it has every change up to a revision that can come to it.
func (c *cache) reached(revision int64) bool {
	connected := c.watch.connected() // else complete is of a stream that broke
	c.mu.Lock()
	defer c.mu.Unlock()
	return connected && c.met == c.asked && c.complete >= revision
}

// progress says how far it is.
func (c *cache) progress() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.met < c.asked:
		return fmt.Sprintf("it was to list (%s) and did not", c.why)
	case c.complete == 0:
		return fmt.Sprintf("it has no stream, and is at %d", c.last)
	}
	return fmt.Sprintf("it is at %d, and its stream is known to be complete up to %d", c.last, c.complete)
}

// settled compares, unless the cache has moved on from what was read.
func (c *cache) settled(there versions, revision int64) bool {
	at := c.t.cfg.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.met < c.asked || c.complete < revision || c.heard > revision {
		return false
	}
	found := difference(c.held, there)
	found.At, found.Revision = at, revision
	c.rec.Compared = &found
	c.right(at)
	return true
}

// mostDiffering is how many keys a comparison names.
const mostDiffering = 5

// difference compares what is held with what is there.
func difference(held, there versions) harness.CacheComparison {
	d := harness.CacheComparison{Keys: len(there), Differing: []string{}}
	for key, is := range there {
		switch has, ok := held[key]; {
		case !ok:
			d.Missing++
		case has != is:
			d.Stale++
		default:
			continue
		}
		d.Differing = append(d.Differing, key)
	}
	for key := range held {
		if _, ok := there[key]; !ok {
			d.Surplus++
			d.Differing = append(d.Differing, key)
		}
	}
	slices.Sort(d.Differing)
	d.Differing = d.Differing[:min(len(d.Differing), mostDiffering)]
	return d
}
