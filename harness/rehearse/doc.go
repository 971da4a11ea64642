// Package rehearse restores a user's own snapshot into a throw-away cluster and
// proves what comes back: that the file is whole, that the hosts' own etcdutl
// restores it, that every member serves and holds the same, that the cluster
// takes writes, and that it goes on without one of its members.
//
// It is apart from drill because nothing is broken here and nobody's traffic
// goes on: there is one snapshot, and the question is whether it is any good.
// It shares the nouns, the runtimes, the store and the questions that are asked
// of a cluster (observe).
//
// The source is opened to read alone and never changed: hosts get a copy of our
// own, which has no name and so is gone with this process however that ends. No
// value is ever kept or told, and no key: only what many keys begin with.
//
// A file that is no good is a finding, and so is that there is none in a directory
// or bucket that can be looked into. The error of Run means that nothing can be said
// about the file: it could not be reached, or the harness broke.
package rehearse
