// Package observe asks a cluster what it is: what each member says of itself,
// the hash of what it holds, every key, the leases, what a survivor still reads.
//
// It is apart from the traffic because it must not share its clients: each
// question goes through a fresh one, so that no connection of before the
// disaster decides what is seen. A question never hangs: each call has a
// time-out, and what could not be asked is recorded as not seen.
//
// It only reads. It imports harness, harness/ledger (whose final record it
// writes), client, crew and clientv3; it knows no host, fault or procedure.
package observe
