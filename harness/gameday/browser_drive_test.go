package gameday

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/etcd-firedrill/firedrill/harness"
)

// heardOf waits until something was asked of the exercise.
func (w *window) heardOf(e *fake, what string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s, asked of the exercise among\n%s\n", what, e.all()), func() bool { return strings.Contains(e.all(), what) })
}

func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}

func fill(selector, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(selector), text)
}

// A game day from its two pages: the facilitator's and the wall.
func TestAGameDayInABrowser(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	facilitator := openBrowser(t)
	wall := facilitator.tab()
	facilitator.visit(s.FacilitatorURL())
	if at := value[string](facilitator, `location.href`); strings.Contains(at, "token") || strings.Contains(at, s.facilitator.token) {
		t.Errorf("the address bar shows %s", at)
	}
	if cookies := value[string](facilitator, `document.cookie`); cookies != "" {
		t.Errorf("scripts can read %s", cookies)
	}
	facilitator.reads(".strike", "Strikes in ")
	wall.visit(s.WallURL())
	wall.reads(".state", "Serving")
	wall.reads(".clock", "no alarm so far")

	// The alarm rings, and is seen without anything being pressed.
	alarm := stageAt(Alarm)
	alarm.Wall.Noticed, alarm.Wall.Hints = "", nil
	e.change(func(s *Stage) { *s = alarm })
	wall.reads(".state", "Not serving")
	wall.reads(".clock", "8:")
	wall.see("the announcement", `document.querySelector('[aria-live=assertive]').innerText === 'Alarm. Not serving.'`)
	wall.see("the tab's title", `document.title.startsWith('Alarm – Not serving')`)
	facilitator.reads(".faults", "PowerOff{Who: m2}")
	facilitator.reads("[data-table=steps]", "rm -rf /var/lib/etcd")
	if strings.Contains(wall.text("body"), "PowerOff") {
		t.Error("the wall tells what broke")
	}

	// A hint.
	facilitator.do(fill("#text", "What do the peers say?"), click("form[action$=hint] button"))
	wall.reads(".hints", "What do the peers say?")
	facilitator.reads("form[action$=hint] .told", "The wall shows it.")
	facilitator.see("an empty field", `document.querySelector('#text').value === ''`)

	// A pause: the clock stands still.
	facilitator.do(click("form[action$=pause] button"))
	wall.reads(".banner.paused", "Paused")
	wall.see("a clock that stands still", `!document.querySelector('.digits [data-count]')`)
	facilitator.gone("form[action$=pause]")
	facilitator.do(click("form[action$=resume] button"))
	wall.gone(".banner.paused")
	wall.see("a clock that runs", `document.querySelector('.digits [data-count=clock]')`)

	// More breaks.
	facilitator.do(chromedp.SetValue(chromedp.CSS("#kind"), "stop-etcd"), chromedp.SetValue(chromedp.CSS("#host"), "m3"), click("form[action$=inject] button"))
	facilitator.heardOf(e, `inject "stop-etcd" on "m3"`)
	facilitator.reads(".faults", "stop-etcd")
	facilitator.see("what was chosen", `document.querySelector('#host').value === 'm3'`)

	// What cannot be done is said.
	e.mu.Lock()
	e.refuse = fmt.Errorf("%w: m3 is off", ErrRefused)
	e.mu.Unlock()
	facilitator.do(click("form[action$=inject] button"))
	facilitator.reads("form[action$=inject] .told", "that cannot be done now: m3 is off")
	facilitator.shoot("facilitator-refused")
	e.mu.Lock()
	e.refuse = nil
	e.mu.Unlock()
	if complaints, _ := facilitator.heard(); len(complaints) != 1 || !strings.Contains(complaints[0], "409") {
		t.Errorf("the browser says %v", complaints) // it tells of the refusal
	}

	// The team says so.
	wall.do(fill("#by", "ana"), click(".deeds > .buttons > button:not([data-ask])"))
	wall.heardOf(e, `notice by "ana"`)
	wall.gone(".deeds > .buttons > button:not([data-ask])")
	wall.reads("[data-slot=noticed]", "ana")
	facilitator.reads(".facts", "Noticed by")

	// Everything survives a reload, the name that was typed too.
	for _, w := range []*window{wall, facilitator} {
		w.do(chromedp.Reload())
		w.see("a live page", `'live' in document.body.dataset`)
		w.reads(".state", "Not serving")
		w.see("the hint", `document.body.innerText.includes('What do the peers say?')`)
	}
	wall.see("the name", `document.querySelector('#by').value === 'ana'`)

	// Done is asked twice, in the page.
	wall.do(click("button[data-ask]"))
	wall.reads("#sure-done", "nobody can type any more")
	wall.shoot("wall-question")
	wall.do(click("[data-not-yet]"))
	wall.gone("#sure-done")
	wall.do(click("button[data-ask]"), click("#sure-done .danger"))
	wall.heardOf(e, `done by "ana"`)
	if n := strings.Count(e.all(), "done by"); n != 1 {
		t.Errorf("it was done %d times", n)
	}
	wall.reads(".banner:not(.paused, .lost)", "the checks run")
	wall.gone(".deeds")
	facilitator.gone(".controls")
	e.change(func(s *Stage) { *s = stageAt(Over) })
	e.end()
	wall.reads(".outcome", "Violated")
	wall.reads(".report", "report.html")
	facilitator.reads(".outcome", "Violated")
	wall.quiet(s)
	facilitator.quiet(s)
}

func TestStopInABrowser(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s := open(t, e, "")
	w := openBrowser(t)
	w.visit(s.FacilitatorURL())
	w.do(click("button[data-ask]"))
	w.gone("#sure-stop") // a reason is required
	w.do(fill("#why", "the room is needed"), click("button[data-ask]"), click("#sure-stop .danger"))
	w.heardOf(e, `stop because "the room is needed"`)
	w.reads(".banner:not(.paused, .lost)", "the checks run")
	w.quiet(s)
}

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

// The clocks count on between two events, and do not jump back with the next.
func TestClocksCountOn(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	e.started = time.Now()
	s := open(t, e, "")
	w := openBrowser(t)
	w.visit(s.WallURL())
	w.see("the clock after 8:09", `document.querySelector('.digits').innerText > '8:09'`)
	w.see("less that is left", `document.querySelector('[data-slot=left]').innerText < '21:47'`)
	w.see("an age", `/9 min [2-5]/.test(document.querySelector('[data-table=backups]').innerText)`)
	if err := e.Hint("the next event"); err != nil {
		t.Fatal(err)
	}
	w.reads(".hints", "the next event")
	if clock := w.text(".digits"); clock <= "8:09" {
		t.Errorf("the clock went back to %s", clock)
	}
	w.see("the meter", `document.querySelector('#meter').value >= 493`)
}

// A line that stays is not made anew, so that what somebody has marked in it stays so.
func TestLinesStay(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s := open(t, e, "")
	w := openBrowser(t)
	w.visit(s.FacilitatorURL())
	w.see("a command", `[...document.querySelectorAll('[data-table=steps] td')].find(td => td.innerText.includes('rm -rf'))`)
	value[bool](w, `window.line = [...document.querySelectorAll('[data-table=steps] td')].find(td => td.innerText.includes('rm -rf')), getSelection().selectAllChildren(window.line), true`)
	e.change(func(s *Stage) {
		s.Steps = append(s.Steps, Step{Number: 7, At: s.Wall.Now, By: "ana", Host: "m1", Command: "etcdctl member list"})
	})
	w.reads("[data-table=steps] tbody tr:first-child", "etcdctl member list")
	w.see("the mark", `window.line.isConnected && getSelection().toString().includes('rm -rf /var/lib/etcd')`)
	if n := value[int](w, `document.querySelectorAll('[data-table=steps] tbody tr').length`); n != 7 {
		t.Errorf("%d lines", n)
	}
}

// Whatever is typed is text here too.
func TestHostileTextInABrowser(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	w := openBrowser(t)
	w.visit(s.FacilitatorURL())
	for _, name := range []string{"facilitator", "wall"} {
		w.visit(at(t, s.WallURL(), "/"+name))
		for _, text := range hostile {
			e.change(func(s *Stage) {
				*s = hostileStage(Alarm, text)
				s.Wall.Noticed = text
			})
			w.see(fmt.Sprintf("%q as text", text), fmt.Sprintf(`[...document.querySelectorAll('[data-slot=noticed]')].every(e => e.textContent === %s)`, quoteJS(text)))
			w.see("nothing else", `document.querySelectorAll('img, iframe, main script, [onfocus], [onerror]').length === 0 && window.hit === undefined`)
		}
	}
	// A long word without a place to break sticks out of nothing.
	w.do(chromedp.EmulateViewport(360, 800))
	for _, name := range []string{"facilitator", "wall"} {
		e.change(func(s *Stage) { *s = hostileStage(Over, strings.Repeat("x", 300)) })
		w.visit(at(t, s.WallURL(), "/"+name))
		if got := value[seen](w, look); got.Needed > got.Width {
			t.Errorf("%s: the page is %g pixels wide in a window of %g", name, got.Needed, got.Width)
		}
	}
	w.quiet(s)
}

func quoteJS(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		fmt.Fprintf(&b, `\u{%x}`, r)
	}
	b.WriteByte('"')
	return b.String()
}

// The connection is lost and seen to be; it comes back, with another game day at the
// same address, and the page is that one's.
func TestALostConnection(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s, err := listen(t.Context(), "", e, usual)
	if err != nil {
		t.Fatal(err)
	}
	w := openBrowser(t)
	w.visit(s.WallURL())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w.reads("#lost", "No connection since ")
	w.reads("#lost", "The exercise goes on")
	w.reads(".last-known", "Last known:")
	w.shoot("wall-lost")
	w.do(fill("#by", "ana"), click("button[data-ask]"), click("#sure-done .danger"))
	w.reads(".told", "There is no connection")

	other := newFake()
	other.stage.Wall.Hints = []harness.HintRecord{{Text: "another day"}}
	again := open(t, other, s.names.address())
	w.reads(".hints", "another day")
	w.see("a live page", `'live' in document.body.dataset`)
	w.gone("#lost")
	if got := value[string](w, `document.body.dataset.server`); got != again.nonce {
		t.Errorf("the page is that of %s, not of %s", got, again.nonce)
	}
	if e.all() != "" || other.all() != "" {
		t.Errorf("asked: %q and %q", e.all(), other.all())
	}
}

// Once it is over a server that goes is no alarm.
func TestTheEndInABrowser(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s, err := listen(t.Context(), "", e, usual)
	if err != nil {
		t.Fatal(err)
	}
	w := openBrowser(t)
	w.visit(s.WallURL())
	e.change(func(s *Stage) { *s = stageAt(Over) })
	e.end()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w.reads("#lost", "The game day is over, and its pages closed")
	w.reads(".outcome", "Violated")
}
