package check_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

// worlds is how many histories are made of each kind.
const worlds = 400

func TestTrueHistoriesAreHeld(t *testing.T) {
	for m := oneHistory; m <= snapshotBumped; m++ {
		bad := 0
		for seed := range uint64(worlds) {
			w := newWorld(seed, m)
			r := w.check().Judge(w.ev)
			if r.Verdict != harness.Held {
				if bad++; bad <= 3 {
					t.Errorf("mode %d seed %d: R=%d: %v: %s", m, seed, w.cut, r.Verdict, r.Detail)
				}
				continue
			}
			// Where an answer is missing, a lost write may be indistinguishable
			// from one that was overwritten: the loss is never told too high.
			if lost := w.lost(); r.Loss == nil || r.Loss.LostWrites > lost || w.replaced && m != survivor && r.Loss.LostWrites != lost {
				if bad++; bad <= 3 {
					t.Errorf("mode %d seed %d: R=%d: loss %+v, truly lost %d", m, seed, w.cut, r.Loss, lost)
				}
			}
		}
		t.Logf("mode %d: %d of %d wrong", m, bad, worlds)
	}
}

// lost counts acknowledged old writes beyond the cut.
func (w *world) lost() (n int64) {
	for i, o := range w.ops {
		isOld := o.Return < w.moment || slices.Contains(w.lateOld, i)
		if w.replaced && o.Outcome == harness.Acked && o.Effective && isOld && o.Revision > w.cut {
			n++
		}
	}
	return n
}

// certain tells whether a key's history leaves nothing open, and its last change.
func certain(h harness.KeyHistory, w *world) (last *harness.Operation, ok bool) {
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome == harness.Unknown || o.Outcome == harness.Acked && o.ClusterID != w.cluster && o.Return >= w.moment && w.replaced {
			return nil, false
		}
		if o.Outcome == harness.Acked && o.Effective && (!w.replaced || o.Return >= w.moment || o.Revision <= w.cut) {
			if last == nil || o.Revision > last.Revision || (w.replaced && o.Return >= w.moment) {
				last = o
			}
		}
	}
	return last, last != nil
}

// lastWord returns the acknowledged put that settles what a key is, although a
// delete of unknown outcome was sent: its guard compares with what the put
// replaced. nil if the history is another.
func lastWord(h harness.KeyHistory, w *world) (put *harness.Operation) {
	var greatest int64 // guard of a delete that nothing else rules out
	for i := range h.Ops {
		o := &h.Ops[i]
		e, _ := o.EffectOn(h.Key)
		switch {
		case o.Outcome == harness.Unknown && e.Delete && e.Guarded && e.Guard > 0:
			greatest = max(greatest, e.Guard)
		case o.Outcome == harness.Rejected || o.Outcome == harness.Acked && !o.Effective:
		case o.Outcome == harness.Acked && !e.Delete && len(o.Effects) == 1 && (!w.replaced || o.Call >= w.moment && o.ClusterID == w.cluster):
			if put == nil || o.Revision > put.Revision {
				put = o
			}
		default:
			return nil
		}
	}
	if greatest == 0 || put == nil || put.Revision <= greatest {
		return nil
	}
	return put
}

// mutations falsify a true history; each returns false where it finds nothing to do.
var mutations = map[string]func(*world) bool{
	"write dropped": func(w *world) bool {
		return w.any(func(h harness.KeyHistory, last *harness.Operation) bool {
			if h.Final == nil || w.replaced && !w.pinned(h.Final.ModRevision) {
				return false
			}
			delete(w.final, h.Key)
			return true
		})
	},
	"value altered": func(w *world) bool {
		return w.any(func(h harness.KeyHistory, _ *harness.Operation) bool {
			if h.Final == nil {
				return false
			}
			f := *h.Final
			f.Value++
			f.Value += 500
			w.final[h.Key] = &f
			return true
		})
	},
	"mod_revision altered": func(w *world) bool {
		return w.any(func(h harness.KeyHistory, _ *harness.Operation) bool {
			if h.Final == nil {
				return false
			}
			f := *h.Final
			f.ModRevision--
			w.final[h.Key] = &f
			return true
		})
	},
	"refused value": func(w *world) bool {
		return w.any(func(h harness.KeyHistory, _ *harness.Operation) bool {
			for _, o := range h.Ops {
				if e, _ := o.EffectOn(h.Key); o.Outcome == harness.Rejected && !e.Delete {
					w.final[h.Key] = &harness.KeyState{Key: h.Key, Value: e.Value, ModRevision: max(1, w.cut)}
					return true
				}
			}
			return false
		})
	},
	"delete undone": func(w *world) bool {
		return w.any(func(h harness.KeyHistory, last *harness.Operation) bool {
			e, _ := last.EffectOn(h.Key)
			if h.Final != nil || !e.Delete || w.replaced && !w.pinned(last.Revision) {
				return false
			}
			for i := len(h.Ops) - 1; i >= 0; i-- {
				o := h.Ops[i]
				if x, _ := o.EffectOn(h.Key); o.Outcome == harness.Acked && o.Effective && !x.Delete && o.Revision < last.Revision && (!w.replaced || o.Revision <= w.cut) {
					w.final[h.Key] = &harness.KeyState{Key: h.Key, Value: x.Value, ModRevision: o.Revision}
					return true
				}
			}
			return false
		})
	},
	"write behind a guarded delete dropped": func(w *world) bool {
		for h, err := range w.Keys() {
			if put := lastWord(h, w); err == nil && h.Final != nil && put != nil && h.Final.Value == put.Effects[0].Value {
				delete(w.final, h.Key)
				return true
			}
		}
		return false
	},
	"lost write resurrected": func(w *world) bool {
		if len(w.ev.Backups) == 0 {
			return false
		}
		for _, o := range w.ops {
			if o.Outcome == harness.Acked && o.Effective && o.Return < w.moment && o.Revision > w.cut && !o.Effects[0].Delete {
				e := o.Effects[0]
				if h := w.of(e.Key); !slices.ContainsFunc(h.Ops, func(x harness.Operation) bool { return x.Return >= w.moment }) {
					w.final[e.Key] = &harness.KeyState{Key: e.Key, Value: e.Value, ModRevision: o.Revision}
					return true
				}
			}
		}
		return false
	},
	"new write dropped": func(w *world) bool {
		return w.replaced && w.any(func(h harness.KeyHistory, last *harness.Operation) bool {
			if h.Final == nil || last.Return < w.moment {
				return false
			}
			delete(w.final, h.Key)
			return true
		})
	},
	"half an unknown transaction": func(w *world) bool {
		for _, o := range w.ops {
			if o.Outcome != harness.Unknown || len(o.Effects) != 2 || o.Effects[0].Delete {
				continue
			}
			a, b := w.final[o.Effects[0].Key], w.final[o.Effects[1].Key]
			if a == nil || b == nil || a.Value != o.Effects[0].Value || b.Value != o.Effects[1].Value {
				continue
			}
			// The second part is as the last acknowledged write before left it.
			h := w.of(b.Key)
			for i := len(h.Ops) - 1; i >= 0; i-- {
				x := h.Ops[i]
				if e, _ := x.EffectOn(b.Key); x.Outcome == harness.Acked && x.Effective && !e.Delete && x.Return < o.Call && (!w.replaced || x.Revision <= w.cut) {
					w.final[b.Key] = &harness.KeyState{Key: b.Key, Value: e.Value, ModRevision: x.Revision}
					return true
				}
			}
		}
		return false
	},
	"half an unknown deletion": func(w *world) bool {
		for _, o := range w.ops {
			if o.Outcome != harness.Unknown || len(o.Effects) != 2 || !o.Effects[0].Delete || o.Return >= w.moment && w.replaced {
				continue
			}
			only := func(key string) (put *harness.Operation, ok bool) {
				h := w.of(key)
				for i, x := range h.Ops {
					e, _ := x.EffectOn(key)
					switch {
					case x.ID == o.ID || x.Outcome == harness.Rejected || x.Outcome == harness.Acked && !x.Effective:
					case x.Outcome == harness.Acked && !e.Delete && x.Return < o.Call && (!w.replaced || w.pinned(x.Revision)):
						put = &h.Ops[i]
					default:
						return nil, false
					}
				}
				return put, put != nil
			}
			p, ok1 := only(o.Effects[0].Key)
			q, ok2 := only(o.Effects[1].Key)
			if !ok1 || !ok2 || p.Return > o.Call || w.replaced && max(p.Revision, q.Revision) > w.cut {
				continue
			}
			e, _ := q.EffectOn(o.Effects[1].Key)
			delete(w.final, o.Effects[0].Key)
			w.final[o.Effects[1].Key] = &harness.KeyState{Key: o.Effects[1].Key, Value: e.Value, ModRevision: q.Revision}
			return true
		}
		return false
	},
}

// pinned tells whether, without a key of this revision, another shows that the cut lies at
// this revision or beyond: for a snapshot it is known.
func (w *world) pinned(revision int64) bool {
	return revision > 1_000_000 || (len(w.ev.Backups) > 0 || len(w.ev.Survivors) > 0) && revision <= w.cut || len(w.ev.Backups) == 0 && revision > w.cut
}

func (w *world) any(try func(harness.KeyHistory, *harness.Operation) bool) bool {
	for h, err := range w.Keys() {
		if last, ok := certain(h, w); err == nil && ok && try(h, last) {
			return true
		}
	}
	return false
}

func TestFalsifiedHistoriesAreViolated(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(mutations)) {
		ever := 0
		for m := oneHistory; m <= snapshotBumped; m++ {
			done, missed := 0, 0
			for seed := range uint64(worlds / 2) {
				w := newWorld(seed, m)
				if w.check().Judge(w.ev).Verdict != harness.Held || !mutations[name](w) {
					continue
				}
				done++
				if r := w.check().Judge(w.ev); r.Verdict != harness.Violated {
					if missed++; missed <= 2 {
						t.Errorf("%s: mode %d seed %d R=%d: %v: %s", name, m, seed, w.cut, r.Verdict, r.Detail)
					}
				}
			}
			t.Logf("%s, mode %d: %d falsified, %d missed", name, m, done, missed)
			ever += done
		}
		if ever == 0 {
			t.Errorf("%s: nothing was falsified, so nothing was shown", name)
		}
	}
}
