package rehearse

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports"
)

const (
	rowsWanted  = 20    // in a census
	rowsFew     = 5     // fewer tell little: the next depth is shown, as far as it fits
	depthMost   = 8     // segments that are looked at
	distinct    = 4_096 // prefixes of one depth, more of which are not told apart
	prefixBytes = 512   // longer ones are not told apart either
)

// census counts keys by what they begin with. Keys come in byte order.
//
// The prefixes of a key end after a "/" that is neither its first nor its last
// byte (or, if it has no other, after the first): of /registry/pods/kube-system/dns
// they are /registry/, /registry/pods/ and /registry/pods/kube-system/, at depth 1, 2
// and 3. A key that is less deep counts with its last prefix, or with none.
//
// Prefixes that one key alone has are not shown: they would tell most of it. It
// counts with the prefix before. The depth that is shown is the greatest with at
// most twenty prefixes. If these are fewer than five, the next depth is shown
// instead, of which the smallest prefixes are summed up.
//
// Memory is bounded whatever the keys: a depth with too many prefixes is given up.
type census struct {
	keys, bytes int64
	depths      [depthMost]level
}

// level is the prefixes of one depth.
type level struct {
	tallies map[string]*tally
	last    *tally // of the key before
	prefix  []byte // its
	over    bool   // there are too many
}

type tally struct {
	keys, bytes int64
	others      int // prefixes that it sums up
}

func (t *tally) add(other tally) {
	t.keys += other.keys
	t.bytes += other.bytes
}

func (c *census) add(key []byte, value int) error {
	size := int64(len(key) + value)
	c.keys++
	c.bytes += size
	var ends [depthMost]int
	depth := prefixes(key, &ends)
	for d := range c.depths {
		end := 0
		if depth > 0 {
			end = ends[min(d, depth-1)]
		}
		if !c.depths[d].add(key[:end], size) {
			break // the deeper ones are given up as well
		}
	}
	return nil
}

// prefixes finds where the prefixes of a key end, and how many it has.
func prefixes(key []byte, ends *[depthMost]int) (n int) {
	for from := 1; n < depthMost; {
		at := bytes.IndexByte(key[min(from, len(key)):], '/')
		if at < 0 || from+at >= len(key)-1 || from+at >= prefixBytes {
			break
		}
		from += at + 1
		ends[n] = from
		n++
	}
	if n == 0 && len(key) > 1 && key[0] == '/' {
		ends[0], n = 1, 1
	}
	return n
}

func (l *level) add(prefix []byte, size int64) (ok bool) {
	if l.over {
		return false
	}
	if l.last == nil || !bytes.Equal(l.prefix, prefix) {
		l.last = l.tallies[string(prefix)]
		if l.last == nil {
			if len(l.tallies) == distinct {
				*l = level{over: true}
				return false
			}
			if l.tallies == nil {
				l.tallies = map[string]*tally{}
			}
			l.last = &tally{}
			l.tallies[string(prefix)] = l.last
		}
		l.prefix = append(l.prefix[:0], prefix...)
	}
	l.last.keys++
	l.last.bytes += size
	return true
}

// sum is the census as it is shown.
func (c *census) sum() *reports.Census {
	out := &reports.Census{Keys: c.keys, Bytes: c.bytes, Prefixes: []reports.CensusRow{}}
	rows := c.rows()
	for _, prefix := range slices.Sorted(maps.Keys(rows)) {
		t := rows[prefix]
		out.Prefixes = append(out.Prefixes, reports.CensusRow{Prefix: escaped(prefix), Others: t.others, Keys: t.keys, Bytes: t.bytes})
	}
	return out
}

func (c *census) rows() map[string]*tally {
	if c.keys == 0 {
		return nil
	}
	shown := map[string]*tally{"": {keys: c.keys, bytes: c.bytes}}
	for d := range c.depths {
		if c.depths[d].over {
			break
		}
		next := ofMany(c.depths[d].tallies)
		if len(next) > rowsWanted {
			if len(shown) < rowsFew {
				shown = largest(next, rowsWanted-rowsFew)
			}
			break
		}
		shown = next
	}
	return shown
}

// ofMany lets keys that are alone with their prefix count with the longest one that
// they share with others.
func ofMany(tallies map[string]*tally) map[string]*tally {
	under := map[string]int64{} // keys that begin with a prefix
	for prefix, t := range tallies {
		for ; prefix != ""; prefix = parent(prefix) {
			under[prefix] += t.keys
		}
	}
	out := map[string]*tally{}
	for prefix, t := range tallies {
		for prefix != "" && under[prefix] < 2 {
			prefix = parent(prefix)
		}
		if out[prefix] == nil {
			out[prefix] = &tally{}
		}
		out[prefix].add(*t)
	}
	return out
}

// largest keeps so many prefixes with the most keys and lets the others count with
// the prefix before theirs, until few enough are left.
func largest(all map[string]*tally, keep int) map[string]*tally {
	order := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[b].keys, all[a].keys), cmp.Compare(all[b].bytes, all[a].bytes), cmp.Compare(a, b))
	})
	out := map[string]*tally{}
	for _, prefix := range order[:min(keep, len(order))] {
		out[prefix] = all[prefix]
	}
	for _, prefix := range order[min(keep, len(order)):] {
		before := parent(prefix)
		if out[before] == nil {
			out[before] = &tally{}
		}
		out[before].add(*all[prefix])
		if prefix != before {
			out[before].others++
		}
	}
	return out
}

// parent is the prefix before a prefix.
func parent(prefix string) string {
	var ends [depthMost]int
	n := prefixes([]byte(prefix), &ends)
	if n == 0 {
		return ""
	}
	end := ends[n-1]
	if end >= len(prefix) {
		return ""
	}
	return prefix[:end]
}

// escaped is a prefix as it can be printed anywhere.
func escaped(prefix string) string {
	quoted := strconv.Quote(prefix)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
