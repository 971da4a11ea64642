package recovery_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/recovery"
)

func hosts(n int) []string { return []string{"m1", "m2", "m3", "m4", "m5"}[:n] }

func procedures() map[string]harness.Procedure {
	return map[string]harness.Procedure{
		"kubeadm":          recovery.KubeadmForceNewCluster{Survivor: "m1"},
		"kubeadm verbatim": recovery.KubeadmForceNewCluster{Survivor: "m1", Verbatim: true},
		"kubeadm learners": recovery.KubeadmForceNewCluster{Survivor: "m1", Learners: true},
		"etcd":             recovery.EtcdSnapshotRestore{Survivor: "m1"},
		"etcd, all lost":   recovery.EtcdSnapshotRestore{},
		"etcd with TLS":    recovery.EtcdSnapshotRestore{Survivor: "m1", TLS: true},
		"replace":          recovery.MemberReplace{Lost: "m3", From: recovery.DcosScenario("Scenario 4")},
		"replace by voter": recovery.MemberReplace{Lost: "m3", AsVoter: true, From: recovery.DcosScenario("Scenario 4")},
		"replace beside":   recovery.MemberReplace{Lost: "m3", NewName: true, From: recovery.DcosScenario("Scenario 4")},
		"rke, new nodes":   recovery.RkeRestore{NewNodes: true},
		"rke":              recovery.RkeRestore{},
		"rancher":          recovery.RancherDisaster{Survivor: "m1"},
		"rancher, old":     recovery.RancherDisaster{Survivor: "m2", OldHosts: true},
		"talos":            recovery.TalosRecover{Survivors: []string{"m1"}},
		"talos, copied":    recovery.TalosRecover{Survivors: []string{"m1"}, DBCopy: true},
		"talos, converted": recovery.TalosRecover{Survivors: []string{"m1"}, Convert: []string{"m1"}},
		"talos, all lost":  recovery.TalosRecover{},
		"talos, replaced":  recovery.TalosReplace{Lost: "m3"},
		"dcos, scaled up":  recovery.DcosScaleUp{To: 3},
		"dcos, installed":  recovery.DcosReinstall{Failed: "m3"},
		"dcos, all lost":   recovery.DcosRestore{From: recovery.DcosScenario("Scenario 4")},
		"dcos":             recovery.DcosRestore{Survivors: []string{"m1"}, From: recovery.DcosScenario("Scenario 4")},
	}
}

// known is how a script uses what a step before has learnt.
var known = regexp.MustCompile(`known "([^"]+)"`)

// Every step must be one that an operator could type and hold against a page:
// named once, sourced or reasoned, and rendered with what is known at that step.
func TestStepsCanBeTyped(t *testing.T) {
	for name, p := range procedures() {
		for _, members := range []int{1, 3, 5} {
			steps, err := p.Steps(hosts(members))
			if (err == nil) != slices.Contains(suited(p), members) {
				t.Errorf("%s for %d members: %v", name, members, err)
			}
			seen, learnt := map[string]bool{}, map[string]bool{}
			for _, s := range steps {
				if seen[s.Name] {
					t.Errorf("%s: step %q is named twice", name, s.Name)
				}
				seen[s.Name] = true
				if s.From == (harness.Source{}) && s.Why == "" {
					t.Errorf("%s: step %q names neither a source nor a reason", name, s.Name)
				}
				text, err := (&harness.Desk{Explain: true}).Render(s.Do.String(), "m2")
				if err != nil {
					t.Errorf("%s: step %q: %v", name, s.Name, err)
				}
				if strings.Contains(text, "{{") {
					t.Errorf("%s: step %q is not rendered: %s", name, s.Name, text)
				}
				for _, use := range known.FindAllStringSubmatch(s.Do.String(), -1) {
					if !learnt[use[1]] {
						t.Errorf("%s: step %q uses the %s before a step learns it", name, s.Name, use[1])
					}
				}
				for _, f := range s.Learns {
					learnt[f.Name] = true
				}
			}
		}
	}
}

// What is restored is on the hosts, and compared, before anything on them is stopped,
// moved or wiped: where none can be had, what is left is all that there is.
func TestWhatIsRestoredIsThereBeforeAnythingIsTouched(t *testing.T) {
	for name, p := range procedures() {
		steps, err := p.Steps(hosts(suited(p)[0]))
		if err != nil {
			t.Fatal(err)
		}
		brought, touched := -1, len(steps)
		for i, s := range steps {
			_, backup := s.Do.(harness.FetchBackup)
			_, bundle := s.Do.(harness.FetchBundle)
			if backup || bundle || strings.HasPrefix(s.Name, "compare") || s.Completes == harness.Fetch || strings.Contains(s.Do.String(), "snapshot save") {
				brought = i
			}
			if touched == len(steps) && touches(s.Do.String()) {
				touched = i
			}
		}
		if brought > touched {
			t.Errorf("%s: step %q comes before %q", name, steps[touched].Name, steps[brought].Name)
		}
	}
}

// The step that restores is what a policy's sweep times as the restore, and holds
// procedures against each other by: nobody else reads the snapshot in it.
func TestTheStepThatRestoresDoesOnlyThat(t *testing.T) {
	for name, p := range procedures() {
		steps, err := p.Steps(hosts(suited(p)[0]))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			does := s.Do.String()
			if restores := strings.Contains(does, "etcdutl snapshot restore"); restores && (s.Completes != harness.Restore || strings.Count(does, "etcdutl") > 1 || strings.Contains(does, "etcdctl")) {
				t.Errorf("%s: step %q completes %q and does %s", name, s.Name, s.Completes, does)
			}
		}
	}
}

func touches(script string) bool {
	return slices.ContainsFunc([]string{"rm -rf " + harness.DataDir, "mv " + harness.DataDir, "mv " + harness.ManifestPath, "rm -f " + harness.ManifestPath},
		func(does string) bool { return strings.Contains(script, does) })
}

// suited is how many members a procedure is for, of one, three and five.
func suited(p harness.Procedure) []int {
	switch p := p.(type) {
	case recovery.DcosScaleUp:
		return []int{1}
	case recovery.RancherDisaster:
		return []int{3}
	case recovery.RkeRestore:
		return []int{1, 3, 5}
	case recovery.TalosRecover:
		if len(p.Survivors) == 0 {
			return []int{1, 3, 5}
		}
	case recovery.EtcdSnapshotRestore:
		if p.Survivor == "" {
			return []int{1, 3, 5}
		}
	case recovery.DcosRestore:
		if len(p.Survivors) == 0 {
			return []int{1, 3, 5}
		}
	}
	return []int{3, 5}
}

func TestProceduresRefuseWhatTheDocumentIsNotAbout(t *testing.T) {
	if _, err := (recovery.KubeadmForceNewCluster{Survivor: "m1"}).Steps(hosts(1)); err == nil {
		t.Error("kubeadm's procedure took a cluster of one, which has no majority to lose")
	}
	if _, err := (recovery.MemberReplace{Lost: "m2"}).Steps(hosts(2)); err == nil {
		t.Error("a member of two was to be replaced, though the other has no quorum")
	}
	if _, err := (recovery.DcosRestore{Survivors: hosts(3)}).Steps(hosts(3)); err == nil {
		t.Error("a cluster was to be restored of which nothing is lost")
	}
	if _, err := (recovery.TalosRecover{Survivors: hosts(2)}).Steps(hosts(3)); err == nil {
		t.Error("a cluster was to be recovered whose quorum is there")
	}
	if _, err := (recovery.TalosRecover{DBCopy: true}).Steps(hosts(3)); err == nil {
		t.Error("a database was to be copied that no node has")
	}
	if _, err := (recovery.DcosReinstall{Failed: "m2"}).Steps(hosts(2)); err == nil {
		t.Error("a package was to be installed with two members")
	}
	for name, p := range map[string]harness.Procedure{
		"kubeadm": recovery.KubeadmForceNewCluster{Survivor: "m9"}, "etcd": recovery.EtcdSnapshotRestore{Survivor: "m9"},
		"replace": recovery.MemberReplace{Lost: "m9"}, "rancher": recovery.RancherDisaster{Survivor: "m9"},
		"talos": recovery.TalosRecover{Survivors: []string{"m9"}}, "talos replace": recovery.TalosReplace{Lost: "m9"}, "dcos": recovery.DcosRestore{Survivors: []string{"m9"}},
		"dcos, installed": recovery.DcosReinstall{Failed: "m9"},
	} {
		if _, err := p.Steps(hosts(3)); err == nil || !strings.Contains(err.Error(), "m9") {
			t.Errorf("%s: a survivor that is no host gave %v", name, err)
		}
	}
}

func TestVerbatimEndsWhereTheDocumentEnds(t *testing.T) {
	steps, err := recovery.KubeadmForceNewCluster{Survivor: "m1", Verbatim: true}.Steps(hosts(3))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if strings.Contains(s.Name, "without the flag") {
			t.Errorf("the verbatim procedure has the step %q, which is not in the document", s.Name)
		}
	}
	last := steps[len(steps)-2]
	if last.From.Section != "step 9" {
		t.Errorf("the last documented step is %s, not step 9", last.From)
	}
}

// A new host under a name of its own takes the next that is free, however many hosts
// there are, and the lost one's is in no list any more.
func TestAReplacementUnderAnotherName(t *testing.T) {
	for n, heir := range map[int]string{3: "m4", 5: "m6"} {
		steps, err := recovery.MemberReplace{Lost: "m3", NewName: true}.Steps(hosts(n))
		if err != nil {
			t.Fatal(err)
		}
		ordered, announced := harness.NewHosts{}, harness.Announce{}
		for i, s := range steps {
			switch do := s.Do.(type) {
			case harness.NewHosts:
				ordered = do
			case harness.Announce:
				announced = do
			}
			if i > 2 && (strings.Contains(s.Name, "m3") || strings.Contains(s.Do.String(), "m3")) {
				t.Errorf("of %d: step %q has the lost host in it: %s", n, s.Name, s.Do)
			}
		}
		want := append(slices.DeleteFunc(slices.Clone(hosts(n)), func(h string) bool { return h == "m3" }), heir)
		if !slices.Equal(ordered.Names, []string{heir}) || !slices.Equal(announced.Hosts, want) {
			t.Errorf("of %d: ordered %v, pointed at %v, want %v", n, ordered.Names, announced.Hosts, want)
		}
	}
}
