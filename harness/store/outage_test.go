package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
)

// Everything that is asked of an S3 server.
func everyCall(t *testing.T, p place, s Store, content []byte) map[string]func(context.Context) error {
	path := filepath.Join(t.TempDir(), "got.db")
	return map[string]func(context.Context) error{
		"put": func(ctx context.Context) error {
			_, err := s.Put(ctx, "a.db", int64(len(content)), bytes.NewReader(content))
			return err
		},
		"get": func(ctx context.Context) error {
			_, err := s.Get(ctx, "a.db", io.Discard)
			return err
		},
		"fetch": func(ctx context.Context) error {
			_, err := Fetch(ctx, s, "a.db", path)
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := s.List(ctx)
			return err
		},
		"open": func(ctx context.Context) error {
			again, err := Open(ctx, p.location, p.options)
			if err != nil {
				return err
			}
			return again.Close()
		},
	}
}

func TestServerBusy(t *testing.T) {
	p, server := ourServer(t)
	s := p.open(t)
	content := bytesOf(1000)
	put(t, s, "a.db", content)
	for what, call := range everyCall(t, p, s, content) {
		server.Inject(s3server.Requests{}, attempts-1, s3server.Busy{})
		if err := call(t.Context()); err != nil {
			t.Errorf("%s, when the server was busy for a moment: %v", what, err)
		}
		if struck := server.Mend(); struck != attempts-1 {
			t.Errorf("%s: %d requests were struck", what, struck)
		}
		server.Inject(s3server.Requests{}, 0, s3server.Busy{})
		refused(t, call(t.Context()), ErrUnavailable, p.location, "SlowDown")
		if struck := server.Mend(); struck != attempts {
			t.Errorf("%s was tried %d times", what, struck)
		}
	}
	if got, _ := get(t, s, "a.db"); !bytes.Equal(got, content) {
		t.Error("what was put is not what came back")
	}
}

func TestCutWhileGetting(t *testing.T) {
	const size = 4*chunk + 11
	p, server := ourServer(t)
	s := p.open(t)
	put(t, s, "a.db", bytesOf(size))
	for _, after := range []int64{0, 1, chunk, size - 1} {
		server.Inject(s3server.Requests{Method: http.MethodGet, Key: prefixName + "/a.db"}, 0, s3server.Cut{After: after})
		_, err := s.Get(t.Context(), "a.db", io.Discard)
		refused(t, err, ErrUnavailable, "get "+p.location+"/a.db: ")
		fetchRefused(t, s, "a.db", ErrUnavailable)
		if struck := server.Mend(); struck < 3 {
			t.Errorf("cut after %d: %d requests were struck", after, struck)
		}
	}
	if got, _ := get(t, s, "a.db"); !bytes.Equal(got, bytesOf(size)) {
		t.Error("what was put is not what came back")
	}
}

func TestCutWhilePutting(t *testing.T) {
	content := bytesOf(4*chunk + 11)
	p, server := ourServer(t)
	s := p.open(t)
	puts := s3server.Requests{Method: http.MethodPut}
	for _, after := range []int64{0, 1, chunk, 4 * chunk} {
		server.Inject(puts, 0, s3server.Cut{After: after})
		_, err := s.Put(t.Context(), "a.db", int64(len(content)), bytes.NewReader(content))
		refused(t, err, ErrUnavailable, "put "+p.location+"/a.db: ")
		if struck := server.Mend(); struck < attempts {
			t.Errorf("cut after %d: tried %d times", after, struck)
		}
		if got := listed(t, s); len(got) != 0 {
			t.Errorf("it holds %q", got)
		}
	}
	server.Inject(puts, 1, s3server.Cut{After: chunk})
	put(t, s, "a.db", content)
	if got, _ := get(t, s, "a.db"); !bytes.Equal(got, content) {
		t.Error("what was put at the second try is not what came back")
	}
}

// overdue is a context whose time is up when the test says so.
type overdue struct {
	context.Context
	up chan struct{}
}

func (o overdue) Done() <-chan struct{} { return o.up }

func (o overdue) Err() error {
	select {
	case <-o.up:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestServerSilent(t *testing.T) {
	p, server := ourServer(t)
	s := p.open(t)
	put(t, s, "a.db", bytesOf(10))
	for what, call := range everyCall(t, p, s, bytesOf(10)) {
		// The end comes once the server was asked something.
		silently := func(ctx context.Context, end func()) error {
			told := make(chan error, 1)
			server.Inject(s3server.Requests{}, 0, s3server.Silent{})
			defer server.Mend()
			go func() { told <- call(ctx) }()
			await(t, what+" asks something", func() bool { return server.Struck() > 0 })
			end()
			return <-told
		}
		limited := overdue{t.Context(), make(chan struct{})}
		err := silently(limited, func() { close(limited.up) })
		refused(t, err, ErrUnavailable, p.location)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", what, err)
		}
		// Whoever gives up does not hear that the server is not there.
		ctx, cancel := context.WithCancel(t.Context())
		if err := silently(ctx, cancel); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// await polls a condition.
func await(t *testing.T, condition string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not in 30 s: %s", condition)
		case <-tick.C:
		}
	}
}

func TestServerGone(t *testing.T) {
	p, server := ourServer(t)
	s := p.open(t)
	put(t, s, "a.db", bytesOf(10))
	calls := everyCall(t, p, s, bytesOf(10))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, call := range calls {
		refused(t, call(t.Context()), ErrUnavailable, p.location)
	}
}

// inParts has objects above a size put in parts, at the least size that S3 allows.
func inParts(t *testing.T, s Store) (part int) {
	b, ok := s.(*bucket)
	if !ok {
		t.Skip("a directory has no parts")
	}
	b.onePut, b.part = 5<<20, 5<<20
	return 5 << 20
}

func TestPutInParts(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		part := inParts(t, s)
		content := bytesOf(2*part + 17)
		put(t, s, "large.db", content)
		if got, o := get(t, s, "large.db"); !bytes.Equal(got, content) || !o.Checked {
			t.Errorf("what came in parts came back as %+v, the same: %v", o, bytes.Equal(got, content))
		}
		// Something else is sent than was summed up.
		bad := &fickle{content: content, whole: 1, then: func(p []byte, off int64) (int, error) {
			n, err := bytes.NewReader(content).ReadAt(p, off)
			if off == 0 {
				p[0] ^= 1
			}
			return n, err
		}}
		_, err := s.Put(t.Context(), "changed.db", int64(len(content)), bad)
		refused(t, err, ErrDamaged, "changed")
		if got := listed(t, s); len(got) != 1 {
			t.Errorf("it holds %q", got)
		}
		if err := (s3server.BitFlipped{Byte: int64(part)}).Do(p.file(t, "large.db")); err != nil {
			t.Fatal(err)
		}
		fetchRefused(t, s, "large.db", ErrDamaged)
	})
}

func TestCutWhilePuttingParts(t *testing.T) {
	p, server := ourServer(t)
	s := p.open(t)
	content := bytesOf(2*inParts(t, s) + 17)
	for _, on := range []s3server.Requests{{Method: http.MethodPut}, {Method: http.MethodPost}} {
		server.Inject(on, 1, s3server.Cut{After: 100})
		put(t, s, "once.db", content)
		if struck := server.Mend(); struck != 1 {
			t.Errorf("%v: %d were struck", on, struck)
		}
		server.Inject(on, 0, s3server.Busy{})
		_, err := s.Put(t.Context(), "never.db", int64(len(content)), bytes.NewReader(content))
		refused(t, err, ErrUnavailable)
		server.Mend()
	}
	if got := listed(t, s); len(got) != 1 {
		t.Errorf("it holds %q", got)
	}
}

// What is sent is not what was summed up: nothing is stored.
func TestChangesWhilePut(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		if p.name == "directory" {
			t.Skip("it is read once")
		}
		s, content := p.open(t), bytesOf(2*chunk+9)
		for _, at := range []int64{0, 2 * chunk} {
			bad := &fickle{content: content, from: at, whole: 1, then: func(p []byte, off int64) (int, error) {
				n, err := bytes.NewReader(content).ReadAt(p, off)
				p[0] ^= 1
				return n, err
			}}
			_, err := s.Put(t.Context(), "a.db", int64(len(content)), bad)
			refused(t, err, ErrDamaged, "put "+p.location+"/a.db: ", "changed")
		}
		if got := listed(t, s); !slices.Equal(got, []string{}) {
			t.Errorf("it holds %q", got)
		}
	})
}

// A store keeps a file that is no snapshot as whole as any other: that is for
// whoever fetched it to find out.
func TestSnapshotWithoutTrailer(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s, body := p.open(t), bytesOf(8192)
		sum := sha256.Sum256(body)
		put(t, s, "trailerless.db", body)
		put(t, s, "whole.db", append(body, sum[:]...))
		for name, want := range map[string]error{"trailerless.db": dataset.ErrDamaged, "whole.db": nil} {
			path := filepath.Join(t.TempDir(), name)
			if _, err := Fetch(t.Context(), s, name, path); err != nil {
				t.Fatal(err)
			}
			_, err := dataset.Verify(t.Context(), path)
			if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), "no checksum") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
