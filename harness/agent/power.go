package agent

import (
	"context"
	"io"
)

// Power is what a runtime provides: power and place. Its errors need not name
// the host; Host does.
type Power interface {
	// PeerAddress is an IP address by which other hosts of the rack reach this one.
	PeerAddress() string
	// ClientAddress is host:port by which the harness reaches this host's etcd.
	ClientAddress() string
	// PowerOn boots the machine, with the same disk and the same addresses as
	// ever, and returns the stream to its agent. Reading it ends when the
	// agent dies; closing it unblocks a reader.
	PowerOn(ctx context.Context) (session io.ReadWriteCloser, err error)
	// PowerOff is as pulling the plug, and returns when nothing runs any more.
	// It is nil if the machine is off already.
	PowerOff(ctx context.Context) error
	// Destroy removes the machine and its disk. It is nil if it is gone already.
	Destroy(ctx context.Context) error
}
