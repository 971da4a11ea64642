package render_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

type fault string

func (f fault) String() string                                           { return string(f) }
func (f fault) Inject(context.Context, harness.Strike) ([]string, error) { return nil, nil }

type check struct {
	name, claim string
	needs       []harness.TrialSpec
}

func (c check) Name() string                           { return c.name }
func (c check) Claim() string                          { return c.claim }
func (c check) Needs() []harness.TrialSpec             { return c.needs }
func (c check) Judge(*harness.Evidence) harness.Result { return harness.Result{} }

// runbook is a procedure for three hosts, five at most.
type runbook []harness.Step

func (r runbook) Steps(hosts []string) ([]harness.Step, error) {
	if len(hosts) > 3 {
		return nil, errors.New("the document names three masters")
	}
	return r, nil
}

func scenario() harness.Scenario {
	from := func(section string) harness.Source {
		return harness.Source{Document: "kubeadm-force-new-cluster.md", Section: section}
	}
	return harness.Scenario{
		Name: "kubeadm-force-new-cluster", Source: from("Recovering from a major etcd failure"),
		Summary: "quorum lost for good; rebuild from the one survivor", Labels: []string{"kubeadm", "quorum-loss"},
		Given: harness.ClusterSpec{Members: 3, Token: "k8s"}, Under: harness.KubernetesTraffic, Backups: harness.BackupJob{Every: 2 * time.Second, Age: time.Second / 2},
		Break:    []harness.Fault{fault("ruin the data directory on all-but(m1)"), fault("kill etcd on m1")},
		Premises: []harness.Check{check{name: "quorum-was-lost", claim: "no member knew a leader"}},
		Recover: runbook{
			{Name: "see that it is a disaster", From: from("step 1"), On: harness.Leader, Do: harness.Script("etcdctl endpoint health"), Precondition: true},
			{Name: "stop etcd on all masters", From: from("step 2"), On: harness.Everyone, AtOnce: true, Do: harness.Script("mv /etc/kubernetes/manifests/etcd.yaml /root/")},
			{Name: "order a machine", Why: "the document assumes one", Do: harness.NewHosts{Names: []string{"m4"}}},
			{Name: "force a new cluster", From: from("step 3"), On: harness.Hosts("m1"), Replaces: true, Completes: harness.Restore,
				Do: harness.Script("cat > /etc/kubernetes/manifests/etcd.yaml <<'EOF'\n{{manifest \"m1\" \"force-new-cluster=true\"}}EOF\n")},
			{Name: "add the others", From: from("step 4"), On: harness.Hosts("m2", "m4"), Await: true, Learns: []harness.Fact{{Name: "ID of m2", Pattern: "(x)"}},
				Do: harness.Script(`etcdctl --endpoints {{client "m1"}} member add {{name}} --peer-urls {{peer name}} # {{known "ID of m2"}}`)},
		},
		Promises: []harness.Check{
			check{name: "replicas-agree", claim: "every member holds the same data"},
			check{name: "survives-one-member-loss", claim: "one member can be killed and writes go on", needs: []harness.TrialSpec{{Name: "kill-one-member"}}},
		},
		Hazards:  []harness.Check{check{name: "revisions-unique", claim: "no revision was handed out twice"}},
		StandIns: []string{"Ark backs up resources; the site's backup job takes snapshots instead"},
		LeftOut:  []string{"step 1, choosing a master: the scenario names it"},
		Within:   time.Minute,
	}
}

func TestExplain(t *testing.T) {
	text, err := render.Style{}.Explain(scenario())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.txt", text, 0)
}

func TestExplainSaysWhenItStrikes(t *testing.T) {
	sc := scenario()
	const when = "while the cluster is first created"
	if text, err := (render.Style{}).Explain(sc); err != nil || strings.Contains(text, when) {
		t.Errorf("%v\n%s", err, text)
	}
	sc.AtBirth = true
	if text, err := (render.Style{}).Explain(sc); err != nil || !strings.Contains(text, "\nwhen       "+when) {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestExplainWithoutAProcedure(t *testing.T) {
	sc := scenario()
	sc.Recover, sc.Given.OnlyBecause, sc.Given.Members = nil, "the document speaks of a single member", 1
	text, err := render.Style{}.Explain(sc)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "explain-nobody.txt", text, render.Width)
}

func TestExplainNamesTheStepThatCannotBeRendered(t *testing.T) {
	for name, step := range map[string]harness.Step{
		"a host that is not there": {Name: "start etcd", On: harness.Hosts("m9"), Do: harness.Script("true")},
		"a template that is none":  {Name: "start etcd", On: harness.Hosts("m1"), Do: harness.Script("{{nonsense}}")},
	} {
		sc := scenario()
		sc.Recover = runbook{step}
		if text, err := (render.Style{}).Explain(sc); err == nil || !strings.Contains(err.Error(), "step 1, start etcd") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
