package gameday

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/etcd-firedrill/firedrill/harness"
)

// hostile are texts that would do something if they were not text.
var hostile = []string{
	`<script>window.hit = 1</script>`,
	`"><img src=x onerror="window.hit = 1">`,
	`' onfocus='window.hit = 1' autofocus='`,
	`</textarea></select></td></table><iframe src="javascript:window.hit=1"></iframe>`,
	`{{.Texts}} ${window.hit = 1} <!-- --> ]]> &lt;b&gt; &amp;`,
	"\u202eevil\u2066 \u0000 \ufffd \u2028window.hit = 1",
	"id: 7\ndata: {}\n\nevent: x",
}

// hostileStage is a game day in which everybody types such a text.
func hostileStage(phase Phase, text string) Stage {
	s := stageAt(phase)
	s.Scenario, s.Summary, s.Book = text, text, []string{text}
	w := &s.Wall
	w.Shells, w.Noticed, w.Verdict, w.Report = []string{text, text}, text, text, text
	w.Hints = []harness.HintRecord{{Text: text}}
	w.Backups = []Backup{{Name: text, Changed: text}}
	s.Hosts = []Inside{
		{Host: Host{Name: text, EtcdAnswers: true, Leader: text, Members: []string{text}}, Power: text, Etcd: text, Alarms: []string{text}},
		{Host: Host{Name: text}, Error: text},
	}
	w.Hosts = outside(s.Hosts)
	s.Struck = []harness.FaultRecord{{Fault: text, By: text, Hosts: []string{text}}}
	s.Steps = []Step{{Number: 1, By: text, Host: text, Command: text, Error: text}, {Number: 2, By: text, Host: text, Command: text, Running: true}}
	s.WrongMoves = []harness.WrongMove{{Step: 1, By: text, Host: text, Text: text}}
	s.GivenUp = s.WrongMoves
	s.Faults = []Kind{{Name: text, Text: text}}
	return s
}

// skeleton is the elements of a page with the names of their attributes, without texts.
func skeleton(t *testing.T, page string) (elements []string, text string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range doc.Descendants() {
		switch n.Type {
		case html.ElementNode:
			line := n.Data
			for _, a := range n.Attr {
				line += " " + a.Key
			}
			elements = append(elements, line)
		case html.TextNode:
			b.WriteString(n.Data)
		case html.CommentNode:
			t.Errorf("a comment: %s", n.Data)
		default:
		}
	}
	return elements, b.String()
}

// Whatever people type is text: the page has the elements that it has when they type
// a word, and the text is to be read as it was typed.
func TestWhatIsTypedIsText(t *testing.T) {
	for _, phase := range phases {
		for _, name := range []string{"wall", "facilitator"} {
			e := newFake()
			s := open(t, e, "")
			v := newVisitor(t)
			v.enter(s.FacilitatorURL())
			load := func(text string) ([]string, string) {
				e.change(func(s *Stage) { *s = hostileStage(phase, text) })
				return skeleton(t, v.get(at(t, s.WallURL(), "/"+name)).text)
			}
			want, _ := load("word")
			for _, text := range hostile {
				got, read := load(text)
				if !slices.Equal(got, want) {
					t.Errorf("%s, %s: %q makes other elements:\n%v\nwant\n%v", name, phase, text, got, want)
				}
				seen := strings.ReplaceAll(text, "\x00", "\ufffd")
				if !strings.Contains(read, seen) {
					t.Errorf("%s, %s: %q cannot be read as it was typed", name, phase, text)
				}
			}
		}
	}
}

// An event is one line of JSON without markup, whatever is in it.
func TestWhatIsTypedIsDataInEvents(t *testing.T) {
	for _, text := range hostile {
		e := newFake()
		e.change(func(s *Stage) { *s = hostileStage(Alarm, text) })
		s := newServer(t.Context(), hostNames{}, e, usual)
		s.walls.join()
		s.stages.join()
		for _, f := range []*feed{s.walls, s.stages} {
			newest, _ := f.now()
			frame := string(s.frame(newest))
			if strings.Count(frame, "\n") != 3 || strings.ContainsAny(frame, "<>\r\u2028") || !strings.HasPrefix(frame, fmt.Sprintf("id: %s-1\ndata: {", s.nonce)) {
				t.Errorf("%q is sent as %.200q", text, frame)
			}
		}
		s.end()
	}
}
