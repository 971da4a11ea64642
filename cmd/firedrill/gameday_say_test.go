package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/operator"
)

// The game day that is meant is the only one that is on, unless somebody says which.
func TestWhichGameDay(t *testing.T) {
	dir, err := os.MkdirTemp("", "gd-") // a test's own is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", dir)
	t.Setenv(bastion.SocketVariable, "")
	open := func(drill string, listen func(string) (*bastion.Server, error)) (path string, end func()) {
		t.Helper()
		desk, err := operator.OpenDesk("", drill)
		if err != nil {
			t.Fatal(err)
		}
		server, err := listen(desk.Dir())
		if err != nil {
			t.Fatal(err)
		}
		return server.Path(), func() {
			if err := errors.Join(server.Close(), desk.Close(false)); err != nil {
				t.Error(err)
			}
		}
	}
	none := func() {
		t.Helper()
		if path, err := livingGameDay(""); err == nil || !strings.Contains(err.Error(), "no game day is on here\nhint: ") {
			t.Errorf("%s, %v", path, err)
		}
	}
	none()
	_, endRunbook := open("d0", bastion.Listen)
	defer endRunbook()
	none()
	first, endFirst := open("d1", bastion.ListenToTeam)
	if path, err := livingGameDay(""); err != nil || path != first {
		t.Errorf("%s, %v, and %s is on", path, err, first)
	}
	second, endSecond := open("d2", bastion.ListenToTeam)
	if path, err := livingGameDay(""); err == nil || !strings.Contains(err.Error(), first) || !strings.Contains(err.Error(), second) {
		t.Errorf("%s, %v", path, err)
	}
	if path, err := livingGameDay("/x.sock"); err != nil || path != "/x.sock" {
		t.Errorf("%s, %v", path, err)
	}
	t.Setenv(bastion.SocketVariable, "/y.sock")
	if path, err := livingGameDay(""); err != nil || path != "/y.sock" {
		t.Errorf("%s, %v", path, err)
	}
	t.Setenv(bastion.SocketVariable, "")
	endFirst()
	if path, err := livingGameDay(""); err != nil || path != second {
		t.Errorf("%s, %v, and %s is on", path, err, second)
	}
	endSecond()
	none()
}
