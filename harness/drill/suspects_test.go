package drill

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// Where several have calls under way on a host, nobody knows which of them did it, whoever's
// ends first.
func TestWhoDidIt(t *testing.T) {
	// begins and ends tell of the call of this number, by whoever it is.
	by := func(number int) harness.StepRecord {
		return harness.StepRecord{Number: number, By: map[int]string{4: "ann", 5: "bob", 6: "ann", 7: "eve"}[number], Host: "m1"}
	}
	changing := func() bastion.Call { return exec("", "sh", "/root/some.sh") }
	looking := func() bastion.Call { return exec("", "ls", "/var/lib/etcd") }
	for name, c := range map[string]struct {
		does   func(begins, ends func(int), h *disk)
		by     string
		step   int
		during []int
	}{
		"one alone": {func(begins, ends func(int), h *disk) { begins(4); clear(h.files); ends(4) }, "ann", 4, nil},
		"another's ends first": {func(begins, ends func(int), h *disk) {
			begins(4)
			begins(5)
			clear(h.files)
			ends(5)
			ends(4)
		}, "ann or bob", 5, []int{4, 5}},
		"another's ended before": {func(begins, ends func(int), h *disk) { begins(4); begins(5); ends(5); clear(h.files); ends(4) }, "ann", 4, nil},
		"two of one person": {func(begins, ends func(int), h *disk) {
			begins(4)
			begins(6)
			clear(h.files)
			ends(6)
		}, "ann", 6, []int{4, 6}},
		"three": {func(begins, ends func(int), h *disk) {
			begins(4)
			begins(5)
			begins(7)
			clear(h.files)
			ends(7)
		}, "ann or bob or eve", 7, []int{4, 5, 7}},
		"the host was off when it ended": {func(begins, ends func(int), h *disk) {
			begins(4)
			clear(h.files)
			h.off = true
			ends(4)
			h.off = false
			begins(5)
			ends(5)
		}, "ann or bob", 5, []int{4, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			h := etcdsDisk("m1")
			g, _ := lostService(t, h)
			g.moves.learns("m1", 1042, 12*time.Second)
			g.moves.before(looking(), by(9))
			c.does(func(n int) { g.moves.before(changing(), by(n)) }, func(n int) { g.moves.after(changing(), by(n), 0) }, h)
			moves := g.record().WrongMoves
			if len(moves) != 1 || moves[0].By != c.by || moves[0].Step != c.step || !cmp.Equal(moves[0].During, c.during) {
				t.Fatalf("%+v", moves)
			}
			if said := strings.Contains(moves[0].Text, ", any of which may have done it"); said != (c.during != nil) {
				t.Errorf("%q", moves[0].Text)
			}
		})
	}
}

// What ended is not remembered for ever.
func TestSuspectsAreForgotten(t *testing.T) {
	h := etcdsDisk("m1")
	g, r := lostService(t, h)
	call := func(number int) {
		c, step := exec("ann", "sh", "/root/some.sh"), harness.StepRecord{Number: number, By: "ann"}
		g.moves.before(c, step)
		g.moves.after(c, step, 0)
	}
	left := func(when string, most int) {
		if n := len(g.moves.underWay["m1"]); n > most {
			t.Errorf("%s: %d are remembered", when, n)
		}
	}
	call(1)
	left("looked at", 0)
	h.off = true
	for n := range 3 * mostDoing {
		call(n)
	}
	left("off", mostDoing)
	h.off = false
	call(2)
	left("on again", 0)
	delete(g.moves.copies, "m1")
	call(3)
	left("nothing to be lost there", 0)
	r.finish("enough")
	call(4)
	left("over", 0)
}
