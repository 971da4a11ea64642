package check

import (
	"fmt"

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
	wrong   string
}

// other is a part that is not there, and what may have taken its place.
type other struct {
	key         string
	modified    int64 // 0: absent
	mayBeErased bool
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
		found := b.key.Final
		switch {
		case found != nil && b.puts(s):
			if p.applied != 0 && p.applied != found.ModRevision {
				p.wrong = fmt.Sprintf("its parts have mod_revisions %d and %d", p.applied, found.ModRevision)
			}
			p.applied = found.ModRevision
		case s.effect.Delete && found == nil:
			// Absent as it would have it: nothing speaks against it.
		case found != nil:
			p.others = append(p.others, other{key: b.key.Key, modified: found.ModRevision})
		default:
			p.others = append(p.others, other{key: b.key.Key, mayBeErased: b.erased(s)})
		}
	}
}

// erased tells whether some other step can have deleted the key after this one.
func (b *keyBook) erased(s *step) bool {
	for _, list := range [][]*step{b.old, b.anew, b.loose} {
		for _, o := range list {
			if o.ID != s.ID && o.effect.Delete && o.Return > s.Call {
				return true
			}
		}
	}
	return false
}

// torn lists the transactions of which one part is there and another cannot be.
func (h *halves) torn() []string {
	var out []string
	for _, p := range h.open {
		if p.wrong == "" && p.applied != 0 {
			for _, o := range p.others {
				if o.modified < p.applied && !o.mayBeErased {
					p.wrong = fmt.Sprintf("a part is there at revision %d, and %s was last changed at %d", p.applied, o.key, o.modified)
				}
			}
		}
		if p.wrong != "" {
			out = append(out, fmt.Sprintf("half a transaction: %s: %s", p.op, p.wrong))
		}
	}
	return out
}
