package render

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

//go:embed html
var htmlFiles embed.FS

// templates are parsed when a page is first asked for: our binary is the agent and
// etcd as well, and these start often.
var templates = sync.OnceValues(func() (*template.Template, error) {
	t, err := template.New("").Funcs(template.FuncMap{"swatch": swatch}).ParseFS(htmlFiles, "html/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parse the templates of HTML pages: %w", err)
	}
	return t, nil
})

// sheet is what every page has.
type sheet struct {
	Title    string
	CSS      template.CSS
	Patterns template.HTML
}

func newSheet(title string) (sheet, error) {
	css, err := htmlFiles.ReadFile("html/page.css")
	if err != nil {
		return sheet{}, fmt.Errorf("read the style sheet of HTML pages: %w", err)
	}
	return sheet{Title: title, CSS: template.CSS(string(css) + chart.CSS), Patterns: template.HTML(chart.Patterns)}, nil
}

// addPeople adds what a page of game days needs, and no other.
func (s *sheet) addPeople() error {
	css, err := htmlFiles.ReadFile("html/people.css")
	if err != nil {
		return fmt.Errorf("read the style sheet of game days: %w", err)
	}
	s.CSS += template.CSS(chart.PeopleCSS + string(css))
	s.Patterns += template.HTML(chart.PeoplePatterns)
	return nil
}

// page executes a template. Lines that it leaves empty go.
func page(name string, view any) (string, error) {
	t, err := templates()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, view); err != nil {
		return "", fmt.Errorf("make an HTML page of %s: %w", name, err)
	}
	return b.String(), nil
}

// picture is a chart and what is said of it.
type picture struct {
	Caption string
	Text    string // under the caption; may be empty
	SVG     template.HTML
	Axis    string // what the axis at the bottom counts
}

// drawn marks what chart drew as HTML: all text in it was escaped there.
func drawn(svg string) template.HTML { return template.HTML(svg) }

// entry explains one paint of a picture.
type entry struct {
	Form  chart.Form
	Paint chart.Paint
	Text  string
}

func swatch(e entry) template.HTML { return drawn(chart.Swatch(e.Form, e.Paint)) }

// HTML writes drills as one page that needs nothing else: no network, no script, no
// font. Of several there is an index first. It reads on a screen of any width, dark
// or light, and on paper; all that a picture shows is in its tables too.
func HTML(w io.Writer, drills []Outcome) error {
	title := plural(int64(len(drills)), "fire drill")
	if len(drills) == 1 {
		title = "Fire drill: " + drills[0].Scenario
		if drills[0].Err == nil && drills[0].Report.GameDay != nil {
			title = "Game day: " + drills[0].Scenario
		}
	}
	s, err := newSheet(title)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(drills, func(o Outcome) bool { return o.Err == nil && o.Report.GameDay != nil }) {
		if err := s.addPeople(); err != nil {
			return err
		}
	}
	view := drillsPage{sheet: s, Counts: countsOf(drills)}
	for i, o := range drills {
		view.Drills = append(view.Drills, viewOf(o, fmt.Sprintf("drill-%d", i+1)))
	}
	text, err := page("drills", view)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the HTML page: %w", err)
	}
	return nil
}

// drillsPage is the page of one drill or several.
type drillsPage struct {
	sheet
	Counts string
	Drills []drillView
}

// Several tells whether an index is needed.
func (p drillsPage) Several() bool { return len(p.Drills) != 1 }

// countsOf is how many drills came to which verdict.
func countsOf(drills []Outcome) string {
	counts := map[string]int{}
	for _, o := range drills {
		counts[outcomeWord(o)]++
	}
	var parts []string
	for _, word := range []string{"held", "violated", "inconclusive", "broke"} {
		if counts[word] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[word], word))
		}
	}
	if len(parts) == 0 {
		return "no drill was run"
	}
	return strings.Join(parts, ", ")
}

func outcomeWord(o Outcome) string {
	if o.Err != nil {
		return "broke"
	}
	return o.Report.Verdict.String()
}
