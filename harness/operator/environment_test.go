//go:build unix

package operator

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	facts := Facts{
		Bastion: "/d/desk/bastion", By: "restore.sh",
		Endpoints: []string{"https://127.20.3.1:2379", "https://127.20.3.2:2379"}, Token: "firedrill-1", Backups: "/d/desk/backups",
		Hosts: []string{"m1", "m2"}, Up: []string{"m1"}, Lost: []string{"m2"}, Spares: []string{"spare-one"},
		PeerURLs:   map[string]string{"m1": "https://127.20.3.1:2380", "spare-one": "https://127.20.3.9:2380"},
		ClientURLs: map[string]string{"m1": "https://127.20.3.1:2379"},
	}
	withS3 := facts
	withS3.Backups = "s3://backups"
	withS3.S3 = &S3{Endpoint: "http://127.0.0.1:7070", Region: "us-east-1", AccessKey: "ID", SecretKey: "SECRET"}
	for name, c := range map[string]struct {
		own   []string
		facts Facts
		certs bool
		has   []string // all that is in it beside what every one has
		not   []string // names that are not in it
	}{
		"what every one has": {facts: facts},
		"the caller's own": {
			own:   []string{"PATH=/opt/bin:/usr/bin", "HOME=/home/u", "LANG=C", "EMPTY=", "TWO=a=b", "ETCD_NAME=x"},
			facts: facts,
			has:   []string{"PATH=/d/desk/bin:/opt/bin:/usr/bin", "HOME=/home/u", "LANG=C", "EMPTY=", "TWO=a=b", "ETCD_NAME=x"},
		},
		"where the caller is, and another drill and cluster": {
			own: []string{
				"PWD=/runs/1", "OLDPWD=/runs", "_=/usr/bin/firedrill", "=C:=x", "odd",
				"FIREDRILL_BASTION=/other", "FIREDRILL_PEER_URL_m9=x", "FIREDRILL_REQUIRE=container",
				"ETCDCTL_USER=root:secret", "ETCDCTL_API=3", "ETCDCTL_ENDPOINTS=https://production:2379",
			},
			facts: facts,
			not:   []string{"PWD", "OLDPWD", "_", "", "odd", "FIREDRILL_PEER_URL_m9", "FIREDRILL_REQUIRE", "ETCDCTL_USER", "ETCDCTL_API"},
		},
		"certificates": {
			facts: facts, certs: true,
			has: []string{"ETCDCTL_CACERT=/d/desk/pki/ca.crt", "ETCDCTL_CERT=/d/desk/pki/client.crt", "ETCDCTL_KEY=/d/desk/pki/client.key"},
		},
		"the caller's AWS is kept": {
			own: []string{"AWS_PROFILE=backups", "AWS_REGION=eu-west-1"}, facts: facts,
			has: []string{"AWS_PROFILE=backups", "AWS_REGION=eu-west-1"},
		},
		"the drill's own S3 server": {
			own: []string{"AWS_PROFILE=backups", "AWS_SESSION_TOKEN=x", "AWS_REGION=eu-west-1", "AWSOME=yes"}, facts: withS3,
			has: []string{
				"FIREDRILL_BACKUPS=s3://backups", "AWS_ENDPOINT_URL=http://127.0.0.1:7070", "AWS_ACCESS_KEY_ID=ID",
				"AWS_SECRET_ACCESS_KEY=SECRET", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWSOME=yes",
			},
			not: []string{"AWS_PROFILE", "AWS_SESSION_TOKEN"},
		},
		"little is known, and an empty PATH, which would mean where one is": {
			own: []string{"PATH=", "ETCDCTL_ENDPOINTS=https://production:2379"},
			has: []string{
				"FIREDRILL_BASTION=", "FIREDRILL_BY=", "FIREDRILL_HOSTS=", "FIREDRILL_HOSTS_UP=", "FIREDRILL_HOSTS_LOST=", "FIREDRILL_SPARES=",
				"ETCDCTL_ENDPOINTS=http://no-endpoint-is-known.invalid:2379",
			},
			not: []string{"FIREDRILL_BACKUPS", "FIREDRILL_CLUSTER_TOKEN"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Desk{dir: "/d/desk"}
			d.certs.Store(c.certs)
			got := d.Environment(c.own, c.facts)
			want := map[string]string{"PATH": "/d/desk/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
			if c.facts.Bastion != "" {
				for _, entry := range []string{
					"FIREDRILL_BASTION=/d/desk/bastion", "FIREDRILL_BY=restore.sh",
					"ETCDCTL_ENDPOINTS=https://127.20.3.1:2379,https://127.20.3.2:2379",
					"FIREDRILL_CLUSTER_TOKEN=firedrill-1", "FIREDRILL_BACKUPS=/d/desk/backups",
					"FIREDRILL_HOSTS=m1 m2", "FIREDRILL_HOSTS_UP=m1", "FIREDRILL_HOSTS_LOST=m2", "FIREDRILL_SPARES=spare-one",
					"FIREDRILL_PEER_URL_m1=https://127.20.3.1:2380", "FIREDRILL_PEER_URL_spare_one=https://127.20.3.9:2380",
					"FIREDRILL_CLIENT_URL_m1=https://127.20.3.1:2379",
				} {
					put(want, entry)
				}
			}
			for _, entry := range c.has {
				put(want, entry)
			}
			has := map[string]string{}
			for _, entry := range got {
				if put(has, entry) {
					t.Errorf("%s is there twice: %q", entry, got)
				}
			}
			for _, name := range c.not {
				if _, ok := has[name]; ok {
					t.Errorf("%s is there: %q", name, got)
				}
			}
			for name, value := range want {
				if has[name] != value {
					t.Errorf("%s is %q, want %q", name, has[name], value)
				}
				delete(has, name)
			}
			if len(has) > 0 {
				t.Errorf("beside what is wanted there are %v", has)
			}
		})
	}
}

// What is exported, a POSIX shell takes over, whatever the values are.
func TestExports(t *testing.T) {
	k := Kit{Set: map[string]string{"FIREDRILL_A": "m1 m2", "FIREDRILL_B": "it's $(false) \"x\" `y`\\\n*", "FIREDRILL_C": ""}}
	shell := exec.Command("sh", "-c", `FIREDRILL_A=before; eval "$(cat)"; exec env`)
	shell.Env, shell.Stdin = []string{"PATH=" + os.Getenv("PATH")}, strings.NewReader(k.Exports())
	out, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range k.Set {
		if !strings.Contains("\n"+string(out), "\n"+name+"="+value+"\n") {
			t.Errorf("%s is not %q in\n%s", name, value, out)
		}
	}
}

// put puts "NAME=value" into a map, and tells whether there was one of that name.
func put(in map[string]string, entry string) (before bool) {
	name, value, _ := strings.Cut(entry, "=")
	_, before = in[name]
	in[name] = value
	return before
}

func TestS3IsNotPrinted(t *testing.T) {
	s := S3{Endpoint: "http://127.0.0.1:7070", AccessKey: "ID", SecretKey: "SECRET"}
	for _, text := range []string{fmt.Sprintf("%v", s), fmt.Sprintf("%+v", Facts{S3: &s}), fmt.Sprintf("%#v", s), fmt.Sprint(&s)} {
		if strings.Contains(text, "SECRET") {
			t.Errorf("%q has the secret in it", text)
		}
	}
}
