package check_test

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// world is a little etcd with a true history: an old one, cut at R, and a new one.
type world struct {
	rnd    *rand.Rand
	now    time.Duration
	rev    int64
	state  map[string]harness.KeyState
	past   map[int64]map[string]harness.KeyState // state by revision, old history
	ops    []harness.Operation
	value  uint64
	moment time.Duration
	ev     *harness.Evidence
	final  map[string]*harness.KeyState

	replaced bool
	cut      int64
	cluster  uint64
	late     []int // ops that may yet take effect
	lateOld  []int // acknowledged by the old history, after the new one had begun
}

func (w *world) tick() time.Duration { w.now += time.Millisecond; return w.now }

// apply takes effect; false if nothing changed.
func (w *world) apply(i int) bool {
	o := &w.ops[i]
	for _, e := range o.Effects {
		is, there := w.state[e.Key]
		if e.Delete && !there || e.Guarded && is.ModRevision != e.Guard {
			return false
		}
	}
	w.rev++
	next := maps.Clone(w.state)
	for _, e := range o.Effects {
		if e.Delete {
			delete(next, e.Key)
			continue
		}
		next[e.Key] = harness.KeyState{Key: e.Key, Value: e.Value, ModRevision: w.rev, CreateRevision: w.rev, Version: 1}
	}
	w.state = next
	return true
}

func (w *world) send(gen int) int {
	w.value++
	key := func() string { return fmt.Sprintf("g%d/k%d", gen, w.rnd.IntN(7)) }
	var effects []harness.Effect
	first := key()
	effects = append(effects, harness.Effect{Key: first, Value: w.value * 1000, Delete: w.rnd.IntN(4) == 0})
	if w.rnd.IntN(4) == 0 {
		second := key()
		if second != first {
			effects = append(effects, harness.Effect{Key: second, Value: w.value*1000 + 1, Delete: effects[0].Delete})
		}
	}
	for i := range effects {
		if effects[i].Delete {
			effects[i].Value = 0
		}
	}
	// Half of the writes compare with what is there, or, now and then, was.
	if guarded, stale := w.rnd.IntN(2) == 0, w.rnd.IntN(6) == 0; guarded {
		for i := range effects {
			e := &effects[i]
			e.Guarded, e.Guard = true, w.state[e.Key].ModRevision
			if stale && len(w.ops) > 0 {
				e.Guard = w.ops[w.rnd.IntN(len(w.ops))].Revision
			}
		}
	}
	kind := harness.WriteOp
	if w.rnd.IntN(5) == 0 {
		kind = harness.ProbeOp
	}
	w.ops = append(w.ops, harness.Operation{ID: uint64(len(w.ops) + 1), Client: "writer-1", Kind: kind, Call: w.tick(), Effects: effects})
	return len(w.ops) - 1
}

func (w *world) ack(i int, term uint64) {
	w.answer(i, w.apply(i), term)
	w.ops[i].Return = w.tick()
}

// answer acknowledges what was just applied.
func (w *world) answer(i int, changed bool, term uint64) {
	o := &w.ops[i]
	o.Effective, o.Outcome, o.Error = changed, harness.Acked, ""
	o.Revision, o.ClusterID, o.MemberID, o.Term = w.rev, w.cluster, 1, term
}

func (w *world) history(n, gen int, term uint64, record bool) {
	for range n {
		switch i := w.send(gen); w.rnd.IntN(12) {
		case 0, 1: // unknown, for ever or for a while
			w.ops[i].Return = w.tick()
			w.ops[i].Error = "deadline exceeded"
			w.late = append(w.late, i)
		case 2:
			w.ops[i].Outcome, w.ops[i].Error, w.ops[i].Return = harness.Rejected, "too many requests", w.tick()
		default:
			w.ack(i, term)
		}
		if record {
			w.past[w.rev] = w.state
		}
		if len(w.late) > 0 && w.rnd.IntN(4) == 0 {
			at := w.rnd.IntN(len(w.late))
			if w.rnd.IntN(3) > 0 {
				w.apply(w.late[at])
			}
			w.late = slices.Delete(w.late, at, at+1)
			if record {
				w.past[w.rev] = w.state
			}
		}
	}
}

type mode int

const (
	oneHistory mode = iota
	survivor
	snapshot
	snapshotBumped
)

func newWorld(seed uint64, m mode) *world {
	w := &world{rnd: rand.New(rand.NewPCG(seed, uint64(m))), state: map[string]harness.KeyState{}, past: map[int64]map[string]harness.KeyState{}, cluster: 0xc1, rev: 1}
	w.past[1] = w.state
	ev := &harness.Evidence{Hosts: []string{"m1"}, Writers: 1, Marks: map[harness.Mark]time.Duration{}}
	ev.Before = []harness.MemberView{{Host: "m1", ClusterID: 0xc1}}
	w.ev = ev
	w.history(10+w.rnd.IntN(40), 0, 2, true)
	atStrike := w.rev
	ev.Marks[harness.Struck] = w.tick()
	w.history(w.rnd.IntN(12), 1, 2, true)
	ev.Marks[harness.ProcedureBegan] = w.tick()
	if m != oneHistory {
		w.replace(m, atStrike)
	}
	gen, atLeast := 1, 0
	if w.replaced {
		// Without an answer of the new history nothing tells the two apart.
		gen, atLeast = 2, 12
	}
	for w.rnd.IntN(3) == 0 && len(w.late) > 0 && !w.replaced {
		w.apply(w.late[0])
		w.late = w.late[1:]
	}
	w.history(atLeast+w.rnd.IntN(30), gen, 3, false)
	ev.Marks[harness.ProcedureEnded] = w.tick()
	ev.Marks[harness.TrafficEnded] = w.now + 2*time.Second
	ev.After = []harness.MemberView{{Host: "m1", ClusterID: w.cluster, Serves: true, Revision: w.rev}}
	w.final = map[string]*harness.KeyState{}
	for k, s := range w.state {
		w.final[k] = &s
	}
	ev.Ledger = w
	return w
}

// replace cuts history at R and begins a new one, with operations in flight.
func (w *world) replace(m mode, atStrike int64) {
	w.replaced = true
	var flying []int
	for range w.rnd.IntN(4) {
		flying = append(flying, w.send(1))
	}
	for _, i := range flying { // some take effect before the end of the old history
		if w.rnd.IntN(3) == 0 {
			changed := w.apply(i)
			w.past[w.rev] = w.state
			w.ops[i].Return = -1 // marks it as spent
			if w.rnd.IntN(2) == 0 {
				w.answer(i, changed, 2)
			}
		}
	}
	revisions := slices.Sorted(maps.Keys(w.past))
	if m == survivor {
		w.cut = revisions[max(0, len(revisions)-1-w.rnd.IntN(4))]
		w.ev.Survivors = []harness.SurvivorRead{{Host: "m1", Revision: w.cut}}
	} else {
		upTo := slices.IndexFunc(revisions, func(r int64) bool { return r >= atStrike })
		w.cut = revisions[w.rnd.IntN(max(1, upTo))]
		w.ev.Backups = []harness.Backup{{Verified: true, Begun: 1, Took: 1, Revision: w.cut}}
		w.cluster = 0xc2
	}
	w.ev.Marks[harness.HistoryReplaced] = w.tick()
	w.moment = w.now
	w.state, w.rev = w.past[w.cut], w.cut
	if m == snapshotBumped {
		w.rev += 1_000_000_000
	}
	w.late = nil // the old history's servers are gone
	for _, i := range flying {
		spent := w.ops[i].Return == -1
		w.ops[i].Return = w.tick()
		if w.ops[i].Outcome == harness.Acked {
			w.lateOld = append(w.lateOld, i) // the old history's answer, read late
			continue
		}
		w.ops[i].Error = "unavailable"
		if !spent && w.rnd.IntN(2) == 0 {
			changed := w.apply(i) // its client waited for any server at all
			if w.rnd.IntN(2) == 0 {
				w.answer(i, changed, 3)
			}
		}
	}
	if w.cluster == 0xc2 && w.rnd.IntN(2) == 0 { // a zombie answers
		i := w.send(2)
		o := &w.ops[i]
		o.Outcome, o.Effective, o.Revision, o.ClusterID, o.Return = harness.Acked, true, w.cut+1, 0xc1, w.tick()
	}
}

func (w *world) Operations() iter.Seq2[harness.Operation, error] {
	return func(yield func(harness.Operation, error) bool) {
		for _, o := range w.ops {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (w *world) Keys() iter.Seq2[harness.KeyHistory, error] {
	return func(yield func(harness.KeyHistory, error) bool) {
		keys := map[string]bool{}
		for _, o := range w.ops {
			for _, e := range o.Effects {
				keys[e.Key] = true
			}
		}
		for k := range w.final {
			keys[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			if !yield(w.of(k), nil) {
				return
			}
		}
	}
}

func (w *world) of(key string) harness.KeyHistory {
	h := harness.KeyHistory{Key: key, Final: w.final[key]}
	for _, o := range w.ops {
		if _, ok := o.EffectOn(key); ok {
			h.Ops = append(h.Ops, o)
		}
	}
	return h
}

func (w *world) check() harness.Check {
	switch {
	case len(w.ev.Backups) > 0:
		return check.CutAtSnapshot{}
	case len(w.ev.Survivors) > 0:
		return check.CutAtSurvivor{Host: "m1"}
	}
	return check.NothingLost{}
}
