//go:build linux

package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func expectError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
}

func TestNoEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	_, err := Available(t.Context())
	expectError(t, err, "none.sock", "hint:", "--runtime process", "DOCKER_HOST")
	_, err = New(t.Context(), Options{})
	expectError(t, err, "none.sock", "hint:")
	_, err = Sweep(t.Context())
	expectError(t, err, "none.sock")
}

// An engine that never answers is given up, at a limit of ours or at the caller's.
func TestSilentEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "silent.sock")
	l, err := net.Listen("unix", socket) // and nobody ever accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	_, err = connect(t.Context(), 50*time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("at our limit the error is %v", err)
	}
	expectError(t, err, "silent.sock", "hint:")
	// A deadline of the caller's would look like ours.
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, making := New(over, Options{})
	_, sweeping := Sweep(over)
	for _, err := range []error{making, sweeping} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("at the caller's the error is %v", err)
		}
		expectError(t, err, "silent.sock", "hint:")
	}
}

// An engine that is busy is waited for where there has to be one, longer than where
// something else will do.
func TestBusyEngine(t *testing.T) {
	asked, idle := make(chan struct{}, 3), make(chan struct{})
	fakeEngine(t, "pdp11", func() { asked <- struct{}{}; <-idle })
	made, swept := make(chan error, 1), make(chan error, 1)
	go func() { _, err := New(t.Context(), Options{}); made <- err }()
	go func() { _, err := Sweep(t.Context()); swept <- err }()
	<-asked
	<-asked
	_, err := Available(t.Context()) // it began after them, and gives up before them
	close(idle)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("where something else will do the error is %v", err)
	}
	expectError(t, <-made, "linux/pdp11")
	expectError(t, <-swept, "sweep: ")
}

func TestRemoteEngine(t *testing.T) {
	for _, host := range []string{"tcp://192.0.2.1:2375", "ssh://user@localhost", "ssh://user@192.0.2.1", "tcp://docker:2375", "https://192.0.2.1"} {
		t.Setenv("DOCKER_HOST", host)
		_, err := New(t.Context(), Options{})
		expectError(t, err, host, "another machine", "hint:", "--runtime process")
	}
	for _, host := range []string{"unix:///run/docker.sock", "tcp://127.0.0.1:2375", "tcp://localhost:2375", "http://[::1]:2375"} {
		if err := publishesToUs(host); err != nil {
			t.Error(err)
		}
	}
}

func TestHints(t *testing.T) {
	t.Setenv("DOCKER_HOST", "")
	for _, c := range []struct {
		err  error
		want string
	}{
		{fs.ErrPermission, "group docker"},
		{syscall.ECONNREFUSED, "start Docker"},
		{fs.ErrNotExist, "start Docker"},
		{fmt.Errorf("something else"), "docker version"},
	} {
		if got := hintFor([]error{fmt.Errorf("ask: %w", c.err)}); !strings.Contains(got, c.want) || !strings.Contains(got, "--runtime process") {
			t.Errorf("%v: %q", c.err, got)
		}
	}
}

// fakeEngine answers as much as New asks before it makes anything. Before it says
// what it is it does as it is told.
func fakeEngine(t *testing.T, arch string, before func()) {
	mux := http.NewServeMux()
	answer := func(body any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Api-Version", "1.41")
			_ = json.NewEncoder(w).Encode(body)
		}
	}
	mux.HandleFunc("/_ping", answer("OK"))
	version := answer(map[string]string{"Version": "99.0", "ApiVersion": "1.41", "Os": "linux", "Arch": arch})
	mux.HandleFunc("/v1.41/version", func(w http.ResponseWriter, r *http.Request) { before(); version(w, r) })
	mux.HandleFunc("/v1.41/networks/bridge", answer(map[string]any{"Name": "bridge", "Options": map[string]string{"com.docker.network.bridge.name": "no-such-bridge"}}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", "tcp://"+server.Listener.Addr().String())
}

func TestEngineOfAnotherArchitecture(t *testing.T) {
	fakeEngine(t, "pdp11", func() {})
	_, err := New(t.Context(), Options{})
	expectError(t, err, "linux/pdp11", runtime.GOARCH, "hint:")
}

// TestForwardedEngine is one whose port somebody forwards to us, and those of
// hosts not.
func TestForwardedEngine(t *testing.T) {
	fakeEngine(t, runtime.GOARCH, func() {})
	said, err := Available(t.Context())
	if err != nil || said != "Docker Engine 99.0 (API 1.41)" {
		t.Errorf("it says %q, %v", said, err)
	}
	_, err = New(t.Context(), Options{})
	expectError(t, err, "not this machine's", "hint:")
}
