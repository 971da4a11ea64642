package store

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
)

// A look tells what was put, and whether it was put again or is gone.
func TestLook(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		put(t, s, "nightly/a.db", bytesOf(100))
		is, err := s.Look(t.Context(), "nightly/a.db")
		if err != nil || is.Name != "nightly/a.db" || is.Bytes != 100 || is.SHA256 != sumOf(bytesOf(100)) || !is.Checked || is.Modified.IsZero() {
			t.Errorf("%+v, %v", is, err)
		}
		put(t, s, "nightly/a.db", bytesOf(200))
		if again, err := s.Look(t.Context(), "nightly/a.db"); err != nil || again.Bytes != 200 || again.SHA256 == is.SHA256 {
			t.Errorf("put again: %+v, %v", again, err)
		}
		if err := s.Remove(t.Context(), "nightly/a.db"); err != nil {
			t.Fatal(err)
		}
		_, err = s.Look(t.Context(), "nightly/a.db")
		refused(t, err, ErrNotFound, "look at "+p.location+"/nightly/a.db: ")
		for _, name := range []string{"", "..", "../a.db", "/a.db", ".a.db", "a.db.sha256"} {
			if _, err := s.Look(t.Context(), name); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("look at %q: %v", name, err)
			}
		}
		p.foreign(t, "foreign.db", bytesOf(10))
		if is, err := s.Look(t.Context(), "foreign.db"); err != nil || is.Bytes != 10 || is.SHA256 != "" || is.Checked {
			t.Errorf("put by somebody else: %+v, %v", is, err)
		}
	})
}

// What lies there is not read: that it was damaged in its place is for Get to find.
func TestLookReadsNothing(t *testing.T) {
	p := inDirectory(t)
	s := p.open(t)
	put(t, s, "a.db", bytesOf(100))
	if err := os.WriteFile(p.file(t, "a.db"), make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if is, err := s.Look(t.Context(), "a.db"); err != nil || is.SHA256 != sumOf(bytesOf(100)) {
		t.Errorf("%+v, %v", is, err)
	}
}

func TestLookWhileEnding(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		put(t, s, "a.db", bytesOf(10))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Look(ctx, "a.db"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}

func TestLookAtABusyServer(t *testing.T) {
	p, server := ourServer(t)
	s := p.open(t)
	put(t, s, "a.db", bytesOf(10))
	server.Inject(s3server.Requests{Method: "HEAD"}, 0, s3server.Busy{})
	_, err := s.Look(t.Context(), "a.db")
	refused(t, err, ErrUnavailable, "look at "+p.location+"/a.db: ")
}
