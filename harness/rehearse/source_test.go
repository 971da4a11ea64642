package rehearse

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// served is an S3 server with an empty bucket "backups", and how to ask it.
func served(t *testing.T) (*s3server.Server, Options) {
	t.Helper()
	server, err := s3server.New(t.TempDir(), "backups")
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-done); err != nil {
			t.Error(err)
		}
	})
	return server, Options{
		Snapshot: "s3://backups/etcd", S3Endpoint: "http://" + l.Addr().String(), Members: 1,
		Credentials: store.Credentials(server.Credentials()),
	}
}

func put(t *testing.T, o Options, prefix, name string, content []byte) {
	t.Helper()
	s, err := store.Open(t.Context(), "s3://backups/"+prefix, store.Options{Endpoint: o.S3Endpoint, Credentials: o.Credentials})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Put(t.Context(), name, int64(len(content)), bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// The newest object below a prefix is taken, or the very one that is named.
func TestObjects(t *testing.T) {
	rt := onProcess(t)
	_, o := served(t)
	put(t, o, "etcd", "old.db", []byte("not this one"))
	awaitNextSecond(t) // S3 knows whole seconds
	put(t, o, "etcd", "nightly/new.db", good(t))
	put(t, o, "etcd-of-another-cluster", "newer.db", []byte("not this one"))
	awaitNextSecond(t)
	drills := store.DrillPrefix + "1a2b3c4d/backup-001.db"
	put(t, o, "etcd", drills, good(t))
	put(t, o, "etcd", "nightly/"+drills, good(t))
	r := rehearsed(t, rt, o)
	expect(t, r, held, nil)
	if r.Source.Object != "nightly/new.db" || r.Source.Location != "s3://backups/etcd" || r.Source.Age == nil {
		t.Errorf("%+v", r.Source)
	}
	o.Snapshot = "s3://backups/etcd/nightly/new.db"
	r = rehearsed(t, rt, o)
	expect(t, r, held, nil)
	if r.Source.Object != "" || r.Source.Taken == nil {
		t.Errorf("%+v", r.Source)
	}
	o.Snapshot = "s3://backups/etcd/" + path.Dir(drills) // whoever names it wants it
	if r = rehearsed(t, rt, o); r.Source.Object != path.Base(drills) {
		t.Errorf("%+v", r.Source)
	}
	o.Snapshot = "s3://backups/etcd/old.db"
	expect(t, rehearsed(t, rt, o), violated, map[string]harness.Verdict{"snapshot-whole": violated})
}

func awaitNextSecond(t *testing.T) {
	t.Helper()
	now := time.Now()
	select {
	case <-time.After(now.Truncate(time.Second).Add(time.Second + 50*time.Millisecond).Sub(now)):
	case <-t.Context().Done():
	}
}

// A store that cannot be asked, or breaks off, tells nothing about the backup.
func TestAStoreThatCannotBeReached(t *testing.T) {
	rt := onProcess(t)
	server, o := served(t)
	put(t, o, "etcd", "new.db", good(t))
	for what, c := range map[string]struct {
		on    s3server.Requests
		fault s3server.Fault
	}{
		"busy when it is listed":  {s3server.Requests{}, s3server.Busy{}},
		"busy when it is fetched": {s3server.Requests{Key: "etcd/new.db"}, s3server.Busy{}},
		"cut":                     {s3server.Requests{Key: "etcd/new.db"}, s3server.Cut{After: 100_000}},
		"cut at once":             {s3server.Requests{Key: "etcd/new.db"}, s3server.Cut{}},
	} {
		server.Inject(c.on, 0, c.fault)
		_, err := Run(t.Context(), rt, o)
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "\nhint: ") {
			t.Errorf("%s: %v", what, err)
		}
		if server.Mend() == 0 {
			t.Errorf("%s: no request was struck", what)
		}
	}
	gone := o
	gone.S3Endpoint = "http://127.0.0.1:1"
	if _, err := Run(t.Context(), rt, gone); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
	gone = o
	gone.Snapshot = "s3://no-such-bucket/etcd"
	if _, err := Run(t.Context(), rt, gone); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no bucket: %v", err)
	}
	gone.Snapshot = "s3://backups/elsewhere"
	if _, err := Run(t.Context(), rt, gone); err == nil || !strings.Contains(err.Error(), "there is no object") {
		t.Errorf("no object: %v", err)
	}
}

// What the store itself knows to be damaged is no good.
func TestADamagedObject(t *testing.T) {
	rt := onProcess(t)
	server, o := served(t)
	put(t, o, "etcd", "new.db", good(t))
	for _, how := range []s3server.Damage{s3server.BitFlipped{Byte: 50_000}, s3server.Truncated{To: 40_960}, s3server.Truncated{}} {
		if err := server.Damage("backups", "etcd/new.db", how); err != nil {
			t.Fatal(err)
		}
		expect(t, rehearsed(t, rt, o), violated, map[string]harness.Verdict{"snapshot-whole": violated})
	}
}

func TestWhatIsNoSource(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file", fifo: "not a regular file", empty: "there is no file in it",
	} {
		s, err := locate(t.Context(), Options{Snapshot: location})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "\nhint: ") {
			t.Errorf("%s: %v, %v", location, s, err)
		}
	}
	for what, o := range map[string]Options{
		"standard input": {Snapshot: "-"}, "no snapshot": {}, "a web address": {Snapshot: "https://user:hunter2@host/x"}, "an endpoint for a file": {Snapshot: "x", S3Endpoint: "http://x"},
		"ten members": {Snapshot: "x", Members: 10}, "a negative age": {Snapshot: "x", MaxAge: -1}, "our own flag": {Snapshot: "x", EtcdArgs: []string{"--name=x"}},
		"a password for nobody": {Snapshot: "x", As: observe.Login{Password: "hunter2"}},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "\nhint: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A file that somebody writes to while it is read is not judged.
func TestAFileThatChanges(t *testing.T) {
	path := written(t, good(t))
	s, err := openFile(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := s.send(t.Context(), &bytes.Buffer{}); !errors.Is(err, errChanged) {
		t.Errorf("%v", err)
	}
}

// Whenever it is told to end, it does, and leaves nothing: see onProcess.
func TestAnInterruptedRehearsal(t *testing.T) {
	path := aFile(t, 2000)
	why := errors.New("interrupted")
	for _, at := range []string{"fetching", "fetched", "up on the", "restoring", "restored in", "first write", "serves, and hashes", "powered off"} {
		t.Run(at, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var told progress
			told.told = func(e harness.Event) {
				if strings.Contains(e.Text, at) {
					cancel(why)
				}
			}
			_, err := Run(ctx, onProcess(t), Options{Snapshot: path, Progress: told.take})
			if context.Cause(ctx) == nil {
				t.Skipf("it never told of %q", at)
			}
			if !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
}
