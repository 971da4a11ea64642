package bastion

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/files"
)

// Copy copies a file or a tree between the operator's machine and a host, or a backup
// to either.
//
// From and To are NAME:PATH on a host; "-", the streams; a name below Backups; or
// else a path here. At most one is a host's. To names the copy; where it ends in "/",
// and where it is a directory here, the copy goes into it under the name of From. A
// tree is copied into what is there already.
type Copy struct {
	Socket, By string
	Backups    string // what BackupsVariable holds; "": nothing
	From, To   string
	// Tree says that From is a directory, which nobody can see where it is a host's
	// without a "/" at its end, or "-", a tar.
	Tree bool
	// Streams are what "-" means; Err takes what there is to say to the operator.
	Streams harness.Streams
}

// streamMode is that of files that come out of streams and stores: what is copied in
// a recovery is seldom anybody else's to read.
const streamMode fs.FileMode = 0o600

// Run copies. A code other than 0 without an error is what the estate gave. Errors
// are as Do's; what is wrong with the operands is an error before anything is asked
// of the estate.
func (c Copy) Run(ctx context.Context) (code int, err error) {
	from, to, tree, err := c.operands()
	if err != nil {
		return CodeBroke, fmt.Errorf("copy %s to %s: %w", c.From, c.To, err)
	}
	c.Streams.Err = locked(c.Streams.Err)
	switch {
	case from.kind == backup && to.kind == onHost:
		return c.backupToHost(ctx, from, to)
	case from.kind == backup:
		return c.receive(ctx, c.fetch(from), to)
	case from.kind == onHost && tree:
		return c.receiveTree(ctx, c.call(GetTree, from.host, from.path), to)
	case from.kind == onHost:
		return c.receive(ctx, c.call(Get, from.host, from.path), to)
	case tree:
		return c.sendTree(ctx, from, c.call(PutTree, to.host, to.path))
	}
	return c.send(ctx, from, to)
}

func (c Copy) call(verb string, args ...string) Call { return Call{By: c.By, Verb: verb, Args: args} }

// fetch is the call that gives a backup, or the bundle.
func (c Copy) fetch(o operand) Call {
	if o.path == BundleName {
		return c.call(Bundle)
	}
	return c.call(Backup, o.path)
}

func (c Copy) do(ctx context.Context, call Call, in io.Reader, out io.Writer) (int, error) {
	return Do(ctx, c.Socket, call, harness.Streams{In: in, Out: out, Err: c.Streams.Err})
}

// send sends a file, or what comes.
func (c Copy) send(ctx context.Context, from, to operand) (int, error) {
	in, mode := c.Streams.In, streamMode
	if from.kind == here {
		file, err := os.Open(from.path)
		if err != nil {
			return CodeBroke, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return CodeBroke, err
		}
		in = file
		if info.Mode().IsRegular() {
			mode = info.Mode().Perm()
		}
	}
	return c.do(ctx, c.call(Put, to.host, to.path, FormatMode(mode)), in, nil)
}

// errEnoughTaken is why a pipe's writer fails once its reader's call has ended.
var errEnoughTaken = errors.New("the call that it was for has ended")

// sendTree sends a directory as a tar, or the tar that comes.
func (c Copy) sendTree(ctx context.Context, from operand, call Call) (int, error) {
	if from.kind == stream {
		return c.do(ctx, call, c.Streams.In, nil)
	}
	root, err := os.OpenRoot(from.path)
	if err != nil {
		return CodeBroke, err
	}
	defer root.Close()
	in, packed := io.Pipe()
	var packing crew.Crew
	packing.Go(func() {
		archive := tar.NewWriter(packed)
		err := files.Pack(root, ".", archive, nil)
		if err == nil {
			err = archive.Close()
		}
		_ = packed.CloseWithError(err) // nil: at its end
	})
	code, err := c.do(ctx, call, in, nil)
	_ = in.CloseWithError(errEnoughTaken)
	packing.Wait()
	return code, err
}

// receive has a call's output written to a file, which is there once it is whole, or
// to a stream.
func (c Copy) receive(ctx context.Context, call Call, to operand) (code int, err error) {
	if to.kind == stream {
		return c.do(ctx, call, nil, c.Streams.Out)
	}
	mode := streamMode
	info, err := os.Stat(to.path)
	switch {
	case err == nil && !info.Mode().IsRegular(): // a device, a pipe: as it stands
		file, err := os.OpenFile(to.path, os.O_WRONLY, 0)
		if err != nil {
			return CodeBroke, err
		}
		code, err = c.do(ctx, call, nil, file)
		return code, errors.Join(err, file.Close())
	case err == nil:
		mode = info.Mode().Perm()
	}
	to.path = behindLinks(to.path)
	unfinished := errors.New("the file did not come whole")
	replaced := files.Replace(to.path, mode, func(w io.Writer) error {
		code, err = c.do(ctx, call, nil, w)
		if err == nil && code != 0 {
			return unfinished
		}
		return err
	})
	switch {
	case errors.Is(replaced, unfinished):
		return code, nil
	case replaced != nil && err == nil:
		return CodeBroke, replaced
	}
	return code, err
}

// behindLinks is the file that a path leads to.
func behindLinks(name string) string {
	if file, err := filepath.EvalSymlinks(name); err == nil {
		return file
	}
	return name
}

// receiveTree has a call's output unpacked, or written to a stream as it is.
func (c Copy) receiveTree(ctx context.Context, call Call, to operand) (int, error) {
	if to.kind == stream {
		return c.do(ctx, call, nil, c.Streams.Out)
	}
	out, printed := io.Pipe()
	var unpacking crew.Crew
	var unpacked error
	unpacking.Go(func() {
		unpacked = unpackTo(to.path, out)
		_ = out.CloseWithError(unpacked)
	})
	code, err := c.do(ctx, call, nil, printed)
	_ = printed.CloseWithError(err) // nil: at its end
	unpacking.Wait()
	switch {
	case err != nil && (unpacked == nil || errors.Is(unpacked, err)):
		return code, err
	case err == nil && code != 0:
		return code, nil // whatever came
	case unpacked != nil:
		return CodeBroke, fmt.Errorf("unpack into %s: %w", to.path, unpacked)
	}
	return code, nil
}

// unpackTo unpacks a tar under dir, which is made once anything comes, and reads all
// of the stream.
func unpackTo(dir string, r io.Reader) error {
	arrived := bufio.NewReaderSize(r, 64<<10)
	if _, err := arrived.Peek(1); errors.Is(err, io.EOF) {
		return errors.New("nothing came")
	} else if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := files.Unpack(root, arrived, nil); err != nil {
		return err
	}
	// The end of an archive comes before the end of its stream.
	_, err = io.Copy(io.Discard, arrived)
	return err
}

// backupToHost puts a backup on a host. Nothing is asked of the host before the
// estate has begun to give the backup: one that is refused was never on its way.
func (c Copy) backupToHost(ctx context.Context, from, to operand) (int, error) {
	fetched, out := io.Pipe()
	var fetching crew.Crew
	var code int
	var err error
	fetching.Go(func() {
		code, err = c.do(ctx, c.fetch(from), nil, out)
		end := err
		if end == nil && code != 0 {
			end = errors.New("the backup did not come whole")
		}
		_ = out.CloseWithError(end) // nil: at its end
	})
	arrived := bufio.NewReaderSize(fetched, 64<<10)
	putCode, putErr := 0, error(nil)
	if _, empty := arrived.Peek(1); empty == nil || errors.Is(empty, io.EOF) {
		putCode, putErr = c.do(ctx, c.call(Put, to.host, to.path, FormatMode(streamMode)), arrived, nil)
	}
	_ = fetched.CloseWithError(errEnoughTaken)
	fetching.Wait()
	if err != nil && !errors.Is(err, errEnoughTaken) || err == nil && code != 0 {
		return code, err
	}
	return putCode, putErr
}

// locked is a writer for several calls at once.
func locked(w io.Writer) io.Writer {
	if w == nil {
		return nil
	}
	return &lockedWriter{w: w}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
