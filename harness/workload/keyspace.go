package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// key is a key as its writer believes it to be.
type key struct {
	name     string
	revision int64  // mod_revision, 0: absent
	version  uint64 // of the last value sent, so that no value is sent twice
	lost     bool   // nobody knows; never touched again
}

func (k *key) found(kvs []*mvccpb.KeyValue) {
	k.revision = 0
	if len(kvs) > 0 {
		k.revision = kvs[0].ModRevision
	}
}

// change is what a transaction does to one key.
type change struct {
	key    *key
	remove bool
}

// keyspace is a writer's keys in one generation.
type keyspace struct {
	prefix string
	next   int    // number of the next key to be named
	live   []*key // believed to be there
	gone   []*key // believed to be absent, after having been there
}

// fewKeys is how many keys a writer keeps before it deletes any. Few, so that
// there are deletes in a history of twenty operations.
const fewKeys = 2

// choose draws the next operation: roughly 20% creates, 55% updates, 10%
// deletes and 15% pairs, as far as there are keys to do it to.
func (s *keyspace) choose(rnd *rand.Rand) []change {
	draw := rnd.IntN(100)
	switch {
	case len(s.live) < 2:
		return []change{{key: s.fresh(rnd)}}
	case draw < 20 && len(s.live) < liveKeys:
		return []change{{key: s.fresh(rnd)}}
	case draw < 30 && len(s.live) > fewKeys:
		return []change{{key: s.any(rnd), remove: true}}
	case draw < 45:
		first, second := s.two(rnd)
		return []change{{key: first}, {key: second}}
	}
	return []change{{key: s.any(rnd)}}
}

// fresh is a key to create: now and then one that was deleted before.
func (s *keyspace) fresh(rnd *rand.Rand) *key {
	if len(s.gone) > 0 && rnd.IntN(2) == 0 {
		return s.gone[rnd.IntN(len(s.gone))]
	}
	k := &key{name: fmt.Sprintf("%sk%d", s.prefix, s.next)}
	s.next++
	return k
}

func (s *keyspace) any(rnd *rand.Rand) *key { return s.live[rnd.IntN(len(s.live))] }

func (s *keyspace) two(rnd *rand.Rand) (*key, *key) {
	i := rnd.IntN(len(s.live))
	j := rnd.IntN(len(s.live) - 1)
	if j >= i {
		j++
	}
	return s.live[i], s.live[j]
}

// settle sorts the keys of an operation that ended. The keys that are gone are
// kept for re-creation, at most as many as may live.
func (s *keyspace) settle(changes []change) {
	for _, ch := range changes {
		is := func(k *key) bool { return k == ch.key }
		s.live = slices.DeleteFunc(s.live, is)
		s.gone = slices.DeleteFunc(s.gone, is)
		switch {
		case ch.key.lost:
		case ch.key.revision != 0:
			s.live = append(s.live, ch.key)
		case ch.key.version > 0 && len(s.gone) < liveKeys:
			s.gone = append(s.gone, ch.key)
		}
	}
}
