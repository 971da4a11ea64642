// Package bastion is the way from an operator's machine to a drill's hosts: for a
// runbook of the operator's own, in any language, and for the shells of a game day.
//
//	user's runbook (sh, python, …)
//	  └─ firedrill host exec m1 -- CMD ──unix socket──▶ Server ──▶ Estate, the drill's
//	       (cmd/firedrill: Do, Copy)
//
// A call is one connection: a line of JSON that says what is asked for, then the
// streams and the end of a command (harness/relay). What may be asked for is listed
// in this package, with the arguments and what the streams carry, so that the
// command line and the drill cannot mean different things by it. Who may call is
// settled by the socket's file: only its owner can.
//
// On a game day whoever takes part says so by a call that lasts as long as he does
// (Join); the socket has another name then, by which others find it.
//
// etcd's own tools work at the desk and need no way to anything. Those on it tell the
// bastion what they are asked for before they do it, and how they ended (Main, Tool), so
// that what was done by them is known as well; where nobody answers they go on without.
//
// The socket's path and the name of whoever types are in two variables of the
// environment. Nothing else leads anywhere, and neither of these leads to the ledger
// or the evidence: an Estate gives what an on-call engineer has.
//
// The package is apart from the drill so that the command line's side of it links no
// etcd and can be tested without one. It refuses to import drills, agents, runtimes
// and clients.
package bastion
