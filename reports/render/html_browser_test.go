package render_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/etcd-firedrill/firedrill/fixtures/browser"
)

// seen is what look found on a page.
type seen struct {
	Width      float64  `json:"width"`      // of the window
	Needed     float64  `json:"needed"`     // by the page
	Texts      int      `json:"texts"`      // pieces of text that are to be seen
	Pale       []string `json:"pale"`       // those without enough contrast
	Outside    []string `json:"outside"`    // words in pictures that stick out of the window
	Crossed    []string `json:"crossed"`    // words in pictures that run into each other
	Background string   `json:"background"` // of the page
	Hidden     int      `json:"hidden"`     // tables that cannot be seen
}

// look measures what a reader would see: it walks over every piece of text.
const look = `(() => {
  ` + browser.Contrasts + `
  const out = { texts: 0, pale: [], outside: [], crossed: [], hidden: 0 };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
    if (!text || !e.checkVisibility() || ['title', 'desc', 'STYLE'].includes(e.tagName)) continue;
    const s = getComputedStyle(e), svg = e.namespaceURI.endsWith('svg');
    out.texts++;
    const ratio = contrast(e, svg ? s.fill : s.color);
    if (ratio < 4.5) out.pale.push(ratio.toFixed(2) + ': ' + text);
    const r = e.getBoundingClientRect();
    if (svg && (r.left < 0 || r.right > document.documentElement.clientWidth + 0.5)) out.outside.push(text);
  }
  for (const chart of document.querySelectorAll('svg')) {
    const words = [...chart.querySelectorAll('text')].filter(e => e.checkVisibility()).map(e => [e, e.getBoundingClientRect()]);
    words.forEach(([e, r], i) => words.slice(i + 1).forEach(([f, q]) => {
      if (r.left < q.right && q.left < r.right && r.top + 2 < q.bottom && q.top + 2 < r.bottom) out.crossed.push(e.textContent + ' and ' + f.textContent);
    }));
  }
  for (const t of document.querySelectorAll('table')) if (!t.checkVisibility({ contentVisibilityAuto: true }) || t.getBoundingClientRect().height === 0) out.hidden++;
  out.width = document.documentElement.clientWidth;
  out.needed = document.documentElement.scrollWidth;
  out.background = getComputedStyle(document.body).backgroundColor;
  return out;
})()`

// view is how somebody looks at a page.
type view struct {
	width int64  // pixels
	likes string // light or dark
}

// views are those that a page is looked at: all of them where a page is as people
// will have it, and the narrowest where it is an odd one.
func views(name string) []view {
	if name == "crowded game day" {
		return []view{{360, "dark"}, {1280, "light"}}
	}
	if slices.Contains([]string{"drill", "drills", "sweep", "interrupted", "game day"}, name) {
		return []view{{360, "light"}, {360, "dark"}, {768, "light"}, {1280, "light"}, {1280, "dark"}}
	}
	return []view{{360, "dark"}}
}

// Every page, as a telephone, a tablet and a desk show it, light and dark: nothing is
// asked of the network, nothing complains, nothing sticks out, all text is legible.
func TestPagesInABrowser(t *testing.T) {
	w := browser.Open(t)
	dir := t.TempDir()
	if keep := os.Getenv("FIREDRILL_PAGES"); keep != "" {
		dir = keep
	}
	for name, text := range pages(t) {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".html")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		address := (&url.URL{Scheme: "file", Path: path}).String()
		for _, as := range views(name) {
			t.Run(fmt.Sprintf("%s, %d pixels, %s", name, as.width, as.likes), func(t *testing.T) {
				w := w.In(t)
				w.Do(browser.Wide(as.width, 800), browser.As(browser.Reader{Likes: as.likes}), chromedp.Navigate(address))
				s, shot := browser.Value[seen](w, look), w.Shot()
				w.Quiet(address, "data:")
				s.legible(t)
				if s.Needed > s.Width {
					t.Errorf("the page is %g pixels wide in a window of %g", s.Needed, s.Width)
				}
				picture := strings.TrimSuffix(path, ".html") + fmt.Sprintf("-%d-%s.png", as.width, as.likes)
				if err := os.WriteFile(picture, shot, 0o644); err != nil {
					t.Fatal(err)
				}
			})
		}
		if len(views(name)) > 1 {
			t.Run(name+", on paper", func(t *testing.T) { onPaper(t, w.In(t), address, strings.TrimSuffix(path, ".html")+".pdf") })
		}
	}
}

// onPaper looks at a page as it is printed by somebody whose screen is dark.
func onPaper(t *testing.T, w *browser.Window, address, file string) {
	w.Do(browser.Wide(720, 1000), browser.As(browser.Reader{Paper: true, Likes: "dark"}), chromedp.Navigate(address))
	s := browser.Value[seen](w, look)
	pdf, err := chromedp.Run(w, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPreferCSSPageSize()))
	if err != nil {
		t.Fatal(err)
	}
	w.Quiet(address, "data:")
	s.legible(t)
	if s.Background != "rgba(0, 0, 0, 0)" {
		t.Errorf("the paper is %s", s.Background)
	}
	if s.Hidden > 0 {
		t.Errorf("%d tables are folded away, and paper cannot be unfolded", s.Hidden)
	}
	if len(pdf) < 1000 {
		t.Errorf("the printed page has %d bytes", len(pdf))
	}
	if err := os.WriteFile(file, pdf, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (s seen) legible(t *testing.T) {
	t.Helper()
	if s.Texts == 0 {
		t.Error("no text is to be seen")
	}
	for _, text := range s.Pale {
		t.Errorf("too little contrast, %s", text)
	}
	for _, words := range s.Crossed {
		t.Errorf("run into each other: %s", words)
	}
	for _, text := range s.Outside {
		t.Errorf("sticks out of the window: %s", text)
	}
}

// A page that is wrong is seen to be: what look and hear find is not always nothing.
func TestTheBrowserWouldComplain(t *testing.T) {
	w := browser.Open(t)
	path := filepath.Join(t.TempDir(), "bad.html")
	bad := `<!DOCTYPE html><body style="background:#fff"><p style="color:#999">pale</p><div style="width:900px">wide</div>
<svg width="100"><text x="-50" y="40">outside</text><text x="5" y="10">one</text><text x="9" y="10">two</text></svg><details><table><tr><td>folded</table></details>
<link rel="stylesheet" href="missing.css"><script>console.error("x")</script>`
	if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	w.Do(browser.Wide(360, 800), chromedp.Navigate((&url.URL{Scheme: "file", Path: path}).String()))
	s := browser.Value[seen](w, look)
	complaints, requests := w.Heard()
	if len(s.Pale) != 1 || len(s.Outside) != 1 || len(s.Crossed) != 1 || s.Hidden != 1 || s.Needed <= s.Width || len(complaints) == 0 || len(requests) != 2 {
		t.Errorf("seen: %+v, complaints: %v, requests: %v", s, complaints, requests)
	}
}
