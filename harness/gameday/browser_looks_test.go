package gameday

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
)

// seen is what look found on a page.
type seen struct {
	Width   float64  `json:"width"`   // of the window
	Needed  float64  `json:"needed"`  // by the page
	Texts   int      `json:"texts"`   // pieces of text that are to be seen
	Pale    []string `json:"pale"`    // those without enough contrast
	Outside []string `json:"outside"` // elements that stick out of the window
	Crossed []string `json:"crossed"` // texts that lie on each other
	Small   []string `json:"small"`   // what is to be touched and is too small for a thumb
	Word    float64  `json:"word"`    // height of the word that says whether it serves, or of the verdict
}

// look measures what a reader would see: it walks over every piece of text.
const look = `(() => {
  ` + browser.Contrasts + `
  const clipped = e => e.closest('.unseen, thead') !== null;
  const out = { texts: 0, pale: [], outside: [], crossed: [], small: [] };
  const wide = document.documentElement.clientWidth;
  const boxes = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
    if (!text || !e.checkVisibility() || clipped(e)) continue;
    out.texts++;
    const ratio = contrast(e, getComputedStyle(e).color);
    if (ratio < 4.5) out.pale.push(ratio.toFixed(2) + ': ' + text);
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    const lines = [...range.getClientRects()];
    if (lines.some(r => r.left < 0 || r.right > wide + 0.5)) out.outside.push(text);
    if (!e.closest('.scroll, select')) for (const r of lines) boxes.push([text, r, e]);
  }
  boxes.forEach(([a, r, e], i) => boxes.slice(i + 1).forEach(([b, q, f]) => {
    if (e !== f && r.left + 1 < q.right && q.left + 1 < r.right && r.top + 4 < q.bottom && q.top + 4 < r.bottom) out.crossed.push(a + ' and ' + b);
  }));
  for (const e of document.querySelectorAll('button, input, select, textarea')) {
    if (e.type !== 'hidden' && e.checkVisibility() && e.getBoundingClientRect().height < 36) out.small.push(e.outerHTML);
  }
  out.word = Math.max(0, ...[...document.querySelectorAll('.word')].filter(e => e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize)));
  out.width = wide;
  out.needed = document.documentElement.scrollWidth;
  return out;
})()`

// check fails where something cannot be read.
func (s seen) check(t *testing.T) {
	t.Helper()
	if s.Texts == 0 {
		t.Error("no text is to be seen")
	}
	for what, texts := range map[string][]string{"too little contrast": s.Pale, "sticks out of the window": s.Outside, "lie on each other": s.Crossed, "too small for a thumb": s.Small} {
		for _, text := range texts {
			t.Errorf("%s: %s", what, text)
		}
	}
	if s.Needed > s.Width {
		t.Errorf("the page is %g pixels wide in a window of %g", s.Needed, s.Width)
	}
}

// states are game days as they are looked at.
func states() map[string]Stage {
	states := map[string]Stage{"waiting": stageAt(Waiting), "alarm": stageAt(Alarm), "paused": stageAt(Alarm), "judging": stageAt(Judging), "over": stageAt(Over), "empty": {Wall: Wall{Phase: Waiting, Within: 30 * time.Minute}}}
	paused := states["paused"]
	paused.Wall.Paused, paused.Wall.PauseEnds = true, paused.Wall.Now+1730*time.Second
	states["paused"] = paused
	return states
}

// screens are how a page is looked at: the widths of a telephone, a tablet, a desk and a
// wall where a game day is as it will be most, and two where it is otherwise.
func screens(state string) []screen {
	if state == "alarm" || state == "over" {
		return []screen{{360, "light"}, {360, "dark"}, {768, "light"}, {1280, "light"}, {1280, "dark"}, {1920, "dark"}}
	}
	return []screen{{360, "dark"}, {1280, "light"}}
}

// screen is how somebody looks at a page.
type screen struct {
	width   int64 // pixels
	colours string
}

// Every state of both pages: nothing complains, nothing sticks out, all text is
// legible, and whether it serves is so from afar.
func TestLooks(t *testing.T) {
	w := browser.Open(t)
	for state, stage := range states() {
		e := newFake()
		e.stage = stage
		s := open(t, e, "")
		visit(w, s.FacilitatorURL())
		for _, name := range []string{"wall", "facilitator"} {
			visit(w, at(t, s.WallURL(), "/"+name))
			for _, v := range screens(state) {
				t.Run(fmt.Sprintf("%s, %s, %d pixels, %s", name, state, v.width, v.colours), func(t *testing.T) {
					w := w.In(t)
					w.Do(browser.Wide(v.width, 800), browser.As(browser.Reader{Likes: v.colours, Still: true}))
					got := browser.Value[seen](w, look)
					got.check(t)
					if name == "wall" && got.Word < float64(v.width)/16 {
						t.Errorf("the word is %g pixels high in a window of %d", got.Word, v.width)
					}
					w.Shoot(fmt.Sprintf("%s-%s-%d-%s", name, state, v.width, v.colours))
				})
			}
			quiet(w, s)
		}
	}
}

// A page that is wrong is seen to be: what look finds is not always nothing.
func TestTheLookFinds(t *testing.T) {
	w := browser.Open(t)
	w.Do(browser.Wide(360, 800), chromedp.Navigate(`data:text/html,<!DOCTYPE html><body style="background:%23fff"><p style="color:%23999">pale</p><div style="width:900px;text-align:right">wide</div>`+
		`<p style="position:absolute;top:200px">one</p><p style="position:absolute;top:200px">two</p><button style="height:20px">small</button><p class="word">x</p><script>console.error("x")</script>`))
	got := browser.Value[seen](w, look)
	complaints, _ := w.Heard()
	if len(got.Pale) != 1 || len(got.Outside) != 1 || len(got.Crossed) != 1 || len(got.Small) != 1 || got.Needed <= got.Width || got.Word == 0 || len(complaints) == 0 {
		t.Errorf("seen: %+v, complaints: %v", got, complaints)
	}
}

// Without a script a page shows what it does with one, and says that it will not
// change. The clocks stand still, to be compared.
func TestWithoutScripts(t *testing.T) {
	w := browser.Open(t)
	w.Do(browser.Wide(1280, 800), browser.OnLoad(`performance.now = () => 1000`))
	const words = `[...document.querySelectorAll('h1, main [data-slot], main [data-table], main progress')].filter(e => e.checkVisibility()).map(e => (e.dataset.slot ?? e.dataset.table ?? e.tagName) + ' ' + (e.dataset.tone ?? '') + ': ' + (e.position?.toFixed(3) ?? e.value ?? e.innerText) + ' ' + [...e.querySelectorAll('[data-tone]')].map(f => f.dataset.tone)).join('\n')`
	for state, stage := range states() {
		e := newFake()
		e.stage = stage
		s := open(t, e, "")
		visit(w, s.FacilitatorURL())
		for _, name := range []string{"wall", "facilitator"} {
			visit(w, at(t, s.WallURL(), "/"+name))
			title, with := browser.Value[string](w, `document.title`), browser.Value[string](w, words)
			w.Do(browser.Scripts(false), chromedp.Navigate(at(t, s.WallURL(), "/"+name)))
			if got := browser.Value[string](w, `document.title`); got != title {
				t.Errorf("%s, %s: the title is %q, with scripts %q", name, state, got, title)
			}
			if without := browser.Value[string](w, words); without != with || len(with) < 100 {
				t.Errorf("%s, %s: without scripts it reads\n%s\nand with them\n%s", name, state, without, with)
			}
			w.Reads("noscript", "Reload it")
			w.Do(browser.Scripts(true))
		}
	}
}

// What is said without a page to say it on is legible as well.
func TestMessagesInABrowser(t *testing.T) {
	s := open(t, newFake(), "")
	w := browser.Open(t)
	for name, address := range map[string]string{"no token": at(t, s.WallURL(), "/facilitator"), "nowhere": at(t, s.WallURL(), "/nowhere")} {
		for _, colours := range []string{"light", "dark"} {
			w.Do(browser.Wide(360, 600), browser.As(browser.Reader{Likes: colours}), chromedp.Navigate(address))
			w.See(name, `document.querySelector('h1, .note').checkVisibility()`)
			browser.Value[seen](w, look).check(t)
			w.Shoot("message-" + name + "-" + colours)
		}
	}
	// Without scripts the question is a page, and its answer leads back.
	w.Do(browser.Wide(1280, 800), browser.Scripts(false), chromedp.Navigate(s.WallURL()), browser.Fill("#by", "ana"), browser.Click("button[data-ask]"))
	w.Reads("h1", "Is the team done?")
	w.Shoot("question")
	w.Do(browser.Click("button.danger"))
	w.Reads(".banner:not(.paused, .lost, noscript *)", "the checks run")
	if got := browser.Value[string](w, `location.pathname`); got != "/wall" {
		t.Errorf("the answer leads to %s", got)
	}
}
