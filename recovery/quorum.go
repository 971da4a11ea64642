package recovery

import "github.com/etcd-firedrill/firedrill/harness"

// hasQuorum asks an etcd for a linearizable read, which takes a quorum and nothing
// else: endpoint health fails where an alarm is raised too, and a cluster that is
// out of space is no disaster. etcdctl's own 5 s are longer than an election is.
const hasQuorum = "get quorum --keys-only"

// refuseQuorum ends a procedure with the words refusal while there is a quorum, and
// goes on with the words lost where there is none. etcdctl is the command without
// arguments, as a template. Any other answer is none that a procedure may go on
// with: it refuses, and shows it.
func refuseQuorum(etcdctl, refusal, lost string) harness.Script {
	return harness.Script(`if answer=$(` + etcdctl + ` ` + hasQuorum + ` 2>&1)
then echo "` + refusal + `"; exit 1
fi
case "$answer" in
*"deadline exceeded"*|*"request timed out"*|*"no leader"*) echo "` + lost + `" ;;
*) echo "$answer"; echo "this is not the answer of an etcd without a quorum: find out what it means first"; exit 1 ;;
esac`)
}

// wantQuorum ends a procedure while there is no quorum.
func wantQuorum(etcdctl string) harness.Script { return harness.Script(etcdctl + " " + hasQuorum) }
