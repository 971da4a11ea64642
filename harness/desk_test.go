package harness_test

import (
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

func desk() *harness.Desk {
	return &harness.Desk{
		Token:   "born",
		Peers:   map[string]string{"m1": "http://a:2380", "m2": "http://b:2380"},
		Clients: map[string]string{"m1": "http://a:2379", "m2": "http://b:2379"},
		Flags:   map[string][]string{"m1": {"name=m1", "initial-cluster-state=new"}},
	}
}

func TestRender(t *testing.T) {
	for _, c := range []struct{ text, want, explained string }{
		{`etcdctl --endpoints={{endpoints "m1" "m2"}} x`, "etcdctl --endpoints=http://a:2379,http://b:2379 x", "etcdctl --endpoints=<client URL of m1>,<client URL of m2> x"},
		{`--initial-cluster {{cluster "m1" "m2"}}`, "--initial-cluster m1=http://a:2380,m2=http://b:2380", "--initial-cluster m1=<peer URL of m1>,m2=<peer URL of m2>"},
		{`{{name}} {{peer name}} {{token}}`, "m1 http://a:2380 born", "m1 <peer URL of m1> <token>"},
		{`{{known "ID of m2"}}`, "8e9e", "<ID of m2>"},
	} {
		d := desk()
		if err := d.Learn([]harness.Fact{{Name: "ID of m2", Pattern: `Member ([0-9a-f]+) added`}}, "Member 8e9e added to cluster 1"); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Render(c.text, "m1"); got != c.want || err != nil {
			t.Errorf("%s renders as %q, %v; want %q", c.text, got, err, c.want)
		}
		if got, err := (&harness.Desk{Explain: true}).Render(c.text, "m1"); got != c.explained || err != nil {
			t.Errorf("%s is explained as %q, %v; want %q", c.text, got, err, c.explained)
		}
	}
}

// What is not known at a step must stop it: an empty peer URL in a command
// would be run, and mean something else.
func TestRenderRefusesWhatIsNotKnown(t *testing.T) {
	for _, text := range []string{`{{peer "m9"}}`, `{{client "m9"}}`, `{{known "ID of m2"}}`, `{{manifest "m2"}}`, `{{endpoints "m1" "m9"}}`, `{{name}}`, `{{nothing}}`, `{{`} {
		if got, err := desk().Render(text, ""); err == nil {
			t.Errorf("%s was rendered as %q", text, got)
		}
	}
}

func TestManifestChangesFlagsInPlace(t *testing.T) {
	got, err := desk().Render(`{{manifest "m1" "initial-cluster-state=existing" "force-new-cluster=true"}}`, "m1")
	if err != nil {
		t.Fatal(err)
	}
	want := "    - etcd\n    - --name=m1\n    - --initial-cluster-state=existing\n    - --force-new-cluster=true\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("the manifest ends in\n%s\nwant\n%s", got, want)
	}
}

func TestLearnSaysWhatItDidNotFind(t *testing.T) {
	err := desk().Learn([]harness.Fact{{Name: "ID of m2", Pattern: `Member ([0-9a-f]+) added`}}, "refused")
	if err == nil || !strings.Contains(err.Error(), "ID of m2") {
		t.Errorf("learning from output without the fact gave %v", err)
	}
}

// An operator's etcdctl shows a certificate of its own, where there is one.
func TestEtcdctlShowsTheOperatorsCertificate(t *testing.T) {
	tls := harness.TLSFiles{CA: "/ca", Cert: "/host", Key: "/host.key"}
	for want, d := range map[string]*harness.Desk{
		"etcdctl --endpoints=<client URL of m1> --cacert=/ca --cert=/host --key=/host.key": {Explain: true, TLS: tls},
		"etcdctl --endpoints=<client URL of m1> --cacert=/ca --cert=/root --key=/root.key": {Explain: true, TLS: harness.TLSFiles{
			CA: tls.CA, Cert: tls.Cert, Key: tls.Key, ClientCert: "/root", ClientKey: "/root.key",
		}},
	} {
		if got, err := d.Render(`{{etcdctl "m1"}}`, "m1"); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
