package drill

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness/files"
)

const (
	runsDir      = "firedrill-runs"
	backupsDir   = "backups"
	evidenceFile = "evidence.json"
	reportFile   = "report.json"
)

// newRunDirectory makes <out>/<time>-<scenario>-<ID>, mode 0700, and points
// <out>/latest at it.
func newRunDirectory(out, scenario string, now time.Time) (id, dir string, err error) {
	if out == "" {
		out = runsDir
	}
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", "", fmt.Errorf("choose the drill's ID: %w", err)
	}
	id = hex.EncodeToString(random[:])
	if err := os.MkdirAll(out, 0o700); err != nil {
		return "", "", fmt.Errorf("make the run directory: %w\nhint: --out DIR puts evidence elsewhere", err)
	}
	name := now.Format("20060102-150405") + "-" + scenario + "-" + id
	dir = filepath.Join(out, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("make the run directory: %w\nhint: --out DIR puts evidence elsewhere", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, backupsDir), 0o700); err != nil {
		return "", "", fmt.Errorf("make the directory of backups: %w", err)
	}
	return id, dir, pointLatest(out, name, id)
}

// pointLatest replaces the link by renaming a new one over it, so that drills
// side by side never see it missing.
func pointLatest(out, name, id string) error {
	link := filepath.Join(out, "latest")
	if info, err := os.Lstat(link); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return nil // somebody's own file of that name is left alone
	}
	fresh := filepath.Join(out, ".latest-"+id)
	if err := os.Symlink(name, fresh); err != nil {
		return fmt.Errorf("point %s at the new run: %w", link, err)
	}
	if err := os.Rename(fresh, link); err != nil {
		return errors.Join(fmt.Errorf("point %s at the new run: %w", link, err), os.Remove(fresh))
	}
	return nil
}

// hostLog is hosts/<name>/etcd.log: all that etcd wrote on a host, in whichever
// machine of that name, and the last lines for error messages.
type hostLog struct {
	host  string
	broke func(error) // told what makes the record useless
	full  func()      // told that etcd found no space on the host

	peering chan struct{} // closed when etcd was first seen to take its peers' requests

	mu   sync.Mutex
	file *files.Record
	boot int64 // how much of it is of before the machine came up that is there now
	tail []byte
	more chan struct{} // closed and replaced when something was logged
}

// servesPeers is what etcd, 3.4 and later, logs when it takes its peers' requests.
const servesPeers = "serving peer traffic"

const tailBytes = 4096

func newHostLog(dir, host string, broke func(error), full func()) (*hostLog, error) {
	parent := filepath.Join(dir, "hosts", host)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for %s's log: %w", host, err)
	}
	f, err := files.Begin(filepath.Join(parent, "etcd.log"))
	if err != nil {
		return nil, fmt.Errorf("open %s's log: %w", host, err)
	}
	return &hostLog{host: host, broke: broke, full: full, file: f, peering: make(chan struct{}), more: make(chan struct{})}, nil
}

func (l *hostLog) Write(p []byte) (int, error) {
	n, err := l.keep(p)
	if bytes.Contains(p, []byte(diskFull)) {
		l.full() // the line is among the last ones by now
	}
	return n, err
}

func (l *hostLog) keep(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if extra := len(l.tail) - tailBytes; extra > 0 {
		l.tail = append(l.tail[:0], l.tail[extra:]...)
	}
	select {
	case <-l.peering:
	default:
		if bytes.Contains(l.tail, []byte(servesPeers)) {
			close(l.peering)
		}
	}
	n, err := l.file.Write(p)
	if err != nil {
		err = fmt.Errorf("keep the log of etcd on %s: %w", l.host, err)
		l.broke(err)
	}
	close(l.more)
	l.more = make(chan struct{})
	return n, err
}

// path is where the log is kept.
func (l *hostLog) path() string { return l.file.Name() }

// cameUp begins what a machine logs that has just come up, a new one or the same: nothing
// of it has arrived, and all that the one before logged has.
func (l *hostLog) cameUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.boot = l.file.Size()
}

// sinceUp is where in the file it begins.
func (l *hostLog) sinceUp() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.boot
}

// grown is closed when something more was logged.
func (l *hostLog) grown() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.more
}

// awaitPeerPort waits until etcd took its peers' requests once, or for bootPatience:
// whatever kept it from that is seen elsewhere. Of no host there is nothing to wait for.
func (l *hostLog) awaitPeerPort(ctx context.Context) error {
	if l == nil {
		return nil
	}
	patience := time.NewTimer(bootPatience)
	defer patience.Stop()
	select {
	case <-l.peering:
	case <-patience.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// last returns the last n lines that say something: an etcd that does not like
// a flag says so in one line, and then how it is used, each time it is started.
func (l *hostLog) last(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var telling []string
	for line := range strings.Lines(string(l.tail)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line == "Usage:" || strings.HasPrefix(line, "  ") {
			continue
		}
		telling = append(telling, line)
	}
	if len(telling) == 0 {
		return "(it logged nothing)"
	}
	telling = slices.Compact(telling)
	return strings.Join(telling[max(0, len(telling)-n):], "\n")
}

// intact is an error where the file is not what was written to it.
func (l *hostLog) intact() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Intact()
}

// Close closes the file; writing afterwards is an error.
func (l *hostLog) Close() error { return l.file.Close() }
