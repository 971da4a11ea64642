package workload

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestValueIsUniqueAndRecomputable(t *testing.T) {
	seen := map[string]bool{}
	for _, size := range []int{MinValueSize, 12, 40, 512, 5000} {
		for _, key := range []string{"/a", "/b"} {
			for version := range uint64(200) {
				for seed := range int64(3) {
					v := Value(seed, key, version, size)
					if len(v) != size {
						t.Fatalf("%d bytes asked, %d given", size, len(v))
					}
					if seen[string(v)] {
						t.Fatalf("Value(%d, %s, %d, %d) was given before", seed, key, version, size)
					}
					seen[string(v)] = true
					if !bytes.Equal(v, Value(seed, key, version, size)) {
						t.Fatal("the same arguments gave another value")
					}
				}
			}
		}
	}
	if v := string(Value(1, "/firedrill/x", 42, 512)); !strings.Contains(v, "firedrill /firedrill/x version 42 ") {
		t.Errorf("a person cannot read whose it is: %s", v)
	}
}

// The shapes come in about the proportions that are promised, and stay bounded.
func TestMixOfOperations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s := keyspace{prefix: "/"}
	var creates, updates, deletes, pairs int
	const n = 20_000
	for i := range n {
		changes := s.choose(rnd)
		switch {
		case len(changes) == 2:
			if changes[0].key == changes[1].key {
				t.Fatal("a pair of one key")
			}
			pairs++
		case changes[0].remove:
			deletes++
		case changes[0].key.revision == 0:
			creates++
		default:
			updates++
		}
		for _, c := range changes {
			c.key.version++
			c.key.revision = int64(i + 2)
			if c.remove {
				c.key.revision = 0
			}
			c.key.lost = rnd.IntN(50) == 0
		}
		s.settle(changes)
		if len(s.live) > liveKeys || len(s.gone) > liveKeys {
			t.Fatalf("%d live keys, %d gone", len(s.live), len(s.gone))
		}
		for _, k := range append(s.live, s.gone...) {
			if k.lost {
				t.Fatalf("%s is lost and kept", k.name)
			}
		}
	}
	for _, share := range []struct {
		name             string
		n, atLeast, most int
	}{{"creates", creates, 8, 25}, {"updates", updates, 45, 70}, {"deletes", deletes, 7, 13}, {"pairs", pairs, 12, 18}} {
		if percent := share.n * 100 / n; percent < share.atLeast || percent > share.most {
			t.Errorf("%d%% %s", percent, share.name)
		}
	}
}
