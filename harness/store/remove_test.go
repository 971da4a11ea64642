package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
)

func TestRemove(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		for _, name := range []string{"a.db", "nightly/a.db", "nightly/b.db"} {
			put(t, s, name, bytesOf(100))
		}
		if err := s.Remove(t.Context(), "nightly/a.db"); err != nil {
			t.Fatal(err)
		}
		for _, s := range []Store{s, p.open(t)} {
			if got := listed(t, s); !slices.Equal(got, []string{"a.db:100", "nightly/b.db:100"}) {
				t.Errorf("it holds %q", got)
			}
			_, err := s.Get(t.Context(), "nightly/a.db", io.Discard)
			refused(t, err, ErrNotFound)
		}
		for _, name := range []string{"nightly/a.db", "never.db"} {
			refused(t, s.Remove(t.Context(), name), ErrNotFound, "remove "+p.location+"/"+name+": ")
		}
		// Its name is free again.
		put(t, s, "nightly/a.db", bytesOf(200))
		if got := listed(t, s); !slices.Equal(got, []string{"a.db:100", "nightly/a.db:200", "nightly/b.db:100"}) {
			t.Errorf("it holds %q", got)
		}
		for _, name := range []string{"", "..", "../a.db", "/a.db", ".a.db", "a.db.sha256"} {
			if err := s.Remove(t.Context(), name); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("remove %q: %v", name, err)
			}
		}
	})
}

// What somebody else put is not ours to remove, whatever is taken from it.
func TestRemoveForeign(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		p.foreign(t, "foreign.db", bytesOf(10))
		refused(t, s.Remove(t.Context(), "foreign.db"), ErrUnchecked, "remove "+p.location+"/foreign.db: ", "somebody else's")
		if got := listed(t, s); !slices.Equal(got, []string{"foreign.db:10"}) {
			t.Errorf("it holds %q", got)
		}
	})
}

// Whoever gives up before anything is done has removed nothing.
func TestRemoveWhileEnding(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		put(t, s, "a.db", bytesOf(10))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Remove(ctx, "a.db"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%v", err)
		}
		if got := listed(t, s); !slices.Equal(got, []string{"a.db:10"}) {
			t.Errorf("it holds %q", got)
		}
	})
}

func TestRemoveFromABusyServer(t *testing.T) {
	for _, method := range []string{"HEAD", "DELETE"} {
		t.Run(method, func(t *testing.T) {
			p, server := ourServer(t)
			s := p.open(t)
			put(t, s, "a.db", bytesOf(10))
			server.Inject(s3server.Requests{Method: method}, 0, s3server.Busy{})
			refused(t, s.Remove(t.Context(), "a.db"), ErrUnavailable, p.location)
			if struck := server.Mend(); struck != attempts {
				t.Errorf("it was tried %d times", struck)
			}
			if got := listed(t, s); !slices.Equal(got, []string{"a.db:10"}) {
				t.Errorf("it holds %q", got)
			}
			server.Inject(s3server.Requests{Method: method}, attempts-1, s3server.Busy{})
			if err := s.Remove(t.Context(), "a.db"); err != nil {
				t.Errorf("when the server was busy for a moment: %v", err)
			}
			if struck := server.Mend(); struck != attempts-1 {
				t.Errorf("%d requests were struck", struck)
			}
			if got := listed(t, s); len(got) != 0 {
				t.Errorf("it holds %q", got)
			}
		})
	}
}

// Nothing is left in a directory of what was removed, and a checksum that lies
// there alone is no object.
func TestRemoveFromADirectory(t *testing.T) {
	p := inDirectory(t)
	s := p.open(t)
	put(t, s, "a.db", bytesOf(10))
	if err := s.Remove(t.Context(), "a.db"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(p.location); err != nil || len(entries) != 0 {
		t.Errorf("there are %v, %v", entries, err)
	}
	if err := os.WriteFile(p.file(t, "orphan.db.sha256"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Remove(t.Context(), "orphan.db"), ErrNotFound)
	outside := filepath.Join(t.TempDir(), "outside.db")
	if err := errors.Join(os.WriteFile(outside, []byte("x"), 0o600), os.Symlink(outside, p.file(t, "link.db")), os.WriteFile(p.file(t, "link.db.sha256"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), "link.db"); err == nil {
		t.Error("a link that leads out of the store was removed")
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// What is put is anybody's as soon as it is shown: that it went before the one who put it
// was told so is no failure of putting it.
func TestRemovedAsSoonAsShown(t *testing.T) {
	p := inDirectory(t)
	s, other := p.open(t), p.open(t)
	const name = DrillPrefix + "drill-1/a.db" // its directory goes with it
	for range 20 {
		removed := make(chan error, 1)
		go func() {
			err := ErrNotFound
			for errors.Is(err, ErrNotFound) {
				err = errors.Join(t.Context().Err(), other.Remove(t.Context(), name))
			}
			removed <- err
		}()
		o, err := s.Put(t.Context(), name, 100, bytes.NewReader(bytesOf(100)))
		if err != nil || o.Name != name || o.Bytes != 100 || o.Modified.IsZero() {
			t.Fatalf("%+v, %v", o, err)
		}
		if err := <-removed; err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever looks while others remove is told what is there, or that it is not: never that it
// lies there without a checksum, and never that the store cannot be read.
func TestLookWhileOthersRemove(t *testing.T) {
	p := inDirectory(t)
	s, other := p.open(t), p.open(t)
	var round atomic.Int64
	name := func() string { return fmt.Sprintf("%sdrill-1/%d.db", DrillPrefix, round.Load()) }
	ctx, stop := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	for what, ask := range map[string]func() error{
		"list": func() error { _, err := other.List(ctx); return err },
		"look": func() error {
			o, err := other.Look(ctx, name())
			if err == nil && !o.Checked {
				err = ErrUnchecked
			}
			return err
		},
		"get": func() error { _, err := other.Get(ctx, name(), io.Discard); return err },
	} {
		looking.Go(func() {
			for ctx.Err() == nil {
				if err := ask(); err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
					t.Errorf("%s: %v", what, err)
					return
				}
			}
		})
	}
	for range 300 {
		round.Add(1)
		put(t, s, name(), bytesOf(100))
		if err := s.Remove(t.Context(), name()); err != nil {
			t.Fatal(err)
		}
	}
}
