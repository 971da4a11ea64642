package drill

import (
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

func TestOnlyLooks(t *testing.T) {
	for text, want := range map[string]bool{
		"cat /etc/kubernetes/manifests/etcd.yaml": true,
		"ls -l /var/lib/etcd":                     true,
		"find / -name *.db":                       true,
		"find / -name *.db -exec rm {} ;":         false,
		"rm -rf /var/lib/etcd":                    false,
		"mv /a /b":                                false,
		"touch /x":                                false,
		"tar c /var/lib/etcd":                     false, // it writes to standard output, and may write elsewhere
		"date":                                    true,
		"env":                                     true,
		"env A=b":                                 true,
		"env ETCDCTL_API=3 etcdutl snapshot restore /root/x.db": false,
		"env -i rm /x":        false,
		"date -u":             true,
		"date 010203042026":   false,
		"no-such-command":     false,
		"etcdctl member list": true,
		"etcdctl --endpoints=https://m1:2379 --command-timeout 1s endpoint status": true,
		"etcdctl get / --prefix":                      true,
		"etcdctl put get x":                           false,
		"etcdctl member add m4 --peer-urls=http://x":  false,
		"etcdctl member add --help":                   true,
		"etcdctl alarm list":                          true,
		"etcdctl alarm disarm":                        false,
		"etcdctl del get":                             false,
		"etcdctl snapshot save /root/x.db":            false,
		"etcdctl":                                     false,
		"etcdutl snapshot status /root/x.db":          true,
		"etcdutl snapshot restore /root/x.db":         false,
		"etcdutl hashkv /var/lib/etcd/member/snap/db": true,
	} {
		if got := onlyLooks(strings.Fields(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, want := range map[string]bool{
		"":                                    true,
		"ls /; cat /etc/hosts | wc -l":        true,
		"pidof etcd || ps":                    true,
		"! pidof etcd":                        true,
		"for f in /*; do echo $f; done":       true,
		"ls / >/dev/null 2>&1":                true,
		"etcdctl endpoint health 2>/dev/null": true,
		"ls / > /root/list":                   false,
		"cat < /etc/hosts":                    true,
		"echo $(rm /x)":                       false,
		"if test -f /x; then mv /x /y; fi":    false,
		"ls / && rm -rf /var/lib/etcd":        false,
		"$TOOL /x":                            false,
		"l=ls; $l /":                          false,
		"cleanup() { rm /x; }; cleanup":       false,
		"mkdir -p /root && mv /a /root":       false,
		"sh -c 'ls /'":                        true,
		"sh -c 'rm /x'":                       false,
		"ls 'unfinished":                      false,
		"eval rm /x":                          false,
	} {
		if got := onlyLooks([]string{"sh", "-c", text}); got != want {
			t.Errorf("sh -c %q: %v", text, got)
		}
	}
	if onlyLooks([]string{"sh", "-s"}) || onlyLooks([]string{"sh", "/root/x.sh"}) || onlyLooks(nil) {
		t.Error("a script that nobody has read only looks")
	}
}

// What only looks at what begins a new history, or at a manifest, begins nothing.
func TestLooksBeginNothing(t *testing.T) {
	const manifest = "/etc/kubernetes/manifests/etcd.yaml"
	for text, want := range map[string]bool{
		"grep force-new-cluster " + manifest:                        false,
		"head -40 /root/restore.sh":                                 false,
		"tail /root/restore.sh":                                     false,
		"diff " + manifest + " /root/force-new-cluster.yaml":        false,
		"find / -name force-new-cluster*":                           false,
		"rm /root/force-new-cluster.yaml":                           false,
		"sh /root/restore.sh":                                       true,
		"etcdutl snapshot restore /root/x.db":                       true,
		"env A=b etcdutl snapshot restore /root/x.db":               true,
		"find /root -name x.db -exec etcdutl snapshot restore {} ;": true,
		"mv /root/force-new-cluster.yaml " + manifest:               true,
	} {
		d := &drill{timeline: &timeline{start: time.Now()}, ev: &harness.Evidence{Marks: map[harness.Mark]time.Duration{}}}
		h := &hand{d: d, placing: map[string]bool{}, scripts: []script{{host: "m1", path: "/root/restore.sh", renews: true}}}
		if h.runs("m1", strings.Fields(text)); h.began != want {
			t.Errorf("%s: a new history begins: %v", text, h.began)
		}
	}
}

// Every verb is one that changes something, or one that does not.
func TestEveryVerbIsJudged(t *testing.T) {
	change := "exec put put-tree start stop new on off reboot certify announce restart-components tool"
	for _, verb := range bastion.Verbs() {
		c := bastion.Call{Verb: verb, Args: []string{"m1", "rm", "/x"}}
		want := false
		for _, v := range strings.Fields(change) {
			want = want || v == verb
		}
		if got := changes(c); got != want {
			t.Errorf("%s changes something: %v", verb, got)
		}
	}
}
