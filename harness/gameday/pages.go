package gameday

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"sync"
)

//go:embed pages
var files embed.FS

// assets are what the pages load, and what it is.
var assets = map[string]string{
	"/page.css": "text/css; charset=utf-8",
	"/page.js":  "text/javascript; charset=utf-8",
	"/icon.svg": "image/svg+xml",
}

// templates are parsed when a page is first asked for: our binary is the agent and
// etcd as well, and these start often.
var templates = sync.OnceValues(func() (*template.Template, error) {
	t, err := template.ParseFS(files, "pages/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parse the game day's pages: %w", err)
	}
	return t, nil
})

// message is a page that says one thing.
type message struct{ Title, Text, Hint, Back string }

// render answers with a page. What a template cannot show is a fault of ours, and a
// panic.
func (s *Server) render(w http.ResponseWriter, status int, name string, data any) {
	t, err := templates()
	var b bytes.Buffer
	if err == nil {
		err = t.ExecuteTemplate(&b, name, data)
	}
	if err != nil {
		panic(fmt.Errorf("make the game day's page %q: %w", name, err))
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // who does not read it cannot be told either
}

func (s *Server) asset(w http.ResponseWriter, name, kind string) {
	data, err := files.ReadFile(path.Join("pages", name))
	if err != nil {
		panic(fmt.Errorf("read the game day's %s: %w", name, err))
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(data)
}

func (s *Server) wallPage(w http.ResponseWriter, _ *http.Request) {
	at := s.exercise.Wall()
	s.render(w, http.StatusOK, "wall", sheet{Name: "wall", Server: s.nonce, Now: at.Now, view: viewOfWall(at)})
}

func (s *Server) facilitatorPage(w http.ResponseWriter, _ *http.Request) {
	at := s.exercise.Stage()
	s.render(w, http.StatusOK, "facilitator", sheet{Name: "facilitator", Server: s.nonce, Now: at.Wall.Now, WallURL: s.WallURL(), view: viewOfStage(at)})
}
