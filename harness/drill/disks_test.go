package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// inspected is a host on which the script that lists etcd's files has this outcome.
type inspected struct {
	*disk
	out harness.Output
	err error
}

func (h inspected) Run(context.Context, string) (harness.Output, error) { return h.out, h.err }

// inspect has a drill look at what lies on one host.
func inspect(t *testing.T, h harness.Host, promises ...harness.Check) []harness.HostDisk {
	t.Helper()
	d := &drill{
		scenario: harness.Scenario{Promises: promises}, timeline: &timeline{start: time.Now()}, hosts: map[string]harness.Host{"m1": h}, desk: &harness.Desk{},
		abort: func(err error) { t.Errorf("it broke: %v", err) },
	}
	found := d.disks(t.Context())
	for i := range found {
		if found[i].At <= 0 {
			t.Errorf("%+v was looked at at no time", found[i])
		}
		found[i].At = 0
	}
	return found
}

func TestWhatLiesOnAHost(t *testing.T) {
	hash := strings.Repeat("a0", 32)
	listed := hash + "  " + harness.ManifestPath + `
1 /var/lib/etcd
2 /var/lib/etcd/member
3 /var/lib/etcd/member/snap
5 /var/lib/etcd/member/snap/db
4 /var/lib/etcd/member/snap/0000000000000002-000000000000000b.snap
8 /var/lib/etcd/member/snap/tmp1
6 /var/lib/etcd/member/wal
18446744073709551615 ` + walAt + `
9 /var/lib/etcd/member/wal/0.tmp
6 /var/lib/etcd/member/wal
18446744073709551615 ` + walAt + "\n"
	files := []harness.DiskFile{
		{Path: "/var/lib/etcd", Inode: 1}, {Path: "/var/lib/etcd/member", Inode: 2}, {Path: "/var/lib/etcd/member/snap", Inode: 3},
		{Path: "/var/lib/etcd/member/snap/0000000000000002-000000000000000b.snap", Inode: 4}, {Path: dbAt, Inode: 5},
		{Path: "/var/lib/etcd/member/wal", Inode: 6}, {Path: walAt, Inode: 1<<64 - 1},
	}
	full, young, none := etcdsDisk("m1"), etcdsDisk("m1"), &disk{name: "m1"}
	young.files[dbAt], young.files[walAt] = "overwritten", strings.Repeat("x", 100)+strings.Repeat("\x00", 1<<16)
	head := sha256.Sum256([]byte(full.files[walAt][:walHead]))
	for name, c := range map[string]struct {
		host inspected
		want harness.HostDisk
	}{
		"etcd's":  {inspected{disk: full, out: harness.Output{Stdout: listed}}, harness.HostDisk{Manifest: hash, Files: files, Database: true, LogHead: hex.EncodeToString(head[:])}},
		"a young": {inspected{disk: young, out: harness.Output{Stdout: listed}}, harness.HostDisk{Manifest: hash, Files: files}},
		"a bare":  {inspected{disk: none}, harness.HostDisk{Files: []harness.DiskFile{}}},
		"an off":  {inspected{disk: none, err: fmt.Errorf("m1: %w", harness.ErrHostOff)}, harness.HostDisk{Off: true}},
		"a sick": {inspected{disk: none, out: harness.Output{ExitCode: 1, Stderr: "input/output error\n"}},
			harness.HostDisk{Error: "look at the disk of m1: exit status 1: input/output error"}},
		"an odd": {inspected{disk: none, out: harness.Output{Stdout: "what?\n"}},
			harness.HostDisk{Error: `look at the disk of m1: this is no file and its inode: "what?"`}},
		"a slow": {inspected{disk: none, err: context.DeadlineExceeded}, harness.HostDisk{Error: context.DeadlineExceeded.Error()}},
	} {
		c.want.Host = "m1"
		if found := inspect(t, c.host, check.NothingChanged{}); !reflect.DeepEqual(found, []harness.HostDisk{c.want}) {
			t.Errorf("%s: %+v\nwant %+v", name, found, c.want)
		}
	}
	gone := inspected{disk: none, err: fmt.Errorf("m1: %w", harness.ErrHostGone)}
	if found := inspect(t, gone, check.NothingChanged{}); len(found) != 0 {
		t.Errorf("of a host that is gone: %+v", found)
	}
	if found := inspect(t, gone, check.ProcedureRefused{}); found != nil {
		t.Errorf("no check compares it, and it was looked at: %+v", found)
	}
}

// A write-ahead log that lies apart from the other data is looked at as well.
func TestWhereEtcdsDataLie(t *testing.T) {
	d := &drill{desk: &harness.Desk{Flags: map[string][]string{"m1": {"data-dir=/data", "wal-dir=/fast/wal"}}}}
	at := d.places("m1")
	if want := (places{dir: "/data", db: "/data/member/snap/db", wal: "/fast/wal"}); at != want {
		t.Errorf("%+v, want %+v", at, want)
	}
	if script := at.script(); !strings.Contains(script, "'/data' '/fast/wal'") {
		t.Error(script)
	}
	_, files, err := at.listed("1 /data\n2 /data/member\n3 /fast/wal\n4 /fast/wal/0.wal\n5 /fast/wal/1.tmp\n")
	if err != nil || fmt.Sprint(files) != "[{/data 1} {/data/member 2} {/fast/wal 3} {/fast/wal/0.wal 4}]" {
		t.Errorf("%v, %v", files, err)
	}
}
