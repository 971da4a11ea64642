//go:build linux

package operator

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// TestDesk works at one as a script would.
func TestDesk(t *testing.T) {
	d := newDesk(t)
	for _, dir := range []string{d.Dir(), d.Work(), d.Backups(), filepath.Join(d.Dir(), binDir), filepath.Join(d.Dir(), pkiDir)} {
		if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
	if err := d.Certify([]byte("CA"), []byte("CERT"), []byte("KEY")); err != nil {
		t.Fatal(err)
	}
	if err := d.Certify([]byte("CA 2"), []byte("CERT 2"), []byte("KEY 2")); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "of the evidence")
	if err := os.WriteFile(backup, []byte("snapshot"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Keep(t.Context(), "nightly/backup-001.db", backup); err != nil {
		t.Fatal(err)
	}
	own := []string{"PATH=" + os.Getenv("PATH"), "FIREDRILL_BASTION=other"}
	var out strings.Builder
	code, err := d.Run(within(t), Program{
		Path: script(t, `set -eu
cat "$ETCDCTL_CACERT" "$ETCDCTL_CERT" "$ETCDCTL_KEY"; echo
cd "$FIREDRILL_BACKUPS"; ls -A nightly; cat nightly/*; echo; echo changed >nightly/backup-001.db
command -v etcdctl; command -v etcdutl; command -v firedrill
etcdutl play look "$FIREDRILL_BASTION"`),
		Env:     d.Environment(own, Facts{Bastion: filepath.Join(d.Dir(), "bastion"), Backups: d.Backups()}),
		Streams: harness.Streams{Out: &out, Err: &out},
	})
	if code != 0 || err != nil {
		t.Fatal(code, err, out.String())
	}
	bin := filepath.Join(d.Dir(), binDir)
	want := "CA 2CERT 2KEY 2\nbackup-001.db\nsnapshot\n" + bin + "/etcdctl\n" + bin + "/etcdutl\n" + bin + "/firedrill\n"
	seen, ok := strings.CutPrefix(out.String(), want)
	if !ok {
		t.Errorf("it said %q, want %q", out.String(), want)
	}
	var v view
	if err := json.Unmarshal([]byte(seen), &v); err != nil || len(v.Args) != 1 || v.Args[0] != filepath.Join(d.Dir(), "bastion") {
		t.Errorf("our binary says %q, %v", seen, err)
	}
	if text, err := os.ReadFile(backup); err != nil || string(text) != "snapshot" {
		t.Errorf("the backup itself is %q now, %v", text, err)
	}
}

func TestKeep(t *testing.T) {
	d := newDesk(t)
	from := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(from, []byte("snapshot"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "../backup.db", "/backup.db", "a/../../backup.db"} {
		if err := d.Keep(t.Context(), name, from); err == nil {
			t.Errorf("a backup was kept as %q", name)
		}
	}
	reason := errors.New("it is late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if err := d.Keep(ctx, "backup.db", from); !errors.Is(err, reason) {
		t.Error(err)
	}
	if err := d.Keep(t.Context(), "backup.db", from+".not"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "backup backup.db on the desk") {
		t.Error(err)
	}
	if entries, err := os.ReadDir(d.Backups()); err != nil || len(entries) != 0 {
		t.Errorf("what was not kept left %v, %v", entries, err)
	}
}

// TestWhoseDesk opens desks of drills that a rack owns, that nobody owns, and
// that have one already.
func TestWhoseDesk(t *testing.T) {
	base := newBase(t)
	rack, err := owner.Claim(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	first, err := OpenDesk(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDesk(base, "d1"); !errors.Is(err, fs.ErrExist) || !exists(first.Work()) {
		t.Errorf("a second desk: %v; the first is there: %v", err, exists(first.Work()))
	}
	if err := first.Close(false); err != nil || exists(first.Dir()) {
		t.Errorf("closing it: %v, it is there: %v", err, exists(first.Dir()))
	}
	if !owner.Alive(base, "d1") {
		t.Error("the desk gave up what is the rack's")
	}
	if err := rack.Release(false); err != nil || exists(base) {
		t.Errorf("%v, %s is there: %v", err, base, exists(base))
	}

	alone, err := OpenDesk(base, "d2")
	if err != nil {
		t.Fatal(err)
	}
	if !owner.Alive(base, "d2") {
		t.Error("nobody owns the desk")
	}
	// What an ordinary user could not look into.
	if err := os.MkdirAll(filepath.Join(alone.Work(), "locked", "within"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(alone.Work(), "locked"), 0); err != nil {
		t.Fatal(err)
	}
	if err := alone.Close(true); err != nil || !exists(alone.Work()) {
		t.Errorf("keeping it: %v, it is there: %v", err, exists(alone.Work()))
	}
	if _, err := OpenDesk(base, "d2"); !errors.Is(err, fs.ErrExist) || !exists(alone.Work()) {
		t.Errorf("the desk of a dead drill: %v; it is there: %v", err, exists(alone.Work()))
	}
	heir, err := owner.Inherit(base, "d2")
	if err != nil {
		t.Fatal(err)
	}
	if ended, err := Sweep(t.Context(), heir.Dir()); ended != 0 || err != nil || exists(alone.Dir()) {
		t.Errorf("sweeping: %d, %v, it is there: %v", ended, err, exists(alone.Dir()))
	}
	if ended, err := Sweep(t.Context(), heir.Dir()); ended != 0 || err != nil {
		t.Errorf("sweeping a drill without a desk: %d, %v", ended, err)
	}
	if err := heir.Release(false); err != nil {
		t.Error(err)
	}
}

func TestNoDesk(t *testing.T) {
	deep := filepath.Join(newBase(t), strings.Repeat("deep/", 20))
	_, err := OpenDesk(deep, "d1")
	if err == nil || !strings.Contains(err.Error(), "open the desk of drill d1") || !strings.Contains(err.Error(), "\nhint: set TMPDIR") {
		t.Error(err)
	}
	if _, err := OpenDesk(newBase(t), "../d1"); err == nil {
		t.Error("a drill was called ../d1")
	}
}

// TestCloseEndsWhatIsLeft closes a desk whose program's guard could not see to it.
func TestCloseEndsWhatIsLeft(t *testing.T) {
	base := newBase(t)
	d, err := OpenDesk(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	environ, dir := env(t)
	w := watched{mark: deskMark(d.dir).ofProgram(1), path: script(t, `"$SELF" play daemon "$DIR/daemon"; sleep 100`), patience: guardLimit}
	if err := w.start(Program{Env: environ}, d.Work()); err != nil {
		t.Fatal(err)
	}
	await(t, "the daemon is up", func() bool { return exists(filepath.Join(dir, "daemon")) })
	if err := d.Close(false); err != nil {
		t.Error(err)
	}
	if n := pid(t, filepath.Join(dir, "daemon")); alive(n) || exists(base) {
		t.Errorf("the daemon %d is alive: %v, %s is there: %v", n, alive(n), base, exists(base))
	}
	if _, err := w.await(within(t)); !errors.Is(err, ErrUnguarded) {
		t.Error(err)
	}
}
