package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
)

// snapshot FILE KEYS writes a snapshot of so many keys.
func snapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: snapshot FILE KEYS")
	}
	keys, err := strconv.Atoi(args[1])
	ts.Check(err)
	_, err = dataset.Write(context.Background(), ts.MkAbs(args[0]), dataset.Spec{Keys: keys, ValueSize: 100, Seed: 1})
	ts.Check(err)
}

// The key and the value that nobody must be told. What many keys begin with is told, so
// this one begins like no other.
const (
	canaryKey   = "/canaries/key-of-anna-7f3a/password"
	canaryValue = "value-of-anna-hunter2-7f3a"
	canaryKeys  = 20 // of the snapshot without it
)

// canaries are the ways in which a snapshot holds the key and the value, and is right
// or wrong.
var canaries = map[string]func(tx *bolt.Tx) error{
	"good": func(tx *bolt.Tx) error {
		record, err := proto.Marshal(&mvccpb.KeyValue{Key: []byte(canaryKey), Value: []byte(canaryValue), CreateRevision: canaryKeys + 2, ModRevision: canaryKeys + 2, Version: 1})
		if err != nil {
			return err
		}
		return tx.Bucket([]byte("key")).Put(revision(canaryKeys+2), record)
	},
	// Records that are none: etcd reads all of them when it starts.
	"record": func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("key")).Put(revision(1), []byte("\xff\xff"+canaryKey+canaryValue))
	},
	"revision": func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("key")).Put([]byte(canaryKey), []byte(canaryValue))
	},
	"lease": func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("lease")).Put([]byte(canaryKey), []byte(canaryValue))
	},
	"user": func(tx *bolt.Tx) error {
		auth := tx.Bucket([]byte("auth"))
		users := tx.Bucket([]byte("authUsers"))
		return errors.Join(auth.Put([]byte("authEnabled"), []byte{1}), users.Put([]byte(canaryKey), []byte(canaryValue)))
	},
	// etcdutl takes the IDs of members that are gone away, and quotes one that is none.
	"members": func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("members_removed")).Put([]byte(canaryKey), []byte(canaryValue))
	},
	"member": func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("members")).Put([]byte(canaryKey), []byte(`{"peerURLs":`+canaryValue))
	},
}

// revision is a key of etcd's log of changes.
func revision(main byte) []byte {
	return []byte{0, 0, 0, 0, 0, 0, 0, main, '_', 0, 0, 0, 0, 0, 0, 0, 0}
}

// canary HOW FILE writes a snapshot that holds the key and the value that nobody must
// be told, with its checksum right.
func canary(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || canaries[args[0]] == nil {
		ts.Fatalf("usage: canary HOW FILE")
	}
	path := ts.MkAbs(args[1])
	_, err := dataset.Write(context.Background(), path, dataset.Spec{Keys: canaryKeys, ValueSize: 100, Seed: 1})
	ts.Check(err)
	info, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-sha256.Size))
	db, err := bolt.Open(path, 0o600, nil)
	ts.Check(err)
	ts.Check(errors.Join(db.Update(canaries[args[0]]), db.Close()))
	content, err := os.ReadFile(path)
	ts.Check(err)
	if !strings.Contains(string(content), canaryValue) {
		ts.Fatalf("the value is not in %s", path)
	}
	sum := sha256.Sum256(content)
	ts.Check(os.WriteFile(path, append(content, sum[:]...), 0o600))
}

// silent CODE FILE args… rehearses a snapshot, for people and for machines, each of
// which must end with this exit code. Nothing that is written anywhere may hold the key
// or the value, in whatever form.
func silent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: silent CODE FILE [args…]")
	}
	var secrets []string
	for _, s := range []string{canaryKey, canaryValue, "key-of-anna", "of-anna-hunter2"} {
		secrets = append(secrets, s, hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s)))
	}
	for _, form := range [][]string{nil, {"--json"}} {
		command := append([]string{args[0], "firedrill", "rehearse", args[1], "--runtime", "process", "--junit", "x.xml", "--prometheus", "x.prom"}, args[2:]...)
		exits(ts, false, append(command, form...))
		for _, name := range []string{"stdout", "stderr", "x.xml", "x.prom"} {
			text := ts.ReadFile(name)
			for _, s := range secrets {
				if strings.Contains(text, s) {
					ts.Fatalf("%q is on %s:\n%s", s, name, text)
				}
			}
		}
	}
}
