package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// link is one session with an agent, as the client sees it.
type link struct {
	mux   *yamux.Session
	pumps sync.WaitGroup // what carries news and log
	cut   atomic.Bool    // the session was ended because the agent took nothing in
}

// shakeHands makes a link of a session. It closes the session if it fails.
func shakeHands(ctx context.Context, session io.ReadWriteCloser) (*link, error) {
	forget := context.AfterFunc(ctx, func() { _ = session.Close() })
	defer forget()
	err := readGreeting(session)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	mux, err := yamux.Client(session, muxConfig())
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	l := &link{mux: mux}
	rep, err := l.ask(ctx, request{Verb: verbHello}, nil, nil)
	if err == nil && rep.Build != build() {
		err = fmt.Errorf("the agent there is of another build (%s, we are %s)\nhint: remove the image or the injected agent, so that it is made again", rep.Build, build())
	}
	if err != nil {
		return nil, errors.Join(err, mux.Close())
	}
	return l, nil
}

// remoteError is an error that the agent reported.
type remoteError struct {
	text     string
	notExist bool
}

func (e remoteError) Error() string        { return e.text }
func (e remoteError) Is(target error) bool { return e.notExist && target == fs.ErrNotExist }

// errNoReply says that the link broke before the agent replied.
var errNoReply = errors.New("the session ended before the agent replied")

// hangUpLimit is how long the agent may take, after ctx has ended, to end what
// it does and to reply.
const hangUpLimit = relay.HangUpLimit

// cutLimit is how long a request may hold on after ctx has ended. An agent that
// takes nothing in (a frozen one, with the pipe to it full) holds up whatever
// writes to the session, the closing of a stream included, and yamux gives up
// after muxConfig's hour. It is longer than hangUpLimit: an agent that merely
// does not reply costs the request and not the session.
const cutLimit = 2 * hangUpLimit

// limit ends the session if a request is not over cutLimit after ctx has ended.
func (l *link) limit(ctx context.Context) (over func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		patience := time.NewTimer(cutLimit)
		defer patience.Stop()
		select {
		case <-done:
		case <-patience.C:
			l.cut.Store(true)
			_ = l.mux.Close() // it always succeeds
		}
	})
	return func() { stop(); close(done) }
}

// ask makes one request. up, if not nil, sends content after the request;
// down, if not nil, receives content before the reply. When ctx ends the agent
// is told by closing our side, and what it replies then is still returned. An
// agent that cannot even be told is given up, and with it the session.
func (l *link) ask(ctx context.Context, req request, up func(io.Writer) error, down func(io.Reader) error) (reply, error) {
	defer l.limit(ctx)() // the last to be undone: closing the stream may hang too
	stream, err := l.mux.OpenStream()
	if err != nil {
		return reply{}, l.blame(ctx, errNoReply)
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, func() {
		_ = stream.SetReadDeadline(time.Now().Add(hangUpLimit))
		_ = stream.Close()
	})()
	if err := writeFrame(stream, req); err != nil {
		return reply{}, l.blame(ctx, err)
	}
	if up != nil {
		content := &chunkWriter{w: stream}
		if err := up(content); err != nil {
			return reply{}, l.blame(ctx, err)
		}
		if err := content.Close(); err != nil {
			return reply{}, l.blame(ctx, err)
		}
	}
	if down != nil {
		if err := down(&chunkReader{r: stream}); err != nil {
			return reply{}, l.blame(ctx, err)
		}
	}
	var rep reply
	if err := readFrame(stream, &rep); err != nil {
		return reply{}, l.blame(ctx, err)
	}
	switch {
	case ctx.Err() != nil:
		return rep, context.Cause(ctx)
	case rep.Error != "":
		return rep, remoteError{text: rep.Error, notExist: rep.NotExist}
	}
	return rep, nil
}

// exec makes the request that a command is run, with these streams. The code is what
// the agent told, with an error too, and 0 if it told nothing.
func (l *link) exec(ctx context.Context, argv []string, s harness.Streams) (int, error) {
	defer l.limit(ctx)()
	stream, err := l.mux.OpenStream()
	if err != nil {
		return 0, l.blame(ctx, errNoReply)
	}
	if err := writeFrame(stream, request{Verb: verbExec, Argv: argv}); err != nil {
		_ = stream.Close() // it failed already
		return 0, l.blame(ctx, err)
	}
	code, err := relay.Call(ctx, stream, s)
	var ended *relay.RemoteError
	switch {
	case err == nil:
		return code, nil
	case errors.As(err, &ended): // only an agent that ends, or whose session does, ends a command by itself
		err = errNoReply
	}
	return code, l.blame(ctx, err)
}

// blame tells why a request broke off.
func (l *link) blame(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && l.cut.Load():
		return fmt.Errorf("%w, and for %v more the agent took nothing in: %w", context.Cause(ctx), cutLimit, harness.ErrAgentLost)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case l.mux.IsClosed():
		return errNoReply
	}
	return err
}

// follow makes a request that has no end and hands its stream to read. ctx
// bounds the making alone.
func (l *link) follow(ctx context.Context, verb verb, read func(io.Reader)) error {
	defer l.limit(ctx)()
	stream, err := l.mux.OpenStream()
	if err != nil {
		return errNoReply
	}
	if err := writeFrame(stream, request{Verb: verb}); err != nil {
		return errors.Join(err, stream.Close())
	}
	l.pumps.Go(func() {
		defer stream.Close()
		read(stream)
	})
	return nil
}

// close ends the session and returns when the pumps are done.
func (l *link) close() {
	_ = l.mux.Close() // it always succeeds
	l.pumps.Wait()
}
