package recovery

import (
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// etcdIsStopped succeeds on a host where no etcd process runs.
const etcdIsStopped = harness.Script("! pidof etcd")

// writeManifest writes the static-pod manifest of a host ("" for the host the
// step runs on) by here-document, its flags changed as given ("name=value",
// which may hold template calls).
func writeManifest(path, host string, changes ...string) harness.Script {
	call := "{{manifest "
	if host == "" {
		call += "name"
	} else {
		call += `"` + host + `"`
	}
	for _, c := range changes {
		call += " " + argument(c)
	}
	return harness.Script("cat > " + path + " <<'EOF'\n" + call + "}}EOF")
}

// startWith writes a host's manifest beside its place and moves it in whole: a
// half-written file is one that a kubelet may read.
func startWith(host string, changes ...string) harness.Script {
	return writeManifest(parkedManifest, host, changes...) + "\n" + startEtcd
}

// argument turns text with template calls in it into one template argument:
// `a={{f "x"}}b` becomes (print "a=" (f "x") "b").
func argument(text string) string {
	out := "(print"
	for text != "" {
		literal, rest, call := strings.Cut(text, "{{")
		if literal != "" {
			out += " `" + literal + "`"
		}
		if !call {
			break
		}
		var inner string
		inner, text, _ = strings.Cut(rest, "}}")
		out += " (" + inner + ")"
	}
	return out + ")"
}
