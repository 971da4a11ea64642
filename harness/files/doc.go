// Package files keeps what is written to a disk whole and in its place.
//
// A file is replaced at once or not at all. A record that grows is summed up, and held
// against the sum before it is believed. A directory is packed into a tar stream,
// and unpacked so that nothing ever lands outside the directory that was named:
// neither by an entry's name, nor through a link in the archive, nor through one that
// lies there already.
//
// It is apart because both ends of a copy use it, the agent on a host and the command
// line on the operator's machine, to which a host's tree is as foreign as the
// operator's is to the host; and because the ledger, which is a leaf, is a record like
// a drill's others. It imports the standard library alone.
package files
