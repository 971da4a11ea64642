package render_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserDeadline bounds all that is done in one browser.
const browserDeadline = 8 * time.Minute

// chromium finds a browser. Where there is none the test is skipped, unless
// FIREDRILL_REQUIRE says that this is a failure.
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome", "chrome"}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	why := "no browser: none of " + strings.Join(names, ", ") + " is in PATH"
	if slices.Contains(strings.Split(os.Getenv("FIREDRILL_REQUIRE"), ","), "browser") {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// window is a browser with one page, and what that page complained about.
type window struct {
	context.Context
	mu         sync.Mutex
	complaints []string
	requests   []string
}

// openBrowser starts a browser that ends with the test.
func openBrowser(t *testing.T) *window {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's own sandbox refuses root
	}
	ctx, endBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endPage := chromedp.NewContext(ctx)
	w := &window{}
	t.Cleanup(func() {
		// What the browser still writes would be in the way of removing its directory.
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("end the browser: %v", err)
		}
		endPage()
		endBrowser()
	})
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		t.Fatal("start the browser: ", err)
	}
	limited, cancel := context.WithTimeout(ctx, browserDeadline)
	t.Cleanup(cancel)
	w.Context = limited
	return w
}

func (w *window) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		w.complaints = append(w.complaints, fmt.Sprintf("console: %s", e.Type))
	case *runtime.EventExceptionThrown:
		w.complaints = append(w.complaints, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		w.complaints = append(w.complaints, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	case *network.EventRequestWillBeSent:
		w.requests = append(w.requests, e.Request.URL)
	}
}

// heard returns what was heard and forgets it.
func (w *window) heard() (complaints, requests []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	complaints, requests = w.complaints, w.requests
	w.complaints, w.requests = nil, nil
	return complaints, requests
}

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
  const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const lum = c => { const f = c.slice(0, 3).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4); });
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const out = { texts: 0, pale: [], outside: [], crossed: [], hidden: 0 };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
    if (!text || !e.checkVisibility() || ['title', 'desc', 'STYLE'].includes(e.tagName)) continue;
    const s = getComputedStyle(e), svg = e.namespaceURI.endsWith('svg');
    out.texts++;
    const a = lum(rgb(svg ? s.fill : s.color)), b = lum(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
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

// scheme is what a reader's system prefers.
func scheme(media, prefers string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: prefers}},
		})
		return err
	})
}

// into keeps what an action returns.
func into[T any](kept *T, action chromedp.Action[T]) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		var err error
		*kept, err = action(ctx, t)
		return err
	})
}

// view is how somebody looks at a page.
type view struct {
	width   int64 // pixels
	prefers string
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
	w := openBrowser(t)
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
			t.Run(fmt.Sprintf("%s, %d pixels, %s", name, as.width, as.prefers), func(t *testing.T) {
				var s seen
				var shot []byte
				err := chromedp.Do(w, chromedp.EmulateViewport(as.width, 800), scheme("screen", as.prefers), chromedp.Navigate(address),
					into(&s, chromedp.Evaluate[seen](look)), into(&shot, chromedp.FullScreenshot(100)))
				if err != nil {
					t.Fatal(err)
				}
				w.quiet(t, address)
				s.legible(t)
				if s.Needed > s.Width {
					t.Errorf("the page is %g pixels wide in a window of %g", s.Needed, s.Width)
				}
				picture := strings.TrimSuffix(path, ".html") + fmt.Sprintf("-%d-%s.png", as.width, as.prefers)
				if err := os.WriteFile(picture, shot, 0o644); err != nil {
					t.Fatal(err)
				}
			})
		}
		if len(views(name)) > 1 {
			t.Run(name+", on paper", func(t *testing.T) { w.onPaper(t, address, strings.TrimSuffix(path, ".html")+".pdf") })
		}
	}
}

// onPaper looks at a page as it is printed by somebody whose screen is dark.
func (w *window) onPaper(t *testing.T, address, file string) {
	var s seen
	var pdf []byte
	err := chromedp.Do(w, chromedp.EmulateViewport(720, 1000), scheme("print", "dark"), chromedp.Navigate(address), into(&s, chromedp.Evaluate[seen](look)),
		into(&pdf, chromedp.PrintToPDF(chromedp.PDFPrintBackground(), chromedp.PDFPreferCSSPageSize())))
	if err != nil {
		t.Fatal(err)
	}
	w.quiet(t, address)
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

func (w *window) quiet(t *testing.T, address string) {
	t.Helper()
	complaints, requests := w.heard()
	for _, c := range complaints {
		t.Errorf("the browser says %s", c)
	}
	for _, r := range requests {
		if r != address && !strings.HasPrefix(r, "data:") {
			t.Errorf("the page asks for %s", r)
		}
	}
	if len(requests) == 0 {
		t.Error("no request was seen, not even for the page itself")
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
	w := openBrowser(t)
	path := filepath.Join(t.TempDir(), "bad.html")
	bad := `<!DOCTYPE html><body style="background:#fff"><p style="color:#999">pale</p><div style="width:900px">wide</div>
<svg width="100"><text x="-50" y="40">outside</text><text x="5" y="10">one</text><text x="9" y="10">two</text></svg><details><table><tr><td>folded</table></details>
<link rel="stylesheet" href="missing.css"><script>console.error("x")</script>`
	if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	var s seen
	address := (&url.URL{Scheme: "file", Path: path}).String()
	if err := chromedp.Do(w, chromedp.EmulateViewport(360, 800), chromedp.Navigate(address), into(&s, chromedp.Evaluate[seen](look))); err != nil {
		t.Fatal(err)
	}
	complaints, requests := w.heard()
	if len(s.Pale) != 1 || len(s.Outside) != 1 || len(s.Crossed) != 1 || s.Hidden != 1 || s.Needed <= s.Width || len(complaints) == 0 || len(requests) != 2 {
		t.Errorf("seen: %+v, complaints: %v, requests: %v", s, complaints, requests)
	}
}
