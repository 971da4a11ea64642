package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/reports/render"
)

func TestMarkdown(t *testing.T) {
	golden(t, "drill.md", render.Markdown(one(restored())), 0)
	golden(t, "drills.md", render.Markdown(outcomes()), 0)
}

// However many drills there are, a comment holds them, those first that matter.
func TestMarkdownHasALimit(t *testing.T) {
	drills := one(restored())
	for i := range 400 {
		bad := violated()
		bad.Scenario = fmt.Sprintf("violated-%03d", i)
		bad.Findings[len(bad.Findings)-1].Detail = strings.Repeat("very long ", 4000)
		drills = append(drills, one(bad)...)
	}
	text := render.Markdown(drills)
	if len(text) > render.MarkdownLimit {
		t.Errorf("the text has %d bytes, more than %d", len(text), render.MarkdownLimit)
	}
	for _, want := range []string{"401 fire drills: 1 held, 400 violated", "### VIOLATED: violated-000", "drills more had no room here", "301 drills more are not in this table"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(text, "### HELD") {
		t.Error("a drill that held took the room of one that did not")
	}
}

// Text of others is shown and changes nothing around it.
func TestMarkdownOfHostileText(t *testing.T) {
	r := violated()
	r.Rerun = "firedrill run x\n```\n# heading\n````"
	r.Directory = "a`b``c"
	r.Findings[len(r.Findings)-1].Detail = "a | b\n# heading <script>"
	r.Findings[len(r.Findings)-1].Offending = []string{"``` | x"}
	text := render.Markdown(one(r))
	for _, want := range []string{"`````\nfiredrill run x", "```a`b``c```", `a \| b # heading &lt;script>`, "```` ``` | x ````"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}
