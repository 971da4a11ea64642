package gameday

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
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
	facilitator.reads("form[action$=inject] .told", "It has taken effect.")
	facilitator.see("what was chosen", `document.querySelector('#host').value === 'm3'`)

	// What cannot be done is said.
	e.mu.Lock()
	e.refuse = fmt.Errorf("%w: m3 is off", ErrRefused)
	e.mu.Unlock()
	facilitator.do(click("form[action$=inject] button"))
	facilitator.reads("form[action$=inject] .told", "cannot be done now: m3 is off")
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
