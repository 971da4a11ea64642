package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
)

// bytesOf are n bytes that are nowhere alike.
func bytesOf(n int) []byte {
	out := make([]byte, 0, n+sha256.Size)
	for at := sha256.Sum256([]byte{byte(n)}); len(out) < n; at = sha256.Sum256(at[:]) {
		out = append(out, at[:]...)
	}
	return out[:n]
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func put(t *testing.T, s Store, name string, content []byte) {
	t.Helper()
	o, err := s.Put(t.Context(), name, int64(len(content)), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if o.Name != name || o.Bytes != int64(len(content)) || o.SHA256 != sumOf(content) || !o.Checked || o.Modified.IsZero() {
		t.Errorf("what was put is told to be %+v", o)
	}
}

func get(t *testing.T, s Store, name string) ([]byte, Object) {
	t.Helper()
	var w bytes.Buffer
	o, err := s.Get(t.Context(), name, &w)
	if err != nil {
		t.Fatal(err)
	}
	return w.Bytes(), o
}

// listed is what a store has, as NAME:BYTES.
func listed(t *testing.T, s Store) []string {
	t.Helper()
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, o := range all {
		if o.Modified.IsZero() || o.SHA256 != "" || o.Checked {
			t.Errorf("listed as %+v", o)
		}
		names = append(names, fmt.Sprintf("%s:%d", o.Name, o.Bytes))
	}
	return names
}

// refused expects an error of one kind and of no other, that says what was done
// to what, and what to do now.
func refused(t *testing.T, err, kind error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, k := range []error{ErrNotFound, ErrDamaged, ErrUnavailable, ErrUnchecked} {
		if errors.Is(err, k) != errors.Is(kind, k) {
			t.Errorf("as %q: %v: %v", k, errors.Is(err, k), err)
		}
	}
	for _, text := range append(texts, "\nhint: ") {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in %q", text, err)
		}
	}
}

func TestPutGetList(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		if got := listed(t, s); len(got) != 0 {
			t.Errorf("a new store holds %q", got)
		}
		for name, size := range map[string]int{"b.db": 1, "nightly/a.db": chunk, "nightly-2.db": chunk + 1, "with space & ünïcode+%41.db": 3*chunk - 1} {
			content := bytesOf(size)
			put(t, s, name, content)
			got, o := get(t, s, name)
			if !bytes.Equal(got, content) || o.Bytes != int64(size) || o.SHA256 != sumOf(content) || !o.Checked || o.Name != name {
				t.Errorf("%s came back as %+v, the same: %v", name, o, bytes.Equal(got, content))
			}
		}
		want := []string{"b.db:1", fmt.Sprintf("nightly-2.db:%d", chunk+1), fmt.Sprintf("nightly/a.db:%d", chunk), fmt.Sprintf("with space & ünïcode+%%41.db:%d", 3*chunk-1)}
		if got := listed(t, s); !slices.Equal(got, want) {
			t.Errorf("it holds %q, want %q", got, want)
		}
		// In place of what was there, and as another client sees it.
		put(t, s, "b.db", bytesOf(2000))
		if got, _ := get(t, p.open(t), "b.db"); !bytes.Equal(got, bytesOf(2000)) {
			t.Error("what was put in place of another is not what came back")
		}
		if got := s.String(); got != p.location {
			t.Errorf("it is called %q", got)
		}
	})
}

func TestMissing(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		put(t, s, "a.db", bytesOf(100))
		_, err := s.Get(t.Context(), "b.db", io.Discard)
		refused(t, err, ErrNotFound, "get "+p.location+"/b.db: ")
		fetchRefused(t, s, "b.db", ErrNotFound)
	})
}

// fetchRefused expects a fetch to fail and to leave no trace, whether there was
// a file before or not.
func fetchRefused(t *testing.T, s Store, name string, kind error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "got.db")
	for _, before := range []string{"", "an older one"} {
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o, err := Fetch(t.Context(), s, name, path)
		if !errors.Is(err, kind) || o != (Object{}) {
			t.Errorf("fetched %+v, %v", o, err)
		}
		if got, err := os.ReadFile(path); string(got) != before || (err == nil) != (before != "") {
			t.Errorf("there is %q now, %v", got, err)
		}
		if _, err := os.Stat(path + ".part"); !os.IsNotExist(err) {
			t.Errorf("a partial file was left: %v", err)
		}
	}
}

func TestFetch(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		content := bytesOf(2*chunk + 17)
		put(t, s, "a.db", content)
		path := filepath.Join(t.TempDir(), "got.db")
		for range 2 {
			o, err := Fetch(t.Context(), s, "a.db", path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, content) || o.SHA256 != sumOf(content) {
				t.Errorf("fetched %+v, %v", o, err)
			}
		}
		if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", stat.Mode(), err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
			t.Errorf("%v, %v", entries, err)
		}
		if _, err := Fetch(t.Context(), s, "a.db", filepath.Join(t.TempDir(), "no", "such", "directory")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
}

// What lies in a store is damaged while its checksum and what else is recorded
// of it stay.
func TestDamaged(t *testing.T) {
	const size = 2*chunk + 100
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		for _, how := range []s3server.Damage{
			s3server.Truncated{}, s3server.Truncated{To: 1}, s3server.Truncated{To: chunk}, s3server.Truncated{To: size - 1}, s3server.Truncated{To: size + 1},
			s3server.BitFlipped{}, s3server.BitFlipped{Byte: chunk}, s3server.BitFlipped{Byte: size - 1},
		} {
			t.Run(how.String(), func(t *testing.T) {
				put(t, s, "a.db", bytesOf(size))
				if err := how.Do(p.file(t, "a.db")); err != nil {
					t.Fatal(err)
				}
				o, err := s.Get(t.Context(), "a.db", io.Discard)
				what := map[s3server.Damage]string{s3server.Truncated{}: "it is empty"}[how]
				refused(t, err, ErrDamaged, "get "+p.location+"/a.db: damaged: ", what)
				if o != (Object{}) {
					t.Errorf("told to be %+v", o)
				}
				fetchRefused(t, s, "a.db", ErrDamaged)
			})
		}
	})
}

func TestNothingToPut(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		_, err := s.Put(t.Context(), "a.db", 0, bytes.NewReader(nil))
		refused(t, err, ErrDamaged, "put "+p.location+"/a.db: ", "empty")
		_, err = s.Put(t.Context(), "a.db", 1001, bytes.NewReader(bytesOf(1000)))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "1000 of 1001 bytes") {
			t.Errorf("%v", err)
		}
		if got := listed(t, s); len(got) != 0 {
			t.Errorf("it holds %q", got)
		}
	})
}

// fickle is content that is read well a number of times, and then not from an
// offset on.
type fickle struct {
	content []byte
	from    int64
	mu      sync.Mutex
	whole   int // times that its last byte may be read
	then    func(p []byte, off int64) (int, error)
}

func (f *fickle) ReadAt(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole <= 0 && off >= f.from {
		return f.then(p, off)
	}
	n, err := bytes.NewReader(f.content).ReadAt(p, off)
	if off+int64(n) >= int64(len(f.content)) {
		f.whole--
	}
	return n, err
}

// A put that fails leaves what was there, and nothing half.
func TestPutIsAllOrNothing(t *testing.T) {
	broken := errors.New("the disk is broken")
	content := bytesOf(2*chunk + 5)
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		old := bytesOf(300)
		put(t, s, "a.db", old)
		unaltered := func(t *testing.T) {
			t.Helper()
			if got := listed(t, s); !slices.Equal(got, []string{"a.db:300"}) {
				t.Errorf("it holds %q", got)
			}
			if got, _ := get(t, s, "a.db"); !bytes.Equal(got, old) {
				t.Error("what was there before is not any more")
			}
		}
		// S3 reads it once for the checksum and once to send it.
		for whole := range 2 {
			if whole == 1 && p.name == "directory" {
				break
			}
			for _, name := range []string{"a.db", "new.db"} {
				bad := &fickle{content: content, from: 2 * chunk, whole: whole, then: func([]byte, int64) (int, error) { return 0, broken }}
				_, err := s.Put(t.Context(), name, int64(len(content)), bad)
				if err == nil || !strings.Contains(err.Error(), broken.Error()) || errors.Is(err, ErrUnavailable) {
					t.Errorf("read %d times: %v", whole, err)
				}
				unaltered(t)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ending := &fickle{content: content, from: chunk, then: func([]byte, int64) (int, error) {
			cancel()
			return 0, ctx.Err() // else all may have been sent before that is seen
		}}
		if p.name != "directory" {
			ending.whole = 1
		}
		if _, err := s.Put(ctx, "a.db", int64(len(content)), ending); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%v", err)
		}
		unaltered(t)
	})
}

func TestNames(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		for _, name := range []string{
			"", ".", "..", "../a.db", "a/../b.db", "a/..", "/etc/passwd", "a//b.db", "a/", ".hidden", "a/.hidden", "a\nb.db", "a\x00.db", "a\x7f", "\xff.db",
			"a.db.sha256", strings.Repeat("a", maxWord+1), strings.Repeat("a/", maxName/2) + "b",
		} {
			if _, err := s.Put(t.Context(), name, 3, strings.NewReader("abc")); err == nil || !strings.Contains(err.Error(), p.location+": ") {
				t.Errorf("put %q: %v", name, err)
			}
			if _, err := s.Get(t.Context(), name, io.Discard); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("get %q: %v", name, err)
			}
		}
		longest := strings.Repeat("w", maxWord) + "/" + strings.Repeat("n", maxWord)
		put(t, s, longest, []byte("abc"))
		if got := listed(t, s); !slices.Equal(got, []string{longest + ":3"}) {
			t.Errorf("it holds %q", got)
		}
	})
}

// What somebody else put is not taken for whole.
func TestUnchecked(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s, content := p.open(t), bytesOf(1000)
		p.foreign(t, "foreign.db", content)
		var w bytes.Buffer
		_, err := s.Get(t.Context(), "foreign.db", &w)
		refused(t, err, ErrUnchecked, "get "+p.location+"/foreign.db: ")
		if w.Len() > 0 {
			t.Errorf("%d bytes were given out", w.Len())
		}
		if got := listed(t, s); !slices.Equal(got, []string{"foreign.db:1000"}) {
			t.Errorf("it holds %q", got)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.open(t)
		a, b := bytesOf(chunk+1), bytesOf(chunk+2)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				name := fmt.Sprintf("%d.db", i)
				for n := range 4 {
					content := [][]byte{a, b}[(i+n)%2]
					if _, err := s.Put(t.Context(), name, int64(len(content)), bytes.NewReader(content)); err != nil {
						t.Error(err)
					}
					if _, err := s.Put(t.Context(), "same.db", int64(len(content)), bytes.NewReader(content)); err != nil {
						t.Error(err)
					}
					var w bytes.Buffer
					if _, err := s.Get(t.Context(), name, &w); err != nil || !bytes.Equal(w.Bytes(), content) {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
		all.Wait()
		if got, _ := get(t, s, "same.db"); !bytes.Equal(got, a) && !bytes.Equal(got, b) {
			t.Error("what all put is neither of the two")
		}
		if got := listed(t, s); len(got) != 5 {
			t.Errorf("it holds %q", got)
		}
	})
}

// The checksums of a directory are those of sha256sum, and half an upload or
// what is no object is not shown.
func TestDirectoryOnDisk(t *testing.T) {
	p := inDirectory(t)
	s := p.open(t)
	put(t, s, "nightly/a.db", bytesOf(1000))
	want := sumOf(bytesOf(1000)) + "  a.db\n"
	if got, err := os.ReadFile(p.file(t, "nightly/a.db.sha256")); err != nil || string(got) != want {
		t.Errorf("beside it lies %q, %v", got, err)
	}
	if program, err := exec.LookPath("sha256sum"); err == nil {
		check := exec.CommandContext(t.Context(), program, "-c", "a.db.sha256")
		check.Dir = filepath.Dir(p.file(t, "nightly/a.db"))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("sha256sum -c: %v, %s", err, out)
		}
	}
	for _, name := range []string{"nightly/a.db", "nightly/a.db.sha256"} {
		if stat, err := os.Stat(p.file(t, name)); err != nil || stat.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, stat.Mode(), err)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside.db")
	for path, content := range map[string]string{
		p.file(t, ".half.db.XYZ"): "ha", p.file(t, "nightly/.half.db.XYZ.sha256"): "h", p.file(t, "orphan.db.sha256"): want, outside: "outside",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, p.file(t, "link.db")); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, s); !slices.Equal(got, []string{"nightly/a.db:1000"}) {
		t.Errorf("it holds %q", got)
	}
	if _, err := s.Get(t.Context(), "link.db", io.Discard); err == nil {
		t.Error("a link led out of the store")
	}
	_, err := s.Get(t.Context(), "orphan.db", io.Discard)
	refused(t, err, ErrNotFound)
	for _, sum := range []string{"", "x", strings.ToUpper(want), want[1:], sumOf(nil) + "  a.db\n"} {
		if err := os.WriteFile(p.file(t, "nightly/a.db.sha256"), []byte(sum), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(t.Context(), "nightly/a.db", io.Discard)
		refused(t, err, ErrDamaged)
	}
}

// A put that fails removes its drafts, and one that is killed would leave them
// where they are not shown.
func TestDirectoryKeepsNoDrafts(t *testing.T) {
	p := inDirectory(t)
	s := p.open(t)
	for _, size := range []int64{5, 3} {
		_, err := s.Put(t.Context(), "a.db", size, strings.NewReader("abc"))
		if (err == nil) != (size == 3) {
			t.Errorf("%v", err)
		}
	}
	entries, err := os.ReadDir(p.location)
	if err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
}

// Where an object cannot take the place of another, that one and its checksum stay
// together, and nothing is left of what was put.
func TestDirectoryCannotReplace(t *testing.T) {
	for name, kept := range map[string][]string{"old.db": {"old.db", "old.db.sha256"}, "new.db": {"new.db"}} {
		t.Run(name, func(t *testing.T) {
			p := inDirectory(t)
			s := p.open(t)
			aside, old := filepath.Join(t.TempDir(), "aside"), bytesOf(300)
			if name == "old.db" {
				put(t, s, name, old)
				if err := os.Rename(p.file(t, name), aside); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(p.file(t, name), 0o700); err != nil { // no file takes its place
				t.Fatal(err)
			}
			_, err := s.Put(t.Context(), name, 3, strings.NewReader("abc"))
			if err == nil || !strings.Contains(err.Error(), "put "+p.location+"/"+name+": ") {
				t.Errorf("%v", err)
			}
			entries, err := os.ReadDir(p.location)
			var left []string
			for _, e := range entries {
				left = append(left, e.Name())
			}
			if err != nil || !slices.Equal(left, kept) {
				t.Errorf("there are %v, %v", left, err)
			}
			if err := os.Remove(p.file(t, name)); err != nil {
				t.Fatal(err)
			}
			if name != "old.db" {
				return
			}
			if err := os.Rename(aside, p.file(t, name)); err != nil {
				t.Fatal(err)
			}
			if got, _ := get(t, s, name); !bytes.Equal(got, old) {
				t.Error("what was there before is not any more")
			}
			put(t, s, name, []byte("abc"))
			if got, _ := get(t, s, name); string(got) != "abc" {
				t.Errorf("in its place there is %q", got)
			}
			if entries, err := os.ReadDir(p.location); err != nil || len(entries) != len(kept) {
				t.Errorf("there are %v, %v", entries, err)
			}
		})
	}
}
