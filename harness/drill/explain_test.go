package drill_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// What explain prints is what runs: the commands in a drill's evidence and
// transcript are those that it renders, once what only a running drill can know
// is put back to its placeholder.
func TestExplainedIsWhatRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		strikes harness.Fault
		recover harness.Procedure
		backups time.Duration
	}{
		{"kubeadm", fault.RuinData{Who: harness.AllBut("m1")}, recovery.KubeadmForceNewCluster{Survivor: "m1"}, 0},
		{"etcd", fault.LoseHost{Who: harness.AllBut("m1")}, recovery.EtcdSnapshotRestore{Survivor: "m1"}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const token = "quite-some-token"
			s := harness.Scenario{
				Name: c.name, Given: harness.ClusterSpec{Members: 3, Token: token}, Under: lightTraffic,
				Backups: harness.BackupJob{Every: c.backups}, Break: []harness.Fault{c.strikes},
				Premises: []harness.Check{check.QuorumWasLost{}}, Recover: c.recover,
				Promises: []harness.Check{check.ProcedureCompleted{}}, Within: time.Minute,
			}
			r.held(t, s, drill.Options{})
			var ev harness.Evidence
			if err := json.Unmarshal([]byte(read(t, r.latest(t), "evidence.json")), &ev); err != nil {
				t.Fatal(err)
			}
			steps, err := c.recover.Steps(ev.BornHosts)
			if err != nil {
				t.Fatal(err)
			}
			back := placeholders(t, ev, steps, token)
			transcript := read(t, r.latest(t), "transcript.txt")
			ran := map[string]bool{}
			for _, record := range ev.Steps {
				step := steps[record.Number-1]
				ran[step.Name] = true
				text, err := (&harness.Desk{Explain: true}).Render(step.Do.String(), record.Host)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(wholeManifest(t, text, ev.BornHosts), back.Replace(record.Command)); diff != "" {
					t.Errorf("step %d (%s): explained and ran differ:\n%s", record.Number, step.Name, diff)
				}
				for line := range strings.Lines(record.Command) {
					says(t, transcript, "  $ "+line)
				}
			}
			for _, step := range steps {
				if !ran[step.Name] {
					t.Errorf("step %q left no record", step.Name)
				}
			}
		})
	}
}

// placeholders turns addresses, the token and the facts that steps learnt back
// into what explain shows for them.
func placeholders(t *testing.T, ev harness.Evidence, steps []harness.Step, token string) *strings.Replacer {
	t.Helper()
	pairs := map[string]string{token: "<token>"}
	for _, m := range ev.Before[0].Members {
		peer, err := url.Parse(m.PeerURLs[0])
		if err != nil {
			t.Fatal(err)
		}
		pairs[peer.String()] = "<peer URL of " + m.Name + ">"
		pairs[fmt.Sprintf("http://%s:%d", peer.Hostname(), harness.ClientPort)] = "<client URL of " + m.Name + ">"
	}
	for _, record := range ev.Steps {
		for _, fact := range steps[record.Number-1].Learns {
			if found := regexp.MustCompile(fact.Pattern).FindStringSubmatch(record.Output.Stdout); found != nil {
				pairs[found[1]] = "<" + fact.Name + ">"
			}
		}
	}
	var flat []string
	for _, known := range slices.Sorted(maps.Keys(pairs)) {
		flat = append(flat, known, pairs[known])
	}
	return strings.NewReplacer(flat...)
}

var explainedFlags = regexp.MustCompile(`(?m)^    - <flags of (\S+)>\n((?:    - --.*\n)*)`)

// wholeManifest writes out what explain abbreviates as <flags of m2>: the flags
// that the host was born with, those given after them in their place.
func wholeManifest(t *testing.T, text string, hosts []string) string {
	t.Helper()
	return explainedFlags.ReplaceAllStringFunc(text, func(found string) string {
		parts := explainedFlags.FindStringSubmatch(found)
		name := parts[1]
		peer, client := "<peer URL of "+name+">", "<client URL of "+name+">"
		var initial []string
		for _, h := range hosts {
			initial = append(initial, h+"=<peer URL of "+h+">")
		}
		flags := []string{
			"name=" + name, "data-dir=" + harness.DataDir,
			"listen-peer-urls=" + peer, "initial-advertise-peer-urls=" + peer,
			"listen-client-urls=" + client, "advertise-client-urls=" + client,
			"initial-cluster=" + strings.Join(initial, ","), "initial-cluster-state=new", "initial-cluster-token=<token>",
		}
		for line := range strings.Lines(parts[2]) {
			flags = harness.ChangeFlags(flags, strings.TrimSuffix(strings.TrimPrefix(line, "    - --"), "\n"))
		}
		out := ""
		for _, f := range flags {
			out += "    - --" + f + "\n"
		}
		return out
	})
}
