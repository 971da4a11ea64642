//go:build linux

package container

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// frame is how an engine sends one piece of one stream.
func frame(stream stdcopy.StdType, text string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{byte(stream), 0, 0, 0}, uint32(len(text)))
	return append(b, text...)
}

func fakeSession(t *testing.T) (s *session, engine net.Conn) {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { theirs.Close() })
	return newSession(client.NewHijackedResponse(ours, "")), theirs
}

func TestSession(t *testing.T) {
	s, engine := fakeSession(t)
	go func() {
		_, _ = engine.Write(append(frame(stdcopy.Stdout, "hello, "), frame(stdcopy.Stdout, "world")...))
		_, _ = io.Copy(engine, strings.NewReader(string(frame(stdcopy.Stdout, strings.Repeat("x", 100_000)))))
		_ = engine.Close()
	}()
	got, err := io.ReadAll(s)
	if err != nil || string(got) != "hello, world"+strings.Repeat("x", 100_000) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSessionWrites(t *testing.T) {
	s, engine := fakeSession(t)
	heard := make(chan string)
	go func() {
		b := make([]byte, 5)
		_, _ = io.ReadFull(engine, b)
		heard <- string(b)
	}()
	if _, err := s.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	if got := <-heard; got != "hello" {
		t.Errorf("the engine heard %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSessionTellsWhatTheRelayComplainsOf(t *testing.T) {
	s, engine := fakeSession(t)
	go func() {
		_, _ = engine.Write(frame(stdcopy.Stderr, "firedrill agent: nobody listened\n"))
		_, _ = engine.Write(frame(stdcopy.Stderr, strings.Repeat("y", 3*mostComplaint)))
		_ = engine.Close()
	}()
	_, err := io.ReadAll(s)
	if err == nil || !strings.Contains(err.Error(), "nobody listened") || len(err.Error()) > 2*mostComplaint {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSessionOfNoProtocol(t *testing.T) {
	s, engine := fakeSession(t)
	go func() {
		_, _ = engine.Write(bytes.Repeat([]byte("HTTP/1.1 400 "), 100))
		_ = engine.Close()
	}()
	if got, err := io.ReadAll(s); err == nil {
		t.Errorf("took it for %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSessionClosedUnread must not leave a goroutine: TestMain looks.
func TestSessionClosedUnread(t *testing.T) {
	s, engine := fakeSession(t)
	if _, err := engine.Write(frame(stdcopy.Stdout, "nobody reads this")); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(make([]byte, 1)); err == nil {
		t.Error("a closed session can be read")
	}
}
