package gameday

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhereItListens(t *testing.T) {
	for address, want := range map[string]string{
		"": "127.0.0.1:0", ":8080": "127.0.0.1:8080", "localhost:0": "localhost:0", "[::1]:0": "[::1]:0", "0.0.0.0:80": "0.0.0.0:80", "[::]:80": "[::]:80",
	} {
		host, port, err := splitAddress(address)
		if err != nil || net.JoinHostPort(host, port) != want {
			t.Errorf("%q is %s:%s, %v, want %s", address, host, port, err, want)
		}
	}
	for _, address := range []string{"8080", "127.0.0.1", "a:b:c", "127.0.0.1:http:"} {
		if _, err := Listen(t.Context(), address, newFake()); err == nil || !strings.Contains(err.Error(), "hint: ") {
			t.Errorf("%q: %v", address, err)
		}
	}
	taken := open(t, newFake(), "")
	if _, err := Listen(t.Context(), taken.names.address(), newFake()); err == nil || !strings.Contains(err.Error(), "hint: ") {
		t.Errorf("an address that is taken: %v", err)
	}
}

// What is made sure of is where it then listens: without a host on loopback alone.
func TestCanListenWhereItDoes(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.2:0") // another's, at an address of his own
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, port, err := net.SplitHostPort(other.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := CanListen(t.Context(), ":"+port); err != nil {
		t.Errorf("it listens on 127.0.0.1 alone, where nobody does: %v", err)
	}
	open(t, newFake(), ":"+port)
	for _, address := range []string{":" + port, "127.0.0.2:" + port, "127.0.0.1:none", "8080"} {
		if err := CanListen(t.Context(), address); err == nil || !strings.Contains(err.Error(), "\nhint: ") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A name that somebody has resolve to 127.0.0.1 is none of ours.
func TestHosts(t *testing.T) {
	bound := func(address string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	near, far := namesOf("127.0.0.1", bound("127.0.0.1:8080")), namesOf("0.0.0.0", bound("0.0.0.0:8080"))
	named := namesOf("drill.test", bound("127.0.0.2:8080"))
	for _, c := range []struct {
		names hostNames
		host  string
		want  bool
	}{
		{near, "127.0.0.1:8080", true}, {near, "127.0.0.1", true}, {near, "localhost:8080", true}, {near, "LocalHost.:8080", true},
		{near, "[::1]:8080", true}, {near, "[::1]", true}, {near, "[::ffff:127.0.0.1]:80", true}, {near, "localhost:9", true}, // a forwarded port
		{near, "attacker.test:8080", false}, {near, "localhost.attacker.test", false}, {near, "127.0.0.1.attacker.test:8080", false},
		{near, "", false}, {near, "10.0.0.1:8080", false}, {near, "0.0.0.0:8080", false}, {near, "xlocalhost", false}, {near, "2130706433", false}, {near, "drill.test", false},
		{named, "drill.test:8080", true}, {named, "DRILL.test", true}, {named, "127.0.0.2:8080", true}, {named, "other.test", false},
		{far, "whatever.test:8080", true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/wall", nil)
		r.Host = c.host
		if got := c.names.mine(r); got != c.want {
			t.Errorf("%q sent to %+v: mine %v", c.host, c.names, got)
		}
	}
	if !near.loopback || far.loopback || !named.loopback {
		t.Errorf("loopback: %v %v %v", near.loopback, far.loopback, named.loopback)
	}
	if far.shown == "0.0.0.0" || far.shown == "" {
		t.Errorf("nobody gets to %q", far.shown)
	}
}

func TestAnotherHostIsRefused(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	v := newVisitor(t)
	for path := range s.routes {
		r := v.request(s.routes[path].method, at(t, s.WallURL(), path), "by=eve&sure=yes", "Content-Type", formFormat)
		r.Host = "attacker.test:" + s.names.port
		if got := v.do(r); got.status != http.StatusMisdirectedRequest || !strings.Contains(got.text, "hint: open http://127.0.0.1:") {
			t.Errorf("%s: %d %q", path, got.status, got.text)
		}
	}
	if e.all() != "" {
		t.Errorf("asked of the exercise: %s", e.all())
	}
}
