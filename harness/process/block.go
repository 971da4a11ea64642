//go:build linux

package process

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Loopback blocks are 127.x.y.0/24 with x within these, away from 127.0.0.1
// and from 127.0.1.1 and 127.0.0.53, which distributions use.
const (
	firstOctet, lastOctet = 16, 250
	// keeper is the address within a block whose ports say that it is taken.
	keeper = 254
	// mostHosts is how many addresses a block has for hosts, .1 to .253.
	mostHosts = 253
	// blockAttempts bounds the search. Blocks are drawn at random from 60,000:
	// that this many in a row are taken means that all are.
	blockAttempts = 64
)

// block is a rack's own part of the loopback network. It is held by listening
// on etcd's ports at its keeper address: unlike a file, that also holds against
// other users and other base directories, is bounded by the network namespace
// as the addresses themselves are, and cannot outlive us.
type block struct {
	prefix string // "127.20.3."
	holds  []net.Listener
}

func claimBlock(draw func() (prefix string)) (*block, error) {
	var last error
	for range blockAttempts {
		prefix := draw()
		holds, err := listenEtcdPorts(prefix + strconv.Itoa(keeper))
		if err == nil {
			return &block{prefix: prefix, holds: holds}, nil
		}
		last = err
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	hint := "is the loopback interface up? (ip addr show lo)"
	if errors.Is(last, syscall.EADDRINUSE) {
		hint = fmt.Sprintf("something listens on every address at port %d or %d (ss -ltnp): stop it, or use --runtime container",
			harness.ClientPort, harness.PeerPort)
	}
	return nil, fmt.Errorf("claim a block of loopback addresses: %w\nhint: %s", last, hint)
}

// anyPrefix draws one of all blocks.
func anyPrefix() string {
	return fmt.Sprintf("127.%d.%d.", firstOctet+rand.IntN(lastOctet-firstOctet+1), rand.IntN(256))
}

// address returns the block's nth host address, from 1.
func (b *block) address(n int) string { return b.prefix + strconv.Itoa(n) }

// vacant tells whether nothing listens on etcd's ports at an address.
func (b *block) vacant(address string) error {
	holds, err := listenEtcdPorts(address)
	return errors.Join(err, closeAll(holds))
}

func (b *block) release() error { return closeAll(b.holds) }

// listenEtcdPorts listens on both or on none.
func listenEtcdPorts(address string) ([]net.Listener, error) {
	var holds []net.Listener
	for _, port := range []int{harness.ClientPort, harness.PeerPort} {
		l, err := net.Listen("tcp4", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return nil, errors.Join(err, closeAll(holds))
		}
		holds = append(holds, l)
	}
	return holds, nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
