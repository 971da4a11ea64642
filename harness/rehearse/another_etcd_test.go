package rehearse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/process"
)

// etcd35 is a directory of the programs of etcd 3.5, built from the module proxy.
func etcd35(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // hosts may be another user's
		t.Fatal(err)
	}
	for name, module := range map[string]string{"etcd": "server", "etcdctl": "etcdctl", "etcdutl": "etcdutl"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../fixtures/etcd35", "-trimpath", "-o", filepath.Join(dir, name), "go.etcd.io/etcd/"+module+"/v3")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return dir
}

// takenBy is a snapshot of so many keys, of an etcd whose programs are in a directory,
// as its own etcdctl saves it.
func takenBy(t *testing.T, bin string, keys int) string {
	t.Helper()
	m := localetcd.New(t.TempDir(), 1).Members[0] // its addresses, which are free
	etcd := exec.Command(filepath.Join(bin, "etcd"), "--name="+m.Name, "--data-dir="+m.Dir, "--listen-client-urls=http://"+m.Endpoint, "--advertise-client-urls=http://"+m.Endpoint,
		"--listen-peer-urls="+m.PeerURL(), "--initial-advertise-peer-urls="+m.PeerURL(), "--initial-cluster="+m.Name+"="+m.PeerURL(), "--logger=zap", "--log-level=error")
	if err := etcd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = etcd.Process.Kill() // it may have ended
		_ = etcd.Wait()         // by that
	}()
	c, err := client.New([]string{m.Endpoint}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range keys {
		if err := await(ctx, "a key is put", func(ctx context.Context) (bool, string) {
			_, err := c.Put(ctx, fmt.Sprintf("/registry/pods/%04d", i), "x")
			return err == nil, fmt.Sprint(err)
		}, func() bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "taken.db")
	save := exec.CommandContext(ctx, filepath.Join(bin, "etcdctl"), "--endpoints="+m.Endpoint, "snapshot", "save", path)
	if out, err := save.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// A backup of an older etcd is rehearsed with the programs of that etcd, which differ
// from ours in how they restore, hash and count, and on ours too; one of a newer etcd is
// refused by them.
func TestWithAnotherEtcdThanOurs(t *testing.T) {
	ours := onProcess(t)
	bin := etcd35(t)
	theirs, err := process.New(process.Options{EtcdBin: bin})
	if err != nil {
		t.Fatal(err)
	}
	const keys = 60
	path := takenBy(t, bin, keys)
	for name, c := range map[string]struct {
		on      harness.Runtime
		version string
	}{"on its own etcd": {theirs, "3.5."}, "on ours": {ours, "3.7."}} {
		t.Run(name, func(t *testing.T) {
			r := rehearsed(t, c.on, Options{Snapshot: path, MinKeys: keys, RTO: time.Hour})
			expect(t, r, held, map[string]harness.Verdict{"format-known": held, "hashes-equal": held, "enough-keys": held, "survives-member-loss": held, "within-rto": held})
			if !strings.HasPrefix(r.EtcdVersion, c.version) || !strings.HasPrefix(r.Hosts[0].Version, c.version) || r.Snapshot.ClusterVersion != "3.5.0" {
				t.Errorf("etcd %s, hosts %+v, snapshot %+v", r.EtcdVersion, r.Hosts, r.Snapshot)
			}
			if r.Census == nil || len(r.Census.Prefixes) != 1 || r.Census.Prefixes[0].Prefix != "/registry/pods/" || r.Census.Keys != keys {
				t.Errorf("%+v", r.Census)
			}
		})
	}
	newer := written(t, doctored(t, func(tx *bolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		if meta == nil {
			return errors.New("there is no such bucket")
		}
		return meta.Put([]byte("storageVersion"), []byte("3.6.0"))
	}))
	r := rehearsed(t, theirs, Options{Snapshot: newer})
	expect(t, r, violated, map[string]harness.Verdict{"snapshot-whole": held, "format-known": violated, "restored-everywhere": inconclusive})
	if f := verdicts(r)["format-known"]; !strings.Contains(f.Detail, "written by etcd 3.6") || !strings.Contains(f.Detail, "3.5.") || !strings.Contains(strings.Join(r.Notes, "\n"), "--etcd-bin") {
		t.Errorf("%q, %q", f.Detail, r.Notes)
	}
}
