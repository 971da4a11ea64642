// Package ledger keeps what clients were told, and what was found at the end:
// ledger.bin and final.bin in a drill's directory.
//
// Both are streamed to disk as they happen and streamed back in whatever order
// a check needs, so memory grows neither with the number of writes nor with
// the number of keys. Both are framed, checksummed and sealed: a file that was
// cut off or altered anywhere is an error that names the place, never a shorter
// or different history.
//
// It is a leaf: it imports harness for the nouns, files for what keeps a record
// that grows, and nothing else of ours.
package ledger
