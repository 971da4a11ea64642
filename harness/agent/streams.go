//go:build linux

package agent

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// execute runs one command for the client at the other end of conn and tells him
// all about it.
func (a *Agent) execute(ctx context.Context, argv []string, conn relay.Conn) {
	// If the end could not be told there is nobody to tell that either.
	_ = relay.Serve(ctx, conn, func(ctx context.Context, s harness.Streams) (int, error) {
		a.writers.Add(1)
		code := a.main(ctx, s, argv, words)
		a.supervisor.lookNow(ctx, a.writers.Add(-1) == 0)
		return code, context.Cause(ctx)
	})
}

// words is the script that is a command: its parameters, as they are.
func words() (*syntax.File, error) {
	return &syntax.File{Name: "sh", Stmts: []*syntax.Stmt{{Cmd: &syntax.CallExpr{Args: []*syntax.Word{{
		Parts: []syntax.WordPart{&syntax.DblQuoted{Parts: []syntax.WordPart{
			&syntax.ParamExp{Short: true, Param: &syntax.Lit{Value: "@"}},
		}}},
	}}}}}}, nil
}

// fed is a standard input that comes from a reader: programs need a file.
type fed struct {
	file, to *os.File
	over     chan struct{}
	done     chan struct{}
}

// feed returns an input that is read from in, or is at its end if in is nil.
// Its end waits for in: what ends a command must end a read of in.
func feed(in io.Reader) (*fed, error) {
	if in == nil {
		none, err := noInput()
		return &fed{file: none}, err
	}
	file, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	f := &fed{file: file, to: to, over: make(chan struct{}), done: make(chan struct{})}
	go f.pump(in)
	return f, nil
}

// feedLinger is how long an input that broke off is kept open for those that read
// it: they are being killed, and must not take it for the whole. It ends before
// insideLinger does, so that a read which no deadline reaches (the descriptor was
// a program's) ends too.
const feedLinger = insideLinger / 2

func (f *fed) pump(in io.Reader) {
	defer close(f.done)
	defer f.to.Close()
	if _, err := io.Copy(f.to, in); err == nil {
		return
	}
	linger := time.NewTimer(feedLinger)
	defer linger.Stop()
	select {
	case <-f.over:
	case <-linger.C:
	}
}

// end is called when nobody reads it any more.
func (f *fed) end() {
	_ = f.file.Close()
	if f.to == nil {
		return
	}
	close(f.over)
	_ = f.to.Close() // ends a write to a pipe that something holds open
}

// printed is what a program prints to writers that are no files.
type printed []*outlet

// printing sets a command's output and errors.
func printing(cmd *exec.Cmd, stdout, stderr io.Writer) (printed, error) {
	var all printed
	for _, stream := range []struct {
		to  io.Writer
		set *io.Writer
	}{{stdout, &cmd.Stdout}, {stderr, &cmd.Stderr}} {
		if file, ok := stream.to.(*os.File); ok {
			*stream.set = file
			continue
		}
		if stream.set == &cmd.Stderr && stderr == stdout { // 2>&1: one pipe keeps the order
			cmd.Stderr = cmd.Stdout
			continue
		}
		o, err := newOutlet(stream.to)
		if err != nil {
			all.begun()
			all.end()
			return nil, err
		}
		*stream.set = o.theirs
		all = append(all, o)
	}
	return all, nil
}

// begun is called when the program has its files, or could not be started.
func (all printed) begun() {
	for _, o := range all {
		_ = o.theirs.Close()
	}
}

// end passes the rest on. It is called when the program has ended.
func (all printed) end() {
	for _, o := range all {
		o.end()
	}
}

// outlet passes on what a program prints. A slow reader slows it down, and
// nothing of what the program printed is dropped.
type outlet struct {
	to           io.Writer
	ours, theirs *os.File
	holds        int // bytes, the most that can be in the pipe
	ended        atomic.Bool
	done         chan struct{}
}

func newOutlet(to io.Writer) (*outlet, error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &outlet{to: to, ours: ours, theirs: theirs, done: make(chan struct{})}
	if o.holds, err = pipeSize(ours); err != nil {
		return nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	go o.pump()
	return o, nil
}

func pipeSize(pipe *os.File) (bytes int, err error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	var refused error
	err = raw.Control(func(fd uintptr) { bytes, refused = unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0) })
	return bytes, errors.Join(err, refused)
}

// pump ends with the pipe's end. Something that left the program's process group
// may hold it open: once the program has ended no more is read than it can have
// left, and no longer than outputLinger is waited for that.
func (o *outlet) pump() {
	defer close(o.done)
	defer o.ours.Close() // a program that prints on has nobody to print to
	buf := make([]byte, 32<<10)
	for left := o.holds; left > 0; {
		ended := o.ended.Load()
		if ended {
			_ = o.ours.SetReadDeadline(time.Now().Add(outputLinger))
		}
		n, err := o.ours.Read(buf)
		if n > 0 {
			if _, err := o.to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
		if ended {
			left -= n
		}
	}
}

func (o *outlet) end() {
	o.ended.Store(true)
	_ = o.ours.SetReadDeadline(time.Now().Add(outputLinger))
	<-o.done
}
