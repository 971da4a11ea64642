package gameday

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

// retry is how long a browser waits before it connects again.
const retry = 2 * time.Second

// stream sends a feed's events until the browser goes or the server closes. One that
// reads slowly is sent the newest when it is ready for more, and what came between
// never; one that does not read at all is let go when a write is not accepted.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, f *feed) {
	if !s.countStream(1) {
		s.say(w, r, http.StatusServiceUnavailable, fmt.Sprintf("%d pages are open already\nhint: close some", mostStreams))
		return
	}
	defer s.countStream(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy before it passes each event on
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	newest, newer := f.join()
	defer f.leave()
	beat := time.NewTicker(s.pace.beat)
	defer beat.Stop()
	control := http.NewResponseController(w)
	gone := make(chan struct{}) // the browser is, and not because the server closes
	defer context.AfterFunc(r.Context(), func() {
		if s.ctx.Err() == nil {
			close(gone)
		}
	})()
	send := func(text []byte) bool {
		s.allowWriting(w)
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	if !send(fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds())) {
		return
	}
	for sent := int64(0); ; {
		if newest.id != sent && !send(s.frame(newest)) {
			return
		}
		sent = newest.id
		select {
		case <-newer:
		case <-beat.C:
			if !send(sign) {
				return
			}
		case <-f.ended:
			if last, _ := f.now(); last.id != sent {
				send(s.frame(last))
			}
			return
		case <-gone:
			return
		}
		newest, newer = f.now()
	}
}

// sign is a sign of life: a comment, which keeps what lies between from hanging up,
// and an event without an ID for page.js, which is not shown comments and otherwise
// could not tell a quiet exercise from a lost network.
var sign = []byte(": still here\n\nevent: beat\ndata: still here\n\n")

// frame is an event as it is sent. Its ID tells another server's from this one's.
func (s *Server) frame(e event) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %s-%d\ndata: ", s.nonce, e.id)
	b.Write(e.data) // JSON in one line
	b.WriteString("\n\n")
	return b.Bytes()
}

// countStream counts a stream, unless there are too many.
func (s *Server) countStream(by int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams+by > mostStreams {
		return false
	}
	s.streams += by
	return true
}
