package check_test

import (
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// change is a writer's step on one key, sent at its place in a list.
type change struct {
	revision int64 // of its acknowledgement, 0: none came
	remove   bool
	free     bool // it compares with nothing
	guard    int64
}

func (c change) operation(n int, at time.Duration) harness.Operation {
	e := harness.Effect{Key: "x", Delete: c.remove, Guarded: !c.free, Guard: c.guard}
	if !c.remove {
		e.Value = uint64(n + 1)
	}
	o := harness.Operation{
		ID: uint64(1000 + n), Client: "writer-9", Kind: harness.WriteOp, Effects: []harness.Effect{e},
		Call: at + time.Duration(n)*time.Millisecond, Return: at + time.Duration(n)*time.Millisecond + time.Microsecond, Error: "context deadline exceeded",
	}
	if c.revision != 0 {
		o.Outcome, o.Effective, o.Error = harness.Acked, true, ""
		o.Revision, o.ClusterID, o.MemberID, o.Term = c.revision, bornID, 1, 2
		if at >= endedAt {
			o.Term = 3
		}
	}
	return o
}

// What an unanswered step may have done is bounded by what it compares with.
func TestGuards(t *testing.T) {
	before, after := time.Second, endedAt+time.Second
	created := change{revision: 1005}
	for _, c := range []struct {
		name  string
		steps []change
		at    time.Duration
		value uint64 // found: number of the step that put it, 0: absent
		found int64
		want  harness.Verdict
	}{
		{"a delete that may have come last", []change{created, {remove: true, guard: 1005}}, before, 0, 0, harness.Held},
		{"an update behind a delete that its guard rules out", []change{created, {remove: true, guard: 1005}, {revision: 1020, guard: 1005}}, before, 0, 0, harness.Violated},
		{"the same delete with no guard", []change{created, {remove: true, free: true}, {revision: 1020, guard: 1005}}, before, 0, 0, harness.Held},
		{"a delete by the guard of an update that was not answered", []change{created, {guard: 1005}, {remove: true, guard: 1010}}, before, 0, 0, harness.Held},
		{"a delete by a guard at which the key never stood", []change{created, {remove: true, guard: 1010}}, before, 0, 0, harness.Violated},
		{"a delete of what is not there, and a put", []change{{remove: true}, created}, before, 0, 0, harness.Violated},
		{"an update that took effect unanswered", []change{created, {guard: 1005}}, before, 2, 1010, harness.Held},
		{"an update that the next one rules out", []change{created, {guard: 1005}, {revision: 1020, guard: 1005}}, before, 2, 1030, harness.Violated},
		{"a create that another one rules out", []change{{}, created}, before, 1, 1010, harness.Violated},
		{"a create behind a delete that was not answered", []change{created, {remove: true, guard: 1005}, {}}, before, 3, 1010, harness.Held},

		{"anew: a delete that may have come last", []change{created, {remove: true, guard: 1005}}, after, 0, 0, harness.Held},
		{"anew: an update behind a delete that its guard rules out", []change{created, {remove: true, guard: 1005}, {revision: 1020, guard: 1005}}, after, 0, 0, harness.Violated},
		{"anew: the same delete with no guard", []change{created, {remove: true, free: true}, {revision: 1020, guard: 1005}}, after, 0, 0, harness.Held},
		{"anew: a delete by the guard of an update that was not answered", []change{created, {guard: 1005}, {remove: true, guard: 1010}}, after, 0, 0, harness.Held},
		{"anew: a delete by a guard at which the key never stood", []change{created, {remove: true, guard: 1010}}, after, 0, 0, harness.Violated},
		{"anew: an update that took effect unanswered", []change{created, {guard: 1005}}, after, 2, 1010, harness.Held},
		{"anew: an update that the next one rules out", []change{created, {guard: 1005}, {revision: 1020, guard: 1005}}, after, 2, 1030, harness.Violated},
		{"anew: a create behind a delete that was not answered", []change{created, {remove: true, guard: 1005}, {}}, after, 3, 1010, harness.Held},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev, b := honest()
			var judge harness.Check = check.CutAtSurvivor{Host: "m1"}
			if c.at < struckAt {
				judge = check.NothingLost{}
				inPlace(ev, b)
			}
			for n, s := range c.steps {
				b.ops = append(b.ops, s.operation(n, c.at))
			}
			if c.value != 0 {
				b.final["x"] = &harness.KeyState{Key: "x", Value: c.value, ModRevision: c.found}
			}
			if r := judge.Judge(ev); r.Verdict != c.want {
				t.Errorf("%s, want %s: %s", r.Verdict, c.want, r.Detail)
			}
		})
	}
}

// One half of an unanswered transaction is there, and nothing else can have
// deleted the other: the one delete that was sent compares with what had been
// replaced.
func TestGuardsOfAHalf(t *testing.T) {
	for _, guarded := range []bool{true, false} {
		ev, b := honest()
		inPlace(ev, b)
		pair := change{guard: 1005}.operation(2, time.Second)
		pair.Effects = append(pair.Effects, harness.Effect{Key: "y", Value: 77, Guarded: true, Guard: 1006})
		b.ops = append(b.ops,
			change{revision: 1005}.operation(0, time.Second),
			change{remove: true, guard: 1005, free: !guarded}.operation(1, time.Second), pair)
		other := change{revision: 1006}.operation(3, time.Second)
		other.Effects[0].Key = "y"
		b.ops = append(b.ops, other)
		b.final["y"] = &harness.KeyState{Key: "y", Value: 77, ModRevision: 1010}
		want := harness.Held
		if guarded {
			want = harness.Violated
		}
		if r := (check.NothingLost{}).Judge(ev); r.Verdict != want {
			t.Errorf("guarded %v: %s, want %s: %s", guarded, r.Verdict, want, r.Detail)
		}
	}
}
