package outline_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/outline"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func hosts(n int) []string { return []string{"m1", "m2", "m3", "m4", "m5"}[:n] }

// What is written is held to what was looked at by a person.
func TestEveryScenarioHasARunbook(t *testing.T) {
	for _, sc := range scenarios.All() {
		text, err := outline.Runbook(sc, hosts(sc.Given.Members))
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), sc.Name); err != nil {
			t.Error(err)
		}
		if strings.ContainsAny(text, "\ue000\ue001") || strings.Contains(text, "{{") {
			t.Errorf("%s: an expansion was left as it was", sc.Name)
		}
		for _, shell := range shells() {
			check := exec.CommandContext(t.Context(), shell[0], append(shell[1:], "-n")...)
			check.Stdin = strings.NewReader(text)
			if said, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s: %v -n: %v\n%s", sc.Name, shell, err, said)
			}
		}
		golden(t, sc.Name+".sh", text)
	}
}

func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// shells are the POSIX shells that are here, by the words that run them.
func shells() (found [][]string) {
	for _, words := range [][]string{{"sh"}, {"bash"}, {"busybox", "sh"}, {"mksh"}} {
		if _, err := exec.LookPath(words[0]); err == nil {
			found = append(found, words)
		}
	}
	return found
}

// What the document knows for five members, the script knows.
func TestRunbooksGrowWithTheCluster(t *testing.T) {
	for _, sc := range scenarios.All() {
		if sc.Given.OnlyBecause != "" || sc.Recover == nil {
			continue
		}
		text, err := outline.Runbook(sc, hosts(5))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(text, "m5") {
			t.Errorf("%s for five members says nothing of m5:\n%s", sc.Name, text)
		}
	}
}

// steps is a procedure of these steps, for any hosts.
type steps []harness.Step

func (s steps) Steps([]string) ([]harness.Step, error) { return s, nil }

// oddity is an action that nobody has typed yet.
type oddity struct{}

func (oddity) String() string { return "ponder" }
func (oddity) Do(context.Context, harness.Site, harness.Host, string) (harness.Output, error) {
	return harness.Output{}, nil
}

func TestWhatCannotBeTypedIsAnError(t *testing.T) {
	ask := harness.Script("etcdctl member list")
	for _, c := range []struct {
		says string
		step harness.Step
	}{
		{"who leads only a running cluster tells", harness.Step{On: harness.Leader, Do: ask}},
		{"there is no host m9", harness.Step{On: harness.Hosts("m9"), Do: ask}},
		{"needs a host", harness.Step{Do: ask}},
		{"Executable is typed", harness.Step{Do: harness.Executable{Path: "/srv/restore.sh"}}},
		{"oddity is typed", harness.Step{Do: oddity{}}},
		{"not known at this step", harness.Step{On: harness.Hosts("m1"), Do: harness.Script(`echo {{known "ID of m2"}}`)}},
	} {
		c.step.Name = "look"
		text, err := outline.Runbook(harness.Scenario{Name: "odd", Recover: steps{c.step}}, hosts(3))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "outline odd: step 1, look: ") {
			t.Errorf("%s: %v\n%s", c.says, err, text)
		}
	}
	learning := func(on harness.Selector, pattern string) error {
		_, err := outline.Runbook(harness.Scenario{Recover: steps{
			{Name: "learn", On: on, Do: ask, Learns: []harness.Fact{{Name: "ID", Pattern: pattern}}},
			{Name: "use", On: harness.Hosts("m1"), Do: harness.Script(`echo {{known "ID"}}`)},
		}}, hosts(3))
		return err
	}
	if err := learning(harness.Hosts("m1"), `ID ([0-9]+)`); err != nil {
		t.Error(err)
	}
	if err := learning(harness.Everyone, `ID ([0-9]+)`); err == nil || !strings.Contains(err.Error(), "learnt on one host") {
		t.Errorf("of several hosts: %v", err)
	}
	for _, pattern := range []string{`ID (`, `ID [0-9]+`, `([0-9]+) is it`, `ID (a|bc)`, `ID (?:ab)+([0-9])`, `ID ((a)b)`, `ID (.*?),`, `(?i)id ([0-9]+)`} {
		if err := learning(harness.Hosts("m1"), pattern); err == nil || !strings.Contains(err.Error(), "learn the ID") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// A fact that a later step needs is learnt as RE2 would; one that none needs is not.
func TestUnusedFactsAreNotLearnt(t *testing.T) {
	text, err := outline.Runbook(scenarios.All()[slices.IndexFunc(scenarios.All(), func(s harness.Scenario) bool { return s.Name == "kubeadm-force-new-cluster" })], hosts(3))
	if err != nil || strings.Contains(text, "id_of_m2") || strings.Contains(text, "learn()") {
		t.Errorf("%v\n%s", err, text)
	}
}
