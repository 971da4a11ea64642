// Package agent is what runs on a host, and the client to it.
//
// On the host the Agent is to etcd what a kubelet is to a static pod: it runs
// etcd from the manifest at harness.ManifestPath, and over one session it
// carries scripts, commands with their streams, files, signals, etcd's log, and
// the news of what etcd did. Scripts, commands and whatever calls sh on the host
// are run by one interpreter, with the same commands of our own on every host.
// The agent's root is "/" of wherever it runs, a chroot or a container, so that
// a path means the host's in steps, flags and manifests alike.
//
// On our side Host is that machine for its whole life. It implements
// harness.Host over any Power, which is all that a runtime has to provide:
//
//	runtime ── Power ──▶ NewHost ══ session ══▶ Agent ──▶ etcd
//
// The session is any byte stream: a process's standard streams, or an attached
// exec that is relayed to a socket inside a container (RunOnSocket, Attach). It
// needs no port and no token, and it works through a remote engine. It begins
// with one line in clear, so that what answers in an agent's place (a shell, an
// engine's error message) is quoted and not taken for a protocol; then it is
// multiplexed (yamux), one stream a request.
//
// The package is apart from the runtimes because both speak through it, and it
// refuses to import them, the ledger, or an etcd client: whether etcd *serves*
// is for clients to say.
package agent
