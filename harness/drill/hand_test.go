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

// What was restored at the desk begins a new history where it is put, or with the next start
// there.
func TestARestoreAtTheDesk(t *testing.T) {
	const restore = "etcdutl snapshot restore x.db --data-dir restored"
	used := func(h *hand, command, ended string) {
		if _, err := h.tool(strings.Fields(command), harness.Streams{In: strings.NewReader(ended), Out: io.Discard}); err != nil {
			t.Error(err)
		}
	}
	tree := func(h *hand, host, to string, err error) {
		h.writes(host, to)
		if got := h.wrote(host, err); !errors.Is(got, err) {
			t.Errorf("%v, and it was %v", got, err)
		}
	}
	for name, c := range map[string]struct {
		does func(*hand)
		want bool // a new history has begun
	}{
		"it lies at the desk":      {func(h *hand) { used(h, restore, "0"); h.begins("m1") }, false},
		"onto etcd's data":         {func(h *hand) { used(h, restore, "0"); tree(h, "m1", "/var/lib/etcd/", nil) }, true},
		"above them":               {func(h *hand) { used(h, restore, "0"); tree(h, "m1", "var/lib", nil) }, true},
		"below them, file by file": {func(h *hand) { used(h, restore, "0"); h.writes("m1", "/var/lib/etcd/member/snap/db") }, true},
		"beside them":              {func(h *hand) { used(h, restore, "0"); tree(h, "m1", "/var/lib/etcd2", nil) }, false},
		"and started with that":    {func(h *hand) { used(h, restore, "0"); tree(h, "m1", "/var/lib/etcd2", nil); h.begins("m1") }, true},
		"and moved into place": {func(h *hand) {
			used(h, restore, "0")
			tree(h, "m1", "/root/restored", nil)
			h.runs("m1", strings.Fields("mv /root/restored /var/lib/etcd"))
		}, true},
		"and looked at": {func(h *hand) {
			used(h, restore, "0")
			tree(h, "m1", "/root/restored", nil)
			h.runs("m1", strings.Fields("ls -l /root/restored /var/lib/etcd"))
		}, false},
		"and something else is done": {func(h *hand) {
			used(h, restore, "0")
			tree(h, "m1", "/root/restored", nil)
			h.runs("m1", strings.Fields("mv /root/restored /root/tried"))
		}, false},
		"and its manifest is put back": {func(h *hand) {
			used(h, restore, "0")
			tree(h, "m1", "/root/restored", nil)
			h.places("m1")
			h.runsAgain("m1")
			h.following.Wait()
		}, true},
		"and another host is started": {func(h *hand) { used(h, restore, "0"); tree(h, "m1", "/root/restored", nil); h.begins("m2") }, false},
		"but it did not arrive": {func(h *hand) {
			used(h, restore, "0")
			tree(h, "m1", "/root/restored", io.ErrClosedPipe)
			h.begins("m1")
		}, false},
		"in an archive":                 {func(h *hand) { used(h, restore, "0"); h.writes("m1", "/root/restored.tar"); h.begins("m1") }, true},
		"another file is put there":     {func(h *hand) { used(h, restore, "0"); h.writes("m1", "/etc/etcd/pki/ca.crt"); h.begins("m1") }, false},
		"nothing was restored":          {func(h *hand) { tree(h, "m1", "/var/lib/etcd", nil); h.begins("m1") }, false},
		"it failed":                     {func(h *hand) { used(h, restore, "1"); tree(h, "m1", "/var/lib/etcd", nil) }, false},
		"somebody asked how":            {func(h *hand) { used(h, restore+" --help", "0"); tree(h, "m1", "/var/lib/etcd", nil) }, false},
		"somebody looked at the backup": {func(h *hand) { used(h, "etcdutl snapshot status x.db", "0"); tree(h, "m1", "/var/lib/etcd", nil) }, false},
		"where the data lie elsewhere": {func(h *hand) {
			h.d.desk.Flags["m1"] = []string{"data-dir=/data"}
			used(h, restore, "0")
			tree(h, "m1", "/data", nil)
		}, true},
		"where they do not lie any more": {func(h *hand) {
			h.d.desk.Flags["m1"] = []string{"data-dir=/data"}
			used(h, restore, "0")
			tree(h, "m1", "/var/lib/etcd", nil)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := handOf(t, "m1", "m2")
			h.d.desk = &harness.Desk{Flags: map[string][]string{}}
			c.does(h)
			if got := h.hasReplaced(); got != c.want {
				t.Errorf("a new history has begun: %v", got)
			}
		})
	}
	h := handOf(t, "m1")
	h.d.desk = &harness.Desk{}
	used(h, restore, "0")
	if h.restored != 0 {
		t.Error("a snapshot counts as restored that is on no host")
	}
	tree(h, "m1", "/var/lib/etcd", nil)
	if h.restored == 0 {
		t.Error("one that is on a host does not")
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
