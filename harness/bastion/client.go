package bastion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// ErrGone is why a call was not carried out, or not to its end: nobody answers at
// the socket any more.
var ErrGone = errors.New("the drill is over, or was ended")

// Do makes one call of the bastion at the path socket and returns how it ended.
// Streams are as harness.Streams has them; a nil In is sent as an input at its end.
//
// An error with CodeRefused is a *Refusal: what was asked for cannot be. Every other
// comes with CodeBroke: it wraps ErrGone where the drill is over, is ctx's cause
// where ctx has ended, a stream's where that failed. A call that fails Check is not
// made at all.
func Do(ctx context.Context, socket string, c Call, s harness.Streams) (code int, err error) {
	if err := c.Check(); err != nil {
		return CodeBroke, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return CodeBroke, unreachable(ctx, socket, err)
	}
	if err := writeCall(conn, c); err != nil {
		return CodeBroke, errors.Join(unreachable(ctx, socket, err), conn.Close())
	}
	code, err = relay.Call(ctx, conn, s)
	var told *relay.RemoteError
	switch {
	case err == nil:
		return code, nil
	case errors.As(err, &told) && code == CodeRefused:
		return code, &Refusal{told}
	case errors.Is(err, relay.ErrCut):
		return CodeBroke, fmt.Errorf("%s: %w, while this was under way (%w)", c.Verb, ErrGone, err)
	}
	return CodeBroke, err
}

// unreachable tells why a call could not be made.
func unreachable(ctx context.Context, socket string, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%w: nobody answers at %s", ErrGone, socket)
	}
	return fmt.Errorf("call the drill at %s: %w", socket, err)
}
