package gameday

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserDeadline bounds all that is done in one browser; seenWithin how long a page
// may take to show what it should.
const (
	browserDeadline = 8 * time.Minute
	seenWithin      = 30 * time.Second
)

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

// window is one tab of a browser, and what its page complained about.
type window struct {
	context.Context
	t          *testing.T
	mu         sync.Mutex
	complaints []string
	requests   []string
}

// openBrowser starts a browser with one tab, which ends with the test.
func openBrowser(t *testing.T) *window {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's own sandbox refuses root
	}
	ctx, endBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	limited, cancel := context.WithTimeout(ctx, browserDeadline)
	t.Cleanup(func() {
		cancel()
		endBrowser()
	})
	return openTab(limited, t)
}

// tab is another tab of the same browser, with the same cookies.
func (w *window) tab() *window {
	w.t.Helper()
	return openTab(w.Context, w.t)
}

func openTab(parent context.Context, t *testing.T) *window {
	t.Helper()
	ctx, endPage := chromedp.NewContext(parent)
	w := &window{Context: ctx, t: t}
	t.Cleanup(func() {
		// What the browser still writes would be in the way of removing its directory.
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("end the browser: %v", err)
		}
		endPage()
	})
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		t.Fatal("start the browser: ", err)
	}
	return w
}

// in is the same tab for a part of the test.
func (w *window) in(t *testing.T) *window { return &window{Context: w.Context, t: t} }

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
	case *page.EventJavascriptDialogOpening:
		w.complaints = append(w.complaints, "dialog: "+e.Message)
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

// quiet fails if the page complained, or asked for anything of another server's.
func (w *window) quiet(s *Server) {
	w.t.Helper()
	complaints, requests := w.heard()
	for _, c := range complaints {
		w.t.Errorf("the browser says %s", c)
	}
	for _, r := range requests {
		if !strings.HasPrefix(r, "http://"+s.names.address()+"/") {
			w.t.Errorf("the page asks for %s", r)
		}
	}
	if len(requests) == 0 {
		w.t.Error("no request was seen, not even for the page itself")
	}
}

// do does what somebody at the browser does.
func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w, seenWithin)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatalf("%v\nthe page reads\n%s", err, w.text("body"))
	}
}

// until polls something that happens soon.
func (w *window) until(what string, happens func() bool) {
	w.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(seenWithin); !happens(); {
		if time.Now().After(deadline) || w.Err() != nil {
			w.t.Fatalf("%s was not seen\nthe page reads\n%s", what, w.text("body"))
		}
		<-again.C
	}
}

// see waits until an expression in the page is true, and says what it is about. While
// a page is left for another there is none.
func (w *window) see(what, expression string) {
	w.t.Helper()
	w.until(what+" ("+expression+")", func() bool {
		is, err := chromedp.Run(w, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		return err == nil && is
	})
}

// reads waits until an element shows a text.
func (w *window) reads(selector, text string) {
	w.t.Helper()
	w.see(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf(`document.querySelector(%q)?.checkVisibility() && document.querySelector(%q).innerText.includes(%q)`, selector, selector, text))
}

// gone waits until an element is not to be seen.
func (w *window) gone(selector string) {
	w.t.Helper()
	w.see("no "+selector, fmt.Sprintf(`!document.querySelector(%q)?.checkVisibility()`, selector))
}

// text is what can be read of an element.
func (w *window) text(selector string) string {
	w.t.Helper()
	return value[string](w, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? "(nothing)"`, selector))
}

// value is an expression's in the page.
func value[T any](w *window, expression string) T {
	w.t.Helper()
	v, err := chromedp.Run(w, chromedp.Evaluate[T](expression))
	if err != nil {
		w.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// visit opens a page and waits until it is live.
func (w *window) visit(address string) {
	w.t.Helper()
	w.do(chromedp.Navigate(address))
	w.see("a live page", `'live' in document.body.dataset && document.querySelector('#live').innerText === 'live'`)
}

// scheme is what a reader's system prefers.
func scheme(features ...*emulation.MediaFeature) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "screen", Features: features})
		return err
	})
}

func still() *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}
}

func prefers(colours string) *emulation.MediaFeature {
	return &emulation.MediaFeature{Name: "prefers-color-scheme", Value: colours}
}

// onLoad has pages that are opened from now on run something before all else.
func onLoad(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	})
}

// scripts has pages run none from now on, or run them again.
func scripts(run bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return err
	})
}

// shoot keeps a picture of the page where FIREDRILL_PAGES says, if it does.
func (w *window) shoot(name string) {
	w.t.Helper()
	dir := os.Getenv("FIREDRILL_PAGES")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(w, chromedp.FullScreenshot(100))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o644); err != nil {
		w.t.Fatal(err)
	}
}
