package outline

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// head says what the runbook is for, and what of it is whose.
func (o *writer) head() string {
	sc := o.scenario
	var b strings.Builder
	b.WriteString("#!/bin/sh\n" + comment(sc.Name+": "+sc.Summary))
	if sc.Source != (harness.Source{}) {
		b.WriteString("#\n" + comment("after "+sc.Source.String()))
	}
	b.WriteString("#\n" + comment("Written by firedrill from the scenario's own steps, for a cluster of "+strings.Join(o.born, ", ")+
		". Make it yours, and try it:") + "#\n#     firedrill run " + sc.Name + " --runbook ./FILE\n")
	b.WriteString(listed("What stands in for what the document relies on:", sc.StandIns))
	b.WriteString(listed("What the document says that is not done here:", sc.LeftOut))
	if o.needs["refuse"] {
		b.WriteString("#\n" + comment(fmt.Sprintf("Exit status %d: it does not apply, and nothing was touched.", harness.DoesNotApply)))
	}
	b.WriteString("#\n# shellcheck disable=SC2016,SC2154 # what is quoted is for a host's shell; firedrill sets the addresses\nset -eu\n")
	return b.String()
}

// listed is a comment that lists these texts, if there are any.
func listed(title string, texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	out := "#\n# " + title + "\n"
	for _, text := range texts {
		out += comment("- " + text)
	}
	return out
}

// helpers are the functions that the steps call, each where one does.
func (o *writer) helpers() string {
	var b strings.Builder
	if o.needs["until_ok"] {
		fmt.Fprintf(&b, "\npatience=${PATIENCE:-%d} # seconds that any one thing is waited for\n", o.patience())
	}
	for _, h := range helpers {
		if o.needs[h.name] {
			b.WriteString("\n" + h.text)
		}
	}
	return b.String()
}

// helpers are in the order in which they are shown.
var helpers = []struct{ name, text string }{
	{"step", `step() { echo "== $*"; }
`},
	{"refuse", fmt.Sprintf(`# refuse: the command before said why.
refuse() { exit %d; }
`, harness.DoesNotApply)},
	{"until_ok", `# until_ok COMMAND…: repeats the command until it succeeds, and prints what it printed then.
until_ok() {
    end=$(($(date +%s) + patience))
    until answer=$("$@" 2>&1); do
        if [ "$(date +%s)" -ge "$end" ]; then
            echo "waited $patience s in vain for: $*" >&2
            echo "the last answer: $answer" >&2
            exit 1
        fi
        sleep 1
    done
    printf '%s\n' "$answer"
}
`},
	{"all_done", `# all_done: waits for what was begun on several hosts at once; fails if it failed on one.
jobs=
all_done() {
    for job in $jobs; do
        wait "$job" || { echo "it failed on a host" >&2; exit 1; }
    done
    jobs=
}
`},
	{"url", `# url PEER|CLIENT HOST: where other members, or clients, reach the etcd on a host.
url() { eval "echo \"\$FIREDRILL_$1_URL_$(echo "$2" | tr - _)\""; }
`},
	{"order", `# order HOST…: orders new hosts, but for spares, which stand ready, and notes down where they are
# reached.
order() {
    wanted=
    for new; do
        case " $FIREDRILL_SPARES " in
        *" $new "*) ;;
        *) wanted="$wanted $new" ;;
        esac
    done
    # shellcheck disable=SC2086 # names, one word each
    [ -z "$wanted" ] || firedrill host new $wanted
    for new; do
        peer=$(firedrill host status "$new" | awk '/^peer url/ { print $NF }')
        [ -n "$peer" ] || { echo "where $new is reached is not known" >&2; exit 1; }
        eval "FIREDRILL_PEER_URL_$(echo "$new" | tr - _)=\$peer"
        eval "FIREDRILL_CLIENT_URL_$(echo "$new" | tr - _)=\${peer%:2380}:2379"
    done
}
`},
	{"learn", `# learn WHAT PATTERN: what the pattern's group is in the first line of standard input that fits.
learn() {
    found=$(sed -nE "s/$2/\\1/p" | sed 1q)
    [ -n "$found" ] || { echo "there is no $1 in what was printed" >&2; exit 1; }
    echo "$found"
}
`},
	{"change_manifest", `# change_manifest HOST FILE --FLAG=VALUE…: in a manifest of etcd's on a host, these flags are put in
# the place of those of the same names, or added.
change_manifest() {
    at=$1
    file=$2
    shift 2
    firedrill host exec "$at" -- cat "$file" >manifest.old
    awk -v flags="$*" '
        BEGIN { n = split(flags, flag, " ") }
        $1 == "-" && $2 ~ /^--/ {
            for (i = 1; i <= n; i++) if (index($2, substr(flag[i], 1, index(flag[i], "="))) == 1) next
        }
        { print }
        $1 == "-" && $2 == "etcd" {
            sub(/etcd$/, "")
            for (i = 1; i <= n; i++) print $0 flag[i]
        }' manifest.old >manifest.new
    firedrill host cp manifest.new "$at:$file"
}
`},
	{"backup", `# backup N: the name of the newest backup for 1, of the one before it for 2, and so on; they are
# listed newest first. etcdutl refuses to restore a damaged one: BACKUP=NAME takes another.
backup() { firedrill backups | awk -v n="$1" '$1 ~ /\.db$/ && ++seen == n { print $1 }'; }
BACKUP=${BACKUP:-$(backup 1)}
[ -n "$BACKUP" ] || { echo "no backup is kept in $FIREDRILL_BACKUPS" >&2; exit 1; }
`},
	{"saved", `# saved NAME: what was printed when the backup was taken. The file ends in 32 bytes that are its hash.
saved() {
    firedrill backups | awk -v name="$1" '$1 == name {
        printf "%s: hash %s, revision %s, total keys %s, total size %.0f\n", $1, $5, $3, $4, $6 - 32
    }'
}
`},
}
