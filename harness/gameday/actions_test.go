package gameday

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// firefighter is a name with what joins two letters to one.
const firefighter = "Ana María \U0001F469\u200d\U0001F692"

// deeds are all that can be asked, and what the exercise then hears.
var deeds = []struct {
	path string
	form url.Values
	want string
}{
	{"/notice", url.Values{"by": {" ana\t"}}, `notice by "ana"`},
	{"/done", url.Values{"by": {firefighter}, "sure": {"yes"}}, fmt.Sprintf("done by %q", firefighter)},
	{"/leave", url.Values{"by": {"bo"}, "sure": {"yes"}}, `left by "bo"`},
	{"/facilitator/inject", url.Values{"kind": {"power-off"}, "host": {"m2"}}, `inject "power-off" on "m2"`},
	{"/facilitator/hint", url.Values{"text": {"look\r\nat m3"}}, `hint "look\nat m3"`},
	{"/facilitator/pause", nil, "pause"},
	{"/facilitator/resume", nil, "resume"},
	{"/facilitator/stop", url.Values{"why": {"lunch"}, "sure": {"yes"}}, `stop because "lunch"`},
}

// Scripts are told with a status, browsers without scripts are led back to the page.
func TestDeeds(t *testing.T) {
	for _, d := range deeds {
		t.Run(d.path, func(t *testing.T) {
			e := newFake()
			s := open(t, e, "")
			v := newVisitor(t)
			v.enter(s.FacilitatorURL())
			if got := v.post(at(t, s.WallURL(), d.path), d.form); got.status != http.StatusNoContent || e.all() != d.want {
				t.Errorf("%d %q, asked: %s, want %s", got.status, got.text, e.all(), d.want)
			}
			page := "/wall"
			if strings.HasPrefix(d.path, "/facilitator") {
				page = "/facilitator"
			}
			if got := v.post(at(t, s.WallURL(), d.path), d.form, "Accept", "text/html"); got.status != http.StatusSeeOther || got.header.Get("Location") != page {
				t.Errorf("%d to %q: %q", got.status, got.header.Get("Location"), got.text)
			}
			if len(s.actions()) != len(deeds) {
				t.Errorf("%d deeds are tested of %d", len(deeds), len(s.actions()))
			}
			// What the exercise says is for whoever asked.
			for _, c := range []struct {
				err    error
				status int
			}{{fmt.Errorf("%w: the team has not noticed", ErrRefused), http.StatusConflict}, {errors.New("power off m2: no answer"), http.StatusInternalServerError}} {
				e.refuse = c.err
				if got := v.post(at(t, s.WallURL(), d.path), d.form); got.status != c.status || got.text != c.err.Error()+"\n" {
					t.Errorf("%v: %d %q", c.err, got.status, got.text)
				}
				if got := v.post(at(t, s.WallURL(), d.path), d.form, "Accept", "text/html"); got.status != c.status || !strings.Contains(got.text, capital(c.err.Error())) || !strings.Contains(got.text, `href="`+page+`"`) {
					t.Errorf("%v: %d %q", c.err, got.status, got.text)
				}
			}
		})
	}
}

func TestUnfitForms(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	v := newVisitor(t)
	v.enter(s.FacilitatorURL())
	for _, c := range []struct {
		path string
		form url.Values
		want string
	}{
		{"/notice", nil, "your name is missing"},
		{"/notice", url.Values{"by": {" \r\n "}}, "your name is missing"},
		{"/notice", url.Values{"by": {strings.Repeat("é", mostName+1)}}, "more than 60 characters"},
		{"/notice", url.Values{"by": {"a\x1b[31mna"}}, "cannot be seen"},
		{"/notice", url.Values{"by": {"a\nb"}}, "cannot be seen"},
		{"/notice", url.Values{"by": {"\u202eana"}}, "cannot be seen"},
		{"/notice", url.Values{"by": {"a\xffb"}}, "not UTF-8"},
		{"/done", url.Values{"sure": {"yes"}}, "your name is missing"},
		{"/facilitator/inject", url.Values{"host": {"m1"}}, "what to break is missing"},
		{"/facilitator/inject", url.Values{"kind": {"power-off"}}, "the host is missing"},
		{"/facilitator/hint", url.Values{"text": {strings.Repeat("x", mostText+1)}}, "more than 2000 characters"},
		{"/facilitator/hint", url.Values{"text": {"a\x00"}}, "cannot be seen"},
		{"/facilitator/stop", url.Values{"sure": {"yes"}}, "the reason is missing"},
		{"/done", url.Values{"by": {"ana"}}, "hint: send sure=yes"},
		{"/facilitator/stop", url.Values{"why": {"lunch"}, "sure": {"no"}}, "hint: send sure=yes"},
	} {
		if got := v.post(at(t, s.WallURL(), c.path), c.form); got.status != http.StatusBadRequest || !strings.Contains(got.text, c.want) {
			t.Errorf("%s %v: %d %q, want %q", c.path, c.form, got.status, got.text, c.want)
		}
	}
	// A field in the URL is none of the form's.
	if got := v.post(at(t, s.WallURL(), "/notice")+"?by=ana", nil); got.status != http.StatusBadRequest {
		t.Errorf("%d %q", got.status, got.text)
	}
	if e.all() != "" {
		t.Errorf("asked of the exercise: %s", e.all())
	}
}

func TestBodies(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	v := newVisitor(t)
	notice := at(t, s.WallURL(), "/notice")
	for _, kind := range []string{"", "application/json", "multipart/form-data; boundary=x", "text/plain"} {
		r := v.request(http.MethodPost, notice, "by=ana")
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		if got := v.do(r); got.status != http.StatusUnsupportedMediaType || !strings.Contains(got.text, formFormat) {
			t.Errorf("%q: %d %q", kind, got.status, got.text)
		}
	}
	for body, status := range map[string]int{"by=" + strings.Repeat("a", mostBody): http.StatusRequestEntityTooLarge, "by=%zz": http.StatusBadRequest} {
		if got := v.do(v.request(http.MethodPost, notice, body, "Content-Type", formFormat)); got.status != status {
			t.Errorf("%d bytes: %d %q", len(body), got.status, got.text)
		}
	}
	if got := v.do(v.request(http.MethodPost, notice, "by=ana", "Content-Type", formFormat+"; charset=UTF-8")); got.status != http.StatusNoContent {
		t.Errorf("%d %q", got.status, got.text)
	}
	if want := `notice by "ana"`; e.all() != want {
		t.Errorf("asked of the exercise: %s, want %s", e.all(), want)
	}
}

// Without a script the question is a page, which asks for the same again.
func TestTheQuestionAsAPage(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	v := newVisitor(t)
	got := v.post(at(t, s.WallURL(), "/done"), url.Values{"by": {`"><script>`}}, "Accept", "text/html")
	for _, want := range []string{theTeamIsDone.Text, `action="/done"`, `name="by" value="&#34;&gt;&lt;script&gt;"`, `name="sure" value="yes"`} {
		if !strings.Contains(got.text, want) {
			t.Errorf("no %s in %s", want, got.text)
		}
	}
	if got.status != http.StatusOK || e.all() != "" {
		t.Errorf("%d, asked of the exercise: %q", got.status, e.all())
	}
}

// The facilitator closes the lid while a fault is injected: it is injected.
func TestALidThatCloses(t *testing.T) {
	e := newFake()
	begun, finish, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	e.hold = func(ctx context.Context) error {
		close(begun)
		<-finish
		ended <- ctx.Err()
		return nil
	}
	s := open(t, e, "")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.names.address())
	if err != nil {
		t.Fatal(err)
	}
	body := "kind=power-off&host=m2"
	if _, err := fmt.Fprintf(conn, "POST /facilitator/inject HTTP/1.1\r\nHost: localhost\r\nCookie: %s=%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", s.facilitator.cookie, s.facilitator.token, formFormat, len(body), body); err != nil {
		t.Fatal(err)
	}
	<-begun
	conn.Close()
	close(finish)
	if err := <-ended; err != nil {
		t.Errorf("the injection was ended with the connection: %v", err)
	}
}

// Close ends what a page asked for and waits for it; whoever asked is answered.
func TestCloseWaitsForDeeds(t *testing.T) {
	e := newFake()
	begun := make(chan struct{})
	e.hold = func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		return fmt.Errorf("%w: the drill ends", ErrRefused)
	}
	s := open(t, e, "")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.names.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST /facilitator/inject HTTP/1.1\r\nHost: localhost\r\nCookie: %s=%s\r\nContent-Type: %s\r\nContent-Length: 14\r\n\r\nkind=x&host=m2", s.facilitator.cookie, s.facilitator.token, formFormat); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusConflict {
		t.Errorf("%s", got.Status)
	}
}
