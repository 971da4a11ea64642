package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/reports"
)

// counted is the census of these keys, each with a value of 10 bytes.
func counted(t *testing.T, keys ...string) *reports.Census {
	t.Helper()
	slices.Sort(keys)
	var c census
	for _, k := range keys {
		if err := c.add([]byte(k), 10); err != nil {
			t.Fatal(err)
		}
	}
	out := c.sum()
	var n, size int64
	for _, row := range out.Prefixes {
		n, size = n+row.Keys, size+row.Bytes
	}
	if n != out.Keys || n != int64(len(keys)) || size != out.Bytes {
		t.Errorf("the rows have %d keys of %d bytes, all are %d of %d, there were %d", n, size, out.Keys, out.Bytes, len(keys))
	}
	return out
}

func rowsOf(c *reports.Census) (rows []string) {
	for _, r := range c.Prefixes {
		row := fmt.Sprintf("%q %d", r.Prefix, r.Keys)
		if r.Others > 0 {
			row += fmt.Sprintf(" of %d others", r.Others)
		}
		rows = append(rows, row)
	}
	return rows
}

func many(format string, n int) (keys []string) {
	for i := range n {
		keys = append(keys, fmt.Sprintf(format, i))
	}
	return keys
}

func TestCensus(t *testing.T) {
	kubernetes := slices.Concat(many("/registry/pods/ns-%d/pod", 50), many("/registry/secrets/ns/%03d", 30), many("/registry/leases/kube-node-lease/%d", 5), []string{"/registry/ranges/serviceips"})
	wide := kubernetes
	for kind := range 40 {
		wide = append(wide, many(fmt.Sprintf("/registry/kind%02d/ns/%%d", kind), 2+kind)...)
	}
	for what, c := range map[string]struct {
		keys []string
		want []string
	}{
		"no key": {nil, nil},
		// Fifty namespaces with one pod each are one row; the single range counts
		// with what is above it.
		"Kubernetes": {kubernetes, []string{`"/registry/" 1`, `"/registry/leases/kube-node-lease/" 5`, `"/registry/pods/" 50`, `"/registry/secrets/ns/" 30`}},
		"one key":    {[]string{"/registry/secrets/ns/the-password-of-anna"}, []string{`"" 1`}},
		"two keys apart": {
			[]string{"/a/secret-one", "/b/secret-two"}, []string{`"/" 2`},
		},
		"no slash":             {[]string{"foo", "bar", "foobar"}, []string{`"" 3`}},
		"slashes at the ends":  {[]string{"/foo/", "/bar/", "/", "x/", "//"}, []string{`"" 2`, `"/" 3`}},
		"a key of many others": {append(many("a/b/%d", 3), "a/b/", "a/b"), []string{`"a/" 2`, `"a/b/" 3`}},
		"binary":               {[]string{"\xff\x00/\x1b[31m1", "\xff\x00/\x1b[31m2"}, []string{`"\\xff\\x00/" 2`}},
		"quotes":               {[]string{`"q"\/1`, `"q"\/2`}, []string{`"\"q\"\\\\/" 2`}},
	} {
		if diff := cmp.Diff(c.want, rowsOf(counted(t, c.keys...))); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	rows := rowsOf(counted(t, wide...))
	if len(rows) > rowsWanted || len(rows) < rowsWanted/2 || !slices.Contains(rows, `"/registry/kind39/" 41`) && !slices.Contains(rows, `"/registry/kind39/ns/" 41`) {
		t.Errorf("forty kinds come out as %q", rows)
	}
	if !strings.Contains(strings.Join(rows, "\n"), "others") {
		t.Errorf("what does not fit is not summed up: %q", rows)
	}
}

// A store of a million directories of their own takes no more memory than one of
// a few, and is still counted.
func TestCensusOfMoreThanCanBeToldApart(t *testing.T) {
	c := counted(t, many("/users/u%06d/profile", 3*distinct)...)
	if diff := cmp.Diff([]string{fmt.Sprintf(`"/users/" %d`, 3*distinct)}, rowsOf(c)); diff != "" {
		t.Error(diff)
	}
	long := counted(t, strings.Repeat("x", 2*prefixBytes)+"/1", strings.Repeat("x", 2*prefixBytes)+"/2")
	if diff := cmp.Diff([]string{`"" 2`}, rowsOf(long)); diff != "" {
		t.Error(diff)
	}
}

// Whatever the keys: every key is in one row, rows are few, and no row tells a key
// that is alone.
func FuzzCensus(f *testing.F) {
	f.Add("/a/b\n/a/c\n/d/e/f\nx")
	f.Add("////\n//\n/\n\xff/\xff/\xff")
	f.Fuzz(func(t *testing.T, text string) {
		keys := slices.DeleteFunc(strings.Split(text, "\n"), func(k string) bool { return k == "" })
		slices.Sort(keys)
		keys = slices.Compact(keys)
		c := counted(t, keys...)
		if len(c.Prefixes) > rowsWanted+rowsFew {
			t.Errorf("%d rows", len(c.Prefixes))
		}
		for _, row := range c.Prefixes {
			under := 0
			for _, k := range keys {
				if strings.HasPrefix(escaped(k), row.Prefix) {
					under++
				}
			}
			if row.Prefix != "" && under < 2 {
				t.Errorf("%q is what one key alone begins with", row.Prefix)
			}
		}
	})
}
