package gameday

import (
	"os"
	"testing"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
)

// css is a style sheet.
func css(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// WCAG AA, in both schemes.
func TestPaletteHasContrast(t *testing.T) {
	browser.Legible(t, css(t, "pages/page.css"),
		browser.Letters("ink muted", "paper card wash held-tint violated-tint open-tint"),
		browser.Letters("held violated open a", "paper card"),
		browser.Letters("held", "held-tint"),
		browser.Letters("violated", "violated-tint"),
		browser.Letters("open", "open-tint"),
		browser.Letters("paper", "ink"), // the first button
		browser.Shapes("a b edge violated", "card"),
		browser.Shapes("a", "paper wash violated-tint open-tint"), // what has the focus, the meter
	)
}

// A game day's pages and the report that follows are of one kind.
func TestPaletteIsTheReports(t *testing.T) {
	reports := browser.Schemes(t, css(t, "../../reports/render/html/page.css"))
	for name, colours := range browser.Schemes(t, css(t, "pages/page.css")) {
		for property, colour := range colours {
			if want := reports[name][property]; want != colour {
				t.Errorf("%s: --%s is #%s, in reports #%s", name, property, colour, want)
			}
		}
	}
}
