package bastion

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
)

var printed = []Host{
	{
		Name: "m1", Power: PowerOn, PeerURL: "https://127.1.2.1:2380", ClientURL: "https://127.1.2.1:2379",
		Etcd: EtcdOf(harness.EtcdState{Starts: 2, Exits: 2, LastExit: &harness.EtcdExit{Signal: "killed"}}),
	},
	{Name: "m2", Power: PowerOff},
	{Name: "member-3", Power: Gone},
}

func TestPrintHosts(t *testing.T) {
	var out bytes.Buffer
	if err := PrintHosts(&out, printed, false); err != nil {
		t.Fatal(err)
	}
	want := `m1        on    no manifest, not running, last ended by signal: killed
m2        off   -
member-3  gone  -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPrintHost(t *testing.T) {
	var out bytes.Buffer
	if err := PrintHost(&out, printed[0], false); err != nil {
		t.Fatal(err)
	}
	want := `host        m1
power       on
peer url    https://127.1.2.1:2380
client url  https://127.1.2.1:2379
etcd        no manifest, not running, last ended by signal: killed
starts      2
exits       2
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := PrintHost(&out, printed[1], false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("host   m2\npower  off\netcd   -\n", out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPrintBackups(t *testing.T) {
	var out bytes.Buffer
	err := PrintBackups(&out, []KeptBackup{
		{Name: "backup-004.db", Age: time.Second, Revision: 4800, Keys: 2001, Hash: "1a", Bytes: 30, Changed: "it has 0 bytes, and had 30", Unverified: true},
		{Name: "backup-003.db", Age: time.Second, Revision: 4790, Keys: 2001, Hash: "1a", Bytes: 30, Unseen: "503 SlowDown"},
		{Name: "backup-002.db", Age: 1234567 * time.Microsecond, Revision: 4711, Keys: 2000, Hash: "1a2b3c4d", Bytes: 2_101_280},
		{Name: "backup-001.db", Age: time.Minute, Revision: 1, Keys: 0, Hash: "0", Bytes: 20_512, Unverified: true},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := `NAME           AGE   REVISION  KEYS  HASH      BYTES
backup-004.db  1s    4800      2001  1a        30       CHANGED since it was kept: it has 0 bytes, and had 30; not verified
backup-003.db  1s    4790      2001  1a        30       cannot be looked at just now: 503 SlowDown
backup-002.db  1.2s  4711      2000  1a2b3c4d  2101280
backup-001.db  1m0s  1         0     0         20512    not verified
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// What programs read: nothing is an empty array, and all of it reads back.
func TestPrintJSON(t *testing.T) {
	var out bytes.Buffer
	if err := PrintHosts(&out, printed, true); err != nil {
		t.Fatal(err)
	}
	var hosts []Host
	if err := json.Unmarshal(out.Bytes(), &hosts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(printed, hosts); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := PrintHosts(&out, nil, true); err != nil {
		t.Fatal(err)
	}
	if err := PrintBackups(&out, nil, true); err != nil {
		t.Fatal(err)
	}
	if err := PrintHost(&out, Host{Name: "m1", Power: PowerOff}, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("[]\n[]\n"+`{"name":"m1","power":"off"}`+"\n", out.String()); diff != "" {
		t.Error(diff)
	}
}
