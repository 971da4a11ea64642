// Package operator runs programs of the operator's own, a runbook or a shell,
// on the operator's machine, and gives them a desk to work at.
//
// A Desk is a private directory of a drill's, with the tools (bin), the
// certificates (pki), the backups, and a working directory. It lies in the
// directory that harness/owner keeps for the drill, so that `firedrill clean`
// sweeps it after a SIGKILL. Nothing on it, and nothing that a program is given
// (its descriptors, its working directory, its parent), leads to where the drill writes
// what it sees. Its own path and its environment are the caller's affair: whoever has
// a script in the directory that evidence is kept in, or there as his HOME, has them
// lead to it. Where the system lets us, that place is empty for the program and all
// that it starts, whatever leads there (Program.Unseen): they have a mount namespace of
// their own. That is no lock. Whoever may make such a namespace may leave it, or look
// from a process outside.
//
// Nothing that a program starts outlives it. Between us and the program is a
// guard, our own binary once more:
//
//	drill ──lifeline──▶ guard ──▶ program ──▶ …
//
// The guard adopts every descendant whose parent has ended, whatever session or
// process group it moved to, so that it has no child left only when no
// descendant is left. It ends them all when the program has ended, and when the
// lifeline, a pipe, is closed: by Run, whose context ended, or by the kernel,
// because the drill died, of SIGKILL too.
//
// The guard itself can be killed. For that every program bears a mark, by which
// its descendants are found and ended all the same, by Run, or by `firedrill
// clean` where the drill was killed too. The mark is the soft limit on file
// locks (RLIMIT_LOCKS), which Linux has enforced nowhere since 2.6: descendants
// inherit it, and unlike a variable in the environment it is not lost to env
// -i, is read of processes that hide their memory (gpg-agent, ssh-agent), and is
// not borne by a shell that somebody gave the same variable by hand. `ulimit -x`
// shows it. What su and sudo start may have lost it; the guard knows that too.
//
// What lifts its mark and ends its guard escapes all that. Not where the program has a mount
// namespace: there it has a PID namespace as well, if the system lets us, and the guard is its
// first process. The kernel ends a namespace's processes before the first of them, and
// none leaves it. None of them can kill or stop that one; at most it has it crash, which ends
// them all. Run returns when the guard has ended, or says that it could not.
//
// Such a program sees its own processes in /proc, by numbers that are others outside, and
// none of the machine's: an on-call engineer's machine is not the host. ps, kill and $$ are
// true there, and its parent is process 1. Whom a socket's peer is told it was, the kernel
// translates; a number that it hands on itself, as systemd-run --scope may, names somebody
// else. What was mounted below /proc (lxcfs) is not there.
//
// What a program asks somebody else to start (a container engine, systemd-run,
// at, another machine) is not its descendant, and is its own affair.
//
// A shell of a game day is another matter (Shell): it runs in a terminal of the user's,
// as a child of a process there, with what a drill hands it over the bastion (Kit). It
// is hung up on when the drill is over, and what the user started in it is his.
//
// The package is apart from harness/process because that links etcd, and from
// harness/agent because hosts are not the operator's machine. It knows neither
// hosts nor the ledger: what leads to the drill's hosts is a path that it is
// told. It imports harness, harness/crew, harness/eviction, harness/owner and
// golang.org/x/sys/unix.
package operator
