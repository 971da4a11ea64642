// Package store is where backups are kept: a directory, or a bucket of an S3
// server. Nothing counts as kept before all of it is there, and nothing as
// fetched before its SHA-256 is that of what was put.
//
// A Bucket is the other way round: somebody else's, of which every object is shown
// and nothing is ever written.
//
// It is apart because it is the one package that speaks S3 (minio-go), and the
// one that sees the credentials for it: they enter no error, no name of a store
// and so no step, transcript or manifest. It does not know what a backup is:
// that an object is whole says nothing about its being a snapshot, or of which
// cluster; whoever fetches one looks (fixtures/dataset.Verify). It knows no
// hosts, drills or clocks either: how long anything may take is for the
// caller's ctx to say.
package store
