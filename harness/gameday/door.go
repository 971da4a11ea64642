package gameday

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
)

// secret is what nobody can guess: 130 bits.
func secret() string { return rand.Text() }

// door lets those in who have its token. It comes in the URL that is told to people,
// once, and is a cookie from then on: an address bar is on the wall for all to see,
// and in whatever people copy out of it.
type door struct {
	page   string // path of the page that it leads to
	token  string
	cookie string // its name; browsers do not tell ports of a host apart
	under  string // paths that it is sent to
	open   bool   // nobody needs a token
}

func newDoor(name, under string, n hostNames, open bool) *door {
	return &door{page: "/" + name, token: secret(), cookie: "firedrill-" + name + "-" + n.port, under: under, open: open}
}

func (d *door) url(n hostNames) string {
	u := url.URL{Scheme: "http", Host: n.address(), Path: d.page}
	if !d.open {
		u.RawQuery = url.Values{"token": {d.token}}.Encode()
	}
	return u.String()
}

// admits tells whether who asks may come in. It never takes a token from a URL: see
// exchange.
func (d *door) admits(r *http.Request) bool {
	if d.open {
		return true
	}
	for _, c := range r.CookiesNamed(d.cookie) {
		if d.fits(c.Value) {
			return true
		}
	}
	return false
}

func (d *door) fits(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(d.token)) == 1
}

// exchange takes the token from the URL of a page, if there is one, and answers: a
// cookie and the page's plain address, or no. False: the URL holds none.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, d *door) bool {
	query := r.URL.Query()
	if !query.Has("token") {
		return false
	}
	if !d.open && !d.fits(query.Get("token")) {
		s.say(w, r, http.StatusForbidden, "the token in this URL is not this page's\nhint: open the URL that firedrill gameday printed; each game day has new ones")
		return true
	}
	if !d.open {
		http.SetCookie(w, &http.Cookie{Name: d.cookie, Value: d.token, Path: d.under, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
	if from := r.Header.Get("Sec-Fetch-Site"); from == "cross-site" || from == "same-site" {
		// Somebody followed a link on another site's page. A redirect would still be
		// that site's doing, to which the cookie is not sent: so the page leads on.
		s.render(w, http.StatusOK, "onward", d.page)
		return true
	}
	http.Redirect(w, r, d.page, http.StatusSeeOther)
	return true
}
