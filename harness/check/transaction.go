package check

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// halves watches transactions of unknown outcome that touch several keys: their
// parts stand or fall together. (Acknowledged ones share a revision, so that the
// cut takes or leaves them whole.) It holds only these in memory.
type halves struct {
	open map[uint64]*parts
}

// parts is what was found of one transaction.
type parts struct {
	op      harness.Operation
	applied int64 // mod_revision of the part that is there, 0 for none
	others  []other
	gone    []gone
	from    int64 // if it took effect, it was at this revision or later
	wrong   string
}

// other is a part that is not there, and what may have taken its place.
type other struct {
	key      string
	modified int64 // 0: absent
	erasable int64 // absent: the last revision at which it can have stood when another step deleted it, 0 for none
}

// gone is a part that deletes, and whose key is absent.
type gone struct {
	key     string
	without admissible // cuts at which the key is absent although this part did nothing
}

// key takes in what one key tells.
func (h *halves) key(b *keyBook) {
	for _, s := range b.loose {
		if len(s.Effects) < 2 {
			continue
		}
		if h.open == nil {
			h.open = map[uint64]*parts{}
		}
		p := h.open[s.ID]
		if p == nil {
			p = &parts{op: *s.Operation}
			h.open[s.ID] = p
		}
		p.from = max(p.from, b.earliest(s))
		found := b.key.Final
		switch {
		case found != nil && b.puts(s):
			if p.applied != 0 && p.applied != found.ModRevision {
				p.wrong = fmt.Sprintf("its parts have mod_revisions %d and %d", p.applied, found.ModRevision)
			}
			p.applied = found.ModRevision
		case s.effect.Delete && found == nil:
			p.gone = append(p.gone, gone{b.key.Key, b.goneWithout(s)})
		case found != nil:
			p.others = append(p.others, other{key: b.key.Key, modified: found.ModRevision})
		default:
			p.others = append(p.others, other{key: b.key.Key, erasable: b.erased(s)})
		}
	}
}

// goneWithout is the cuts at which an absent key would be absent without a step.
func (b *keyBook) goneWithout(s *step) admissible {
	if len(b.anew) == 0 {
		return b.absentBut(s)
	}
	last := b.anew[len(b.anew)-1]
	if last.effect.Delete || slices.ContainsFunc(b.loose, func(o *step) bool { return o != s && o.effect.Delete && b.follows(o, last) }) {
		return admissible{{0, math.MaxInt64}}
	}
	return nil
}

// erased is the last revision at which the key can have stood when some step
// other than this one deleted it: 0 if none did, MaxInt64 if it can be any. A
// delete of unknown outcome can have come at any time after it was sent, unless
// it had a guard.
func (b *keyBook) erased(s *step) (stood int64) {
	for _, list := range [][]*step{b.old, b.anew, b.loose} {
		for _, o := range list {
			switch {
			case o.ID == s.ID || !o.effect.Delete:
			case o.Outcome == harness.Unknown && o.effect.Guarded:
				stood = max(stood, o.effect.Guard)
			case o.Outcome == harness.Unknown || o.Return > s.Call:
				return math.MaxInt64
			}
		}
	}
	return stood
}

// torn lists the transactions of which one part is there and another cannot be,
// given where the cut can lie.
func (h *halves) torn(cuts admissible) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(h.open)) {
		p := h.open[id]
		if p.wrong == "" {
			p.wrong = p.half(cuts)
		}
		if p.wrong != "" {
			out = append(out, fmt.Sprintf("half a transaction: %s: %s", p.op, p.wrong))
		}
	}
	return out
}

// half says which part is there and which is not, "" if none is missing.
func (p *parts) half(cuts admissible) string {
	from, text := p.applied, fmt.Sprintf("a part is there at revision %d", p.applied)
	erased := p.applied // a step that deleted another part after this one found it there
	for _, g := range p.gone {
		if from == 0 && len(cuts) > 0 && len(cuts.meet(g.without)) == 0 {
			from, text = p.from, fmt.Sprintf("nothing else can have deleted %s", g.key)
			erased = 1 // at which revision is not known
		}
	}
	for _, o := range p.others {
		if from != 0 && o.modified < from && o.erasable < erased {
			return fmt.Sprintf("%s, and %s was last changed at %d", text, o.key, o.modified)
		}
	}
	return ""
}
