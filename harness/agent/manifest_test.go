package agent

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestParseManifest(t *testing.T) {
	const kubeadm = `apiVersion: v1
kind: Pod
metadata: {name: etcd, annotations: {kubeadm.kubernetes.io/etcd.advertise-client-urls: "https://10.0.0.1:2379"}}
spec:
  containers:
  - image: sidecar
    command: [sleep, forever]
  - image: registry.k8s.io/etcd:3.6
    command: [/usr/local/bin/etcd, --name=m1]
    args: ["--data-dir=/var/lib/etcd"]
    workingDir: /tmp
    env:
    - {name: ETCD_QUOTA, value: "5"}
    - name: EMPTY
    livenessProbe: {httpGet: {port: 2381}}
    volumeMounts: [{mountPath: /var/lib/etcd, name: etcd-data}]
  volumes: [{name: etcd-data, hostPath: {path: /var/lib/etcd, type: DirectoryOrCreate}}]
`
	got, err := parseManifest([]byte(kubeadm))
	if err != nil {
		t.Fatal(err)
	}
	want := pod{
		argv: []string{"/usr/local/bin/etcd", "--name=m1", "--data-dir=/var/lib/etcd"},
		env:  []string{"ETCD_QUOTA=5", "EMPTY="}, dir: "/tmp", identity: got.identity,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pod{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ours, err := parseManifest([]byte(harness.Manifest("m1", []string{"name=m1", "force-new-cluster"})))
	if err != nil || !cmp.Equal(ours.argv, []string{"etcd", "--name=m1", "--force-new-cluster"}) || ours.dir != "/" {
		t.Errorf("the harness's own: %+v, %v", ours, err)
	}
}

func TestBadManifests(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "kind",
		"kind: [":                          "YAML",
		"- a\n- b":                         "YAML",
		"kind: Deployment":                 "Deployment",
		"kind: Pod":                        "none of its containers",
		"kind: Pod\nspec: {containers: 5}": "YAML",
		"kind: Pod\nspec: {containers: [{command: [sh, -c, etcd]}]}":                                          "none of its containers",
		"kind: Pod\nspec: {containers: [{command: [etcd], env: [{name: X, valueFrom: {fieldRef: {a: b}}}]}]}": "valueFrom",
	} {
		if _, err := parseManifest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(harness.Manifest("m1", []string{"name=m1"})))
	f.Add([]byte("kind: Pod\nspec: {containers: [{command: [etcd], env: [{name: X}]}]}"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("kind: Pod\nspec: {containers: [null, {command: [null]}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parseManifest(text)
		if err == nil && (len(p.argv) == 0 || path.Base(p.argv[0]) != "etcd" || p.dir == "" || p.identity == "") {
			t.Errorf("%q is taken for %+v", text, p)
		}
	})
}
