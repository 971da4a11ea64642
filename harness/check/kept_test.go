package check_test

import (
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var newKept = check.NewWritesKept{}

// installed is the drill of a cluster that was struck while it was created: its
// first write came after the procedure.
func installed(ev *harness.Evidence, b *book) {
	inPlace(ev, b)
	for _, o := range b.ops {
		if o.Call < endedAt {
			for _, e := range o.Effects {
				delete(b.final, e.Key)
			}
		}
	}
	keep(func(o *harness.Operation) bool { return o.Call >= endedAt })(ev, b)
	ev.Before = nil
}

// goneKey takes away a key that a client put after the procedure and never deleted.
func goneKey(ev *harness.Evidence, b *book) {
	for _, o := range b.ops {
		if e := o.Effects[0]; o.Call >= endedAt && b.final[e.Key] != nil {
			delete(b.final, e.Key)
			return
		}
	}
	panic("there is no such key")
}

// onlyAfter leaves a client's first n operations since the procedure ended.
func onlyAfter(client string, n int) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, b *book) {
		count := 0
		keep(func(o *harness.Operation) bool {
			if o.Client != client || o.Call < endedAt {
				return true
			}
			count++
			return count <= n
		})(ev, b)
	}
}

var keptCases = []judged{
	{newKept, "honest", nothing, harness.Held, ""},
	{newKept, "nothing before the strike", installed, harness.Held, "all 75 acknowledged"},
	{newKept, "a new write is gone", both(installed, goneKey), harness.Violated, "no consistent cut"},
	{newKept, "a new write is gone after a restore", goneKey, harness.Violated, "no consistent cut"},
	{newKept, "a writer wrote too little", both(installed, onlyAfter("writer-1", 9)), harness.Inconclusive, "(writer-1) 9"},
	{newKept, "a writer did not write", both(installed, onlyAfter("writer-1", 0)), harness.Inconclusive, "1 of 2 writers"},
	{newKept, "nobody wrote", keep(func(*harness.Operation) bool { return false }), harness.Inconclusive, "0 of 2 writers"},
	{newKept, "the procedure did not end", without(harness.ProcedureEnded), harness.Inconclusive, "not seen to end"},
	{check.NothingLost{}, "nothing before the strike", installed, harness.Inconclusive, "before the strike"},
}
