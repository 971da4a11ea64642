//go:build unix

package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// The directories on a desk.
const (
	deskDir    = "desk" // in the drill's own
	binDir     = "bin"
	pkiDir     = "pki"
	backupsDir = "backups"
	workDir    = "work"
)

// The certificates on a desk.
const (
	caFile   = "ca.crt"
	certFile = "client.crt"
	keyFile  = "client.key"
)

// tools are what our binary is by these names.
var tools = []string{"firedrill", "etcdctl", "etcdutl"}

// mostSocket is how long in bytes the path of a Unix socket may be on every
// system (Linux takes 107, others 103), and socketName how long the name of one
// on a desk.
const (
	mostSocket = 99
	socketName = 16
)

// Desk is what an operator has at hand while a drill is on. Its methods may be
// called at once, but for Close.
type Desk struct {
	dir      string       // its real path
	own      *owner.Owner // nil: the drill's rack holds the lock
	certs    atomic.Bool
	programs atomic.Uint64 // how many were started
}

// OpenDesk makes the desk of a drill, whose ID it is given, under base ("" is
// owner.DefaultBase). Whoever runs the drill has claimed that ID there, as the
// runtimes do, and gives it up after the desk; where nobody has, the desk claims
// it.
func OpenDesk(base, drill string) (_ *Desk, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the desk of drill %s: %w", drill, err)
		}
	}()
	if base, err = owner.Base(base); err != nil {
		return nil, err
	}
	d := &Desk{dir: filepath.Join(base, drill, deskDir)}
	if n := len(d.dir) + len("/") + socketName; n > mostSocket {
		return nil, fmt.Errorf("%s: a socket there has a path of up to %d bytes, and %d are possible\nhint: set TMPDIR to a directory of a shorter path", d.dir, n, mostSocket)
	}
	if d.own, err = owner.Claim(base, drill); err != nil && !errors.Is(err, owner.ErrAlive) {
		return nil, err
	}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return nil, errors.Join(err, d.release(false)) // it is another's, if it is there
	}
	if err := d.furnish(); err != nil {
		return nil, errors.Join(err, d.clear(false))
	}
	return d, nil
}

func (d *Desk) furnish() error {
	for _, dir := range []string{binDir, pkiDir, backupsDir, workDir} {
		if err := os.Mkdir(filepath.Join(d.dir, dir), 0o700); err != nil {
			return err
		}
	}
	own := filepath.Join(d.dir, binDir, tools[0])
	if err := ourselves(own); err != nil {
		return err
	}
	for _, tool := range tools[1:] {
		if err := os.Symlink(tools[0], filepath.Join(d.dir, binDir, tool)); err != nil {
			return err
		}
	}
	return nil
}

// ourselves makes a file that is the program that runs: another name of its own
// file where that can be had, else a copy. A link to us by our process ID would
// lead whoever reads it to what we have open.
func ourselves(path string) error {
	const running = "/proc/self/exe"
	known, err := os.Executable()
	if err != nil {
		return err
	}
	source := known
	if now, err := os.Stat(running); err == nil {
		source = running // its own path may lead to another file by now
		if named, err := os.Stat(known); err == nil && os.SameFile(now, named) && os.Link(known, path) == nil {
			return nil
		}
	}
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// Dir is the desk itself, for a socket: its path leaves room for a name of 16 bytes.
func (d *Desk) Dir() string { return d.dir }

// Work is the directory that programs work in.
func (d *Desk) Work() string { return filepath.Join(d.dir, workDir) }

// Backups is a directory for copies of backups: see Keep.
func (d *Desk) Backups() string { return filepath.Join(d.dir, backupsDir) }

// Certify puts a client's certificates on the desk, in PEM, in place of those
// that are there. Environment leads to them from then on.
func (d *Desk) Certify(ca, cert, key []byte) error {
	for _, f := range []struct {
		name string
		text []byte
	}{{caFile, ca}, {certFile, cert}, {keyFile, key}} {
		if err := d.replace(filepath.Join(pkiDir, f.name), func(to *os.File) error {
			_, err := to.Write(f.text)
			return err
		}); err != nil {
			return fmt.Errorf("put certificates on the desk: %w", err)
		}
	}
	d.certs.Store(true)
	return nil
}

// copyChunk is how much is copied between two looks at ctx.
const copyChunk = 64 << 20

// Keep puts a copy of a file among the backups, under a name that may have
// directories in it. It is a copy, so that whatever a program does to it, the
// file stays what it was; it is seen when it is complete.
func (d *Desk) Keep(ctx context.Context, name, from string) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("put backup %q on the desk: that is no name of a file among the backups", name)
	}
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("put backup %s on the desk: %w", name, err)
	}
	defer in.Close()
	at := filepath.Join(backupsDir, name)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(d.dir, at)), 0o700); err != nil {
		return fmt.Errorf("put backup %s on the desk: %w", name, err)
	}
	err = d.replace(at, func(to *os.File) error {
		for {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if _, err := io.CopyN(to, in, copyChunk); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	if err != nil {
		return fmt.Errorf("put backup %s on the desk: %w", name, err)
	}
	return nil
}

// replace writes a file of the desk, which nobody sees before it is complete.
func (d *Desk) replace(name string, write func(*os.File) error) (err error) {
	path := filepath.Join(d.dir, name)
	to, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	err = errors.Join(write(to), to.Close())
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(to.Name()))
	}
	return err
}

// closeLimit bounds Close and what a desk is cleared by: kills, and unlinking files.
const closeLimit = time.Minute

// Close ends what is left of the desk's programs and removes it; with keep its
// files stay, until `firedrill clean` removes them. No Run is under way.
func (d *Desk) Close(keep bool) error {
	if err := d.clear(keep); err != nil {
		return fmt.Errorf("close the desk in %s: %w", d.dir, err)
	}
	return nil
}

func (d *Desk) clear(keep bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	_, err := endAll(ctx, d.dir)
	if !keep {
		err = errors.Join(err, owner.RemoveTree(d.dir))
	}
	return errors.Join(err, d.release(keep || err != nil)) // what is still there is to be swept
}

func (d *Desk) release(keep bool) error {
	if d.own == nil {
		return nil
	}
	return d.own.Release(keep)
}

// Sweep ends what the programs of a dead drill have started, and removes its
// desk, if it had one. dir is the drill's directory, by its real path, and its
// lock is the caller's (owner.Inherit). It returns how many processes it ended.
func Sweep(ctx context.Context, dir string) (ended int, err error) {
	desk := filepath.Join(dir, deskDir)
	if ended, err = endAll(ctx, desk); err == nil {
		err = owner.RemoveTree(desk)
	}
	if err != nil {
		return ended, fmt.Errorf("sweep the desk %s: %w", desk, err)
	}
	return ended, nil
}
