package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
)

func op(n int) harness.Operation {
	o := harness.Operation{
		Client: fmt.Sprintf("writer-%d", n%3), Kind: harness.OpKind(n % 4), Call: time.Duration(n) * time.Millisecond,
		Return: time.Duration(n+5) * time.Millisecond, Outcome: harness.Outcome(n % 3), Epoch: n % 2,
		Effects: []harness.Effect{{Key: fmt.Sprintf("k%03d", n%17), Delete: n%5 == 0, Value: uint64(n) << 40, Lease: int64(n % 2)}},
	}
	if n%4 == 0 {
		o.Effects = append(o.Effects, harness.Effect{Key: fmt.Sprintf("p%03d", n%7), Value: uint64(n), Guarded: true, Guard: int64(n % 8)})
	}
	if o.Outcome == harness.Acked {
		o.Effective, o.Revision, o.ClusterID, o.MemberID, o.Term = true, int64(n), 1<<63, 7, 3
		o.Sent = o.Call + time.Duration(n%2)*time.Millisecond*time.Duration(n)
	} else {
		o.Error = "etcdserver: leader changed"
	}
	return o
}

// written writes n operations, some events and a dump, and returns the directory
// and what was written.
func written(t *testing.T, n int) (string, []harness.Operation) {
	t.Helper()
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ops []harness.Operation
	for i := 1; i <= n; i++ {
		o := op(i)
		if o.ID, err = w.Append(o); err != nil {
			t.Fatal(err)
		}
		ops = append(ops, o)
		if i%10 == 0 {
			if err := w.Saw(harness.WatchEvent{Key: o.Effects[0].Key, Value: 9, Revision: int64(i), At: 5}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	d, err := CreateDump(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a-stranger", "k003", "k005", "z-stranger"} {
		if err := d.Add(harness.KeyState{Key: key, Value: 1, CreateRevision: 2, ModRevision: 3, Version: 4, Lease: 5}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, ops
}

func opened(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := Open(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestOperationsComeBackAsTheyWereRecorded(t *testing.T) {
	dir, want := written(t, 5000)
	r := opened(t, dir)
	for range 2 {
		var got []harness.Operation
		for o, err := range r.Operations() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestKeysHaveTheirWholeHistoryInOrder(t *testing.T) {
	dir, ops := written(t, 5000)
	r := opened(t, dir)
	for range 2 { // the sorted file is used again
		want := map[string][]uint64{}
		for _, o := range ops {
			for _, e := range o.Effects {
				want[e.Key] = append(want[e.Key], o.ID)
			}
		}
		var keys []string
		final, seen := 0, 0
		for h, err := range r.Keys() {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, h.Key)
			var ids []uint64
			for _, o := range h.Ops {
				ids = append(ids, o.ID)
			}
			if !slices.Equal(ids, want[h.Key]) {
				t.Errorf("key %s has operations %v, want %v", h.Key, ids, want[h.Key])
			}
			delete(want, h.Key)
			seen += len(h.Seen)
			if h.Final != nil {
				final++
			}
		}
		if !slices.IsSorted(keys) || len(slices.Compact(keys)) != 17+7+2 || len(want) != 0 {
			t.Errorf("keys %v; missing %v", keys, want)
		}
		if final != 4 || seen != 500 {
			t.Errorf("%d keys found at the end and %d events, want 4 and 500", final, seen)
		}
	}
}

func TestSortingSpillsAndMerges(t *testing.T) {
	s := sorter{dir: t.TempDir()}
	body := bytes.Repeat([]byte("x"), 1000)
	const n = 3 * sortMemory / 1000
	for i := range uint64(n) {
		if err := s.add(fmt.Sprintf("%08d", (i*7919)%n), i, func(b []byte) []byte { return append(b, body...) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.runs) < 2 {
		t.Fatalf("%d runs: nothing had to be merged", len(s.runs))
	}
	path, err := s.merge()
	if err != nil {
		t.Fatal(err)
	}
	r, err := openRun(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.file.Close()
	count, last, more := 0, "", true
	for more {
		if key := string(r.head.key); key <= last && count > 0 {
			t.Fatalf("%q follows %q", key, last)
		}
		last = string(r.head.key)
		count++
		if more, err = r.next(); err != nil {
			t.Fatal(err)
		}
	}
	if count != n {
		t.Errorf("%d entries came back of %d", count, n)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, "run-*")); len(left) > 0 {
		t.Errorf("runs are left behind: %v", left)
	}
}

// Whatever happens to a file, reading it gives what was written, or an error
// that names the file: never another history.
func TestDamageIsAnError(t *testing.T) {
	dir, _ := written(t, 40)
	for _, name := range []string{ledgerFile, finalFile} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, content []byte) {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := Open(dir, t.TempDir())
			if err == nil {
				err = r.Close()
				t.Errorf("%s %s was not seen (%v)", name, what, err)
			} else if !strings.Contains(err.Error(), name) || !errors.Is(err, errDamaged) {
				t.Errorf("%s %s: the error does not name the file: %v", name, what, err)
			}
		}
		for at := range whole {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 0x10
			try(fmt.Sprintf("with byte %d flipped", at), flipped)
			try(fmt.Sprintf("cut off after %d bytes", at), whole[:at])
		}
		try("with a byte more", append(bytes.Clone(whole), 0))
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWithoutADumpNothingIsSaidOfKeys(t *testing.T) {
	dir, _ := written(t, 40)
	if err := os.Remove(filepath.Join(dir, finalFile)); err != nil {
		t.Fatal(err)
	}
	r := opened(t, dir)
	yielded := 0
	for _, err := range r.Keys() {
		if yielded++; !errors.Is(err, ErrNoFinal) {
			t.Errorf("a key was told without a dump: %v", err)
		}
	}
	if yielded != 1 || r.HasFinal() {
		t.Errorf("%d answers, final %v; want one error", yielded, r.HasFinal())
	}
}

func TestAnUnfinishedDumpDoesNotCount(t *testing.T) {
	dir, _ := written(t, 1)
	if err := os.Remove(filepath.Join(dir, finalFile)); err != nil {
		t.Fatal(err)
	}
	d, err := CreateDump(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Add(harness.KeyState{Key: "b"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Add(harness.KeyState{Key: "a"}); err == nil {
		t.Error("keys out of order were taken")
	}
	if opened(t, dir).HasFinal() {
		t.Error("a dump that was not closed counts")
	}
	if err := d.Abort(); err != nil {
		t.Error(err)
	}
}

func TestAfterCloseNothingIsRecorded(t *testing.T) {
	w, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Append(op(1)); err == nil {
		t.Error("an operation was recorded in a closed ledger")
	}
}

// What an effect's flags do not know is damage, and so is a guard cut off.
func TestEffectsAreReadStrictly(t *testing.T) {
	o := harness.Operation{Effects: []harness.Effect{{Key: "k", Delete: true, Guarded: true, Guard: 300}}}
	whole := appendOperation(nil, &o)
	flags := len(whole) - len(appendEffect(nil, &o.Effects[0]))
	for what, damage := range map[string]func([]byte) []byte{
		"another flag": func(b []byte) []byte { b[flags] |= 1 << 2; return b },
		"half a guard": func(b []byte) []byte { return b[:len(b)-1] },
		"no guard":     func(b []byte) []byte { return b[:len(b)-2] },
	} {
		d := decoder{b: damage(slices.Clone(whole))[1:]}
		if d.operation(); d.err == nil {
			t.Errorf("%s was read", what)
		}
	}
	d := decoder{b: whole[1:]}
	if got := d.operation(); d.err != nil || !cmp.Equal(got, o) {
		t.Errorf("%+v, %v", got, d.err)
	}
}

// FuzzRecords: no file makes the reader panic or run on.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(ledgerKind))
	o := op(4)
	f.Add(appendOperation(nil, &o))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) == 0 {
			return
		}
		dir := t.TempDir()
		b, err := createBlocks(filepath.Join(dir, ledgerFile), ledgerKind)
		if err != nil {
			t.Fatal(err)
		}
		b.payload, b.records = append(b.payload, payload...), 1
		if err := b.seal(); err != nil {
			t.Fatal(err)
		}
		r, err := Open(dir, dir)
		if err != nil {
			return
		}
		for o, err := range r.Operations() {
			if err != nil {
				t.Fatal(err)
			}
			again := decoder{b: appendOperation(nil, &o)}
			again.byte()
			if got := again.operation(); !cmp.Equal(got, o) || again.err != nil {
				t.Fatalf("%+v was read back as %+v, %v", o, got, again.err)
			}
		}
	})
}
