package gameday

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// visitor is a client with cookies that follows no redirect by itself.
type visitor struct {
	t    *testing.T
	http *http.Client
}

func newVisitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t, &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
}

func (v *visitor) do(r *http.Request) answer {
	v.t.Helper()
	got, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(text)}
}

// request makes a request; header is name, value, name, value.
func (v *visitor) request(method, address, body string, header ...string) *http.Request {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (v *visitor) get(address string, header ...string) answer {
	v.t.Helper()
	return v.do(v.request(http.MethodGet, address, "", header...))
}

// post sends a form as page.js does.
func (v *visitor) post(address string, form url.Values, header ...string) answer {
	v.t.Helper()
	return v.do(v.request(http.MethodPost, address, form.Encode(), append([]string{"Content-Type", formFormat}, header...)...))
}

// enter opens the URL that was told, and follows it to its page.
func (v *visitor) enter(address string) answer {
	v.t.Helper()
	got := v.get(address)
	if got.status != http.StatusSeeOther {
		return got
	}
	to, err := url.Parse(address)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.get(to.ResolveReference(&url.URL{Path: got.header.Get("Location")}).String())
}

// at is another path of the server of a URL.
func at(t *testing.T, address, path string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path, u.RawQuery = path, ""
	return u.String()
}
