package gameday

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestTheFacilitatorNeedsTheToken(t *testing.T) {
	s := open(t, newFake(), "")
	v := newVisitor(t)
	page := at(t, s.FacilitatorURL(), "/facilitator")
	for _, address := range []string{
		page, page + "/events", page + "?token=", page + "?token=" + strings.Repeat("A", 26), page + "?token=" + s.wall.token,
		page + "?Token=" + s.facilitator.token, page + "/events?token=" + s.facilitator.token,
	} {
		got := v.get(address)
		if got.status != http.StatusForbidden || !strings.Contains(got.text, "token") || strings.Contains(got.text, "force-new-cluster") {
			t.Errorf("%s: %d %q", address, got.status, got.text)
		}
		if got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie for nothing: %s", address, got.header.Get("Set-Cookie"))
		}
	}
	if got := v.post(page+"/pause?token="+s.facilitator.token, nil); got.status != http.StatusForbidden {
		t.Errorf("a token in the URL of a deed: %d %q", got.status, got.text)
	}
}

// The token is in the URL once. From then on the cookie is what opens, a reload too.
func TestTheTokenBecomesACookie(t *testing.T) {
	s := open(t, newFake(), "")
	v := newVisitor(t)
	got := v.get(s.FacilitatorURL())
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/facilitator" {
		t.Fatalf("%d to %q", got.status, got.header.Get("Location"))
	}
	cookie := got.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/facilitator"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie is %q, without %s", cookie, want)
		}
	}
	for range 2 {
		if got := v.get(at(t, s.FacilitatorURL(), "/facilitator")); got.status != http.StatusOK || !strings.Contains(got.text, "kubeadm-force-new-cluster") {
			t.Errorf("%d %q", got.status, got.text)
		}
	}
	if got := v.post(at(t, s.FacilitatorURL(), "/facilitator/pause"), nil); got.status != http.StatusNoContent {
		t.Errorf("%d %q", got.status, got.text)
	}
	if got := v.get(at(t, s.FacilitatorURL(), "/facilitator") + "?token=wrong"); got.status != http.StatusForbidden {
		t.Errorf("a wrong token beside a right cookie: %d", got.status)
	}
}

// Two game days on one machine have two cookies, and neither opens the other's page.
func TestCookiesOfTwoServers(t *testing.T) {
	one, other := open(t, newFake(), ""), open(t, newFake(), "")
	v := newVisitor(t)
	for _, s := range []*Server{one, other, one} {
		if got := v.enter(s.FacilitatorURL()); got.status != http.StatusOK {
			t.Fatalf("%d %q", got.status, got.text)
		}
	}
	for _, s := range []*Server{one, other} {
		if got := v.get(at(t, s.FacilitatorURL(), "/facilitator")); got.status != http.StatusOK {
			t.Errorf("%d %q", got.status, got.text)
		}
	}
	r := v.request(http.MethodGet, at(t, one.FacilitatorURL(), "/facilitator"), "", "Cookie", one.facilitator.cookie+"="+other.facilitator.token)
	v.http.Jar = nil
	if got := v.do(r); got.status != http.StatusForbidden {
		t.Errorf("another game day's token: %d", got.status)
	}
}

// A strict cookie is not sent on a redirect that another site's link began, so the
// page itself leads on.
func TestALinkInAChatLeadsIn(t *testing.T) {
	s := open(t, newFake(), "")
	got := newVisitor(t).get(s.FacilitatorURL(), "Sec-Fetch-Site", "cross-site")
	if got.status != http.StatusOK || got.header.Get("Set-Cookie") == "" || !strings.Contains(got.text, `http-equiv="refresh" content="0; url=/facilitator"`) || strings.Contains(got.text, s.facilitator.token) {
		t.Errorf("%d, cookie %q: %s", got.status, got.header.Get("Set-Cookie"), got.text)
	}
}

func TestTheWallIsOpenOnLoopbackAlone(t *testing.T) {
	near := open(t, newFake(), "")
	if u, err := url.Parse(near.WallURL()); err != nil || u.RawQuery != "" || u.Hostname() != "127.0.0.1" || u.Path != "/wall" {
		t.Errorf("the wall's URL on loopback is %s (%v)", near.WallURL(), err)
	}
	v := newVisitor(t)
	if got := v.get(near.WallURL()); got.status != http.StatusOK || !strings.Contains(got.text, "Serving") {
		t.Errorf("%d %q", got.status, got.text)
	}
	if got := v.get(near.WallURL() + "?token=any"); got.status != http.StatusSeeOther || got.header.Get("Set-Cookie") != "" {
		t.Errorf("a token that nobody asked for: %d, %q", got.status, got.header.Get("Set-Cookie"))
	}

	far := open(t, newFake(), "0.0.0.0:0")
	local := "http://127.0.0.1:" + far.names.port
	for _, path := range []string{"/wall", "/wall/events"} {
		if got := v.get(local + path); got.status != http.StatusForbidden {
			t.Errorf("%s without a token: %d %q", path, got.status, got.text)
		}
	}
	if got := v.post(local+"/notice", url.Values{"by": {"ana"}}); got.status != http.StatusForbidden {
		t.Errorf("/notice without a token: %d %q", got.status, got.text)
	}
	if got := v.enter(local + "/wall?token=" + far.facilitator.token); got.status != http.StatusForbidden {
		t.Errorf("the facilitator's token: %d", got.status)
	}
	if got := v.enter(local + "/wall?token=" + far.wall.token); got.status != http.StatusOK {
		t.Errorf("%d %q", got.status, got.text)
	}
	if got := v.get(local + "/wall"); got.status != http.StatusOK {
		t.Errorf("a reload: %d %q", got.status, got.text)
	}
	if got := v.post(local+"/notice", url.Values{"by": {"ana"}}); got.status != http.StatusNoContent {
		t.Errorf("/notice: %d %q", got.status, got.text)
	}
	for _, address := range []string{far.WallURL(), far.FacilitatorURL()} {
		if u, err := url.Parse(address); err != nil || len(u.Query().Get("token")) < 26 || u.Hostname() == "0.0.0.0" {
			t.Errorf("elsewhere a URL is %s (%v)", address, err)
		}
	}
	// The facilitator's page is where others get the wall's URL from.
	v.get(local + "/facilitator?token=" + far.facilitator.token)
	if got := v.get(local + "/facilitator"); !strings.Contains(got.text, far.wall.token) {
		t.Error("the facilitator's page does not lead to the wall")
	}
}

func TestTokensDiffer(t *testing.T) {
	s := open(t, newFake(), "")
	if s.wall.token == s.facilitator.token || s.nonce == s.wall.token || s.nonce == s.facilitator.token {
		t.Error("one secret opens what another should")
	}
	for _, page := range []string{"/wall", "/page.js", "/page.css"} {
		if got := newVisitor(t).get(at(t, s.WallURL(), page)); strings.Contains(got.text, s.facilitator.token) || strings.Contains(got.text, s.wall.token) {
			t.Errorf("%s holds a token", page)
		}
	}
}
