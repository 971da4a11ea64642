package drill

import (
	"bytes"
	"context"
	"encoding/hex"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// hand is the record of a recovery that is done by somebody else's hand: a user's
// runbook, or people at shells. What a procedure says of its steps (see
// harness.Step: Replaces, Completes, and what is announced) is told here from what
// was done.
type hand struct {
	d    *drill
	game *game  // nil: a runbook recovers
	name string // of whoever types and does not say who

	beginning sync.Mutex // held while a new history begins
	began     bool

	announcing sync.Mutex // held while clients are pointed elsewhere
	told       []string   // where they were last pointed, because it was started

	following sync.WaitGroup // clients are pointed at what was started

	mu        sync.Mutex
	over      bool
	number    int             // of the last step
	started   []string        // hosts that were told to start etcd and not to stop it since, in order
	announced bool            // somebody announced hosts: from then on it is their affair; announcing guards it
	scripts   []script        // files on hosts that begin a new history, or start etcd, when they are used
	placing   map[string]bool // hosts whose next start of etcd is by this hand: see places
	taken     map[string]bool // spare hosts that were ordered
	fetched   time.Duration   // a backup is on a host; 0: none yet
	restored  time.Duration   // a snapshot was restored; 0: none yet
	atDesk    bool            // at the desk one was
	carried   map[string]bool // hosts on which what came of it was put, by all that is known
}

// script is a file that was brought onto a host.
type script struct {
	host, path string
	renews     bool // it begins a new history; otherwise it moves manifests
}

// newHand begins the record; close ends it.
func newHand(d *drill, name string, number int) *hand {
	h := &hand{d: d, game: d.game, name: name, number: number, placing: map[string]bool{}, taken: map[string]bool{}, carried: map[string]bool{}}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hand = h
	return h
}

// early tells whether nothing is broken yet: what a team tries before the strike begins
// no history, and starts nothing that clients should hear of.
func (h *hand) early() bool { return h.game != nil && !h.game.isStruck() }

// step begins the record of a call, and tells of it.
func (h *hand) step(by, host, name, command string) harness.StepRecord {
	h.mu.Lock()
	h.number++
	number := h.number
	h.mu.Unlock()
	where := ""
	if host != "" {
		where = " on " + host
	}
	h.d.timeline.say(harness.StepEvent, "", "step %d%s by %s: %s", number, where, by, name)
	return harness.StepRecord{Number: number, Name: name, Host: host, By: by, Command: command, At: h.d.timeline.now(), Attempts: 1}
}

// Whatever is run with these words in it makes members start from other data than
// clients were last told.
var beginnings = [][]byte{[]byte("snapshot restore"), []byte("force-new-cluster")}

// renews tells whether a text begins a new history when it is run.
func renews(text []byte) bool {
	return slices.ContainsFunc(beginnings, func(b []byte) bool { return bytes.Contains(text, b) })
}

// replaced marks the beginning of a new history, the first time. Clients have new
// keys before whatever begins it is carried out, by whoever comes first.
func (h *hand) replaced() {
	h.beginning.Lock()
	defer h.beginning.Unlock()
	if h.early() {
		return
	}
	h.game.beginsAnew()
	if h.began {
		return
	}
	h.began = true
	h.d.mark(harness.HistoryReplaced)
	h.d.nextGeneration()
}

// hasReplaced tells whether a new history has begun, for all that is known.
func (h *hand) hasReplaced() bool {
	h.beginning.Lock()
	defer h.beginning.Unlock()
	return h.began
}

// tidying are commands that put a file in order, and do not use it. See onlyLooks for
// those that look at it.
var tidying = []string{"chmod", "mkdir", "rm", "touch"}

// runs is told what is about to be run on a host.
func (h *hand) runs(host string, argv []string) {
	text := strings.Join(argv, " ")
	if onlyLooks(argv) || len(argv) > 0 && slices.Contains(tidying, argv[0]) || strings.Contains(text, "--help") {
		return
	}
	renewed, moved := renews([]byte(text)), strings.Contains(text, string(manifests))
	h.mu.Lock()
	for _, s := range h.scripts {
		if s.host == host && strings.Contains(text, path.Base(s.path)) {
			renewed, moved = renewed || s.renews, moved || !s.renews
		}
	}
	h.mu.Unlock()
	if moved {
		h.places(host)
	}
	if renewed || h.hasCarried(host) && strings.Contains(text, h.d.places(host).dir) {
		h.replaced()
	}
}

// ran is told what was run, and went well.
func (h *hand) ran(argv []string) {
	if restores(argv) && !h.early() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.restored = h.d.timeline.now()
	}
}

// keeps is told of a file on a host that begins a new history when it is used, a script,
// or a manifest that is moved to where it is run from; or else of a script that moves
// manifests.
func (h *hand) keeps(host, path string, renews bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scripts = append(h.scripts, script{host, path, renews})
}

// brought is told of a file that was put on a host: a backup is recognised by what
// it is, whatever its name.
func (h *hand) brought(host string, begun time.Duration, file *scanned) {
	if h.d.backups == nil || h.early() {
		return
	}
	sum := hex.EncodeToString(file.sum.Sum(nil))
	for _, b := range h.d.backups.list() {
		if b.Kept() && b.SHA256 == sum {
			now := h.d.timeline.now()
			h.d.fetched(harness.FetchRecord{Backup: b.Name, Host: host, At: begun, Carry: now - begun, Bytes: b.Bytes, Brought: true})
			h.mu.Lock()
			h.fetched = now
			h.mu.Unlock()
			return
		}
	}
}

// starts is told that etcd runs on a host by somebody's order. Clients go to the
// hosts that were last started like this, until somebody says where they should go.
// Where the cluster serves all the time it is one more host that they may go to: a
// member that has just been started joins, and serves nobody for some seconds.
func (h *hand) starts(ctx context.Context, host string) error {
	h.announcing.Lock()
	defer h.announcing.Unlock()
	if h.early() {
		return nil
	}
	h.mu.Lock()
	if !slices.Contains(h.started, host) {
		h.started = append(h.started, host)
	}
	started := slices.Clone(h.started)
	h.mu.Unlock()
	if h.announced || slices.Equal(h.told, started) {
		return nil
	}
	h.told = started
	if h.d.marked(harness.Struck) && !h.d.marked(harness.QuorumLost) && !h.hasReplaced() {
		started = slices.Concat(h.d.running(ctx, started), started)
	}
	return site{h.d}.Announce(ctx, started)
}

// announce points clients at hosts because somebody said so.
func (h *hand) announce(ctx context.Context, hosts []string) error {
	h.announcing.Lock()
	defer h.announcing.Unlock()
	err := site{h.d}.Announce(ctx, hosts)
	h.announced = h.announced || err == nil
	return err
}

// stops is told that etcd is to run on a host no more.
func (h *hand) stops(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = slices.DeleteFunc(h.started, func(name string) bool { return name == host })
}

// takes tells whether a host is a spare one that nobody ordered yet.
func (h *hand) takes(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.d.mu.Lock()
	spare := slices.Contains(h.d.spares, name)
	h.d.mu.Unlock()
	if !spare || h.taken[name] {
		return false
	}
	h.taken[name] = true
	return true
}

// inUse are the hosts that somebody has ordered, or started etcd on; none where nobody
// recovers.
func (h *hand) inUse() []string {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.AppendSeq(slices.Clone(h.started), maps.Keys(h.taken))
}

// close marks the phases that the recovery had, and lets go of the spare hosts
// that no etcd was ever started on: they are no part of the site.
func (h *hand) close() {
	h.d.mu.Lock()
	h.d.hand = nil
	h.d.mu.Unlock()
	h.mu.Lock()
	h.over = true
	h.mu.Unlock()
	h.following.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fetched > 0 {
		h.d.markAt(harness.Fetched, h.fetched)
	}
	if h.restored > 0 {
		h.d.markAt(harness.Restored, h.restored)
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	slices.SortStableFunc(h.d.ev.Steps, func(a, b harness.StepRecord) int { return a.Number - b.Number })
	for _, name := range h.d.spares {
		if !slices.ContainsFunc(h.d.ev.Starts, func(s harness.HostStart) bool { return s.Host == name }) {
			h.d.hosts[name] = nil
		}
	}
}

// unseenReplacement marks the beginning of a new history where nothing that was done
// by hand told of it (a data directory that was copied, a restore by another
// tool), and the cluster does: it has another ID, or its terms began anew. It is
// the first start of an etcd since the recovery began, and that beginning if none
// was started: whatever was acknowledged from then on must be there, and what another
// cluster acknowledged is lost.
func (d *drill) unseenReplacement() {
	_, marked := d.ev.At(harness.HistoryReplaced)
	began, ok := d.ev.At(harness.ProcedureBegan)
	if marked || !ok || !d.plan.byHand() || !otherHistory(d.ev.Before, d.ev.After) {
		return
	}
	if g := d.ev.GameDay; g != nil && g.Decided.At > 0 {
		began = min(began, g.Decided.At)
	}
	at := began
	for _, s := range d.ev.Starts {
		if s.At >= began {
			at = s.At
			break
		}
	}
	d.markAt(harness.HistoryReplaced, at)
	d.timeline.say(harness.WarningEvent, "", "the cluster has another history, and nothing that was typed tells when it began: it is taken to begin at %.3fs", at.Seconds())
}

// otherHistory tells whether what members say after a recovery cannot be the
// history that they were of before.
func otherHistory(before, after []harness.MemberView) bool {
	var term uint64
	clusters := map[uint64]bool{}
	for _, v := range before {
		if v.Error == "" {
			term = max(term, v.Term)
			clusters[v.ClusterID] = true
		}
	}
	for _, v := range after {
		if v.Error == "" && len(clusters) > 0 && (!clusters[v.ClusterID] || v.Term < term) {
			return true
		}
	}
	return false
}
