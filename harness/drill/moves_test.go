package drill

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// disk is a host that is its files, and answers the scripts by which moves looks at it.
type disk struct {
	harness.Host
	name  string
	files map[string]string
	off   bool
	idle  bool // no etcd runs on it
}

func (d *disk) Name() string { return d.name }

func (d *disk) Run(_ context.Context, script string) (out harness.Output, err error) {
	if d.off {
		return out, harness.ErrHostOff
	}
	if words := strings.Fields(script); len(words) > 3 && words[0] == "etcdutl" {
		return d.status(words[3]), nil
	}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if script == elsewhereScript {
			out.Stdout += fmt.Sprintf("-rw------- %10d 2026-01-02 03:04:05 %s\n", len(d.files[name]), name)
			continue
		}
		if dir, ok := strings.CutPrefix(name, "/var/lib/etcd/member/wal/"); ok && strings.HasSuffix(dir, ".wal") && out.Stdout == "" {
			out.Stdout = name + "\n"
		}
	}
	if out.Stdout == "" && script != elsewhereScript {
		out.Stdout = "/var/lib/etcd/member/wal/*.wal\n"
	}
	return out, nil
}

// revisionOf is in a database how far it goes.
var revisionOf = regexp.MustCompile("<revision ([0-9]+)>")

// status is what etcdutl says of a file.
func (d *disk) status(file string) (out harness.Output) {
	if d.files["/bin/etcdutl"] == "none" {
		out.ExitCode = notFound
		return out
	}
	if found := revisionOf.FindStringSubmatch(d.files[file]); found != nil {
		out.Stdout = fmt.Sprintf(`{"hash":7,"revision":%s,"totalKey":3}`, found[1])
		return out
	}
	out.ExitCode, out.Stderr = 1, "Error: invalid database\n"
	return out
}

func (d *disk) Download(_ context.Context, path string, w io.Writer) error {
	text, ok := d.files[path]
	if !ok {
		return fs.ErrNotExist
	}
	_, err := io.Copy(w, strings.NewReader(text))
	return err
}

const (
	dbAt  = "/var/lib/etcd/member/snap/db"
	walAt = "/var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal"
)

// database is one of etcd's whose pages are those of this history.
func database(history string) string {
	return strings.Repeat("\x00", magicAt) + string(magic) + strings.Repeat(history, smallest)
}

// etcdsDisk is a host with the old history's data.
func etcdsDisk(name string) *disk {
	return &disk{name: name, files: map[string]string{dbAt: database("old"), walAt: strings.Repeat("old", 1<<16)}}
}

// farStore keeps backups, and cannot be asked for them just now.
type farStore struct{ store.Store }

func (farStore) Look(context.Context, string) (store.Object, error) {
	return store.Object{}, store.ErrUnavailable
}

// lostService is a game day of these hosts, after the strike, in which nothing serves.
func lostService(t *testing.T, hosts ...*disk) (*game, *rules) {
	t.Helper()
	r := newRules()
	lines, err := newTimeline(t.TempDir(), nil, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lines.close() })
	d := &drill{
		timeline: lines, hosts: map[string]harness.Host{}, lost: map[harness.Host]bool{}, desk: &harness.Desk{Flags: map[string][]string{}},
		ev: &harness.Evidence{Marks: map[harness.Mark]time.Duration{}}, abort: func(error) {}, archive: &archive{store: farStore{}},
	}
	g := &game{exercise: r.exercise, d: d, ctx: t.Context()}
	g.moves = newMoves(g)
	for _, h := range hosts {
		d.hosts[h.name] = h
		is, err := g.moves.look(t.Context(), h)
		if err != nil || !is.there {
			t.Fatalf("%s: %+v, %v", h.name, is, err)
		}
		g.moves.copies[h.name] = &held{data: is, still: true}
	}
	r.set(10 * time.Second)
	r.saw(10*time.Second, true)
	r.strikes()
	r.begins()
	r.set(11 * time.Second)
	r.saw(11*time.Second, false)
	return g, r
}

// did has a call end that did this to a host.
func (g *game) did(h *disk, c bastion.Call, what func()) {
	what()
	c.Args[0] = h.name
	g.moves.after(c, harness.StepRecord{Number: 7, By: c.By, Host: h.name}, 0)
}

// moved is what was marked, "" if nothing was.
func (g *game) moved(t *testing.T) string {
	t.Helper()
	texts := ""
	for _, w := range g.record().WrongMoves {
		if w.Step != 7 || w.By != "ann" {
			t.Errorf("%+v", w)
		}
		texts += w.Text + "\n"
	}
	return strings.TrimSuffix(texts, "\n")
}

func rm() bastion.Call { return exec("ann", "rm", "-rf", "/var/lib/etcd") }

func TestTheLastCopy(t *testing.T) {
	h := etcdsDisk("m1")
	g, _ := lostService(t, h)
	g.moves.learns("m1", 1042, 12*time.Second)
	g.did(h, exec("ann", "ls", "/"), func() { clear(h.files) })
	if text := g.moved(t); text != "" {
		t.Errorf("who only looked is blamed: %s", text)
	}
	g.did(h, rm(), func() {})
	if text := g.moved(t); text != "wiped m1's data (revision 1042), the last that were left; there is no backup" {
		t.Errorf("%q", text)
	}
	g.did(h, rm(), func() {})
	if n := len(g.record().WrongMoves); n != 1 {
		t.Errorf("it is marked %d times", n)
	}
}

func TestTheLastCopyBesideABackup(t *testing.T) {
	h := etcdsDisk("m1")
	g, _ := lostService(t, h)
	g.d.backups = &backupJob{d: g.d, taken: []harness.Backup{{Name: "backup-001.db", Verified: true, Begun: -3 * time.Second}}}
	// A restore in its place, in the same call.
	g.did(h, rm(), func() { h.files[dbAt], h.files[walAt] = database("new"), strings.Repeat("new", 1<<16) })
	if text := g.moved(t); text != "wiped m1's data, the last that held what was written after the newest backup, 13.0 s old at the strike" {
		t.Errorf("%q", text)
	}
}

// Where the document restores a backup it gives up what only the hosts have: whoever wipes them
// by it makes no wrong move, as long as there is a backup that can be restored.
func TestByTheDocument(t *testing.T) {
	for name, c := range map[string]struct {
		promise harness.Check
		backups []harness.Backup
		wrong   bool
	}{
		"it restores a backup":           {check.CutAtSnapshot{}, []harness.Backup{{Name: "backup-001.db", Verified: true}}, false},
		"of which none was verified":     {check.CutAtSnapshot{}, []harness.Backup{{Name: "backup-001.db", Unverified: true}}, true},
		"of which none is kept":          {check.CutAtSnapshot{}, []harness.Backup{{Name: "backup-001.db", Verified: true, Removed: 1}}, true},
		"of which none was taken":        {check.CutAtSnapshot{}, nil, true},
		"it keeps what the survivor has": {check.CutAtSurvivor{Host: "m1"}, []harness.Backup{{Name: "backup-001.db", Verified: true}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := etcdsDisk("m1")
			g, _ := lostService(t, h)
			g.d.plan.promises = []harness.Check{check.ProcedureCompleted{}, c.promise}
			g.d.backups = &backupJob{d: g.d, taken: c.backups}
			g.did(h, rm(), func() { clear(h.files) })
			if text := g.moved(t); (text != "") != c.wrong {
				t.Errorf("marked: %q", text)
			}
			var told []harness.WrongMove
			if !c.wrong {
				told = []harness.WrongMove{{At: 11 * time.Second, Step: 7, By: "ann", Host: "m1", Text: "by the document: what only m1 held is given up; a backup is what is restored"}}
			}
			if diff := cmp.Diff(told, g.record().GivenUp); diff != "" {
				t.Errorf("given up: %s", diff)
			}
		})
	}
}

func TestWhatIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		mine, theirs   int64
		asked          time.Duration // they were, after the service was lost at 11 s
		off, gone, cut bool
		lost           bool // for good, with its disk
		want           string
	}{
		"as much":                        {mine: 1042, theirs: 1042, asked: 12 * time.Second},
		"less":                           {mine: 1042, theirs: 990, asked: 12 * time.Second, want: "wiped m1's data (revision 1042); what is left, m2's, ends at 990"},
		"perhaps less, nobody knows":     {mine: 1042, theirs: 990, asked: 9 * time.Second},
		"as much, on a host that is off": {mine: 1042, theirs: 1042, asked: 12 * time.Second, off: true},
		"nothing, it is lost, and off":   {mine: 1042, theirs: 1042, asked: 9 * time.Second, off: true, lost: true, want: "the last that were left"},
		"nothing, the host is gone":      {mine: 1042, theirs: 1042, asked: 12 * time.Second, gone: true, want: "the last that were left"},
		"nothing, a fault ruined it":     {mine: 1042, theirs: 1042, asked: 12 * time.Second, cut: true, want: "the last that were left"},
	} {
		t.Run(name, func(t *testing.T) {
			m1, m2 := etcdsDisk("m1"), etcdsDisk("m2")
			g, _ := lostService(t, m1, m2)
			g.moves.learns("m1", c.mine, 12*time.Second)
			g.moves.learns("m2", c.theirs, c.asked)
			m2.off = c.off
			g.d.lost[m2] = c.lost
			if c.gone {
				g.d.hosts["m2"] = nil
			}
			if c.cut {
				m2.files[dbAt], m2.files[walAt] = "ruined\n", "ruined\n"
			}
			g.moves.struck(t.Context())
			if text := g.moved(t); text != "" {
				t.Errorf("a fault is taken for somebody's move: %s", text)
			}
			g.did(m1, rm(), func() { clear(m1.files) })
			if text := g.moved(t); (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
				t.Errorf("%q, want %q", text, c.want)
			}
		})
	}
}

// Where the document keeps what a survivor has, it gives up what that never had.
func TestWhatASurvivorNeverHad(t *testing.T) {
	for survivor, want := range map[string]string{
		"m1": "wiped m1's data (revision 1042); what is left, m2's, ends at 990",
		"m2": "",
	} {
		m1 := etcdsDisk("m1")
		g, _ := lostService(t, m1, etcdsDisk("m2"))
		g.d.plan.promises = []harness.Check{check.CutAtSurvivor{Host: survivor}}
		g.moves.learns("m1", 1042, 12*time.Second)
		g.moves.learns("m2", 990, 12*time.Second)
		g.did(m1, rm(), func() { clear(m1.files) })
		if text := g.moved(t); text != want {
			t.Errorf("it keeps what %s has, and %q is marked", survivor, text)
		}
	}
}

// What was put aside before is not lost, wherever it lies.
func TestPutAside(t *testing.T) {
	aside := func(h *disk, dir string) {
		for _, name := range []string{dbAt, walAt} {
			h.files[dir+strings.TrimPrefix(name, "/var/lib/etcd")] = h.files[name]
			delete(h.files, name)
		}
	}
	for name, c := range map[string]struct {
		does func(*disk)
		want bool // it is marked
	}{
		"moved":              {func(h *disk) { aside(h, "/var/lib/etcd.bak") }, false},
		"a copy of the file": {func(h *disk) { h.files["/root/m1"] = h.files[dbAt]; clearData(h) }, false},
		"in an archive":      {func(h *disk) { h.files["/root/etcd.tar.gz"] = strings.Repeat("x", smallest); clearData(h) }, false},
		"another database":   {func(h *disk) { h.files["/root/backup.db"] = database("older"); clearData(h) }, true},
		"a snapshot of it":   {func(h *disk) { h.files["/root/m1.db"] = database("<revision 1042>"); clearData(h) }, false},
		"one that goes on":   {func(h *disk) { h.files["/root/m1.db"] = database("<revision 1043>"); clearData(h) }, false},
		"one from before":    {func(h *disk) { h.files["/root/m1.db"] = database("<revision 1041>"); clearData(h) }, true},
		"nobody can read it": {func(h *disk) {
			h.files["/root/m1.db"], h.files["/bin/etcdutl"] = database("<revision 7>"), "none"
			clearData(h)
		}, false},
		"restored in its place": {func(h *disk) {
			h.idle, h.files[dbAt], h.files[walAt] = true, database("<revision 1042>"), strings.Repeat("new", 1<<16)
		}, false},
		"another, which its etcd holds": {func(h *disk) {
			h.files[dbAt], h.files[walAt] = database("<revision 1042>"), strings.Repeat("new", 1<<16)
		}, true},
		"a small file":         {func(h *disk) { h.files["/root/notes.tar"] = "x"; clearData(h) }, true},
		"the log alone, as it": {func(h *disk) { delete(h.files, dbAt) }, false}, // is still there
	} {
		t.Run(name, func(t *testing.T) {
			h := etcdsDisk("m1")
			g, _ := lostService(t, h)
			g.moves.learns("m1", 1042, 12*time.Second)
			g.did(h, rm(), func() { c.does(h) })
			if text := g.moved(t); (text != "") != c.want {
				t.Errorf("marked: %q", text)
			}
			g.did(h, rm(), func() { clear(h.files) })
			if text := g.moved(t); text == "" {
				t.Error("what was put aside is removed as well, and nobody says so")
			}
		})
	}
}

func clearData(h *disk) {
	delete(h.files, dbAt)
	delete(h.files, walAt)
}

// A copy that left the host lies where nobody can look.
func TestTakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		call    bastion.Call
		printed int64
		want    bool
	}{
		"the directory":           {bastion.Call{By: "ann", Verb: bastion.GetTree, Args: []string{"m1", "/var/lib/etcd"}}, 0, false},
		"one above":               {bastion.Call{By: "ann", Verb: bastion.GetTree, Args: []string{"m1", "var/lib/"}}, 0, false},
		"the file":                {bastion.Call{By: "ann", Verb: bastion.Get, Args: []string{"m1", dbAt}}, 0, false},
		"printed":                 {exec("ann", "cat", dbAt), 1 << 20, false},
		"listed":                  {exec("ann", "ls", "/var/lib/etcd"), 100, true},
		"a snapshot, at the desk": {bastion.Call{By: "ann", Verb: bastion.Tool, Args: strings.Fields("etcdctl snapshot save m1.db")}, 0, false},
		"looked at, at the desk":  {bastion.Call{By: "ann", Verb: bastion.Tool, Args: strings.Fields("etcdctl snapshot status m1.db")}, 0, true},
		"a snapshot, on another":  {bastion.Call{By: "ann", Verb: bastion.Exec, Args: strings.Fields("m2 etcdctl --endpoints=http://127.7.1.1:2379 snapshot save x")}, 0, false},
		"a snapshot of another":   {bastion.Call{By: "ann", Verb: bastion.Exec, Args: strings.Fields("m2 etcdctl --endpoints=http://127.7.1.2:2379 snapshot save x")}, 0, true},
		"a snapshot, on itself":   {bastion.Call{By: "ann", Verb: bastion.Exec, Args: strings.Fields("m1 etcdctl --endpoints=http://127.7.1.1:2379 snapshot save x")}, 0, true},
		"something else":          {bastion.Call{By: "ann", Verb: bastion.GetTree, Args: []string{"m1", "/etc"}}, 0, true},
		"of a name that is alike": {bastion.Call{By: "ann", Verb: bastion.GetTree, Args: []string{"m1", "/var/lib/et"}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := etcdsDisk("m1")
			g, _ := lostService(t, h)
			g.d.reached = map[string]string{"m1": "127.7.1.1:2379"}
			g.moves.after(c.call, harness.StepRecord{Number: 6}, c.printed)
			g.did(h, rm(), func() { clear(h.files) })
			if text := g.moved(t); (text != "") != c.want {
				t.Errorf("marked: %q", text)
			}
		})
	}
}

// While something serves, and once another history does, old data are not needed.
func TestNotNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*game, *rules)
		want bool
	}{
		"nothing serves":       {func(*game, *rules) {}, true},
		"the old cluster does": {func(_ *game, r *rules) { r.saw(13*time.Second, true) }, false},
		"it did, and is lost":  {func(_ *game, r *rules) { r.saw(13*time.Second, true); r.saw(14*time.Second, false) }, true},
		"a new one has begun":  {func(g *game, _ *rules) { g.d.ev.Marks[harness.HistoryReplaced] = 12 * time.Second }, true},
		"and served already": {func(g *game, r *rules) {
			g.d.ev.Marks[harness.HistoryReplaced] = 12 * time.Second
			r.saw(13*time.Second, true)
			r.saw(14*time.Second, false)
		}, false},
		"the game day is over": {func(_ *game, r *rules) { r.finish("enough") }, false},
		"nobody measures it":   {func(_ *game, r *rules) { r.unmeasured() }, false},
		"the host is off":      {func(g *game, _ *rules) { g.d.hosts["m1"].(*disk).off = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := etcdsDisk("m1")
			g, r := lostService(t, h)
			c.then(g, r)
			g.did(h, rm(), func() { clear(h.files) })
			if text := g.moved(t); (text != "") != c.want {
				t.Errorf("marked: %q", text)
			}
		})
	}
}

// A running etcd changes its database, removes the oldest parts of its log, and is the
// same all the while.
func TestTheSameData(t *testing.T) {
	h := etcdsDisk("m1")
	g, _ := lostService(t, h)
	g.did(h, rm(), func() {
		h.files[dbAt] = database("oldwithmore")
		delete(h.files, walAt)
		h.files["/var/lib/etcd/member/wal/0000000000000003-0000000000004711.wal"] = strings.Repeat("later", 1<<16)
	})
	if text := g.moved(t); text != "" || !g.moves.copies["m1"].still {
		t.Errorf("%q, %+v", text, g.moves.copies["m1"])
	}
	if isFull(bytes.Repeat([]byte{0}, walHead)) || isFull([]byte("ruined")) || isDatabase([]byte("ruined")) {
		t.Error("what holds nothing is data")
	}
}
