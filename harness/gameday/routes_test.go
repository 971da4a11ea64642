package gameday

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestUnknownPaths(t *testing.T) {
	s := open(t, newFake(), "")
	v := newVisitor(t)
	for _, path := range []string{"/walls", "/wall/", "/wall/events/", "//wall", "/pages/wall.tmpl", "/page.css/", "/favicon.ico", "/facilitator/", "/Wall"} {
		got := v.get("http://" + s.names.address() + path)
		if got.status != http.StatusNotFound || !strings.Contains(got.text, "hint: the wall is at /wall") {
			t.Errorf("%s: %d %q", path, got.status, got.text)
		}
	}
	if got := v.get(at(t, s.WallURL(), "/")); got.status != http.StatusSeeOther || got.header.Get("Location") != "/wall" {
		t.Errorf("/: %d to %q", got.status, got.header.Get("Location"))
	}
}

func TestMethods(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	v := newVisitor(t)
	v.enter(s.FacilitatorURL())
	for path, to := range s.routes {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
			if method == to.method {
				continue
			}
			got := v.do(v.request(method, at(t, s.WallURL(), path), ""))
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != to.method || !strings.Contains(got.text, path+" takes "+to.method) {
				t.Errorf("%s %s: %d, Allow %q: %q", method, path, got.status, got.header.Get("Allow"), got.text)
			}
		}
		if to.method == http.MethodGet && path != "/" {
			if got := v.do(v.request(http.MethodHead, at(t, s.WallURL(), path), "")); got.status != http.StatusOK || got.text != "" {
				t.Errorf("HEAD %s: %d %q", path, got.status, got.text)
			}
		}
	}
	if e.all() != "" {
		t.Errorf("asked of the exercise: %s", e.all())
	}
}

// Whatever is answered, a browser is told to load nothing else and to run nothing else.
func TestHeaders(t *testing.T) {
	s := open(t, newFake(), "")
	v := newVisitor(t)
	for _, path := range []string{"/", "/wall", "/facilitator", "/page.js", "/page.css", "/icon.svg", "/nothing", "/notice"} {
		got := v.get(at(t, s.WallURL(), path))
		for name, want := range headers {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, got.header.Get(name))
			}
		}
		if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
	}
	for path, kind := range assets {
		if got := v.get(at(t, s.WallURL(), path)); got.header.Get("Content-Type") != kind || got.text == "" {
			t.Errorf("%s is %q of %d bytes", path, got.header.Get("Content-Type"), len(got.text))
		}
	}
}

// A page of another site may have a browser send what it likes: nothing is done.
func TestOtherOrigins(t *testing.T) {
	for _, c := range []struct {
		name   string
		header []string
		done   bool
	}{
		{"our page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://HERE"}, true},
		{"our page, in an old browser", []string{"Origin", "http://HERE"}, true},
		{"a program", nil, true},
		{"another site's page", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://attacker.test"}, false},
		{"another port of this machine", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:9"}, false},
		{"another site's page, in an old browser", []string{"Origin", "https://attacker.test"}, false},
		{"another port, in an old browser", []string{"Origin", "http://127.0.0.1:9"}, false},
		{"a sandboxed frame", []string{"Origin", "null"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newFake()
			s := open(t, e, "")
			v := newVisitor(t)
			v.enter(s.FacilitatorURL())
			var header []string
			for _, h := range c.header {
				header = append(header, strings.ReplaceAll(h, "HERE", s.names.address()))
			}
			for path, form := range map[string]url.Values{"/notice": {"by": {"eve"}}, "/facilitator/hint": {"text": {"eve"}}} {
				got := v.post(at(t, s.WallURL(), path), form, header...)
				if c.done != (got.status == http.StatusNoContent) || !c.done && (got.status != http.StatusForbidden || !strings.Contains(got.text, "another site")) {
					t.Errorf("%s: %d %q", path, got.status, got.text)
				}
			}
			if c.done != (e.all() != "") {
				t.Errorf("asked of the exercise: %q", e.all())
			}
		})
	}
}

// People get a page, programs get text.
func TestErrorsAsPages(t *testing.T) {
	s := open(t, newFake(), "")
	v := newVisitor(t)
	hostile := at(t, s.WallURL(), `/<script>alert(1)</script>`)
	got := v.get(hostile, "Accept", "text/html,application/xhtml+xml;q=0.9")
	if got.status != http.StatusNotFound || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || strings.Contains(got.text, "<script>alert") || !strings.Contains(got.text, "&lt;script&gt;alert") {
		t.Errorf("%d %s %s", got.status, got.header.Get("Content-Type"), got.text)
	}
	if got := v.get(hostile); !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s %s", got.header.Get("Content-Type"), got.text)
	}
}
