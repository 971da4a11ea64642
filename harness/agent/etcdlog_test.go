//go:build linux

package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEtcdLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "etcd.log")
	l := newEtcdLog(path)
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	defer l.close()
	long := strings.Repeat("x", mostLogLine+10)
	l.consume(strings.NewReader("one\ntwo\n" + long + "\nno end"))
	got, err := l.fetch(context.Background())
	want := "one\ntwo\n" + long + "\nno end"
	if err != nil || string(got) != want {
		t.Errorf("%d bytes come out, %v; want %d", len(got), err, len(want))
	}
	if kept, _ := os.ReadFile(path); string(kept) != want {
		t.Errorf("the file has %d bytes, want %d", len(kept), len(want))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if text, err := l.fetch(ctx); err == nil {
		t.Errorf("there was more: %q", text)
	}
}

func TestEtcdLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etcd.log")
	l := newEtcdLog(path)
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	defer l.close()
	const lines = 2*mostLogFile/1000 + 5000
	for i := range lines {
		l.add(fmt.Appendf(nil, "%0999d\n", i))
	}
	text, err := l.fetch(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	kept := strings.Count(rest, "\n")
	if want := fmt.Sprintf("[firedrill: %d lines of etcd's log were dropped here", lines-kept); !strings.HasPrefix(first, want) {
		t.Errorf("it begins with %.90q, want %q", first, want)
	}
	if len(text) > mostLogQueued+1000 || !strings.HasSuffix(rest, fmt.Sprintf("%d\n", lines-1)) {
		t.Errorf("%d bytes were queued, ending in %.20q", len(text), rest[len(rest)-20:])
	}
	for _, name := range []string{path, path + ".1"} {
		if info, err := os.Stat(name); err != nil || info.Size() > mostLogFile || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	// The directory going away ends the file, not the log.
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	for i := range mostLogFile/1000 + 1 {
		l.add(fmt.Appendf(nil, "%0999d\n", i))
	}
	if text, err := l.fetch(context.Background()); err != nil || len(text) == 0 {
		t.Errorf("without a file: %d bytes, %v", len(text), err)
	}
}
