package relay

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Conn is the connection of one call: a net.Conn, or one stream of a multiplexed
// session. A deadline must unblock what waits; one side may close while the other
// still reads.
type Conn interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// ErrHungUp is why a served command's context has ended when the caller wants the
// command no more: he said so, or closed the connection.
var ErrHungUp = errors.New("the caller hung up")

// ErrCut says that the connection broke before the command's end was told.
var ErrCut = errors.New("the connection broke before the end of the command was told")

// HangUpLimit is how long, after a context has ended, the other side may take to
// take in what is said to it, and to tell the command's end.
const HangUpLimit = 5 * time.Second

// mostText is how many bytes of an error's text are told.
const mostText = 64 << 10

// ending is a command's end as it is told.
type ending struct {
	Code   int    `json:"code"`
	Failed bool   `json:"failed,omitempty"` // run returned an error
	Error  string `json:"error,omitempty"`  // its text
}

// Serve runs one command for the caller at the other end of conn, and tells him
// how it ended: code and the text of err, both if there are both. It calls run
// once, in this goroutine, and returns when run has and nothing of its own is left.
//
// The context that run is given ends when ctx does, and with ErrHungUp as its
// cause when the caller hangs up. From then on run's streams only fail; In does so
// too when the caller's input broke off: io.EOF is its true end. Out and Err take a
// write in once the caller's side has room for it; they may be written to from
// several goroutines, and fail once run has returned.
//
// The error is nil if the end was told, even if nobody may have heard it, and
// wraps ErrCut if not. Serve does not close conn, but what is read and written on
// it afterwards fails.
func Serve(ctx context.Context, conn Conn, run func(context.Context, harness.Streams) (code int, err error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &server{pen: newPen(conn), room: newWindow(), input: newQueue()}
	forget := context.AfterFunc(ctx, func() {
		s.pen.part()
		s.input.cut(context.Cause(ctx))
	})
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		cancel(s.read())
	}()
	defer func() {
		forget()
		cancel(nil)
		s.input.cut(io.ErrClosedPipe)
		_ = conn.SetReadDeadline(time.Now())
		<-reading
	}()
	code, err := run(ctx, harness.Streams{
		In:  &input{server: s},
		Out: &printer{ctx, s, kindOut},
		Err: &printer{ctx, s, kindErr},
	})
	if err := s.tell(code, err); err != nil {
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	return nil
}

// server is the side that has the command.
type server struct {
	pen   *pen
	room  *window // for output and errors at the caller's
	input *queue
}

// read reads what the caller sends, until it ends, and returns why the command is
// not wanted any more.
func (s *server) read() error {
	for {
		f, err := readFrame(s.pen.conn)
		switch {
		case errors.Is(err, io.EOF):
			return ErrHungUp
		case err != nil:
			return fmt.Errorf("%w: %w", ErrCut, err)
		}
		switch f.kind {
		case kindInput:
			err = s.input.put(f)
		case kindInputEnd:
			s.input.finish(io.EOF)
		case kindTaken:
			err = s.room.give(int(binary.BigEndian.Uint32(f.payload)))
		case kindHangUp:
			return ErrHungUp
		default:
			err = unread("a caller sends no frame of %v", f.kind)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCut, err)
		}
	}
}

func (s *server) tell(code int, err error) error {
	end := ending{Code: code}
	if err != nil {
		end.Failed, end.Error = true, err.Error()
	}
	if len(end.Error) > mostText {
		end.Error = end.Error[:mostText] + "…"
	}
	end.Error = strings.ToValidUTF8(end.Error, "\uFFFD")
	text, err := json.Marshal(end)
	if err != nil {
		return err
	}
	return s.pen.last(kindEnd, text)
}

// input is the command's standard input. One goroutine at a time reads it.
type input struct {
	server *server
	rest   []byte
	cost   int // what taking the rest out is worth
}

func (in *input) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(in.rest) == 0 {
		f, err := in.server.input.next()
		if err != nil {
			return 0, err
		}
		in.rest, in.cost = f.payload, cost(f)
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	if len(in.rest) == 0 {
		in.server.pen.taken(in.server.input.took(in.cost))
	}
	return n, nil
}

// printer is the command's standard output, or its standard error.
type printer struct {
	ctx    context.Context
	server *server
	kind   kind
}

func (o *printer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n, err := o.server.room.take(o.ctx, len(p))
		if err == nil {
			err = o.server.pen.write(o.kind, p[:n])
		}
		if err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}
