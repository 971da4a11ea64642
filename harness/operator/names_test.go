//go:build unix

package operator

import (
	"testing"

	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// A desk says where the bastion is by the names that those who look for it know. Neither package
// may know the other.
func TestNamesAgree(t *testing.T) {
	if BastionVariable != bastion.SocketVariable || ByVariable != bastion.ByVariable || mostSocket != bastion.MostPath {
		t.Error("the two packages mean different things")
	}
	set := (&Desk{dir: "/d"}).Kit(Facts{Bastion: "/d/x.sock", By: "ann", Backups: "/d/backups"}).Set
	for name, value := range map[string]string{bastion.SocketVariable: "/d/x.sock", bastion.ByVariable: "ann", bastion.BackupsVariable: "/d/backups"} {
		if set[name] != value {
			t.Errorf("%s is %q, want %q", name, set[name], value)
		}
	}
	if longest := len(bastion.GameDaySocket("")); longest > socketName {
		t.Errorf("a socket's name has %d bytes, and a desk leaves room for %d", longest, socketName)
	}
}
