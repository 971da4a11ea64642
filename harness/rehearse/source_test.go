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

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
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
}

// putKey puts an object of any key, as somebody's script would.
func putKey(t *testing.T, o Options, key string, content []byte) {
	t.Helper()
	transport, err := minio.DefaultTransport(false)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	client, err := minio.New(strings.TrimPrefix(o.S3Endpoint, "http://"), &minio.Options{Creds: credentials.NewStaticV4(o.Credentials.AccessKey, o.Credentials.SecretKey, ""), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(t.Context(), "backups", key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

// located is what a location was found to mean.
func located(t *testing.T, o Options, location string) (object string, content []byte) {
	t.Helper()
	o.Snapshot = location
	s, err := locate(t.Context(), o)
	if err != nil {
		t.Errorf("%s: %v", location, err)
		return "", nil
	}
	defer s.close()
	var w bytes.Buffer
	if _, err := s.send(t.Context(), &w); err != nil {
		t.Errorf("%s: %v", location, err)
	}
	return s.object, w.Bytes()
}

// The newest is the newest of all, whatever its key: a slip in the script that puts it
// must not have an older one taken for it.
func TestTheNewestHasAnyKey(t *testing.T) {
	for _, name := range []string{"/snap.db", "./snap.db", "../snap.db", ".kept/snap.db", "a//b.db", "nightly/", "", strings.Repeat("w", 201) + ".db", "with\nnewline.db"} {
		_, o := served(t)
		putKey(t, o, "etcd/older.db", []byte("an older one"))
		awaitNextSecond(t) // S3 knows whole seconds
		putKey(t, o, "etcd/"+name, []byte("the newest"))
		for _, location := range []string{"s3://backups/etcd", "s3://backups/etcd/", "s3://backups/etcd//"} {
			if object, content := located(t, o, location); object != name || string(content) != "the newest" {
				t.Errorf("%s is %q, %q, want %q", location, object, content, name)
			}
		}
	}
	_, o := served(t)
	putKey(t, o, "/etcd/rooted.db", []byte("rooted"))
	putKey(t, o, "etcd/snap.db", []byte("a snapshot"))
	putKey(t, o, "etcd//doubled.db", []byte("doubled"))
	awaitNextSecond(t)
	putKey(t, o, "etcd/last.db", []byte("the last"))
	awaitNextSecond(t)
	putKey(t, o, "etcd/folder/", nil) // as consoles make them
	for location, want := range map[string]string{
		"s3://backups//etcd": "rooted", "s3://backups//etcd/rooted.db": "rooted", "s3://backups/etcd/snap.db": "a snapshot", "s3://backups/etcd//doubled.db": "doubled", "s3://backups/etcd": "the last",
	} {
		if _, content := located(t, o, location); string(content) != want {
			t.Errorf("%s is %q", location, content)
		}
	}
}

// A key may hold what no terminal should be sent.
func TestAKeyThatCannotBePrinted(t *testing.T) {
	_, o := served(t)
	putKey(t, o, "etcd/two\nlines.db", []byte("not a snapshot"))
	r := rehearsed(t, onProcess(t), o)
	expect(t, r, violated, map[string]harness.Verdict{"snapshot-whole": violated})
	if r.Source.Object != `two\nlines.db` {
		t.Errorf("%q", r.Source.Object)
	}
}

// A prefix is a folder, unless a star says that keys begin so: who asks for etcd is not
// given what another cluster keeps beside it.
func TestWhatKeysBeginWith(t *testing.T) {
	_, o := served(t)
	putKey(t, o, "nightly/etcd-1.db", []byte("one"))
	putKey(t, o, "nightly/other-3.db", []byte("another"))
	awaitNextSecond(t)
	putKey(t, o, "nightly/etcd-2.db", []byte("two"))
	putKey(t, o, "nightly/etcd-2.db.sha256", []byte("a checksum"))
	for location, want := range map[string][2]string{
		"s3://backups/nightly/etcd-*": {"etcd-2.db", "two"}, "s3://backups/nightly/*": {"etcd-2.db", "two"}, "s3://backups/*": {"nightly/etcd-2.db", "two"},
		"s3://backups/nightly/other*": {"other-3.db", "another"}, "s3://backups/nightly/etcd-1.db": {"", "one"}, "s3://backups/nightly/etcd-1*": {"etcd-1.db", "one"},
	} {
		if object, content := located(t, o, location); object != want[0] || string(content) != want[1] {
			t.Errorf("%s is %q, %q", location, object, content)
		}
	}
	for location, want := range map[string][]string{
		"s3://backups/nightly/etcd-":       {"no object under s3://backups/nightly/etcd-/: the store answers, and holds no backup there", "; keys that begin with s3://backups/nightly/etcd-, and do not lie below it: 3, of which s3://backups/nightly/etcd-* stands for the newest"},
		"s3://backups/nightly/etcd-/":      {"no object under s3://backups/nightly/etcd-/: "},
		"s3://backups/nightly/elsewh*":     {"no object whose key begins with s3://backups/nightly/elsewh: "},
		"s3://backups/nightly/etcd-2.db.*": {"; passed over, for being hidden, a checksum, incomplete or a drill's: 1"},
	} {
		o.Snapshot = location
		_, err := locate(t.Context(), o)
		if empty := none(""); !errors.As(err, &empty) {
			t.Errorf("%s: %v", location, err)
			continue
		}
		for _, text := range append(want, "\nhint: see whether the backup job runs") {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q is not in %q", location, text, err)
			}
		}
		if strings.Contains(err.Error(), "keys that begin with") != (len(want) > 1) {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// Where a backup should be and none is, that is found, and not merely not reached: a
// backup job that died must not look like a network that is down.
func TestThereIsNoBackup(t *testing.T) {
	rt := onProcess(t)
	_, o := served(t)
	put(t, o, "etcd", store.DrillPrefix+"1a2b3c4d/backup-001.db", []byte("a drill's"))
	put(t, o, "etcd-of-another-cluster", "newer.db", good(t))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "backup.db.part"), []byte("not complete"), 0o600); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"s3://backups/etcd":       "no object under s3://backups/etcd/: the store answers, and holds no backup there; passed over, for being hidden, a checksum, incomplete or a drill's: 1",
		"s3://backups/elsewhere*": "no object whose key begins with s3://backups/elsewhere: the store answers",
		dir:                       "no file in " + dir + ": it can be read, and holds no backup; passed over, for being hidden, a checksum, incomplete or a drill's: 1",
	} {
		o := o
		if o.Snapshot = location; location == dir {
			o.S3Endpoint = ""
		}
		o.MaxAge, o.RTO, o.MinKeys = time.Hour, time.Hour, 1
		r := rehearsed(t, rt, o)
		expect(t, r, violated, map[string]harness.Verdict{
			"snapshot-whole": violated, "format-known": inconclusive, "restored-everywhere": inconclusive, "members-serve": inconclusive, "members-agree": inconclusive,
			"hashes-equal": inconclusive, "no-alarm": inconclusive, "takes-writes": inconclusive, "young-enough": inconclusive, "within-rto": inconclusive, "enough-keys": inconclusive,
		})
		if f := verdicts(r)["snapshot-whole"]; !strings.HasPrefix(f.Detail, want) || strings.Contains(f.Detail, "hint") {
			t.Errorf("%s: %q, want %q", location, f.Detail, want)
		}
		if f := verdicts(r)["takes-writes"]; f.Detail != "not tried: there is no snapshot" {
			t.Errorf("%s: %q", location, f.Detail)
		}
		if len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[0], "hint: see whether the backup job runs") || len(r.Hosts) > 0 {
			t.Errorf("%s: %q, %+v", location, r.Notes, r.Hosts)
		}
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
	for location, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file", fifo: "not a regular file",
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
