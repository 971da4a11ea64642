package drill

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// A text that begins a new history is seen wherever reads cut it.
func TestScan(t *testing.T) {
	for text, want := range map[string]bool{
		"etcdutl snapshot restore /root/x.db":                   true,
		"    - --force-new-cluster=true\n":                      true,
		"etcdutl snapshot status /root/x.db":                    false,
		strings.Repeat("x", 2*mostScanned) + "snapshot restore": false,
	} {
		found := 0
		s := scan(iotest.OneByteReader(strings.NewReader(text[max(0, len(text)-mostScanned-64):])), func() { found++ })
		if len(text) > mostScanned {
			s = scan(strings.NewReader(text), func() { found++ })
		}
		if n, err := io.Copy(io.Discard, s); err != nil || n == 0 {
			t.Fatal(n, err)
		}
		if (found == 1) != want || found > 1 {
			t.Errorf("%.40q: found %d times", text, found)
		}
	}
	broken := errors.New("broken off")
	if _, err := io.Copy(io.Discard, scan(iotest.ErrReader(broken), nil)); !errors.Is(err, broken) {
		t.Errorf("an input that breaks off: %v", err)
	}
}

func TestOtherHistory(t *testing.T) {
	view := func(cluster, term uint64) harness.MemberView {
		return harness.MemberView{ClusterID: cluster, Term: term}
	}
	mute := harness.MemberView{Error: "deadline exceeded"}
	for name, c := range map[string]struct {
		before, after []harness.MemberView
		want          bool
	}{
		"the same, and an election":   {[]harness.MemberView{view(1, 2), view(1, 2)}, []harness.MemberView{view(1, 3), mute}, false},
		"another cluster":             {[]harness.MemberView{view(1, 2)}, []harness.MemberView{view(2, 9)}, true},
		"terms that began anew":       {[]harness.MemberView{view(1, 5), mute}, []harness.MemberView{view(1, 2)}, true},
		"nobody was heard afterwards": {[]harness.MemberView{view(1, 5)}, []harness.MemberView{mute}, false},
		"nobody was heard before":     {[]harness.MemberView{mute}, []harness.MemberView{view(2, 2)}, false},
	} {
		if got := otherHistory(c.before, c.after); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What was typed is shown as it is typed.
func TestTyped(t *testing.T) {
	for _, c := range []struct {
		call           bastion.Call
		typed, summary string
	}{
		{bastion.Call{Verb: bastion.Exec, Args: []string{"m1", "sh", "-c", "echo 'a b'"}}, `firedrill host exec m1 -- sh -c "echo 'a b'"`, "sh -c echo 'a b'"},
		{bastion.Call{Verb: bastion.Exec, Args: []string{"m1", "etcdctl", "--endpoints=https://m1:2379", "--cacert=/c", "--cert=/d", "--key=/e", "member", "list"}},
			"firedrill host exec m1 -- etcdctl '--endpoints=https://m1:2379' '--cacert=/c' '--cert=/d' '--key=/e' member list", "etcdctl --endpoints=https://m1:2379 member list"},
		{bastion.Call{Verb: bastion.Put, Args: []string{"m1", "/root/my snapshot.db", "0600"}}, `firedrill host cp - m1:'/root/my snapshot.db'`, "copy to /root/my snapshot.db"},
		{bastion.Call{Verb: bastion.Get, Args: []string{"m1", "/root/x"}}, "firedrill host cp m1:/root/x -", "copy /root/x"},
		{bastion.Call{Verb: bastion.Backup, Args: []string{"backup-001.db"}}, `firedrill host cp "$FIREDRILL_BACKUPS"/backup-001.db -`, "copy a backup: backup-001.db"},
		{bastion.Call{Verb: bastion.Bundle}, `firedrill host cp "$FIREDRILL_BACKUPS"/pki.bundle.tar.gz -`, "copy a backup: pki.bundle.tar.gz"},
		{bastion.Call{Verb: bastion.Start, Args: []string{"m1", "--force-new-cluster=true"}}, "firedrill host start m1 -- '--force-new-cluster=true'", "start etcd --force-new-cluster=true"},
		{bastion.Call{Verb: bastion.Stop, Args: []string{"m1"}}, "firedrill host stop m1", "stop etcd"},
		{bastion.Call{Verb: bastion.Announce, Args: []string{"m1", "m2"}}, "firedrill announce m1 m2", "announce m1 m2"},
		{bastion.Call{Verb: bastion.RestartComponents}, "firedrill restart-components", "restart-components"},
		{bastion.Call{Verb: bastion.List}, "firedrill host ls", "ls"},
		{bastion.Call{Verb: bastion.Env}, "firedrill env", "env"},
		{bastion.Call{Verb: bastion.Tool, Args: []string{"etcdctl", "--cert=/d", "get", "a b"}}, "etcdctl '--cert=/d' get 'a b'", "etcdctl get a b"},
	} {
		if got := typed(c.call); got != c.typed {
			t.Errorf("typed: %s, want %s", got, c.typed)
		}
		if got := summary(c.call); got != c.summary {
			t.Errorf("summary: %s, want %s", got, c.summary)
		}
	}
	long := bastion.Call{Verb: bastion.Exec, Args: []string{"m1", "echo", strings.Repeat("ä", 500)}}
	if got := summary(long); len([]rune(got)) != mostSummary || !strings.HasSuffix(got, "…") {
		t.Errorf("%q", got)
	}
}
