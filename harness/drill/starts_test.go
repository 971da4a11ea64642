package drill

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

func (d *disk) ClientAddress() string { return d.name + ":2379" }

func (d *disk) Etcd(context.Context) (state harness.EtcdState, err error) {
	if d.off {
		return state, harness.ErrHostOff
	}
	if d.idle {
		return state, nil
	}
	return harness.EtcdState{PID: 9, Manifest: true}, nil
}

// atWork is a hand on a site of these hosts.
func handOf(t *testing.T, hosts ...string) *hand {
	t.Helper()
	lines, err := newTimeline(t.TempDir(), nil, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lines.close() })
	d := &drill{timeline: lines, hosts: map[string]harness.Host{}, ev: &harness.Evidence{Marks: map[harness.Mark]time.Duration{}}, abort: func(error) {}}
	for _, name := range hosts {
		d.hosts[name] = &disk{name: name}
	}
	return newHand(d, "restore.sh", 1)
}

// announced is where clients were pointed.
func (h *hand) pointed() string {
	h.following.Wait()
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return fmt.Sprint(h.d.ev.Procedure.Announced)
}

func asked(asked bool) *harness.EtcdExit { return &harness.EtcdExit{Asked: asked} }

// Whatever puts a manifest into place starts etcd by hand, and clients hear of it. What
// the supervisor starts again by itself is nobody's.
func TestStartedByHand(t *testing.T) {
	began := func(d *drill, host string) { d.hostEvent(harness.HostEvent{Host: host, Kind: harness.EtcdStarted}) }
	ended := func(d *drill, host string, byManifest bool) {
		d.ev.Marks[harness.SteadyStateSeen] = time.Second
		d.hostEvent(harness.HostEvent{Host: host, Kind: harness.EtcdExited, Exit: asked(byManifest)})
	}
	for name, c := range map[string]struct {
		does func(*hand)
		want string
	}{
		"nobody touched it":     {func(h *hand) { ended(h.d, "m1", false); began(h.d, "m1") }, "[]"},
		"there was no manifest": {func(h *hand) { h.sees("m1", harness.EtcdState{}); began(h.d, "m1") }, "[m1]"},
		"there was one":         {func(h *hand) { h.sees("m1", harness.EtcdState{Manifest: true}); began(h.d, "m1") }, "[]"},
		"it was changed":        {func(h *hand) { ended(h.d, "m1", true); began(h.d, "m1") }, "[m1]"},
		"it was written":        {func(h *hand) { h.writes("m1", harness.ManifestPath); began(h.d, "m1") }, "[m1]"},
		"its directory was":     {func(h *hand) { h.writes("m1", "etc/kubernetes/"); began(h.d, "m1") }, "[m1]"},
		"something else was":    {func(h *hand) { h.writes("m1", "/root/etcd.yaml"); began(h.d, "m1") }, "[]"},
		"it was named": {func(h *hand) {
			h.runs("m1", strings.Fields("mv /root/etcd.yaml "+harness.ManifestPath))
			began(h.d, "m1")
		}, "[m1]"},
		"it was looked at": {func(h *hand) { h.runs("m1", strings.Fields("cat "+harness.ManifestPath)); began(h.d, "m1") }, "[]"},
		"a script that moves it": {func(h *hand) {
			h.keeps("m1", "/root/r.sh", false)
			h.runs("m1", []string{"sh", "/root/r.sh"})
			began(h.d, "m1")
		}, "[m1]"},
		"a script elsewhere": {func(h *hand) {
			h.keeps("m2", "/root/r.sh", false)
			h.runs("m1", []string{"sh", "/root/r.sh"})
			began(h.d, "m1")
		}, "[]"},
		"once": {func(h *hand) {
			h.places("m1")
			began(h.d, "m1")
			_ = h.pointed()
			h.d.ev.Procedure.Announced = nil
			began(h.d, "m1")
		}, "[]"},
		"two": {func(h *hand) { h.places("m1"); began(h.d, "m1"); _ = h.pointed(); h.places("m2"); began(h.d, "m2") }, "[m1 m2]"},
		"one that was stopped": {func(h *hand) {
			h.places("m1")
			began(h.d, "m1")
			_ = h.pointed()
			h.stops("m1")
			h.places("m2")
			began(h.d, "m2")
		}, "[m2]"},
		"somebody announced": {func(h *hand) { _ = h.announce(t.Context(), []string{"m2"}); h.places("m1"); began(h.d, "m1") }, "[m2]"},
		"beside those that serve": {func(h *hand) {
			h.d.hosts["m1"].(*disk).off = true
			h.d.ev.Marks[harness.Struck] = time.Second
			h.places("m3")
			began(h.d, "m3")
		}, "[m2 m3]"},
		"where none serves": {func(h *hand) {
			h.d.ev.Marks[harness.Struck], h.d.ev.Marks[harness.QuorumLost] = time.Second, time.Second
			h.places("m3")
			began(h.d, "m3")
		}, "[m3]"},
		"of another history": {func(h *hand) {
			h.d.ev.Marks[harness.Struck] = time.Second
			h.replaced()
			h.places("m3")
			began(h.d, "m3")
		}, "[m3]"},
		"when it is over": {func(h *hand) { h.places("m1"); h.close(); began(h.d, "m1") }, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			h := handOf(t, "m1", "m2", "m3")
			c.does(h)
			if got := h.pointed(); got != c.want {
				t.Errorf("clients are pointed at %s, want %s", got, c.want)
			}
			if len(h.scripts) > 0 && h.hasReplaced() {
				t.Error("a script that moves a manifest begins a new history")
			}
		})
	}
}

// What a team tries before the strike starts nothing, and begins no history.
func TestTriedBeforeTheStrike(t *testing.T) {
	h := handOf(t, "m1")
	r := newRules()
	h.game = &game{exercise: r.exercise}
	h.game.moves = newMoves(h.game)
	h.runs("m1", strings.Fields("etcdutl snapshot restore /root/x.db --data-dir /tmp/try"))
	h.places("m1")
	h.runsAgain("m1")
	if got := h.pointed(); got != "[]" || h.hasReplaced() {
		t.Errorf("pointed at %s, a new history has begun: %v", got, h.hasReplaced())
	}
	r.strikes()
	h.runs("m1", strings.Fields("etcdutl snapshot restore /root/x.db"))
	h.places("m1")
	h.runsAgain("m1")
	if got := h.pointed(); got != "[m1]" || !h.hasReplaced() {
		t.Errorf("pointed at %s, a new history has begun: %v", got, h.hasReplaced())
	}
}

func TestScanLooksForBoth(t *testing.T) {
	for text, want := range map[string]string{
		"mv /root/etcd.yaml " + harness.ManifestPath:               "moves",
		"etcdutl snapshot restore x; mv x " + harness.ManifestPath: "renews moves",
		"etcdutl snapshot restore x":                               "renews",
		"echo nothing":                                             "",
	} {
		found := ""
		s := scan(strings.NewReader(text), func() { found += "renews " }).also(manifests, func() { found += "moves" })
		if _, err := io.Copy(io.Discard, s); err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(found) != want {
			t.Errorf("%q: %q", text, found)
		}
	}
}

// What was typed stays as it was typed: it is still to be written down.
func TestAStartLeavesItsWords(t *testing.T) {
	h := handOf(t, "m1")
	h.d.desk = &harness.Desk{}
	words := []string{"m1", "--force-new-cluster=true"}
	if err := (estate{site{h.d}, h, ""}).start(t.Context(), h.d.host("m1"), words[1:]); err == nil {
		t.Error("it was started without ever having been given a flag")
	}
	if words[1] != "--force-new-cluster=true" {
		t.Errorf("what was typed is %q by now", words)
	}
}
