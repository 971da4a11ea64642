package check

import (
	"math"
	"slices"
)

// A step of unknown outcome takes effect at any time after it was sent, or
// never. One with a guard does so only while the key stands at the revision that
// it compares with: once an acknowledged step has moved the key on, it can not.
// Where steps of unknown outcome may have moved the key, nothing is ruled out.

// deletable tells whether a delete of unknown outcome can have come behind an
// acknowledged put of the old history and before the next change, nil for none;
// and from which revision on.
func (b *keyBook) deletable(put int64, next, without *step) (from int64, ok bool) {
	if next != nil && next.effect.Guarded && next.effect.Guard == put {
		return 0, false // it succeeded, so the key had not been touched
	}
	from = math.MaxInt64
	for _, s := range b.loose {
		if !s.effect.Delete || s == without || s.era == renewed {
			continue
		}
		if g := s.effect; g.Guarded && (g.Guard < put || next != nil && g.Guard >= next.Revision || g.Guard > put && !b.moved(s, renewed)) {
			continue
		}
		from, ok = min(from, b.earliest(s)), true
	}
	return from, ok
}

// moved tells whether a put of unknown outcome, other than s, can have set the
// key's revision in some history but the given one.
func (b *keyBook) moved(s *step, but era) bool {
	return slices.ContainsFunc(b.loose, func(o *step) bool { return o != s && !o.effect.Delete && o.era != but })
}

// open tells whether a put of unknown outcome can have taken effect at a
// revision of the old history.
func (b *keyBook) open(s *step, revision int64) bool {
	if !s.effect.Guarded {
		return true
	}
	if g := s.effect.Guard; g > 0 {
		return b.until(g) >= revision
	}
	return b.absentBut(s).has(revision - 1)
}

// atGuard returns the cuts behind which a step of unknown outcome can take effect
// in the new history, if no acknowledged step of that touched the key.
func (b *keyBook) atGuard(s *step) admissible {
	switch g := s.effect; {
	case !g.Guarded || b.moved(s, old):
		return admissible{{0, math.MaxInt64}}
	case g.Guard > 0:
		return admissible{{g.Guard, b.until(g.Guard)}}
	case g.Delete:
		return nil // of what is not there
	}
	return b.absentBut(s)
}

// follows tells whether a step of unknown outcome can have taken effect in the
// new history behind its last acknowledged change of the key.
func (b *keyBook) follows(s, last *step) bool {
	switch g := s.effect; {
	case s.era == old:
		return false
	case !g.Guarded || g.Guard == last.Revision:
		return true
	case g.Guard > 0:
		return g.Guard > last.Revision && b.moved(s, old)
	case g.Delete:
		return false
	}
	return last.effect.Delete || slices.ContainsFunc(b.loose, func(o *step) bool { return o != s && o.effect.Delete && b.follows(o, last) })
}
