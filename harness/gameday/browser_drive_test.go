package gameday

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
)

// visit opens a page and waits until it is live.
func visit(w *browser.Window, address string) {
	w.Do(chromedp.Navigate(address))
	w.See("a live page", `'live' in document.body.dataset && document.querySelector('#live').innerText === 'live'`)
}

// quiet fails if the page complained, or asked for anything of another server's.
func quiet(w *browser.Window, s *Server) { w.Quiet("http://" + s.names.address() + "/") }

// heardOf waits until something was asked of the exercise.
func heardOf(w *browser.Window, e *fake, what string) {
	w.Until(fmt.Sprintf("%s, asked of the exercise among\n%s\n", what, e.all()), func() bool { return strings.Contains(e.all(), what) })
}

// A game day from its two pages: the facilitator's and the wall.
func TestAGameDayInABrowser(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	facilitator := browser.Open(t)
	wall := facilitator.Tab()
	visit(facilitator, s.FacilitatorURL())
	if at := browser.Value[string](facilitator, `location.href`); strings.Contains(at, "token") || strings.Contains(at, s.facilitator.token) {
		t.Errorf("the address bar shows %s", at)
	}
	if cookies := browser.Value[string](facilitator, `document.cookie`); cookies != "" {
		t.Errorf("scripts can read %s", cookies)
	}
	facilitator.Reads(".strike", "Strikes in ")
	visit(wall, s.WallURL())
	wall.Reads(".state", "Serving")
	wall.Reads(".clock", "no alarm so far")
	wall.Gone(".recovered")

	// A pause before the strike: it does not come nearer.
	facilitator.Do(browser.Click("form[action$=pause] button"))
	facilitator.Reads(".strike", "Strikes in 42 s, once it goes on")
	facilitator.Do(browser.Click("form[action$=resume] button"))
	facilitator.See("a strike that comes nearer", `document.querySelector('.strike [data-count=in]')`)

	// The alarm rings, and is seen without anything being pressed.
	alarm := stageAt(Alarm)
	alarm.Wall.Noticed, alarm.Wall.Hints = "", nil
	e.change(func(s *Stage) { *s = alarm })
	wall.Reads(".state", "Not serving")
	wall.Reads(".clock", "8:")
	wall.See("the announcement", `document.querySelector('[aria-live=assertive]').innerText === 'Alarm. Not serving.'`)
	wall.See("the tab's title", `document.title.startsWith('Alarm – Not serving')`)
	facilitator.Reads(".faults", "PowerOff{Who: m2}")
	facilitator.Reads("[data-table=steps]", "rm -rf /var/lib/etcd")
	facilitator.Reads(".team", "2, before the strike; the last by ana")
	wall.Reads(".recovered", "m1, m4 and m5 are the members")
	if strings.Contains(wall.Text("body"), "before the strike") {
		t.Error("the wall tells of false alarms")
	}
	if strings.Contains(wall.Text("body"), "PowerOff") {
		t.Error("the wall tells what broke")
	}

	// A hint.
	facilitator.Do(browser.Fill("#text", "What do the peers say?"), browser.Click("form[action$=hint] button"))
	wall.Reads(".hints", "What do the peers say?")
	facilitator.Reads("form[action$=hint] .told", "The wall shows it.")
	facilitator.See("an empty field", `document.querySelector('#text').value === ''`)

	// A pause: the clock stands still.
	facilitator.Do(browser.Click("form[action$=pause] button"))
	wall.Reads(".banner.paused", "Paused")
	wall.Reads(".banner.paused", "It goes on by itself in ")
	wall.See("a clock that stands still", `!document.querySelector('.digits [data-count]')`)
	facilitator.Gone("form[action$=pause]")
	facilitator.Do(browser.Click("form[action$=resume] button"))
	wall.Gone(".banner.paused")
	wall.See("a clock that runs", `document.querySelector('.digits [data-count=clock]')`)

	// More breaks.
	facilitator.Do(chromedp.SetValue(chromedp.CSS("#kind"), "stop-etcd"), chromedp.SetValue(chromedp.CSS("#host"), "m3"), browser.Click("form[action$=inject] button"))
	heardOf(facilitator, e, `inject "stop-etcd" on "m3"`)
	facilitator.Reads(".faults", "stop-etcd")
	facilitator.Reads("form[action$=inject] .told", "It has taken effect.")
	facilitator.See("what was chosen", `document.querySelector('#host').value === 'm3'`)

	// What cannot be done is said.
	e.mu.Lock()
	e.refuse = fmt.Errorf("%w: m3 is off", ErrRefused)
	e.mu.Unlock()
	facilitator.Do(browser.Click("form[action$=inject] button"))
	facilitator.Reads("form[action$=inject] .told", "cannot be done now: m3 is off")
	facilitator.Shoot("facilitator-refused")
	e.mu.Lock()
	e.refuse = nil
	e.mu.Unlock()
	if complaints, _ := facilitator.Heard(); len(complaints) != 1 || !strings.Contains(complaints[0], "409") {
		t.Errorf("the browser says %v", complaints) // it tells of the refusal
	}

	// The team says so.
	wall.Do(browser.Fill("#by", "ana"), browser.Click(".deeds > .buttons > button:not([data-ask])"))
	heardOf(wall, e, `notice by "ana"`)
	wall.Gone(".deeds > .buttons > button:not([data-ask])")
	wall.Reads("[data-slot=noticed]", "ana")
	facilitator.Reads(".facts", "Noticed by")

	// Everything survives a reload, the name that was typed too.
	for _, w := range []*browser.Window{wall, facilitator} {
		w.Do(chromedp.Reload())
		w.See("a live page", `'live' in document.body.dataset`)
		w.Reads(".state", "Not serving")
		w.See("the hint", `document.body.innerText.includes('What do the peers say?')`)
	}
	wall.See("the name", `document.querySelector('#by').value === 'ana'`)

	// Leaving it as it is is asked twice, in the page, and one question at a time.
	wall.Do(browser.Click("[data-ask=sure-done]"), browser.Click("[data-ask=sure-leave]"))
	wall.Gone("#sure-done")
	wall.Reads("#sure-leave", "nothing that may be touched")
	wall.Shoot("wall-leave")
	wall.Do(browser.Click("#sure-leave [data-not-yet]"))
	wall.Gone("#sure-leave")
	wall.See("its button in focus", `document.activeElement.matches('[data-ask=sure-leave]')`)

	// Done as well.
	wall.Do(browser.Click("button[data-ask]"))
	wall.Reads("#sure-done", "nobody can type any more")
	wall.Shoot("wall-question")
	wall.Do(browser.Click("[data-not-yet]"))
	wall.Gone("#sure-done")
	wall.Do(browser.Click("button[data-ask]"), browser.Click("#sure-done .danger"))
	heardOf(wall, e, `done by "ana"`)
	if n := strings.Count(e.all(), "done by"); n != 1 {
		t.Errorf("it was done %d times", n)
	}
	wall.Reads(".banner:not(.paused, .lost)", "the checks run")
	wall.Gone(".deeds")
	facilitator.Gone(".controls")
	e.change(func(s *Stage) { *s = stageAt(Over) })
	e.end()
	wall.Reads(".outcome", "Violated")
	wall.Reads(".report", "after-action.html")
	facilitator.Reads(".outcome", "Violated")
	quiet(wall, s)
	quiet(facilitator, s)
}

// Whatever broke, and while nobody has noticed: the team sees who answers, and the
// facilitator why somebody does not.
func TestFaultsInABrowser(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	facilitator := browser.Open(t)
	wall := facilitator.Tab()
	visit(facilitator, s.FacilitatorURL())
	visit(wall, s.WallURL())
	const hosts = "[data-table=hosts]"
	for i, c := range faulty {
		name := fmt.Sprintf("host-%d", i)
		e.change(func(s *Stage) {
			is := c.is
			is.Name = name
			s.Hosts = []Inside{is}
			s.Wall.Hosts = outside(s.Hosts)
		})
		wall.Reads(hosts, name)
		facilitator.Reads(hosts, name)
		for _, word := range c.words {
			if text := wall.Text("body"); strings.Contains(text, word) {
				t.Errorf("%s: %q is on the wall:\n%s", c.fault, word, text)
			}
			facilitator.Reads(hosts, word)
		}
		if answers := strings.Contains(wall.Text(hosts), "does not answer"); answers == c.is.EtcdAnswers {
			t.Errorf("%s: the wall reads\n%s", c.fault, wall.Text(hosts))
		}
	}
	quiet(wall, s)
	quiet(facilitator, s)
}

func TestStopInABrowser(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s := open(t, e, "")
	w := browser.Open(t)
	visit(w, s.FacilitatorURL())
	w.Do(browser.Click("button[data-ask]"))
	w.Gone("#sure-stop") // a reason is required
	w.Do(browser.Fill("#why", "the room is needed"), browser.Click("button[data-ask]"), browser.Click("#sure-stop .danger"))
	heardOf(w, e, `stop because "the room is needed"`)
	w.Reads(".banner:not(.paused, .lost)", "the checks run")
	quiet(w, s)
}

func TestLeaveInABrowser(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s := open(t, e, "")
	w := browser.Open(t)
	visit(w, s.WallURL())
	w.Do(browser.Fill("#by", "bo"), browser.Click("[data-ask=sure-leave]"), browser.Click("#sure-leave .danger"))
	heardOf(w, e, `left by "bo"`)
	w.Reads(".banner:not(.paused, .lost)", "the checks run")
	quiet(w, s)
}
