//go:build linux

package container

import (
	"encoding/json"
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

func TestSilentEngine(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "silent.sock")
	l, err := net.Listen("unix", socket) // and nobody ever accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	begun := time.Now()
	_, err = Available(t.Context())
	expectError(t, err, "silent.sock", "deadline", "hint:")
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("it took %v to say so", took)
	}
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

// fakeEngine answers as much as New asks before it makes anything.
func fakeEngine(t *testing.T, arch string) {
	mux := http.NewServeMux()
	answer := func(body any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Api-Version", "1.41")
			_ = json.NewEncoder(w).Encode(body)
		}
	}
	mux.HandleFunc("/_ping", answer("OK"))
	mux.HandleFunc("/v1.41/version", answer(map[string]string{"Version": "99.0", "ApiVersion": "1.41", "Os": "linux", "Arch": arch}))
	mux.HandleFunc("/v1.41/networks/bridge", answer(map[string]any{"Name": "bridge", "Options": map[string]string{"com.docker.network.bridge.name": "no-such-bridge"}}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", "tcp://"+server.Listener.Addr().String())
}

func TestEngineOfAnotherArchitecture(t *testing.T) {
	fakeEngine(t, "pdp11")
	_, err := New(t.Context(), Options{})
	expectError(t, err, "linux/pdp11", runtime.GOARCH, "hint:")
}

// TestForwardedEngine is one whose port somebody forwards to us, and those of
// hosts not.
func TestForwardedEngine(t *testing.T) {
	fakeEngine(t, runtime.GOARCH)
	said, err := Available(t.Context())
	if err != nil || said != "Docker Engine 99.0 (API 1.41)" {
		t.Errorf("it says %q, %v", said, err)
	}
	_, err = New(t.Context(), Options{})
	expectError(t, err, "not this machine's", "hint:")
}
