//go:build linux

package container

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
)

func TestReservedPort(t *testing.T) {
	p, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.number))
	if conn, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a held port answers: %v, %v", conn, err)
	}
	// As an engine does.
	for range 2 {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal("nobody can listen at a held port:", err)
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
		} else if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(p.release(), p.release()); err != nil {
		t.Error(err)
	}
}

// TestPortsAreNotGivenTwice reserves more than would stay apart by luck.
func TestPortsAreNotGivenTwice(t *testing.T) {
	const many = 2000
	seen := map[int]bool{}
	for range many {
		p, err := reservePort()
		if err != nil {
			t.Fatal(err)
		}
		defer p.release()
		if seen[p.number] {
			t.Fatalf("port %d was given twice", p.number)
		}
		seen[p.number] = true
	}
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if n := l.Addr().(*net.TCPAddr).Port; seen[n] {
			t.Errorf("held port %d was given to somebody who asked for any", n)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
