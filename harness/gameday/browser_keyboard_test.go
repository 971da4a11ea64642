package gameday

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// press presses keys wherever the focus is.
func press(keys ...string) chromedp.Action[chromedp.Void] {
	return chromedp.KeyEvent(strings.Join(keys, ""))
}

// tabTo presses the tabulator until an element has the focus, and looks whether that
// is to be seen.
func (w *window) tabTo(selector string) {
	w.t.Helper()
	for range 40 {
		w.do(press(kb.Tab))
		if value[bool](w, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			if !value[bool](w, `(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`) {
				w.t.Errorf("the focus on %s cannot be seen", selector)
			}
			return
		}
	}
	w.t.Fatalf("no tabulator leads to %s", selector)
}

// Everything can be done by keyboard, and nobody confirms by holding a key down.
func TestByKeyboard(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	e.stage.Wall.Noticed = ""
	s := open(t, e, "")
	w := openBrowser(t)
	w.visit(s.WallURL())
	w.tabTo("#by")
	w.do(press("b", "o"))
	w.tabTo("button:not([data-ask])")
	w.do(press(" "))
	w.heardOf(e, `notice by "bo"`)
	w.gone(".deeds > .buttons > button:not([data-ask])")
	w.tabTo("button[data-ask]")
	w.do(press(kb.Enter, kb.Enter, kb.Enter))
	w.reads("#sure-done", "nobody can type any more")
	w.see("the question in focus", `document.activeElement.id === 'sure-done'`)
	w.do(press(kb.Escape))
	w.gone("#sure-done")
	w.see("the button in focus again", `document.activeElement.matches('button[data-ask]')`)
	w.do(press(kb.Enter), press(kb.Tab))
	w.see("yes in focus", `document.activeElement.matches('#sure-done .danger')`)
	if strings.Contains(e.all(), "done") {
		t.Errorf("it was not confirmed, and asked of the exercise: %s", e.all())
	}
	w.do(press(kb.Enter))
	w.heardOf(e, `done by "bo"`)

	e.change(func(s *Stage) { *s = stageAt(Alarm) })
	w.visit(s.FacilitatorURL())
	w.tabTo("#text")
	w.do(press("l", "o", "o", "k"))
	w.tabTo("form[action$=hint] button")
	w.do(press(kb.Enter))
	w.heardOf(e, `hint "look"`)
	w.tabTo("#kind")
	w.do(press(kb.ArrowDown))
	w.tabTo("#host")
	w.do(press("m", "3"))
	w.tabTo("form[action$=inject] button")
	w.do(press(kb.Enter))
	w.heardOf(e, `inject "stop-etcd" on "m3"`)
	w.tabTo("form[action$=pause] button")
	w.do(press(kb.Enter))
	w.heardOf(e, "pause")
	w.tabTo("form[action$=resume] button")
	w.do(press(kb.Enter))
	w.heardOf(e, "resume")
	w.tabTo("#why")
	w.do(press("x", kb.Enter))
	w.reads("#sure-stop", "did not complete")
	w.do(press(kb.Tab), press(kb.Enter))
	w.heardOf(e, `stop because "x"`)
	w.quiet(s)
}
