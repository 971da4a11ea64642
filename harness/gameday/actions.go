package gameday

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what is sent. They are above whatever people type.
const (
	mostBody   = 16 << 10
	mostName   = 60 // characters
	mostText   = 2000
	bodyLimit  = 10 * time.Second
	formFormat = "application/x-www-form-urlencoded"
)

// action is something that a page asks of the exercise.
type action struct {
	door *door
	do   func(ctx context.Context, form url.Values) error
	sure *question // to be answered first; nil: it is done at once
}

// question is asked before something that cannot be taken back. The pages ask it
// themselves; without JavaScript it is a page of its own.
type question struct{ Text, Yes string }

func (s *Server) actions() map[string]action {
	e := s.exercise
	return map[string]action{
		"/notice":             {door: s.wall, do: with(theName, e.Notice)},
		"/done":               {door: s.wall, do: with(theName, e.Done), sure: &theTeamIsDone},
		"/leave":              {door: s.wall, do: with(theName, e.Leave), sure: &theTeamLeavesIt},
		"/facilitator/hint":   {door: s.facilitator, do: with(theHint, e.Hint)},
		"/facilitator/stop":   {door: s.facilitator, do: with(theReason, e.Stop), sure: &theFacilitatorStops},
		"/facilitator/pause":  {door: s.facilitator, do: func(context.Context, url.Values) error { return e.Pause() }},
		"/facilitator/resume": {door: s.facilitator, do: func(context.Context, url.Values) error { return e.Resume() }},
		"/facilitator/inject": {door: s.facilitator, do: func(ctx context.Context, form url.Values) error {
			kind, err := theKind.of(form)
			if err != nil {
				return err
			}
			host, err := theHost.of(form)
			if err != nil {
				return err
			}
			return e.Inject(ctx, Order{Kind: kind, Host: host})
		}},
	}
}

// field is what is typed or chosen in a form.
type field struct {
	name, called string
	most         int  // characters
	lines        bool // it may have several
}

var (
	theName   = field{name: "by", called: "your name", most: mostName}
	theHint   = field{name: "text", called: "the hint", most: mostText, lines: true}
	theReason = field{name: "why", called: "the reason", most: mostText}
	theKind   = field{name: "kind", called: "what to break", most: mostName}
	theHost   = field{name: "host", called: "the host", most: mostName}
)

// with does something with a field of a form.
func with(f field, do func(string) error) func(context.Context, url.Values) error {
	return func(_ context.Context, form url.Values) error {
		text, err := f.of(form)
		if err != nil {
			return err
		}
		return do(text)
	}
}

var (
	theTeamIsDone       = question{"Is the team done? The checks begin, and nobody can type any more.", "Yes, we are done"}
	theTeamLeavesIt     = question{"Does the team leave the cluster as it is? That says: there is nothing to recover, or nothing that may be touched. The checks begin, and nobody can type any more.", "Yes, we leave it as it is"}
	theFacilitatorStops = question{"Stop the exercise? What the team did until now is judged, and it did not complete.", "Yes, stop it"}
)

// unfit is an error of whoever filled in a form.
type unfit struct{ error }

// of is what a form has in a field, with nothing around it.
func (f field) of(form url.Values) (string, error) {
	text := strings.TrimSpace(strings.ReplaceAll(form.Get(f.name), "\r\n", "\n"))
	switch {
	case text == "":
		return "", unfit{fmt.Errorf("%s is missing", f.called)}
	case !utf8.ValidString(text):
		return "", unfit{fmt.Errorf("%s is not UTF-8", f.called)}
	case utf8.RuneCountInString(text) > f.most:
		return "", unfit{fmt.Errorf("%s has more than %d characters", f.called, f.most)}
	case strings.ContainsFunc(text, f.unseen):
		return "", unfit{fmt.Errorf("%s holds characters that cannot be seen", f.called)}
	}
	return text, nil
}

// unseen are characters that change how others are shown: in a terminal, or by
// turning the direction of what follows. Those that join letters do not.
func (f field) unseen(r rune) bool {
	return !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d' && (r != '\n' || !f.lines)
}

// act does what a form asks for, or says why not.
func (s *Server) act(w http.ResponseWriter, r *http.Request, a action) {
	form, status, err := readForm(w, r)
	if err != nil {
		s.say(w, r, status, err.Error())
		return
	}
	if a.sure != nil && form.Get("sure") != "yes" {
		s.ask(w, r, a, form)
		return
	}
	// The exercise's context, not the request's: a browser that is closed meanwhile
	// leaves no fault half injected.
	err = a.do(s.ctx, form)
	s.allowWriting(w)
	switch {
	case err == nil && wantsPage(r):
		http.Redirect(w, r, a.door.page, http.StatusSeeOther)
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.As(err, new(unfit)):
		s.say(w, r, http.StatusBadRequest, err.Error())
	case errors.Is(err, ErrRefused):
		s.say(w, r, http.StatusConflict, err.Error())
	default:
		s.say(w, r, http.StatusInternalServerError, err.Error())
	}
}

// readForm reads what was sent, and no more than a form can be.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, int, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != formFormat {
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("%s takes %s, not %q", r.URL.Path, formFormat, r.Header.Get("Content-Type"))
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyLimit))
	r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	err := r.ParseForm()
	_ = control.SetReadDeadline(time.Time{}) // what is done next may take longer
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("more than %d bytes were sent", long.Limit)
	}
	if err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("read what was sent: %w", err)
	}
	return r.PostForm, 0, nil
}

// ask shows the question to whoever has no JavaScript to.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, a action, form url.Values) {
	if !wantsPage(r) {
		s.say(w, r, http.StatusBadRequest, a.sure.Text+"\nhint: send sure=yes as well")
		return
	}
	form.Del("sure")
	s.render(w, http.StatusOK, "question", struct {
		question
		Action, Back string
		Form         url.Values
	}{*a.sure, r.URL.Path, a.door.page, form})
}
