package main

import (
	"context"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

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
