// Package workload is the clients of a drill: Kubernetes-shaped writers,
// availability probes, a client with stock settings, kept leases, a held watcher,
// and the caches of long-lived components. All run through the disaster, and what
// all but the caches were told goes to the ledger; these are compared with the
// cluster at the end.
//
// It is apart because it must not know what happens to the cluster: it is given
// endpoints, told when keys must not be touched any more (NextGeneration) and
// where the procedure points clients to (Announce), as real clients are. It
// imports neither faults, hosts nor procedures.
//
// Three rules keep its evidence sound:
//   - a key of one generation is never written by another, so what was written
//     before the strike is never overwritten after it;
//   - an operation is Acked or Rejected only on proof, see outcome; everything
//     else is Unknown;
//   - an answer is recorded with who gave it: cluster, member, term, revision.
package workload
