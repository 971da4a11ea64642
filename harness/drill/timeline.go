package drill

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/files"
)

// timeline is the drill's one clock and the record of all that happens, in
// order: timeline.jsonl, and a line for whoever watches.
type timeline struct {
	start    time.Time
	progress func(harness.Event)
	broke    func(error) // told once, when the record cannot be kept

	mu      sync.Mutex
	file    *files.Record // nil when the books are closed
	serving *bool
	err     error
}

func newTimeline(dir string, progress func(harness.Event), broke func(error)) (*timeline, error) {
	f, err := files.Begin(filepath.Join(dir, "timeline.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("start the timeline: %w", err)
	}
	return &timeline{start: time.Now(), progress: progress, broke: broke, file: f}, nil
}

// now is the offset on the drill's clock (monotonic).
func (t *timeline) now() time.Duration { return time.Since(t.start) }

func (t *timeline) say(kind harness.EventKind, host, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(harness.Event{At: t.now(), Kind: kind, Host: host, Text: fmt.Sprintf(format, args...)})
}

// service records that linearizable writes are acknowledged from now on, or no longer.
func (t *timeline) service(at time.Duration, serving bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.serving != nil && *t.serving == serving {
		return
	}
	text := "etcd acknowledges writes"
	if !serving {
		text = "etcd acknowledges no writes"
	}
	t.serving = &serving
	t.add(harness.Event{At: at, Kind: harness.ServiceEvent, Text: text})
}

// quiet ends the telling of service: nobody measures it any more.
func (t *timeline) quiet() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serving = nil
}

func (t *timeline) add(e harness.Event) {
	if t.file == nil {
		return // an event of a host that is torn down after the books are closed
	}
	e.Serving = t.serving
	line, err := json.Marshal(e)
	if err == nil {
		// Written at once: after a SIGKILL this is what tells how far it came.
		_, err = t.file.Write(append(line, '\n'))
	}
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("write the timeline: %w", err)
		t.broke(t.err)
	}
	if t.progress != nil {
		t.progress(e)
	}
}

// intact is an error where the file is not what was written to it.
func (t *timeline) intact() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.file.Intact()
}

func (t *timeline) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	if t.err != nil {
		return t.err
	}
	return err
}
