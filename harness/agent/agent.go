//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
)

// ServeOptions say how an agent runs its host. The zero value is complete.
type ServeOptions struct {
	Host    string        // the host's name, for messages
	Grace   time.Duration // between SIGTERM and SIGKILL when etcd is to stop; 0: 10 s
	BackOff BackOff
}

// BackOff says how long the supervisor waits before it starts an etcd again
// that ended without being asked to, whatever its exit status. The first
// restart is immediate; the nth after it waits First doubled n-1 times, at most
// Most. A run of Reset or longer starts the count anew. Zeros: 0.2 s, 5 s, 10 s.
type BackOff struct{ First, Most, Reset time.Duration }

// delay is the wait before the start that follows n failures in a row, from 2.
func (b BackOff) delay(n int) time.Duration {
	d := b.First
	for range n - 2 {
		if d >= b.Most {
			break
		}
		d *= 2
	}
	return min(d, b.Most)
}

func (o ServeOptions) complete() ServeOptions {
	for _, d := range []struct {
		value *time.Duration
		zero  time.Duration
	}{
		{&o.Grace, 10 * time.Second},
		{&o.BackOff.First, 200 * time.Millisecond},
		{&o.BackOff.Most, 5 * time.Second},
		{&o.BackOff.Reset, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.zero
		}
	}
	return o
}

// Agent is the host's side. Run supervises etcd for the agent's whole life;
// Serve answers one session, and sessions may come and go meanwhile.
type Agent struct {
	opt        ServeOptions
	board      *board
	log        *etcdLog
	parent     *Parent
	supervisor *supervisor

	power    context.Context // ends with Close
	powerOff context.CancelFunc

	writers atomic.Int64 // requests that may be writing the manifest

	mu   sync.Mutex
	work sync.WaitGroup // Run, and what sessions asked for
}

// New returns an agent for the machine it is called on: its root is "/".
func New(opt ServeOptions) *Agent {
	opt = opt.complete()
	a := &Agent{opt: opt, board: newBoard(), log: newEtcdLog(LogPath), parent: NewParent()}
	a.power, a.powerOff = context.WithCancel(context.Background())
	a.supervisor = newSupervisor(opt, a.board, a.log, a.parent)
	return a
}

var errClosed = errors.New("the agent is closed")

// enter counts work that Close has to wait for.
func (a *Agent) enter() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.power.Err() != nil {
		return errClosed
	}
	a.work.Add(1)
	return nil
}

// Run supervises etcd until ctx ends, and then stops it as if its manifest had
// been removed. It is called once.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.enter(); err != nil {
		return err
	}
	defer a.work.Done()
	a.supervisor.run(ctx, a.power)
	return nil
}

// Close kills etcd and all that sessions have started, and returns when
// nothing of the agent is left.
func (a *Agent) Close() {
	a.mu.Lock()
	closed := a.power.Err() != nil
	a.powerOff()
	a.mu.Unlock()
	a.work.Wait()
	if !closed {
		a.parent.Close()
		a.log.close()
	}
}

// Serve answers a session until it ends, which is no error, or ctx does. It
// owns the session and closes it. What the session's requests have started is
// ended with it; etcd is not.
func (a *Agent) Serve(ctx context.Context, session io.ReadWriteCloser) error {
	if err := a.enter(); err != nil {
		return errors.Join(err, session.Close())
	}
	defer a.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.power, cancel)()
	unblock := context.AfterFunc(ctx, func() { _ = session.Close() })
	if _, err := io.WriteString(session, greeting+"\n"); err != nil {
		return errors.Join(fmt.Errorf("greet on %s: %w", a.opt.Host, err), session.Close())
	}
	mux, err := yamux.Server(session, muxConfig())
	if err != nil {
		return errors.Join(err, session.Close())
	}
	defer mux.Close()
	unblock()
	defer context.AfterFunc(ctx, func() { _ = mux.Close() })()

	var requests sync.WaitGroup
	defer requests.Wait()
	defer cancel()
	for {
		stream, err := mux.AcceptStream()
		if err != nil {
			return nil
		}
		requests.Go(func() { a.answer(ctx, stream) })
	}
}

// requestLimit is how long a stream may take to say what it wants.
const requestLimit = time.Minute

// answer carries out one request.
func (a *Agent) answer(ctx context.Context, stream *yamux.Stream) {
	defer stream.Close()
	_ = stream.SetReadDeadline(time.Now().Add(requestLimit))
	var req request
	if err := readFrame(stream, &req); err != nil {
		_ = writeFrame(stream, reply{Error: "read the request: " + err.Error()})
		return
	}
	_ = stream.SetReadDeadline(time.Time{})
	if req.Verb == verbExec {
		a.execute(ctx, req.Argv, stream)
		return
	}
	rep, err := a.do(ctx, req, stream)
	if err != nil {
		rep.Error = err.Error()
		rep.NotExist = errors.Is(err, fs.ErrNotExist)
	}
	// It fails only if nobody listens any more.
	_ = writeFrame(stream, rep)
}

func (a *Agent) do(ctx context.Context, req request, stream *yamux.Stream) (reply, error) {
	switch req.Verb {
	case verbUpload, verbUploadTree:
		content := &chunkReader{r: stream}
		a.writers.Add(1)
		err := a.receive(ctx, req, content)
		// The client sends to the end before it reads the reply.
		_, _ = io.Copy(io.Discard, content)
		a.supervisor.lookNow(ctx, a.writers.Add(-1) == 0)
		return reply{}, err
	}
	ctx, forget := hangUp(ctx, stream)
	defer forget()
	switch req.Verb {
	case verbHello:
		return reply{Build: build()}, nil
	case verbRun:
		a.writers.Add(1)
		out := a.runScript(ctx, req.Script)
		a.supervisor.lookNow(ctx, a.writers.Add(-1) == 0)
		return reply{Output: out}, nil
	case verbDownload, verbDownloadTree:
		content := &chunkWriter{w: stream}
		defer cutOff(ctx, stream)()
		err := a.send(ctx, req, content)
		return reply{}, errors.Join(err, content.Close())
	case verbSignal:
		return reply{}, a.supervisor.signal(ctx, syscall.Signal(req.Signal))
	case verbEtcd:
		n, _ := a.board.latest()
		return reply{News: &n}, nil
	case verbWatch:
		defer cutOff(ctx, stream)()
		return reply{}, a.tellNews(ctx, stream)
	case verbLog:
		defer cutOff(ctx, stream)()
		return reply{}, a.tellLog(ctx, stream)
	}
	return reply{}, fmt.Errorf("nobody here knows how to %q", req.Verb)
}

func (a *Agent) receive(ctx context.Context, req request, content io.Reader) error {
	if req.Verb == verbUpload {
		return writeFile(req.Path, req.Mode, content)
	}
	return unpackInto(ctx, req.Path, content)
}

func (a *Agent) send(ctx context.Context, req request, content io.Writer) error {
	if req.Verb == verbDownload {
		return readFile(req.Path, content)
	}
	return packFrom(ctx, req.Path, content)
}

func (a *Agent) tellNews(ctx context.Context, w io.Writer) error {
	last := 0
	for {
		items, changed := a.board.since(last)
		for _, n := range items {
			if err := writeFrame(w, n); err != nil {
				return err
			}
			last = n.Number
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *Agent) tellLog(ctx context.Context, w io.Writer) error {
	content := &chunkWriter{w: w}
	for {
		text, err := a.log.fetch(ctx)
		if err != nil {
			return err
		}
		if _, err := content.Write(text); err != nil {
			return err
		}
	}
}

// hangUp returns a context that ends when the client closes its side of the
// stream, on which it has nothing more to send. forget ends the watch.
func hangUp(ctx context.Context, stream *yamux.Stream) (_ context.Context, forget func()) {
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer cancel()
		_, _ = stream.Read(make([]byte, 1))
	}()
	return ctx, func() {
		_ = stream.SetReadDeadline(time.Now())
		<-watched
	}
}

// cutOff unblocks a writer to the stream when ctx ends.
func cutOff(ctx context.Context, stream *yamux.Stream) (forget func() bool) {
	return context.AfterFunc(ctx, func() { _ = stream.SetWriteDeadline(time.Now()) })
}
