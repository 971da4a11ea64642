package rehearse

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Every kind of file that is no good is found out, in one sentence and with a hint,
// and what depends on it is not called good.
func TestFilesThatAreNoGood(t *testing.T) {
	rt := onProcess(t)
	whole := good(t)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	foreign := doctored(t, func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("key")) })
	for what, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":                 {nil, "it is empty"},
		"damaged":               {flipped, "it is damaged"},
		"truncated":             {whole[:len(whole)/2], "truncated"},
		"truncated at a page":   {whole[:len(whole)/8192*4096], "truncated"},
		"a db file":             {whole[:len(whole)-sha256.Size], "no checksum at its end"},
		"gzip":                  {append([]byte("\x1f\x8b\x08"), whole...), "compressed by gzip"},
		"age":                   {append([]byte("age-encryption.org/v1\n"), whole...), "encrypted by age"},
		"gpg":                   {append([]byte("\x85\x02\x0c\x03"), whole...), "OpenPGP"},
		"openssl":               {append([]byte("Salted__"), whole...), "openssl"},
		"something else":        {[]byte("#!/bin/sh\necho backup\n"), "it is text"},
		"another's database":    {foreign, "none of etcd's"},
		"only a checksum's sum": {func() []byte { s := sha256.Sum256(nil); return s[:] }(), "does not begin as an etcd database"},
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "backup.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			r := rehearsed(t, rt, Options{Snapshot: path, MaxAge: time.Hour, RTO: time.Hour, MinKeys: 1, Revision: 1})
			expect(t, r, violated, map[string]harness.Verdict{
				"snapshot-whole": violated, "format-known": inconclusive, "restored-everywhere": inconclusive, "members-serve": inconclusive,
				"members-agree": inconclusive, "hashes-equal": inconclusive, "no-alarm": inconclusive, "takes-writes": inconclusive,
				"survives-member-loss": inconclusive, "within-rto": inconclusive, "enough-keys": inconclusive, "revision-reached": inconclusive,
				"young-enough": held,
			})
			detail := verdicts(r)["snapshot-whole"].Detail
			if !strings.Contains(detail, c.want) || strings.Contains(detail, "\n") || strings.Contains(detail, "hint") {
				t.Errorf("%q, want %q", detail, c.want)
			}
			if len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[0], "hint: ") {
				t.Errorf("no hint: %q", r.Notes)
			}
			if len(r.Hosts) != 0 || r.Phases.Recovered != 0 {
				t.Errorf("%+v, %+v", r.Hosts, r.Phases)
			}
		})
	}
}

// doctored is a snapshot in which something was written, with its checksum right
// again.
func doctored(t *testing.T, change func(tx *bolt.Tx) error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "doctored.db")
	whole := good(t)
	if err := os.WriteFile(path, whole[:len(whole)-sha256.Size], 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return append(content, sum[:]...)
}

func written(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A file of a later etcd is whole, and cannot be read: that is told before any
// etcd is started on it.
func TestAFileOfALaterEtcd(t *testing.T) {
	content := doctored(t, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("storageVersion"), []byte("3.99.0"))
	})
	r := rehearsed(t, onProcess(t), Options{Snapshot: written(t, content), Revision: 1})
	expect(t, r, violated, map[string]harness.Verdict{
		"snapshot-whole": held, "format-known": violated, "restored-everywhere": inconclusive, "takes-writes": inconclusive, "revision-reached": held,
	})
	if f := verdicts(r)["format-known"]; !strings.Contains(f.Detail, "3.99") || !strings.Contains(strings.Join(r.Notes, "\n"), "--image") {
		t.Errorf("%q, %q", f.Detail, r.Notes)
	}
}

// A file whose checksum is right and that no etcd starts from is no good either.
func TestAFileThatNoEtcdStartsFrom(t *testing.T) {
	content := doctored(t, func(tx *bolt.Tx) error {
		// A record that is none: etcd reads all of them when it starts.
		return tx.Bucket([]byte("key")).Put([]byte{0, 0, 0, 0, 0, 0, 0, 1, '_', 0, 0, 0, 0, 0, 0, 0, 0}, []byte{0xff, 0xff, 0xff})
	})
	r := rehearsed(t, onProcess(t), Options{Snapshot: written(t, content)})
	expect(t, r, violated, map[string]harness.Verdict{"snapshot-whole": held, "restored-everywhere": held, "members-serve": violated, "takes-writes": inconclusive, "hashes-equal": inconclusive})
	if f := verdicts(r)["members-serve"]; !strings.Contains(strings.Join(f.Offending, "\n"), "does not start") || !strings.Contains(strings.Join(f.Offending, "\n"), "logged: failed to unmarshal") {
		t.Errorf("%+v", f)
	}
}

// A snapshot without a key restores, and is the backup of nothing.
func TestAnEmptyStore(t *testing.T) {
	content := doctored(t, func(tx *bolt.Tx) error {
		if err := tx.DeleteBucket([]byte("key")); err != nil {
			return err
		}
		_, err := tx.CreateBucket([]byte("key"))
		return err
	})
	path := written(t, content)
	r := rehearsed(t, onProcess(t), Options{Snapshot: path, Members: 1, MinKeys: 1})
	expect(t, r, violated, map[string]harness.Verdict{"enough-keys": violated, "hashes-equal": held, "takes-writes": held})
	r = rehearsed(t, onProcess(t), Options{Snapshot: path, Members: 1})
	expect(t, r, held, nil)
	if r.Keys == nil || *r.Keys != 0 || len(r.Census.Prefixes) != 0 {
		t.Errorf("%v, %+v", r.Keys, r.Census)
	}
}
