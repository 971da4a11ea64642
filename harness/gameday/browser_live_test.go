package gameday

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
	"github.com/etcd-firedrill/firedrill/harness"
)

// The clocks count on between two events, and do not jump back with the next.
func TestClocksCountOn(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	e.started = time.Now()
	s := open(t, e, "")
	w := browser.Open(t)
	visit(w, s.WallURL())
	w.See("the clock after 8:09", `document.querySelector('.digits').innerText > '8:09'`)
	w.See("less that is left", `document.querySelector('[data-slot=left]').innerText < '21:47'`)
	w.See("an age", `/9 min [2-5]/.test(document.querySelector('[data-table=backups]').innerText)`)
	if err := e.Hint("the next event"); err != nil {
		t.Fatal(err)
	}
	w.Reads(".hints", "the next event")
	if clock := w.Text(".digits"); clock <= "8:09" {
		t.Errorf("the clock went back to %s", clock)
	}
	w.See("the meter", `document.querySelector('#meter').value >= 493`)
}

// A line that stays is not made anew, so that what somebody has marked in it stays so.
func TestLinesStay(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s := open(t, e, "")
	w := browser.Open(t)
	visit(w, s.FacilitatorURL())
	w.See("a command", `[...document.querySelectorAll('[data-table=steps] td')].find(td => td.innerText.includes('rm -rf'))`)
	browser.Value[bool](w, `window.line = [...document.querySelectorAll('[data-table=steps] td')].find(td => td.innerText.includes('rm -rf')), getSelection().selectAllChildren(window.line), true`)
	e.change(func(s *Stage) {
		s.Steps = append(s.Steps, Step{Number: 7, At: s.Wall.Now, By: "ana", Host: "m1", Command: "etcdctl member list"})
	})
	w.Reads("[data-table=steps] tbody tr:first-child", "etcdctl member list")
	w.See("the mark", `window.line.isConnected && getSelection().toString().includes('rm -rf /var/lib/etcd')`)
	if n := browser.Value[int](w, `document.querySelectorAll('[data-table=steps] tbody tr').length`); n != 7 {
		t.Errorf("%d lines", n)
	}
}

// Whatever is typed is text here too.
func TestHostileTextInABrowser(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	w := browser.Open(t)
	visit(w, s.FacilitatorURL())
	for _, name := range []string{"facilitator", "wall"} {
		visit(w, at(t, s.WallURL(), "/"+name))
		for _, text := range hostile {
			e.change(func(s *Stage) {
				*s = hostileStage(Alarm, text)
				s.Wall.Noticed = text
			})
			w.See(fmt.Sprintf("%q as text", text), fmt.Sprintf(`[...document.querySelectorAll('[data-slot=noticed]')].every(e => e.textContent === %s)`, quoteJS(text)))
			w.See("nothing else", `document.querySelectorAll('img, iframe, main script, [onfocus], [onerror]').length === 0 && window.hit === undefined`)
		}
	}
	// A long word without a place to break sticks out of nothing.
	w.Do(browser.Wide(360, 800))
	for _, name := range []string{"facilitator", "wall"} {
		e.change(func(s *Stage) { *s = hostileStage(Over, strings.Repeat("x", 300)) })
		visit(w, at(t, s.WallURL(), "/"+name))
		if got := browser.Value[seen](w, look); got.Needed > got.Width {
			t.Errorf("%s: the page is %g pixels wide in a window of %g", name, got.Needed, got.Width)
		}
	}
	quiet(w, s)
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

// ownAddress is any free port of a loopback address that is this process's alone, as far
// as its number tells: while nobody listens there, nobody else is given the port.
func ownAddress() string {
	if runtime.GOOS != "linux" {
		return "" // 127.0.0.1 is all of the loopback network
	}
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d:0", 8+pid>>16&7, pid>>8&255, pid&255)
}

// The connection is lost and seen to be; it comes back, with another game day at the
// same address, and the page is that one's.
func TestALostConnection(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	w := browser.Open(t)
	s, err := listen(t.Context(), ownAddress(), e, usual)
	if err != nil {
		t.Fatal(err)
	}
	visit(w, s.WallURL())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w.Reads("#lost", "No connection since ")
	w.Reads("#lost", "The exercise goes on")
	w.Reads(".last-known", "Last known:")
	w.Shoot("wall-lost")
	w.Do(browser.Fill("#by", "ana"), browser.Click("button[data-ask]"), browser.Click("#sure-done .danger"))
	w.Reads(".told", "There is no connection")

	other := newFake()
	other.stage.Wall.Hints = []harness.HintRecord{{Text: "another day"}}
	again := open(t, other, s.names.address())
	w.Reads(".hints", "another day")
	w.See("a live page", `'live' in document.body.dataset`)
	w.Gone("#lost")
	if got := browser.Value[string](w, `document.body.dataset.server`); got != again.nonce {
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
	w := browser.Open(t)
	s, err := listen(t.Context(), "", e, usual)
	if err != nil {
		t.Fatal(err)
	}
	visit(w, s.WallURL())
	e.change(func(s *Stage) { *s = stageAt(Over) })
	e.end()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w.Reads("#lost", "The game day is over, and its pages closed")
	w.Reads(".outcome", "Violated")
}

// seeks counts how often a page asked for its events.
func seeks(w *browser.Window) (n int) {
	for _, r := range w.Requests() {
		if strings.HasSuffix(r, "/wall/events") {
			n++
		}
	}
	return n
}

// A network that swallows everything closes no connection: a page that hears no sign
// of life for long takes it for lost, and asks anew.
func TestASilentConnection(t *testing.T) {
	s := open(t, newFake(), "")
	w := browser.Open(t)
	w.Do(browser.OnLoad(`window.ahead = 0; const real = performance.now.bind(performance); performance.now = () => real() + window.ahead`))
	visit(w, s.WallURL())
	if n := seeks(w); n != 1 {
		t.Fatalf("the page asked %d times for its events", n)
	}
	browser.Value[bool](w, `window.notices = [], new MutationObserver(() => window.notices.push(document.querySelector('#lost').innerText)).observe(document.querySelector('#lost'), { childList: true }), true`)
	browser.Value[bool](w, `window.ahead = 26000, true`)
	w.Until("another stream", func() bool { return seeks(w) == 2 })
	w.See("the notice", `window.notices[0].startsWith('No connection since')`)
	w.See("a live page", `'live' in document.body.dataset`)
	w.Gone("#lost")
}

// The drill's clock stood still for longer than the browser's, as in a machine that was
// suspended: once the page has connected again it shows the drill's.
func TestAClockThatStoodStill(t *testing.T) {
	e := newFake()
	e.stage = stageAt(Alarm)
	s := open(t, e, "")
	w := browser.Open(t)
	w.Do(browser.OnLoad(`window.ahead = 0; const real = performance.now.bind(performance); performance.now = () => real() + window.ahead`))
	visit(w, s.WallURL())
	w.See("the clock", `document.querySelector('.digits').innerText.startsWith('8:')`)
	browser.Value[bool](w, `window.ahead = 600000, true`)
	w.Until("another stream", func() bool { return seeks(w) == 2 })
	w.See("the drill's clock", `/^[89]:/.test(document.querySelector('.digits').innerText)`)
}
