package observe

import (
	"errors"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

// app may use what is below /app/, and its password is its own.
func enableAuth(t *testing.T, c *clientv3.Client) User {
	t.Helper()
	u := User{Name: "app", Password: "secret", Prefix: "/app/", Elsewhere: "/others"}
	ctx := t.Context()
	_, e1 := c.UserAdd(ctx, "root", "all")
	_, e2 := c.UserGrantRole(ctx, "root", "root")
	_, e3 := c.UserAdd(ctx, u.Name, u.Password)
	_, e4 := c.RoleAdd(ctx, "app")
	_, e5 := c.RoleGrantPermission(ctx, "app", u.Prefix, clientv3.GetPrefixRangeEnd(u.Prefix), clientv3.PermissionType(clientv3.PermReadWrite))
	_, e6 := c.UserGrantRole(ctx, u.Name, "app")
	_, e7 := c.AuthEnable(ctx)
	if err := errors.Join(e1, e2, e3, e4, e5, e6, e7); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestLogIn(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	u := User{Name: "app", Password: "secret", Prefix: "/app/", Elsewhere: "/others"}
	open, held, err := LogIn(t.Context(), targets, u)
	if err != nil || held == nil || open.Login.Granted() || open.Mistyped.Refused || !open.Elsewhere.Granted() {
		t.Errorf("without authentication: %+v, %v", open, err)
	}
	closed(t, held)
	enableAuth(t, dial(t, cluster))
	view, held, err := LogIn(t.Context(), targets, u)
	if err != nil || held == nil {
		t.Fatalf("%+v, %v", view, err)
	}
	defer closed(t, held)
	if view.Index == 0 || !view.Login.Granted() || !view.Below.Granted() || !view.Elsewhere.Refused || !view.Mistyped.Refused {
		t.Errorf("%+v", view)
	}
	for _, a := range []harness.Answer{view.Login, view.Below, view.Elsewhere, view.Mistyped} {
		if strings.Contains(a.Error, u.Password) || a.Within <= 0 || a.Took <= 0 {
			t.Errorf("%+v", a)
		}
	}
	u.Password = "another"
	if view, none, err := LogIn(t.Context(), targets, u); err != nil || none != nil || !view.Login.Refused || view.Below.Granted() {
		t.Errorf("with another password: %+v, %v", view, err)
	}
	// A client that holds a token which is none logs in again by itself.
	if err := cluster.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Members[0].Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is served again", func() string { return Ask(t.Context(), held, u.Prefix).Error })
	if err := cluster.Members[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if a := Ask(t.Context(), held, u.Prefix); a.Granted() || a.Refused {
		t.Errorf("of nobody: %+v", a)
	}
}

func closed(t *testing.T, c *clientv3.Client) {
	t.Helper()
	if c != nil {
		_ = c.Close() // its own context ends with it, which it reports
	}
}

func TestIndexOf(t *testing.T) {
	for token, want := range map[string]uint64{"AbcDefGh.5241": 5241, "AbcDefGh.": 0, "eyJ.eyJ.sig": 0, "": 0} {
		if got, err := indexOf(token); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", token, got, err)
		}
	}
}
