package drill_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
)

// TestALostHostRefuses: whatever a runbook asks of a host that is gone, or off, is refused and not
// waited for; it says why, and what can be done.
func TestALostHostRefuses(t *testing.T) {
	t.Parallel()
	s := byHand(t, `
ask() {
	firedrill host "$@" 2>&1
	echo "$1 $2: exit $?"
}
for host in m2 m3; do
	ask exec "$host" -- true
	ask start "$host"
	ask stop "$host"
	ask logs "$host"
	ask get "$host" /etc/hosts
	ask put "$host" /root/x 0600 </dev/null
done
ask on m3
ask off m3
ask reboot m3
ask exec m9 -- true
ask exec m1 -- false
ask status m2
`)
	s.Given.Members = 3
	s.Break = []harness.Fault{fault.LoseHost{Who: harness.Hosts("m3")}, fault.PowerOff{Who: harness.Hosts("m2")}}
	s.Promises = []harness.Check{check.ProcedureCompleted{}}
	r := newRig(t)
	report, err := r.run(t.Context(), t, s, drill.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	transcript := read(t, r.latest(t), "transcript.txt")
	for _, verb := range []string{"exec", "start", "stop", "logs", "get", "put"} {
		says(t, transcript, verb+" m2: exit 1\n", verb+" m3: exit 1\n")
	}
	for _, verb := range []string{"on", "off", "reboot"} {
		says(t, transcript, verb+" m3: exit 1\n")
	}
	says(t, transcript, "exec m9: exit 1\n", "exec m1: exit 1\n", "status m2: exit 0\n",
		"restore.sh: firedrill: m3: "+harness.ErrHostGone.Error(), "restore.sh: hint: firedrill host new m3 orders a new, clean one of that name",
		harness.ErrHostOff.Error(), "there is no host m9")
	for _, step := range r.evidence(t).Steps {
		if step.Host == "m3" && (!strings.Contains(step.Error, harness.ErrHostGone.Error()) || step.Took > 5*time.Second) {
			t.Errorf("%s: %q after %v", step.Command, step.Error, step.Took)
		}
	}
}

// TestRunbookForks: a runbook that leaves two hundred processes behind, in sessions of their own
// and as daemons of daemons, leaves none once the drill is over.
func TestRunbookForks(t *testing.T) {
	t.Parallel()
	const children = 200
	up := t.TempDir()
	seconds := fmt.Sprintf("9%07d", os.Getpid()) // as nobody else sleeps
	report, err := newRig(t).run(t.Context(), t, byHand(t, fmt.Sprintf(`
set -eu
up=%q
export up
stay='echo >"$up/$0"; exec sleep %s'
i=0
while [ $i -lt %d ]; do
	case $((i %% 4)) in
	0) sh -c "$stay" $i & ;;
	1) setsid sh -c "$stay" $i & ;;
	2) (setsid sh -c "(sh -c '$stay' $i &) &" &) ;;
	3) (setsid sh -c "trap '' HUP TERM INT; (env -i up=$up /bin/sh -c '$stay' $i </dev/null >/dev/null 2>&1 &)" &) ;;
	esac
	i=$((i + 1))
done
until [ "$(ls "$up" | wc -l)" -eq %d ]; do sleep 0.1; done
echo "all are up"
`, up, seconds, children, children)), drill.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	if entries, err := os.ReadDir(up); err != nil || len(entries) != children {
		t.Errorf("%d were up, %v", len(entries), err)
	}
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, proc := range procs {
		if text, err := os.ReadFile(proc); err == nil && strings.Contains(string(text), seconds) {
			t.Errorf("%s is left: %q", filepath.Dir(proc), text)
		}
	}
}
