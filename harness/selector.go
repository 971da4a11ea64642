package harness

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Selector says which hosts are meant. It is resolved against the cluster as
// it is at that moment (see Select), and prints as it parses: "everyone",
// "leader", "followers(2)", "all-but(m1,m2)", "m2,m3". The zero Selector means
// nobody.
type Selector struct {
	kind  string
	names []string
	count int
}

// Everyone means every host of the cluster.
var Everyone = Selector{kind: "everyone"}

// Leader means the host whose member leads when the selector is resolved.
var Leader = Selector{kind: "leader"}

// Followers means n of the hosts whose members follow, in order of their names.
func Followers(n int) Selector { return Selector{kind: "followers", count: n} }

// AllBut means every host except the named ones.
func AllBut(names ...string) Selector { return Selector{kind: "all-but", names: names} }

// Hosts means the named hosts, in that order.
func Hosts(names ...string) Selector { return Selector{kind: "hosts", names: names} }

// IsZero tells whether the selector means nobody because nothing was chosen.
func (s Selector) IsZero() bool { return s.kind == "" }

// NeedsLeader tells whether resolving it requires to know who leads.
func (s Selector) NeedsLeader() bool { return s.kind == "leader" || s.kind == "followers" }

func (s Selector) String() string {
	switch s.kind {
	case "":
		return "nobody"
	case "followers":
		return fmt.Sprintf("followers(%d)", s.count)
	case "all-but":
		return "all-but(" + strings.Join(s.names, ",") + ")"
	case "hosts":
		return strings.Join(s.names, ",")
	}
	return s.kind
}

// Select resolves the selector. hosts are the cluster's host names in order,
// leader the name of the host that leads ("" if unknown). A named host that is
// not there, an unknown leader or too few followers are errors, so that a
// fault never strikes less than it says.
func (s Selector) Select(hosts []string, leader string) ([]string, error) {
	for _, name := range s.names {
		if !slices.Contains(hosts, name) {
			return nil, fmt.Errorf("select %s: there is no host %s among %s", s, name, strings.Join(hosts, ", "))
		}
	}
	if s.NeedsLeader() && leader == "" {
		return nil, fmt.Errorf("select %s: no leader is known", s)
	}
	switch s.kind {
	case "everyone":
		return slices.Clone(hosts), nil
	case "hosts":
		return slices.Clone(s.names), nil
	case "leader":
		return []string{leader}, nil
	case "all-but":
		return slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return slices.Contains(s.names, h) }), nil
	case "followers":
		all := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return h == leader })
		if len(all) < s.count {
			return nil, fmt.Errorf("select %s: there are only %d followers", s, len(all))
		}
		return all[:s.count], nil
	}
	return nil, nil
}

// ParseSelector reads what String prints.
func ParseSelector(text string) (Selector, error) {
	inner := func(prefix string) (string, bool) {
		rest, ok := strings.CutPrefix(text, prefix+"(")
		if !ok {
			return "", false
		}
		return strings.CutSuffix(rest, ")")
	}
	switch text {
	case "nobody":
		return Selector{}, nil
	case "everyone":
		return Everyone, nil
	case "leader":
		return Leader, nil
	}
	if arg, ok := inner("followers"); ok {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return Selector{}, fmt.Errorf("selector %q: the number of followers must be a whole number from 1", text)
		}
		return Followers(n), nil
	}
	names, kind := text, "hosts"
	if arg, ok := inner("all-but"); ok {
		names, kind = arg, "all-but"
	}
	list := strings.Split(names, ",")
	for _, name := range list {
		if !ValidHostName(name) {
			return Selector{}, fmt.Errorf("selector %q: %q is not a host name (try everyone, leader, followers(n), all-but(m1) or m1,m2)", text, name)
		}
	}
	return Selector{kind: kind, names: list}, nil
}

// ValidHostName tells whether name is a DNS label in lower case that no
// selector uses as a word of its own.
func ValidHostName(name string) bool {
	if slices.Contains([]string{"nobody", "everyone", "leader"}, name) {
		return false
	}
	if name == "" || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	for _, c := range name {
		if c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// MarshalText prints the selector as String does.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Selector) UnmarshalText(text []byte) error {
	parsed, err := ParseSelector(string(text))
	*s = parsed
	return err
}
