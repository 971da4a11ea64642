package outline_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/outline"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// recorder is a firedrill that writes down what it is called with and says the same
// to everybody: each argument ends with \001 and each call with \002.
const recorder = `#!/bin/sh
call=$(printf '%s\001' "$@"; printf '\002x')
printf '%s' "${call%x}" >>calls
case "$1 ${2-}" in
"backups ") cat listing ;;
"host status") printf '%s\n' "host        $3" "peer url    http://$3.example:2380" "client url  http://127.0.0.1:40123" ;;
"host exec") if [ "$5" = cat ]; then cat manifest; else cat said; fi ;;
"host cp") if [ -e "$3" ]; then cat "$3" >>copied; fi ;;
esac
`

const (
	token = "the token"
	// said holds every fact that any step learns, with signs that a shell minds.
	said = `Member  8e9e05c52164694d added to cluster 7
91bc3c398fb3c146, started, m3, http://m3.example:2380, , false
{"hash":12345,"revision":196} "$HOME" \n %s * 'quoted'
backup-007.db: hash c25fd181, revision 196, total keys 90, total size 176160
`
	listing = `NAME           AGE   REVISION  KEYS  HASH      BYTES
backup-007.db  0.5s  196       90    c25fd181  176192    not verified
backup-006.db  1.5s  104       80    00fd1812  176192
`
	saved = "backup-007.db: hash c25fd181, revision 196, total keys 90, total size 176160\n"
)

func peer(host string) string   { return "http://" + host + ".example:2380" }
func client(host string) string { return "http://" + host + ".example:2379" }

// A script calls firedrill for exactly what the steps do, in their order, with all
// that is known in its place.
func TestRunbooksDoWhatTheStepsDo(t *testing.T) {
	if len(shells()) == 0 {
		t.Skip("there is no POSIX shell here")
	}
	for _, sc := range scenarios.All() {
		if sc.Recover == nil {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			born := hosts(sc.Given.Members)
			text, err := outline.Runbook(sc, born)
			if err != nil {
				t.Fatal(err)
			}
			calls := carryOut(t, text, born, "")
			for _, group := range expected(t, sc, born) {
				if len(calls) < len(group) {
					t.Fatalf("it ended before %q", group)
				}
				got := calls[:len(group)]
				slices.Sort(got) // what is done at once comes in any order
				slices.Sort(group)
				if !slices.Equal(got, group) {
					t.Fatalf("it did\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(group, "\n"))
				}
				calls = calls[len(group):]
			}
			if len(calls) > 0 {
				t.Errorf("beyond its steps it did %q", calls)
			}
		})
	}
}

// Hosts that stand ready are not ordered.
func TestSparesAreUsed(t *testing.T) {
	if len(shells()) == 0 {
		t.Skip("there is no POSIX shell here")
	}
	text, err := outline.Runbook(harness.Scenario{Name: "spares", Recover: steps{
		{Name: "order", Do: harness.NewHosts{Names: []string{"m4", "m-5", "m6"}}},
		{Name: "look", On: harness.Hosts("m-5"), Do: harness.Script("echo {{peer name}} {{client name}}")},
	}}, hosts(3))
	if err != nil {
		t.Fatal(err)
	}
	want := "exec m-5: echo " + peer("m-5") + " " + client("m-5")
	for spares, ordered := range map[string][]string{
		"":          {"host new m4 m-5 m6"},
		"m4 m6":     {"host new m-5"},
		"m-5 m6 m4": nil,
	} {
		if got := carryOut(t, text, hosts(3), spares); !slices.Equal(got, append(ordered, want)) {
			t.Errorf("with the spares %q it did %q", spares, got)
		}
	}
}

// carryOut runs a script and returns what it called firedrill for.
func carryOut(t *testing.T, text string, born []string, spares string) []string {
	t.Helper()
	dir := t.TempDir()
	manifest := harness.Manifest("m1", harness.BirthFlags("m1", peer("m1"), client("m1"), "m1="+peer("m1"), "new", token))
	for name, content := range map[string]string{"firedrill": recorder, "restore.sh": text, "said": said, "listing": listing, "manifest": manifest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	shell := shells()[0]
	cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], "./restore.sh")...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "FIREDRILL_BACKUPS=s3://bucket/pre fix", "FIREDRILL_CLUSTER_TOKEN=" + token, "FIREDRILL_SPARES=" + spares}
	for _, h := range born { // of hosts that are ordered nothing is known before
		cmd.Env = append(cmd.Env, "FIREDRILL_PEER_URL_"+h+"="+peer(h), "FIREDRILL_CLIENT_URL_"+h+"="+client(h))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, text)
	}
	recorded, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, call := range bytes.Split(bytes.TrimSuffix(recorded, []byte{2}), []byte{2}) {
		argv := strings.Split(strings.TrimSuffix(string(call), "\x01"), "\x01")
		switch verb := strings.Join(argv[:min(2, len(argv))], " "); {
		case verb == "backups", verb == "host status": // a look at what is known
		case verb == "host exec" && argv[4] == "sh":
			calls = append(calls, "exec "+argv[2]+": "+joined(argv[6]))
		case verb == "host exec":
			calls = append(calls, "exec "+argv[2]+": "+strings.Join(argv[4:], " "))
		default:
			calls = append(calls, strings.Join(argv, " "))
		}
	}
	return calls
}

// joined is a script of one command that is continued over several lines in one
// line; any other as it is.
func joined(script string) string {
	if one := strings.ReplaceAll(script, "\\\n", " "); !strings.Contains(one, "\n") {
		return strings.Join(strings.Fields(one), " ")
	}
	return script
}

var writesManifest = regexp.MustCompile(`(?s)^cat > (\S+) <<'EOF'\n(.*)EOF(\nmv .*)?$`)

// expected is what the steps do, in groups of what has no order.
func expected(t *testing.T, sc harness.Scenario, born []string) (groups [][]string) {
	t.Helper()
	all, err := sc.Recover.Steps(born)
	if err != nil {
		t.Fatal(err)
	}
	desk := harness.Desk{Token: token, TLS: sc.Given.TLS, Peers: map[string]string{}, Clients: map[string]string{}, Flags: map[string][]string{}}
	present := slices.Clone(born)
	for _, h := range []string{"m1", "m2", "m3", "m4", "m5", "m6"} {
		desk.Peers[h], desk.Clients[h], desk.Flags[h] = peer(h), client(h), []string{}
	}
	for _, step := range all {
		on := []string{""}
		if !step.On.IsZero() {
			if on, err = step.On.Select(present, ""); err != nil {
				t.Fatal(err)
			}
		}
		var group []string
		for _, host := range on {
			text, err := desk.Render(step.Do.String(), host)
			if err != nil {
				t.Fatal(err)
			}
			do, printed := calls(step.Do, host, text)
			if err := desk.Learn(step.Learns, printed); err != nil {
				t.Fatal(err)
			}
			if step.AtOnce {
				group = append(group, do...)
				continue
			}
			for _, one := range do {
				groups = append(groups, []string{one})
			}
		}
		if group != nil {
			groups = append(groups, group)
		}
		if ordered, ok := step.Do.(harness.NewHosts); ok {
			present = append(present, ordered.Names...)
			slices.Sort(present)
			present = slices.Compact(present)
		}
	}
	return groups
}

// calls is what firedrill is called for by an action, and what that prints here.
func calls(do harness.Action, host, text string) (calls []string, printed string) {
	switch a := do.(type) {
	case harness.FetchBackup:
		return []string{fmt.Sprintf("host cp s3://bucket/pre fix/backup-007.db %s:%s", host, a.To)}, saved
	case harness.FetchBundle:
		return []string{fmt.Sprintf("host cp s3://bucket/pre fix/pki.bundle.tar.gz %s:%s", host, a.To)}, ""
	case harness.Script:
		m := writesManifest.FindStringSubmatch(text)
		if m == nil {
			return []string{"exec " + host + ": " + joined(text)}, said
		}
		if m[3] == "" {
			return []string{"exec " + host + ": cat " + m[1], "host cp manifest.new " + host + ":" + m[1]}, ""
		}
		start := "host start " + host
		for _, line := range strings.Split(m[2], "\n") {
			if flag, ok := strings.CutPrefix(line, "    - "); ok && strings.HasPrefix(flag, "--") {
				start += " " + flag
			}
		}
		return []string{start}, ""
	}
	return []string{strings.TrimPrefix(text, "firedrill ")}, ""
}

// change_manifest leaves a manifest as it was but for the flags that it is given.
func TestManifestsAreChangedInPlace(t *testing.T) {
	flags := []string{"initial-cluster=m1=x,m2=y", "initial-cluster-state=existing", "force-new-cluster=true"}
	var write string
	for _, f := range flags {
		write += " `" + f + "`"
	}
	text, err := outline.Runbook(harness.Scenario{Name: "manifest", Recover: steps{{
		Name: "write", On: harness.Hosts("m1"), Do: harness.Script("cat > /root/etcd.yaml <<'EOF'\n{{manifest \"m1\"" + write + "}}EOF"),
	}}}, hosts(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range shells() {
		dir := t.TempDir()
		born := harness.BirthFlags("m1", peer("m1"), client("m1"), "m1="+peer("m1"), "new", "token")
		for name, content := range map[string]string{"firedrill": recorder, "restore.sh": text, "manifest": harness.Manifest("m1", born)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], "./restore.sh")...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got, err := os.ReadFile(filepath.Join(dir, "copied"))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(harness.Manifest("m1", harness.ChangeFlags(born, flags...)), "\n")
		lines := strings.Split(string(got), "\n")
		if head := slices.Index(want, "    - etcd"); !slices.Equal(lines[:head+1], want[:head+1]) {
			t.Errorf("%v: what comes before the flags is\n%s", shell, got)
		}
		slices.Sort(lines)
		slices.Sort(want)
		if !slices.Equal(lines, want) {
			t.Errorf("%v: it was changed to\n%s", shell, got)
		}
	}
}
