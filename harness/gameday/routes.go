package gameday

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// route is what is at one path.
type route struct {
	method string // GET or POST
	door   *door  // nil: everybody may have it
	answer func(w http.ResponseWriter, r *http.Request)
}

func (s *Server) allRoutes() map[string]route {
	routes := map[string]route{
		"/": {http.MethodGet, nil, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, s.wall.page, http.StatusSeeOther)
		}},
		"/wall":               {http.MethodGet, s.wall, s.wallPage},
		"/wall/events":        {http.MethodGet, s.wall, func(w http.ResponseWriter, r *http.Request) { s.stream(w, r, s.walls) }},
		"/facilitator":        {http.MethodGet, s.facilitator, s.facilitatorPage},
		"/facilitator/events": {http.MethodGet, s.facilitator, func(w http.ResponseWriter, r *http.Request) { s.stream(w, r, s.stages) }},
	}
	for path, kind := range assets {
		routes[path] = route{http.MethodGet, nil, func(w http.ResponseWriter, _ *http.Request) { s.asset(w, path, kind) }}
	}
	for path, a := range s.actions() {
		routes[path] = route{http.MethodPost, a.door, func(w http.ResponseWriter, r *http.Request) { s.act(w, r, a) }}
	}
	return routes
}

// headers hold for every answer. Nothing comes from elsewhere, nothing runs that is
// not /page.js, and no other page may frame one of these.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cross-Origin-Resource-Policy": "same-origin",
	// Not no-referrer: a form's POST would then tell no origin.
	"Referrer-Policy": "same-origin",
	"Cache-Control":   "no-store",
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	s.allowWriting(w)
	if !s.begin() {
		s.say(w, r, http.StatusServiceUnavailable, "the game day is over, and its pages close")
		return
	}
	defer s.finish()
	crash := crew.Caught(func() { s.answer(w, r) })
	if crash != nil {
		s.trouble(fmt.Errorf("answer %s %s: %w", r.Method, r.URL.Path, crash))
		s.say(w, r, http.StatusInternalServerError, "firedrill itself broke over this; what it knows of it is in the terminal in which the game day runs")
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	if !s.names.mine(r) {
		s.say(w, r, http.StatusMisdirectedRequest, fmt.Sprintf("%q is no name of this server's, which is reached from its own machine alone\nhint: open %s", r.Host, "http://"+s.names.address()+"/"))
		return
	}
	to, ok := s.routes[r.URL.Path]
	if !ok {
		s.say(w, r, http.StatusNotFound, fmt.Sprintf("there is nothing at %s\nhint: the wall is at /wall, the facilitator's page at /facilitator", r.URL.Path))
		return
	}
	if r.Method != to.method && (r.Method != http.MethodHead || to.method != http.MethodGet) {
		w.Header().Set("Allow", to.method)
		s.say(w, r, http.StatusMethodNotAllowed, fmt.Sprintf("%s takes %s, not %s", r.URL.Path, to.method, r.Method))
		return
	}
	if err := s.origins.Check(r); err != nil {
		s.say(w, r, http.StatusForbidden, "this was sent from a page of another site, and is not done\nhint: press the button on the game day's own page")
		return
	}
	if to.door != nil && r.URL.Path == to.door.page && s.exchange(w, r, to.door) {
		return
	}
	if to.door != nil && !to.door.admits(r) {
		s.say(w, r, http.StatusForbidden, "this page demands its token\nhint: open the URL that firedrill gameday printed, whole: it ends in ?token=…")
		return
	}
	to.answer(w, r)
}

// allowWriting bounds how long the next piece of an answer may take to be accepted.
func (s *Server) allowWriting(w http.ResponseWriter) {
	// Without deadlines, as in tests, nothing is lost but the bound.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.pace.write))
}

// say answers with a text for people: as a page where a browser shows it, plain where
// a program reads it.
func (s *Server) say(w http.ResponseWriter, r *http.Request, status int, text string) {
	s.allowWriting(w)
	if wantsPage(r) {
		text, hint, _ := strings.Cut(text, "\nhint: ")
		back := ""
		if to, ok := s.routes[r.URL.Path]; ok && to.door != nil && to.door.admits(r) {
			back = to.door.page
		}
		s.render(w, status, "message", message{Title: http.StatusText(status), Text: capital(text), Hint: capital(hint), Back: back})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}

// wantsPage tells a browser that goes somewhere from a script that asks for data.
func wantsPage(r *http.Request) bool {
	for _, accepted := range strings.Split(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(strings.TrimSpace(accepted)); err == nil && kind == "text/html" {
			return true
		}
	}
	return false
}
