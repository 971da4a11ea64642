package drill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// data is what is seen of etcd's data on a host.
type data struct {
	there bool // a database is
	// The oldest part of the write-ahead log: its name and the hash of its beginning,
	// which is never written again, and holds what only this history has.
	wal  string
	head [sha256.Size]byte
	db   [sha256.Size]byte // of the database's two first pages, which every commit changes
}

// same tells whether what is there now is what was there. Parts of the log that etcd
// needs no more are removed, the oldest first; a new history begins with number 0.
func (d data) same(now data) bool {
	return now.there && (now.head == d.head || now.wal > d.wal)
}

const (
	walHead   = 4 << 10
	walEnd    = 256 // bytes at its end, of which some are written if all before are
	dbHead    = 8 << 10
	smallest  = 16 << 10 // bytes of a database
	magicAt   = 16       // in bbolt's first page
	mostFiles = 64       // that are looked into
)

var magic = []byte{0xed, 0xda, 0x0c, 0xed}

// places are where etcd has its data on a host.
type places struct{ dir, db, wal string }

// places are where a host's etcd has its data, as its flags on the desk say.
func (d *drill) places(host string) places {
	dir, wal := harness.DataDir, ""
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.desk.Flags[host] {
		switch name, value, _ := strings.Cut(f, "="); name {
		case "data-dir":
			dir = value
		case "wal-dir":
			wal = value
		}
	}
	if wal == "" {
		wal = dir + "/member/wal"
	}
	return places{dir: dir, db: dir + "/member/snap/db", wal: wal}
}

// look looks at a host's data. An error says that it could not be looked at.
func (m *moves) look(ctx context.Context, h harness.Host) (is data, err error) {
	at := m.g.d.places(h.Name())
	out, err := h.Run(ctx, fmt.Sprintf("for f in %s/*.wal; do echo \"$f\"; break; done", at.wal))
	if err != nil {
		return data{}, err
	}
	oldest := strings.TrimSpace(out.Stdout)
	if path.Base(oldest) == "*.wal" {
		return data{}, nil
	}
	begins, err := m.g.d.heads(ctx, h, at.db, oldest)
	if err != nil || !begins.database || !begins.full {
		return data{}, err
	}
	return data{there: true, wal: path.Base(oldest), head: begins.head, db: begins.db}, nil
}

// heads are how the files of etcd's data begin on a host.
type heads struct {
	database, full bool // the one begins as one, the beginning of the other is written
	db, head       [sha256.Size]byte
}

// heads reads how a database begins, and the oldest part of a write-ahead log, ""
// if there is none.
func (d *drill) heads(ctx context.Context, h harness.Host, db, wal string) (is heads, err error) {
	pages, err := beginning(ctx, h, db, dbHead)
	if err != nil {
		return is, err
	}
	is.database, is.db = isDatabase(pages), sha256.Sum256(pages)
	if wal == "" {
		return is, nil
	}
	log, err := beginning(ctx, h, wal, walHead)
	is.full, is.head = isFull(log), sha256.Sum256(log)
	return is, err
}

func isDatabase(pages []byte) bool {
	return len(pages) == dbHead && bytes.Equal(pages[magicAt:magicAt+len(magic)], magic)
}

// isFull tells whether the beginning of a log is written: its file has zeros before.
func isFull(log []byte) bool {
	return len(log) == walHead && bytes.ContainsFunc(log[walHead-walEnd:], func(c rune) bool { return c != 0 })
}

// errEnough ends the copying of a file of which no more is wanted.
var errEnough = errors.New("no more is wanted")

// firstBytes takes the beginning of what is written to it.
type firstBytes struct {
	want int
	got  []byte
}

func (f *firstBytes) Write(p []byte) (int, error) {
	f.got = append(f.got, p[:min(len(p), f.want-len(f.got))]...)
	if len(f.got) == f.want {
		return 0, errEnough
	}
	return len(p), nil
}

// beginning is the beginning of a file on a host, less if it is shorter, nothing if there
// is none. An error says that the host cannot be asked.
func beginning(ctx context.Context, h harness.Host, path string, most int) ([]byte, error) {
	f := &firstBytes{want: most}
	err := h.Download(ctx, path, f)
	if err == nil || len(f.got) == most {
		return f.got, nil
	}
	for _, fatal := range []error{harness.ErrHostOff, harness.ErrHostGone, harness.ErrAgentLost} {
		if errors.Is(err, fatal) {
			return nil, err
		}
	}
	return nil, ctx.Err()
}

// elsewhereScript lists the files of a host, where people put files.
const elsewhereScript = `for d in /*; do case "$d" in
/proc|/sys|/dev|/run|/usr|/bin|/sbin|/lib*|/boot) ;;
*) find "$d" -type f -exec ls -l {} ';' ;;
esac; done`

// archives are endings of files that may hold anything.
var archives = []string{".tar", ".tgz", ".gz", ".xz", ".bz2", ".zst", ".zip"}

// elsewhere tells whether a copy of the data lies elsewhere on the host, and whether
// one may lie there, in an archive: nobody is blamed on a guess.
func (m *moves) elsewhere(ctx context.Context, h harness.Host, was data) bool {
	out, err := h.Run(ctx, elsewhereScript)
	if err != nil {
		return true
	}
	state, err := h.Etcd(ctx)
	if err != nil {
		return true
	}
	m.told.Lock()
	least := m.known[h.Name()].revision
	m.told.Unlock()
	inUse := ""
	if state.PID != 0 {
		inUse = m.g.d.places(h.Name()).db // its etcd holds the lock of it, and nobody is let in
	}
	looked := 0
	for line := range strings.Lines(out.Stdout) {
		// mode, size, date, time, name
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		name := strings.TrimSpace(line[strings.Index(line, f[3])+len(f[3]):])
		if size, err := strconv.ParseInt(f[1], 10, 64); err != nil || size < smallest {
			continue
		}
		if slices.Contains(archives, path.Ext(name)) {
			return true
		}
		if looked++; looked > mostFiles {
			return true
		}
		pages, err := beginning(ctx, h, name, dbHead)
		switch {
		case err != nil:
			return true
		case len(pages) < dbHead:
		case sha256.Sum256(pages[:walHead]) == was.head, sha256.Sum256(pages) == was.db:
			return true
		case isDatabase(pages) && name != inUse && m.goesAsFar(ctx, h, name, least):
			return true
		}
	}
	return false
}

// goesAsFar tells whether a database on a host has this revision in it. It need not be a
// copy of the one that etcd had: a snapshot that etcdctl saved begins with pages of its own,
// and whatever etcd commits after that, as it does at its end, changes others. How far it goes
// tells what it is worth, and etcdutl tells that where the file lies. What it cannot read
// nobody could restore; where it is not to be had, nobody knows.
func (m *moves) goesAsFar(ctx context.Context, h harness.Host, file string, revision int64) bool {
	name, err := syntax.Quote(file, syntax.LangPOSIX)
	if err != nil {
		return true
	}
	out, err := h.Run(ctx, "etcdutl snapshot status "+name+" --write-out=json")
	if err != nil || out.ExitCode == notFound {
		return true
	}
	var told struct {
		Revision int64 `json:"revision"`
	}
	if err := json.Unmarshal([]byte(out.Stdout), &told); err != nil {
		return out.ExitCode == 0
	}
	return told.Revision >= revision
}

// notFound is a shell's exit status where there is no such command.
const notFound = 127

// leaves tells whether a call takes a copy of a host's data away, to where nobody can
// look: the operator's own machine.
func (m *moves) leaves(h harness.Host, c bastion.Call, printed int64) bool {
	db := m.g.d.places(h.Name()).db
	switch c.Verb {
	case bastion.Get, bastion.GetTree:
		at := path.Clean("/" + c.Args[1])
		return at == db || at == "/" || strings.HasPrefix(db, at+"/")
	case bastion.Exec:
		return printed >= smallest && strings.Contains(strings.Join(c.Args, " "), path.Dir(path.Dir(path.Dir(db))))
	}
	return false
}

// savedBy notes down whose data a call took away that has saved a snapshot: etcdctl saves it
// where it runs, at the desk or on a host, of the member that it was sent to.
func (m *moves) savedBy(c bastion.Call, step harness.StepRecord) {
	text := strings.Join(c.Args, " ")
	if c.Verb != bastion.Tool && c.Verb != bastion.Exec || step.Error != "" || step.Output.ExitCode != 0 || !strings.Contains(text, "snapshot save") {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	host := hostOf(c)
	for name, is := range m.copies {
		is.taken = is.taken || host == "" || name != host && m.g.d.isNamed(name, text)
	}
}

// isNamed tells whether a command has the address of a host's etcd in it.
func (d *drill) isNamed(host, text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, inside, _ := strings.Cut(d.desk.Clients[host], "://")
	outside := d.reached[host]
	return inside != "" && strings.Contains(text, inside) || outside != "" && strings.Contains(text, outside)
}
