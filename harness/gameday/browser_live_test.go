package gameday

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/etcd-firedrill/firedrill/harness"
)

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

// seeks counts how often a page asked for its events.
func (w *window) seeks() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.requests {
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
	w := openBrowser(t)
	w.do(onLoad(`window.ahead = 0; const real = performance.now.bind(performance); performance.now = () => real() + window.ahead`))
	w.visit(s.WallURL())
	if n := w.seeks(); n != 1 {
		t.Fatalf("the page asked %d times for its events", n)
	}
	value[bool](w, `window.notices = [], new MutationObserver(() => window.notices.push(document.querySelector('#lost').innerText)).observe(document.querySelector('#lost'), { childList: true }), true`)
	value[bool](w, `window.ahead = 26000, true`)
	w.until("another stream", func() bool { return w.seeks() == 2 })
	w.see("the notice", `window.notices[0].startsWith('No connection since')`)
	w.see("a live page", `'live' in document.body.dataset`)
	w.gone("#lost")
}
