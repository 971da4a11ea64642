package render_test

import (
	"os"
	"testing"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
)

// WCAG AA, in both schemes.
func TestPaletteHasContrast(t *testing.T) {
	css, err := os.ReadFile("html/page.css")
	if err != nil {
		t.Fatal(err)
	}
	browser.Legible(t, string(css),
		browser.Letters("ink muted", "paper card wash held-tint violated-tint open-tint"),
		browser.Letters("held violated open a", "paper card"),
		browser.Letters("held", "held-tint"),
		browser.Letters("violated", "violated-tint"),
		browser.Letters("open", "open-tint"),
		browser.Shapes("a b c d e edge held violated open", "card"),
	)
}
