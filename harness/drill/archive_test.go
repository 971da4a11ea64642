package drill_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/fixtures/pki"
	"github.com/etcd-firedrill/firedrill/fixtures/s3gateway"
	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// kept puts a file's content and the checksum that goes with it, as somebody
// would who puts another object in its place.
func kept(path string, content []byte) error {
	sum := sha256.Sum256(content)
	line := hex.EncodeToString(sum[:]) + "  " + filepath.Base(path) + "\n"
	return errors.Join(os.WriteFile(path, content, 0o600), os.WriteFile(path+".sha256", []byte(line), 0o600))
}

func altered(alter func([]byte) []byte) func(string) error {
	return func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, alter(content), 0o600)
	}
}

// spoiling is what can become of an object in a store that is a directory, and what is
// said of it.
type spoiling struct {
	name, says string
	spoil      func(path string) error
}

var spoilt = []spoiling{
	{"truncated", "damaged", altered(func(b []byte) []byte { return b[:len(b)/2] })},
	{"empty", "it is empty", altered(func([]byte) []byte { return nil })},
	{"bit-flipped", "its SHA-256 is", altered(func(b []byte) []byte { b[len(b)/2] ^= 1; return b })},
	{"missing", "not found", func(path string) error { return errors.Join(os.Remove(path), os.Remove(path+".sha256")) }},
	{"without a checksum", "no SHA-256 was stored with it", func(path string) error { return os.Remove(path + ".sha256") }},
	{"without a trailer", "another object", func(path string) error {
		content, err := os.ReadFile(path)
		return errors.Join(err, kept(path, content[:len(content)-sha256.Size]))
	}},
	{"of another cluster", "another object", func(path string) error {
		other := path + "-other"
		_, err := dataset.Write(context.Background(), other, dataset.Spec{Keys: 10, ValueSize: 64, Seed: 3})
		content, readErr := os.ReadFile(other)
		return errors.Join(err, readErr, kept(path, content), os.Remove(other))
	}},
}

// Whatever becomes of the newest object in the user's store, it is passed over by
// name and reason, and where it becomes of all, nothing is fetched and no step
// after that is done.
func TestAnObjectIsSpoilt(t *testing.T) {
	t.Parallel()
	for _, c := range spoilt {
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all %v", c.name, all), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				at := filepath.Join(t.TempDir(), "store")
				newest := ""
				s := stopped(
					harness.Step{Name: "spoil", Do: act(func(context.Context, harness.Host) (harness.Output, error) {
						found, err := filepath.Glob(filepath.Join(at, "*", "*.db"))
						if err != nil || len(found) < 2 {
							return harness.Output{}, errors.Join(err, fmt.Errorf("two backups are needed: %v", found))
						}
						slices.Sort(found)
						newest = filepath.Base(found[len(found)-1])
						if !all {
							found = found[len(found)-1:]
						}
						for _, path := range found {
							err = errors.Join(err, c.spoil(path))
						}
						return harness.Output{}, err
					})},
					harness.Step{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}},
					harness.Step{Name: "touch the host", On: harness.Everyone, Do: harness.Script("touch /root/touched")},
				)
				s.Backups.Every = 200 * time.Millisecond
				report, err := r.run(t.Context(), t, s, drill.Options{Store: at})
				if err != nil {
					t.Fatal(err)
				}
				if report.Keeping != harness.KeptInDirectory {
					t.Errorf("backups were kept in %q, as the report has it", report.Keeping)
				}
				transcript := read(t, r.latest(t), "transcript.txt")
				says(t, transcript, "passed over "+newest+": not to be used: ", c.says)
				if !all {
					if report.Verdict != harness.Held {
						t.Errorf("%s: %+v", report.Verdict, report.Findings)
					}
					return
				}
				says(t, transcript, "no backup that verifies")
				if report.Verdict != harness.Violated || strings.Contains(transcript, "touch /root/touched") {
					t.Errorf("%s, and the transcript is\n%s", report.Verdict, transcript)
				}
			})
		}
	}
}

// bucketServed is an S3 server of the user's.
func bucketServed(t *testing.T) (*s3server.Server, drill.Options) {
	t.Helper()
	server, err := s3server.New(t.TempDir(), "backups")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	c := server.Credentials()
	t.Setenv("AWS_ACCESS_KEY_ID", c.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", c.SecretKey)
	return server, drill.Options{Store: "s3://backups/here", S3Endpoint: "http://" + l.Addr().String()}
}

// A store that does not answer is not the procedure's failure: nobody knows what
// it holds. What was to be done on the hosts after that is not done.
func TestTheStoreFailsInTheMiddle(t *testing.T) {
	if !alone(t) {
		return
	}
	get := s3server.Requests{Method: "GET"}
	for _, c := range []struct {
		struck s3server.Requests
		by     s3server.Fault
		within time.Duration
	}{
		{struck: get, by: s3server.Busy{}},
		{struck: get, by: s3server.Cut{After: 100}},
		{by: s3server.Silent{}, within: 15 * time.Second}, // the procedure's time runs out first
	} {
		t.Run(c.by.String(), func(t *testing.T) {
			r := newRig(t)
			server, o := bucketServed(t)
			o.Within = c.within
			s := stopped(
				harness.Step{Name: "fail", Do: act(func(context.Context, harness.Host) (harness.Output, error) {
					server.Inject(c.struck, 0, c.by)
					return harness.Output{}, nil
				})},
				harness.Step{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}},
				harness.Step{Name: "touch the host", On: harness.Everyone, Do: harness.Script("touch /root/touched")},
			)
			s.Backups.Every = 200 * time.Millisecond
			_, err := r.run(t.Context(), t, s, o)
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("%v", err)
			}
			says(t, err.Error(), "step 4 (fetch): fetch a backup: ", "s3://backups/here")
			if transcript := read(t, r.latest(t), "transcript.txt"); strings.Contains(transcript, "touched") {
				t.Error(transcript)
			}
		})
	}
}

// One that is there and has not sent the backup when the time is over is slow: that is
// how long this recovery takes with it.
func TestTheStoreIsSlow(t *testing.T) {
	if !alone(t) {
		return
	}
	r := newRig(t)
	server, o := bucketServed(t)
	o.Within = 15 * time.Second
	s := stopped(
		harness.Step{Name: "delay", Do: act(func(context.Context, harness.Host) (harness.Output, error) {
			server.Inject(s3server.Requests{Method: "GET"}, 0, s3server.Silent{})
			return harness.Output{}, nil
		})},
		harness.Step{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}},
	)
	s.Backups.Every = 200 * time.Millisecond
	report, err := r.run(t.Context(), t, s, o)
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict != harness.Violated {
		t.Errorf("%s: %+v", report.Verdict, report.Findings)
	}
	says(t, findingOf(t, report, "procedure-completed").Detail, "step 4 (fetch) on m1 was not done when the time limit of 15s passed")
}

// Whatever becomes of the bundle of certificates, nothing comes onto a host and no step
// after that is done.
func TestTheBundleIsSpoilt(t *testing.T) {
	t.Parallel()
	for _, c := range append(slices.Clone(spoilt), spoiling{"another site's", "another object", func(path string) error {
		authority, err := pki.New("another", time.Now())
		if err != nil {
			return err
		}
		var text bytes.Buffer
		err = pki.WriteBundle(&text, []pki.File{pki.NewFile("ssl/ca.pem", authority.CertPEM()), pki.NewFile("ssl/ca-key.pem", authority.KeyPEM())})
		return errors.Join(err, kept(path, text.Bytes()))
	}}) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			at := filepath.Join(t.TempDir(), "store")
			s := bundleFetched(func() error {
				found, err := filepath.Glob(filepath.Join(at, "*", "pki.bundle.tar.gz"))
				if err != nil || len(found) != 1 {
					return errors.Join(err, fmt.Errorf("there is one bundle: %v", found))
				}
				return c.spoil(found[0])
			})
			looked := false
			report, err := r.run(t.Context(), t, s, drill.Options{Store: at, Progress: func(e harness.Event) {
				if strings.HasPrefix(e.Text, "the procedure did not complete") {
					looked = true
					if found := onHosts(t, r, "touched", "pki.bundle"); len(found) > 0 {
						t.Errorf("on hosts there are %q", found)
					}
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if !looked {
				t.Error("nobody looked at the host")
			}
			transcript := untouched(t, r.latest(t))
			says(t, transcript, "fetch the bundle", c.says)
			if report.Verdict != harness.Violated {
				t.Errorf("%s: %+v", report.Verdict, report.Findings)
			}
			says(t, findingOf(t, report, "procedure-completed").Detail, "fetch the bundle", c.says)
		})
	}
}

// The bundle that nobody spoilt is found where the others are looked for.
func TestTheBundleIsWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var found []string
	r.held(t, bundleFetched(func() error { return nil }), drill.Options{Progress: func(e harness.Event) {
		if e.Text == "the procedure is complete" {
			found = onHosts(t, r, "touched", "pki.bundle")
		}
	}})
	if !slices.Equal(found, []string{"pki.bundle.tar.gz", "touched"}) {
		t.Errorf("on hosts there are %q", found)
	}
}

// onHosts are the files on a rig's hosts whose names begin like one of these.
func onHosts(t *testing.T, r rig, beginnings ...string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(r.base, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // etcd removes files of its own
		}
		if err == nil && slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(e.Name(), b) }) {
			names = append(names, e.Name())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	slices.Sort(names)
	return names
}

// Where the server fails, nobody knows what became of the bundle.
func TestTheServerFailsAtTheBundle(t *testing.T) {
	if !alone(t) {
		return
	}
	for _, f := range []s3server.Fault{s3server.Busy{}, s3server.Cut{After: 0}, s3server.Cut{After: 100}} {
		t.Run(f.String(), func(t *testing.T) {
			r := newRig(t)
			server, o := bucketServed(t)
			_, err := r.run(t.Context(), t, bundleFetched(func() error {
				server.Inject(s3server.Requests{Method: "GET"}, 0, f)
				return nil
			}), o)
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("%v", err)
			}
			says(t, err.Error(), "step 4 (fetch the bundle): fetch the bundle of certificates: get s3://backups/here/", "pki.bundle.tar.gz")
			untouched(t, r.latest(t))
			if server.Mend() == 0 {
				t.Error("nothing was struck")
			}
		})
	}
}

// bundleFetched is a drill in which, once etcd serves again, something is done, and
// then the bundle of certificates fetched.
func bundleFetched(before func() error) harness.Scenario {
	like, s := rkeLike(), stopped()
	s.Given.TLS, s.Backups = like.Given.TLS, like.Backups
	s.Recover = runbook{
		startAgain,
		{Name: "wait until etcd serves", On: harness.Everyone, Await: true, Do: harness.Script(`{{etcdctl name}} endpoint health`)},
		{Name: "spoil", On: harness.Everyone, Do: act(func(context.Context, harness.Host) (harness.Output, error) { return harness.Output{}, before() })},
		{Name: "fetch the bundle", On: harness.Everyone, Do: harness.FetchBundle{To: "/root/pki.bundle.tar.gz"}},
		{Name: "touch the host", On: harness.Everyone, Do: harness.Script("touch /root/touched")},
	}
	return s
}

// untouched is the transcript of a drill that did nothing to any host, after it could
// not fetch the bundle.
func untouched(t *testing.T, dir string) (transcript string) {
	t.Helper()
	transcript = read(t, dir, "transcript.txt")
	if strings.Contains(transcript, "touch") {
		t.Errorf("a host was touched:\n%s", transcript)
	}
	return transcript
}

// The whole of a restore with backups and a bundle works against a server that others
// wrote; what was kept in it stays, where it was asked for.
func TestAServerOfOthers(t *testing.T) {
	if !alone(t) {
		return
	}
	r := newRig(t)
	g, err := s3gateway.Start(t.Context(), "../../fixtures/versitygw", "backups")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	t.Setenv("AWS_ACCESS_KEY_ID", g.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", g.SecretKey)
	t.Setenv("AWS_REGION", "us-east-1")
	report := r.held(t, rkeLike(rkeRestored()...), drill.Options{Store: "s3://backups/here", S3Endpoint: g.Endpoint})
	secretless(t, report.Directory, report, nil, g.AccessKey, g.SecretKey)
	if report.Keeping != harness.KeptInS3 {
		t.Errorf("backups were kept in %q, as the report has it", report.Keeping)
	}
	for _, name := range []string{"backup-001.db", "pki.bundle.tar.gz"} {
		if found, err := filepath.Glob(filepath.Join(g.Dir, "backups", "here", store.DrillPrefix+report.Drill, name)); err != nil || len(found) != 1 {
			t.Errorf("of %s there are %v, %v", name, found, err)
		}
	}
}

// A store that cannot be reached is known before anything is started.
func TestTheStoreIsNotThere(t *testing.T) {
	r := newRig(t)
	server, o := bucketServed(t)
	server.Inject(s3server.Requests{}, 0, s3server.Busy{})
	s := stopped()
	s.Backups.Every = time.Second
	begun := false
	o.Progress = func(e harness.Event) { begun = begun || e.Kind == harness.HostLine }
	if _, err := r.run(t.Context(), t, s, o); !errors.Is(err, store.ErrUnavailable) || begun {
		t.Errorf("begun %v, %v", begun, err)
	}
}

// rkeLike is a small drill of a cluster with TLS that keeps its bundle in a
// bucket, and loses its host.
func rkeLike(then ...harness.Step) harness.Scenario {
	s := crash()
	s.Given.TLS = harness.TLSFiles{
		CA: "/ssl/ca.pem", CAKey: "/ssl/ca-key.pem", Cert: "/ssl/etcd.pem", Key: "/ssl/etcd-key.pem",
		PeerCert: "/ssl/etcd.pem", PeerKey: "/ssl/etcd-key.pem",
	}
	s.Backups = harness.BackupJob{Every: 300 * time.Millisecond, Bucket: "snapshots", Bundle: "pki.bundle.tar.gz"}
	s.Break = []harness.Fault{fault.LoseHost{Who: harness.Everyone}}
	s.Recover = append(runbook{
		{Name: "order a host", Do: harness.NewHosts{Names: []string{"m1"}}},
		{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}},
		{Name: "fetch the bundle", On: harness.Everyone, Do: harness.FetchBundle{To: "/root/pki.bundle.tar.gz"}},
	}, then...)
	s.Promises = []harness.Check{check.ProcedureCompleted{}, check.CutAtSnapshot{}, check.ServiceRestored{}, check.ClusterID{}}
	return s
}

// rkeRestored restores in no time, while what clients sent to the old member is under
// way: only a cluster ID of its own tells afterwards which of the two answered that.
func rkeRestored() []harness.Step {
	return []harness.Step{
		{Name: "certify", On: harness.Everyone, Do: harness.Certify{Bundle: "/root/pki.bundle.tar.gz"}},
		{Name: "restore", On: harness.Everyone, Replaces: true, Do: harness.Script(`etcdutl snapshot restore /root/x.db --data-dir /var/lib/etcd ` +
			`--name {{name}} --initial-advertise-peer-urls {{peer name}} --initial-cluster {{cluster "m1"}} --initial-cluster-token {{token}}-restored`)},
		{Name: "start", On: harness.Everyone, Do: harness.Script("cat > /root/etcd.yaml <<'EOF'\n{{manifest name}}EOF\nmv /root/etcd.yaml " + harness.ManifestPath)},
		{Name: "wait", On: harness.Everyone, Await: true, Do: harness.Script(`{{etcdctl name}} endpoint health`)},
		{Name: "announce", Do: harness.Announce{Hosts: []string{"m1"}}},
	}
}

// A bundle that is restored from gives certificates that clients trust, keys on
// hosts are for their owner alone, and nothing that is kept of the drill has one.
func TestTheBundle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	look := harness.Step{Name: "look", On: harness.Everyone, Do: harness.Script("ls -l /ssl")}
	report := r.held(t, rkeLike(append(rkeRestored(), look)...), drill.Options{})
	says(t, read(t, report.Directory, "transcript.txt"), "-rw-------", "etcd-key.pem")
	err := filepath.WalkDir(report.Directory, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text := read(t, path)
		if files, err := pki.ReadBundle(strings.NewReader(text)); err == nil || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s holds a key, or is a bundle of %d files", path, len(files))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A bundle that leads out of its directory, or has no authority, is refused
// before anything is made of it.
func TestABundleIsRefused(t *testing.T) {
	t.Parallel()
	authority, err := pki.New("another", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][]pki.File{
		"certificate is missing": {pki.NewFile("ssl/ca-key.pem", authority.KeyPEM())},
		"key is missing":         {pki.NewFile("ssl/ca.pem", authority.CertPEM())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			other := harness.Step{Name: "lay another bundle", On: harness.Everyone, Do: act(func(ctx context.Context, h harness.Host) (harness.Output, error) {
				var text strings.Builder
				if err := pki.WriteBundle(&text, files); err != nil {
					return harness.Output{}, err
				}
				return harness.Output{}, h.Upload(ctx, "/root/pki.bundle.tar.gz", 0o600, strings.NewReader(text.String()))
			})}
			report, err := r.run(t.Context(), t, rkeLike(append([]harness.Step{other}, rkeRestored()...)...), drill.Options{Within: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if report.Verdict != harness.Violated {
				t.Errorf("%s: %+v", report.Verdict, report.Findings)
			}
			says(t, read(t, report.Directory, "transcript.txt"), "the bundle's /ssl/ca.pem")
		})
	}
}
