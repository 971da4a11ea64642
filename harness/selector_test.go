package harness_test

import (
	"slices"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestSelect(t *testing.T) {
	hosts := []string{"m1", "m2", "m3"}
	for _, c := range []struct {
		who    harness.Selector
		leader string
		want   []string // nil: an error
	}{
		{harness.Everyone, "", hosts},
		{harness.AllBut("m1"), "", []string{"m2", "m3"}},
		{harness.Hosts("m3", "m1"), "", []string{"m3", "m1"}},
		{harness.Leader, "m2", []string{"m2"}},
		{harness.Followers(2), "m2", []string{"m1", "m3"}},
		{harness.Followers(3), "m2", nil},
		{harness.Leader, "", nil},
		{harness.Followers(1), "", nil},
		{harness.Hosts("m4"), "", nil},
		{harness.AllBut("m4"), "", nil},
	} {
		got, err := c.who.Select(hosts, c.leader)
		if (err != nil) != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s with leader %q selects %v, %v; want %v", c.who, c.leader, got, err, c.want)
		}
	}
	if got, err := (harness.Selector{}).Select(hosts, ""); len(got) != 0 || err != nil {
		t.Errorf("the zero selector means %v, %v; it means nobody", got, err)
	}
}

// FuzzParseSelector: whatever parses prints as itself.
func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{"everyone", "leader", "nobody", "followers(2)", "all-but(m1,m2)", "m2,m3", "followers(0)", "all-but()", ",", "(", "m1,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := harness.ParseSelector(text)
		if err != nil {
			return
		}
		again, err := harness.ParseSelector(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q parses as %q, which parses as %q, %v", text, s, again, err)
		}
	})
}
