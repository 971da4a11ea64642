//go:build linux

package container

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// port is a TCP port on 127.0.0.1 that is a host's for good, also while the
// host is off and nobody listens there. It is held by a socket that is bound to
// it and does not listen: connections are refused as if it were not there,
// others who look for a free port are not given it, and an engine, which asks
// for it by number and lets addresses be reused, may listen.
type port struct {
	number  int
	release func() error
}

func reservePort() (*port, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve a port on 127.0.0.1: %w", os.NewSyscallError("socket", err))
	}
	number, err := bindAnyPort(socket)
	if err != nil {
		return nil, fmt.Errorf("reserve a port on 127.0.0.1: %w", errors.Join(err, unix.Close(socket)))
	}
	return &port{number: number, release: sync.OnceValue(func() error { return unix.Close(socket) })}, nil
}

func bindAnyPort(socket int) (int, error) {
	// Without reuse, so that the kernel gives us a port that nobody has reserved.
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	name, err := unix.Getsockname(socket)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	inet, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("the kernel bound to %v", name)
	}
	return inet.Port, nil
}
