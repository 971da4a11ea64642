package relay

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// RemoteError is an error of the side that has the command, in its words.
type RemoteError struct{ Text string }

func (e *RemoteError) Error() string { return e.Text }

// Call has one command run by the side that serves at the other end of conn, with
// these streams, and returns when its end was told and all it printed was passed
// on. The code is what that side gave, a *RemoteError the error that came with it.
//
// When ctx ends Call hangs up, waits at most HangUpLimit for the command's end, and
// returns ctx's cause. It hangs up as well when a stream of s fails, and returns
// that. If the connection breaks first, the error wraps ErrCut.
//
// Out and Err are written to by one goroutine, in the order in which it was
// printed, and not after Call has returned, unless a write to them was still not
// done HangUpLimit after ctx had ended. A read of In, however, may be going on when
// Call returns, as one of a terminal; what it brings is lost.
//
// Call owns conn and closes it.
func Call(ctx context.Context, conn Conn, s harness.Streams) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &caller{pen: newPen(conn), room: newWindow(), output: newQueue()}
	var own sync.WaitGroup
	own.Go(c.read)
	go c.send(ctx, cancel, s.In) // it may be in a read of In for ever
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		c.pass(cancel, s)
	}()
	select {
	case <-passed:
	case <-ctx.Done():
		c.pen.part()
		own.Go(func() { _ = c.pen.write(kindHangUp, nil) })
		patience := time.NewTimer(HangUpLimit)
		select {
		case <-passed:
		case <-patience.C:
			c.output.cut(io.EOF) // nothing more is passed on
		}
		patience.Stop()
	}
	why := context.Cause(ctx)
	cancel(nil) // nothing of the input is sent any more
	_ = conn.SetReadDeadline(time.Now())
	closed := conn.Close()
	own.Wait()
	end, err := c.told()
	switch {
	case why != nil:
		return end.Code, why
	case err != nil:
		return 0, errors.Join(err, closed)
	case end.Failed:
		return end.Code, &RemoteError{Text: end.Error}
	}
	return end.Code, nil
}

// caller is the side that wants the command.
type caller struct {
	pen    *pen
	room   *window // for input at the server's
	output *queue  // of frames of output and errors

	mu  sync.Mutex
	end *ending
	cut error // why no end was told
}

// told is how the command ended.
func (c *caller) told() (ending, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil {
		return ending{}, fmt.Errorf("%w: %w", ErrCut, c.cut)
	}
	return *c.end, nil
}

// read reads what the server sends, until it ends.
func (c *caller) read() {
	end, err := c.receive()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	c.mu.Lock()
	c.end, c.cut = end, err
	c.mu.Unlock()
	c.output.finish(io.EOF)
}

func (c *caller) receive() (*ending, error) {
	for {
		f, err := readFrame(c.pen.conn)
		if err != nil {
			return nil, err
		}
		switch f.kind {
		case kindOut, kindErr:
			err = c.output.put(f)
		case kindTaken:
			err = c.room.give(int(binary.BigEndian.Uint32(f.payload)))
		case kindEnd:
			end := &ending{}
			if err := json.Unmarshal(f.payload, end); err != nil {
				return nil, unread("the end of a command: %v", err)
			}
			return end, nil
		default:
			err = unread("a server sends no frame of %v", f.kind)
		}
		if err != nil {
			return nil, err
		}
	}
}

// pass passes on what the command prints, until there is no more.
func (c *caller) pass(fail context.CancelCauseFunc, s harness.Streams) {
	failed := false
	for {
		f, err := c.output.next()
		if err != nil {
			return
		}
		to := s.Out
		if f.kind == kindErr {
			to = s.Err
		}
		if to != nil && !failed {
			err := crew.Surely(func() error { _, err := to.Write(f.payload); return err })
			if err != nil {
				failed = true
				fail(fmt.Errorf("pass on what the command printed: %w", err))
			}
		}
		c.pen.taken(c.output.took(cost(f)))
	}
}

// send sends the command's input.
func (c *caller) send(ctx context.Context, fail context.CancelCauseFunc, in io.Reader) {
	if in == nil {
		_ = c.pen.write(kindInputEnd, nil)
		return
	}
	buf := make([]byte, 64<<10)
	for ctx.Err() == nil {
		n, err := 0, error(nil)
		if crash := crew.Caught(func() { n, err = in.Read(buf) }); crash != nil {
			n, err = 0, crash
		}
		for rest := buf[:n]; len(rest) > 0; {
			n, refused := c.room.take(ctx, len(rest))
			if refused == nil {
				refused = c.pen.write(kindInput, rest[:n])
			}
			if refused != nil {
				return // the command has ended, or the connection: read tells
			}
			rest = rest[n:]
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = c.pen.write(kindInputEnd, nil)
			return
		case err != nil:
			fail(fmt.Errorf("read the command's input: %w", err))
			return
		}
	}
}
