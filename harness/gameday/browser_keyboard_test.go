package gameday

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
)

// press presses keys wherever the focus is.
func press(keys ...string) browser.Step { return chromedp.KeyEvent(strings.Join(keys, "")) }

// tabTo presses the tabulator until an element has the focus, and looks whether that
// is to be seen.
func tabTo(t *testing.T, w *browser.Window, selector string) {
	t.Helper()
	for range 40 {
		w.Do(press(kb.Tab))
		if browser.Value[bool](w, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			if !browser.Value[bool](w, `(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`) {
				t.Errorf("the focus on %s cannot be seen", selector)
			}
			return
		}
	}
	t.Fatalf("no tabulator leads to %s", selector)
}

// Everything can be done by keyboard, and nobody confirms by holding a key down.
func TestByKeyboard(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	e.stage.Wall.Noticed = ""
	s := open(t, e, "")
	w := browser.Open(t)
	visit(w, s.WallURL())
	tabTo(t, w, "#by")
	w.Do(press("b", "o"))
	tabTo(t, w, "button:not([data-ask])")
	w.Do(press(" "))
	heardOf(w, e, `notice by "bo"`)
	w.Gone(".deeds > .buttons > button:not([data-ask])")
	tabTo(t, w, "button[data-ask]")
	w.Do(press(kb.Enter, kb.Enter, kb.Enter))
	w.Reads("#sure-done", "nobody can type any more")
	w.See("the question in focus", `document.activeElement.id === 'sure-done'`)
	w.Do(press(kb.Escape))
	w.Gone("#sure-done")
	w.See("the button in focus again", `document.activeElement.matches('button[data-ask]')`)
	w.Do(press(kb.Enter), press(kb.Tab))
	w.See("yes in focus", `document.activeElement.matches('#sure-done .danger')`)
	if strings.Contains(e.all(), "done") {
		t.Errorf("it was not confirmed, and asked of the exercise: %s", e.all())
	}
	w.Do(press(kb.Enter))
	heardOf(w, e, `done by "bo"`)

	e.change(func(s *Stage) { *s = stageAt(Alarm) })
	visit(w, s.FacilitatorURL())
	tabTo(t, w, "#text")
	w.Do(press("l", "o", "o", "k"))
	tabTo(t, w, "form[action$=hint] button")
	w.Do(press(kb.Enter))
	heardOf(w, e, `hint "look"`)
	tabTo(t, w, "#kind")
	w.Do(press(kb.ArrowDown))
	tabTo(t, w, "#host")
	w.Do(press("m", "3"))
	tabTo(t, w, "form[action$=inject] button")
	w.Do(press(kb.Enter))
	heardOf(w, e, `inject "stop-etcd" on "m3"`)
	tabTo(t, w, "form[action$=pause] button")
	w.Do(press(kb.Enter))
	heardOf(w, e, "pause")
	w.See("what ends the pause", `document.querySelector('form[action$=resume]').checkVisibility()`)
	tabTo(t, w, "form[action$=resume] button")
	w.Do(press(kb.Enter))
	heardOf(w, e, "resume")
	tabTo(t, w, "#why")
	w.Do(press("x", kb.Enter))
	w.Reads("#sure-stop", "did not complete")
	w.Do(press(kb.Tab), press(kb.Enter))
	heardOf(w, e, `stop because "x"`)
	quiet(w, s)
}
