package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// trio is a cluster of three that does as etcd does: m2 leads until it is asked
// to hand over, and another is elected when the leader is paused.
type trio struct {
	hosts // it takes no backups

	log      []string
	leader   uint64 // member n is on host mn
	revision int64
	deaf     bool // move-leader is refused
	stuck    bool // nobody is elected
}

func (c *trio) Select(_ context.Context, who harness.Selector) ([]harness.Host, error) {
	leader := ""
	if c.leader != 0 {
		leader = fmt.Sprintf("m%d", c.leader)
	}
	names, err := who.Select([]string{"m1", "m2", "m3"}, leader)
	var hosts []harness.Host
	for _, name := range names {
		hosts = append(hosts, member{name: name, trio: c})
	}
	return hosts, err
}

func (c *trio) Render(text, on string) (string, error) {
	return strings.ReplaceAll(text, "{{etcdctl name}}", "etcdctl "+on), nil
}

type member struct {
	harness.Host
	name string
	trio *trio
}

func (m member) Name() string { return m.name }

func (m member) Run(_ context.Context, script string) (harness.Output, error) {
	c := m.trio
	if strings.Contains(script, "move-leader") {
		c.log = append(c.log, script)
		if c.deaf {
			return harness.Output{ExitCode: 1, Stderr: "not now"}, nil
		}
		_, err := fmt.Sscanf(script, "etcdctl "+m.name+" move-leader %x", &c.leader)
		return harness.Output{}, err
	}
	c.revision++
	if c.leader == 0 && !c.stuck && c.revision > 3 {
		c.leader = 3
	}
	return harness.Output{Stdout: fmt.Sprintf(`[{"Endpoint":"x","Status":{"header":{"member_id":%s,"revision":%d},"leader":%d}}]`, m.name[1:], c.revision, c.leader)}, nil
}

func (m member) Signal(_ context.Context, sig syscall.Signal) error {
	m.trio.log = append(m.trio.log, fmt.Sprintf("%s %s at %d", m.name, sig, m.trio.revision))
	if sig == syscall.SIGSTOP {
		m.trio.leader = 0
	}
	return nil
}

// strike is a fault that is written down.
type strike struct{ err error }

func (strike) String() string { return "strike the others" }

func (f strike) Inject(_ context.Context, s harness.Strike) ([]string, error) {
	c := s.(*trio)
	c.log = append(c.log, fmt.Sprintf("struck at %d", c.revision))
	return []string{"m2", "m3"}, f.err
}

func TestLeaveBehind(t *testing.T) {
	f := LeaveBehind{Host: "m1", Revisions: 5, Then: strike{}}
	if want := "leave etcd on m1 5 revisions behind, and strike the others"; f.String() != want {
		t.Errorf("%q, want %q", f, want)
	}
	c := &trio{leader: 2}
	struck, err := f.Inject(t.Context(), c)
	if err != nil || !slices.Equal(struck, []string{"m1", "m2", "m3"}) {
		t.Fatal(struck, err)
	}
	// m3 leads from revision 4 on.
	want := []string{"etcdctl m2 move-leader 1", "m1 stopped (signal) at 2", "struck at 9", "m1 continued at 9"}
	if !slices.Equal(c.log, want) {
		t.Errorf("%q\nwant %q", c.log, want)
	}
}

// One that leads already is not asked to.
func TestLeaveTheLeaderBehind(t *testing.T) {
	c := &trio{leader: 1}
	if _, err := (LeaveBehind{Host: "m1", Then: strike{}}).Inject(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if c.log[0] != "m1 stopped (signal) at 1" {
		t.Error(c.log)
	}
}

func TestLeaveBehindSaysWhatItWaitsFor(t *testing.T) {
	broken := errors.New("no hammer")
	for name, c := range map[string]struct {
		f    LeaveBehind
		trio trio
		want []string
	}{
		"nobody else is elected":   {LeaveBehind{Host: "m1", Then: strike{}}, trio{leader: 1, stuck: true}, []string{"m2 tells of another leader and 0 revisions since", "no other leader yet"}},
		"it does not come to lead": {LeaveBehind{Host: "m1", Then: strike{}}, trio{leader: 2, deaf: true}, []string{"etcd on m1 leads", "not now"}},
		"nobody leads":             {LeaveBehind{Host: "m1", Then: strike{}}, trio{stuck: true}, []string{"etcd on m1 leads", "no leader is known"}},
		"too few revisions":        {LeaveBehind{Host: "m1", Revisions: 1 << 40, Then: strike{}}, trio{leader: 1}, []string{"1099511627776 revisions", "from 4 on another leads"}},
		"there is no such host":    {LeaveBehind{Host: "m9", Then: strike{}}, trio{}, []string{"no host m9"}},
		"the others are not hit":   {LeaveBehind{Host: "m1", Then: strike{err: broken}}, trio{leader: 1}, []string{"no hammer"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // nothing waits
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				_, err := c.f.Inject(ctx, &c.trio)
				if err == nil {
					t.Fatal("no error")
				}
				for _, want := range append(c.want, c.f.String()) {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("it does not say %q: %v", want, err)
					}
				}
			})
		})
	}
}
