package gameday

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stalled is a response to a browser that may stop reading. Its clock is the test's.
type stalled struct {
	mu       sync.Mutex
	text     bytes.Buffer
	deadline time.Time
	stops    bool // it reads no more
}

func (s *stalled) Header() http.Header { return http.Header{} }

func (s *stalled) WriteHeader(int) {}

func (s *stalled) Flush() {}

func (s *stalled) SetWriteDeadline(d time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = d
	return nil
}

func (s *stalled) Write(p []byte) (int, error) {
	s.mu.Lock()
	stops, wait := s.stops, time.Until(s.deadline)
	s.mu.Unlock()
	if stops {
		<-time.After(wait)
		return 0, os.ErrDeadlineExceeded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *stalled) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops = true
}

func (s *stalled) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// streaming is one stream of the wall, on the bubble's clock.
func streaming(t *testing.T, e *fake) (w *stalled, s *Server, ended chan struct{}) {
	t.Helper()
	s = newServer(t.Context(), hostNames{loopback: true}, e, usual)
	w, ended = &stalled{}, make(chan struct{})
	r := httptest.NewRequest(http.MethodGet, "/wall/events", nil).WithContext(s.ctx)
	go s.walls.run(s.ctx)
	synctest.Wait()
	go func() {
		defer close(ended)
		s.stream(w, r, s.walls)
	}()
	synctest.Wait()
	return w, s, ended
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, ended := streaming(t, newFake())
		if strings.Count(w.all(), "\ndata: {") != 1 || strings.Contains(w.all(), "\n: ") {
			t.Errorf("at once: %.300q", w.all())
		}
		time.Sleep(10*time.Second - time.Millisecond) // of the bubble's clock: nothing waits
		synctest.Wait()
		if strings.Contains(w.all(), ": still here") {
			t.Error("a sign of life before ten seconds")
		}
		time.Sleep(51 * time.Second) // of the bubble's clock: nothing waits
		synctest.Wait()
		if n := strings.Count(w.all(), "\n\n: still here\n\nevent: beat\ndata: "); n != 6 {
			t.Errorf("%d signs of life in a minute", n)
		}
		s.end()
		<-ended
	})
}

// Who does not read is let go, when one write has waited as long as it may.
func TestAReaderThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFake()
		w, s, ended := streaming(t, e)
		defer s.end()
		time.Sleep(time.Second) // of the bubble's clock: nothing waits
		w.stop()
		from := time.Now()
		for range 100 { // the exercise goes on meanwhile
			if err := e.Hint("x"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // of the bubble's clock: nothing waits
		}
		<-ended
		if took := time.Since(from); took != usual.write {
			t.Errorf("it was let go after %v", took)
		}
		if s.streams != 0 || s.walls.streams != 0 {
			t.Errorf("%d streams, %d of the wall's, are counted", s.streams, s.walls.streams)
		}
	})
}

// An event is the whole Wall, with an ID that counts on.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFake()
		w, s, ended := streaming(t, e)
		for i := range 3 {
			if err := e.Hint(fmt.Sprint("one\ntwo ", i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // of the bubble's clock: nothing waits
			synctest.Wait()
		}
		s.end()
		<-ended
		var ids []string
		var last Wall
		for _, block := range strings.Split(strings.TrimSpace(w.all()), "\n\n") {
			id, data, ok := strings.Cut(block, "\ndata: ")
			if !ok {
				continue
			}
			ids = append(ids, strings.TrimPrefix(id, "id: "+s.nonce+"-"))
			if err := json.Unmarshal([]byte(data), &last); err != nil {
				t.Errorf("%v in %.300q", err, block)
			}
		}
		if want := "1 2 3 4"; !strings.HasPrefix(strings.Join(ids, " "), want) {
			t.Errorf("the IDs are %v", ids)
		}
		if !strings.HasPrefix(w.all(), "retry: 2000\n\n") || len(last.Hints) != 3 || last.Hints[2].Text != "one\ntwo 2" || len(last.Hosts) != 3 || len(last.Traffic) == 0 {
			t.Errorf("the last event has %d hosts, the hints %+v", len(last.Hosts), last.Hints)
		}
	})
}

// reader reads the events of a page as they come.
type reader struct {
	answer *http.Response
	lines  *bufio.Scanner
}

func (v *visitor) read(ctx context.Context, address string) (*reader, error) {
	r := v.request(http.MethodGet, address, "").WithContext(ctx)
	got, err := v.http.Do(r)
	if err != nil {
		return nil, err
	}
	if kind := got.Header.Get("Content-Type"); got.StatusCode != http.StatusOK || kind != "text/event-stream" {
		got.Body.Close()
		return nil, fmt.Errorf("%s, %s", got.Status, kind)
	}
	lines := bufio.NewScanner(got.Body)
	lines.Buffer(nil, 64<<20)
	return &reader{got, lines}, nil
}

// next is the data of the next event; false: the stream has ended.
func (r *reader) next() (string, bool) {
	for r.lines.Scan() {
		if data, ok := strings.CutPrefix(r.lines.Text(), "data: {"); ok {
			return "{" + data, true
		}
	}
	return "", false
}

// hasty is a response that may wait less long to be written than the server allows.
type hasty struct{ http.ResponseWriter }

func (h hasty) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h hasty) SetWriteDeadline(d time.Time) error {
	return http.NewResponseController(h.ResponseWriter).SetWriteDeadline(d.Add(2*time.Second - usual.write))
}

// A browser that reads nothing holds up neither the others nor the exercise, and is
// let go.
func TestASlowBrowser(t *testing.T) {
	e := newFake()
	long := strings.Repeat("x", 1<<20)
	e.change(func(s *Stage) { s.Wall.Report = long })
	p := usual
	p.change = time.Millisecond
	s := openAt(t, e, "", p)
	// The brisk one has all of the usual time, should the machine stand still meanwhile.
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Slow") != "" {
			w = hasty{w}
		}
		s.ServeHTTP(w, r)
	})
	slow, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.names.address())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if err := slow.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(slow, "GET /wall/events HTTP/1.1\r\nHost: localhost\r\nSlow: yes\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	brisk, err := newVisitor(t).read(ctx, at(t, s.WallURL(), "/wall/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer brisk.answer.Body.Close()
	most := 0
	for reads := 0; ; reads++ {
		most = max(most, s.open())
		if most == 2 && s.open() == 1 {
			break
		}
		e.change(func(s *Stage) { s.Wall.Noticed = fmt.Sprint(reads) })
		if _, ok := brisk.next(); !ok {
			t.Fatalf("the other browser's stream ended after %d events, %d streams are open, of %d at the most (%v)", reads, s.open(), most, ctx.Err())
		}
	}
}

// open is how many streams there are.
func (s *Server) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams
}

func TestTooManyPages(t *testing.T) {
	s := open(t, newFake(), "")
	s.mu.Lock()
	s.streams = mostStreams
	s.mu.Unlock()
	if got := newVisitor(t).get(at(t, s.WallURL(), "/wall/events")); got.status != http.StatusServiceUnavailable || !strings.Contains(got.text, "hint: close some") {
		t.Errorf("%d %q", got.status, got.text)
	}
	if s.open() != mostStreams {
		t.Errorf("%d streams are counted", s.open())
	}
}
