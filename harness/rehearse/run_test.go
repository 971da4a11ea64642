package rehearse

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

const held, violated, inconclusive = harness.Held, harness.Violated, harness.Inconclusive

// A good backup holds, on every runtime; what is told of it is what is in it.
func TestAGoodBackupHolds(t *testing.T) {
	for name, on := range map[string]func(testing.TB) harness.Runtime{"process": onProcess, "container": onContainers} {
		t.Run(name, func(t *testing.T) {
			rt := on(t)
			path := aFile(t, 1000)
			r := rehearsed(t, rt, Options{Snapshot: path, MaxAge: time.Hour, RTO: time.Hour, MinKeys: 1000, Revision: 1001})
			expect(t, r, held, map[string]harness.Verdict{
				"snapshot-whole": held, "format-known": held, "restored-everywhere": held, "members-serve": held, "members-agree": held, "hashes-equal": held,
				"no-alarm": held, "takes-writes": held, "survives-member-loss": held,
				"young-enough": held, "within-rto": held, "enough-keys": held, "revision-reached": held,
			})
			if r.Keys == nil || *r.Keys != 1000 || r.Snapshot.Revision != 1001 || r.Members != 3 || len(r.Hosts) != 3 || r.EtcdVersion == "" || r.Cluster == "" {
				t.Errorf("%+v", r)
			}
			p := r.Phases
			if p.Fetch == 0 || p.Hosts == 0 || p.Restore == 0 || p.FirstAck == 0 || p.Serving == 0 || p.Recovered < p.Serving || p.Census == 0 || p.MemberLoss == 0 || p.Total < p.Recovered {
				t.Errorf("phases: %+v", p)
			}
			for _, h := range r.Hosts {
				if h.Restore == 0 || h.Up == 0 || h.HashKV == 0 || h.Hash == "" || h.MemberID == "" || h.Version == "" || h.DBBytes == 0 || h.Problem != "" {
					t.Errorf("%+v", h)
				}
			}
			if c := r.Census; c == nil || c.Keys != 1000 || len(c.Prefixes) != 1 || c.Prefixes[0].Prefix != "/registry/preload/" {
				t.Errorf("census: %+v", c)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(content); r.Source.SHA256 != hex.EncodeToString(sum[:]) || r.Source.Bytes != int64(len(content)) {
				t.Errorf("source: %+v", r.Source)
			}
			tellsNoKey(t, r)
		})
	}
}

var aKey = regexp.MustCompile(`preload/[0-9]`)

func tellsNoKey(t *testing.T, r reports.Rehearsal) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if aKey.Match(text) {
		t.Errorf("a key is in the report: %s", text)
	}
}

// One and two members serve, and cannot lose one: that is said and not promised.
func TestFewMembers(t *testing.T) {
	for members := 1; members <= 2; members++ {
		r := rehearsed(t, onProcess(t), Options{Snapshot: aFile(t, 10), Members: members, NoKeys: true, MinKeys: 10})
		expect(t, r, held, map[string]harness.Verdict{"takes-writes": held, "hashes-equal": held, "enough-keys": held})
		if _, promised := verdicts(r)["survives-member-loss"]; promised || !strings.Contains(strings.Join(r.Notes, "\n"), "cannot lose a member") {
			t.Errorf("%q", r.Notes)
		}
		if r.Census != nil || r.Keys == nil || *r.Keys != 10 {
			t.Errorf("with NoKeys: census %+v, keys %v", r.Census, r.Keys)
		}
	}
}

// A file so small that it is fetched before anybody asks whether hosts are needed
// needs them all the same.
func TestFetchedAtOnceIsPlausibleStill(t *testing.T) {
	plausible, fetched := make(chan struct{}), make(chan struct{})
	close(fetched)
	if looksWhole(plausible, fetched) {
		t.Error("hosts for a file that never looked like a snapshot")
	}
	close(plausible)
	for range 100 { // the runtime chooses among what is ready by chance
		if !looksWhole(plausible, fetched) {
			t.Fatal("no hosts for a plausible file")
		}
	}
}

// Each bound is seen to be broken, and nothing but it.
func TestBoundsAreSeenBroken(t *testing.T) {
	path := aFile(t, 10)
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	r := rehearsed(t, onProcess(t), Options{Snapshot: path, MaxAge: 24 * time.Hour, RTO: time.Millisecond, MinKeys: 11, Revision: 12})
	expect(t, r, violated, map[string]harness.Verdict{
		"young-enough": violated, "within-rto": violated, "enough-keys": violated, "revision-reached": violated,
		"snapshot-whole": held, "members-serve": held, "members-agree": held, "hashes-equal": held, "takes-writes": held, "survives-member-loss": held,
	})
	if age := r.Source.Age; age == nil || *age < 48*3600 || *age > 49*3600 {
		t.Errorf("the age is %v s", age)
	}
}

// The newest file of a directory is taken, and what is not complete is not looked at.
func TestTheNewestOfADirectory(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"b.db": time.Hour, "a.db": 2 * time.Hour, "c.db.part": 0, ".hidden": 0, "b.db.sha256": 0} {
		content := []byte("not this one")
		if name == "b.db" {
			content = good(t)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "z"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := rehearsed(t, onProcess(t), Options{Snapshot: dir, Members: 1})
	expect(t, r, held, nil)
	if r.Source.Object != "b.db" || r.Source.Location != dir {
		t.Errorf("%+v", r.Source)
	}
}

// The source is the user's: it is opened to read, and nothing of it changes, not
// its number of links either. The kernel tells of every attempt.
func TestTheSourceIsNotTouched(t *testing.T) {
	rt := onProcess(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "backup.db")
	content := good(t)
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	// IN_CLOSE_WRITE comes from whoever had it open to write, even if he did not;
	// IN_ATTRIB from a new link or mode.
	const touched = unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CLOSE_WRITE | unix.IN_MOVE | unix.IN_CREATE | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
	for _, p := range []string{path, dir} {
		if _, err := unix.InotifyAddWatch(watch, p, touched); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, rehearsed(t, rt, Options{Snapshot: path, Members: 3}), held, nil)
	if n, err := unix.Read(watch, make([]byte, 4096)); n > 0 || err != unix.EAGAIN {
		t.Errorf("the source or its directory was touched: %d bytes of events, %v", n, err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(now, content) {
		t.Errorf("the source was changed: %v", err)
	}
	if after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) || !os.SameFile(before, after) {
		t.Errorf("%v %v became %v %v", before.Mode(), before.ModTime(), after.Mode(), after.ModTime())
	}
	// The watch sees what it is there to see.
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(watch, make([]byte, 4096)); n <= 0 {
		t.Errorf("an opening to write was not seen: %v", err)
	}
}
