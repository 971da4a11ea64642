//go:build linux

package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

const (
	// LogPath is where etcd's log is kept on a host. What is older than
	// mostLogFile is in LogPath + ".1", what is older than that is gone.
	LogPath = "/var/log/etcd.log"

	mostLogFile   = 32 << 20 // bytes
	mostLogQueued = 4 << 20  // bytes waiting for a session
	mostLogLine   = 64 << 10 // bytes; a longer line is cut into several pieces
)

// etcdLog takes etcd's output, keeps it on the host, and holds it for the
// session to fetch. A session that is slow or absent never blocks etcd: the
// oldest lines are dropped, counted, and the next reader is told.
type etcdLog struct {
	path string

	mu      sync.Mutex
	queue   [][]byte
	queued  int           // bytes in queue
	dropped int           // lines since the last fetch
	more    chan struct{} // closed and replaced when a line arrives
	file    *os.File      // nil: could not be opened
	size    int64
}

func newEtcdLog(path string) *etcdLog { return &etcdLog{path: path, more: make(chan struct{})} }

// consume takes lines until r ends.
func (l *etcdLog) consume(r io.Reader) {
	lines := bufio.NewReaderSize(r, mostLogLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			l.add(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// open makes the log's file ready to be written. It is called at every start of etcd,
// since an operator may have removed the file, or the directory, meanwhile.
func (l *etcdLog) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeFile()
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.file, l.size = file, info.Size()
	return nil
}

func (l *etcdLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeFile()
}

func (l *etcdLog) closeFile() {
	if l.file != nil {
		_ = l.file.Close() // what could not be written is in the queue all the same
		l.file = nil
	}
}

func (l *etcdLog) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(line)
	l.queue = append(l.queue, append([]byte(nil), line...))
	l.queued += len(line)
	for l.queued > mostLogQueued {
		l.queued -= len(l.queue[0])
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.dropped++
	}
	close(l.more)
	l.more = make(chan struct{})
}

// keep writes to the host's own file. A full disk must not stop etcd's log
// from reaching us, so an error ends the file and nothing else.
func (l *etcdLog) keep(line []byte) {
	if l.file == nil {
		return
	}
	if l.size+int64(len(line)) > mostLogFile {
		if err := os.Rename(l.path, l.path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			l.closeFile()
			return
		}
		fresh, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		l.closeFile()
		if err != nil {
			return
		}
		l.file, l.size = fresh, 0
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	if err != nil {
		l.closeFile()
	}
}

// fetch waits for lines and takes all there are.
func (l *etcdLog) fetch(ctx context.Context) ([]byte, error) {
	for {
		l.mu.Lock()
		more := l.more
		if len(l.queue) > 0 {
			defer l.mu.Unlock()
			text := make([]byte, 0, l.queued+128)
			if l.dropped > 0 {
				text = fmt.Appendf(text, "[firedrill: %d lines of etcd's log were dropped here; %s on the host may have them]\n", l.dropped, l.path)
			}
			for _, line := range l.queue {
				text = append(text, line...)
			}
			l.queue, l.queued, l.dropped = nil, 0, 0
			return text, nil
		}
		l.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
