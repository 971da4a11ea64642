package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Store is a place where objects are kept under names.
//
// A name is a relative path of slash-separated words, such as
// "nightly/backup-001.db": valid UTF-8 without control characters, no word
// begins with a dot or is longer than 200 bytes, all are 700 bytes at most, and
// it does not end in ".sha256". What else there is in the directory or bucket
// is not the store's, and not shown; a Bucket shows it.
//
// Errors say what was being done to which object of which store, and what to do
// now. They are ErrNotFound, ErrDamaged or ErrUnavailable where callers may act
// on that; where ctx ended they are also its error.
type Store interface {
	// Put keeps the first size bytes of content under a name, in place of what
	// was kept under it before: all of them with their SHA-256, or nothing new.
	// After an error it is nothing, except that an S3 server whose answer was not
	// heard (ErrUnavailable, or ctx ended), and a directory that could not be synced,
	// may have kept it all. Content that is empty, or shorter, or of which something
	// else is sent than was summed up, is ErrDamaged.
	Put(ctx context.Context, name string, size int64, content io.ReaderAt) (Object, error)

	// Get writes an object to w. Only if it returns no error was everything
	// written that was put, and nothing else; w has seen bytes before that is
	// known. Most callers want Fetch.
	Get(ctx context.Context, name string, w io.Writer) (Object, error)

	// Look tells what is kept under a name, without reading it: the SHA-256 that it was
	// put with, "" if it was put without one, is what the store says and nobody has
	// computed. One that is not there is ErrNotFound.
	Look(ctx context.Context, name string) (Object, error)

	// List tells which objects there are, by name, without their SHA-256. Half an
	// upload is not among them.
	List(ctx context.Context) ([]Object, error)

	// Remove takes an object out of the store: it is neither listed nor got any
	// more. One that is not there is ErrNotFound, and one that somebody else put,
	// without a SHA-256 of ours, is ErrUnchecked and stays. An S3 bucket that keeps
	// versions has the removed ones still. After any other error it is there or it
	// is not: list the store.
	Remove(ctx context.Context, name string) error

	// String is the store's location, without credentials.
	String() string

	// Close gives back what the store holds. Nothing may be under way.
	Close() error
}

// Object is what a store keeps under a name.
type Object struct {
	Name     string // of a Bucket's: its key, which may be any
	Bytes    int64
	SHA256   string // in hex; what was put or got had it. List leaves it empty, and see Look
	Modified time.Time
	// Checked says that the store knew the SHA-256 from when the object was put.
	// False only in lists, and of what a Bucket's Get took without one.
	Checked bool
}

func byName(a, b Object) int { return strings.Compare(a.Name, b.Name) }

// Callers tell these apart by errors.Is.
var (
	// ErrNotFound: there is no such object, bucket or directory.
	ErrNotFound = errors.New("not found")
	// ErrDamaged: what is stored, or was sent, is not what it should be: it is
	// empty, of another length, or of another SHA-256. Trying again does not
	// help.
	ErrDamaged = errors.New("damaged")
	// ErrUnavailable: the server could not be asked, or did not answer to the
	// end. What it holds is unknown.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnchecked: the object came without a SHA-256, so nothing says whether
	// it is whole: somebody else put it.
	ErrUnchecked = errors.New("without a checksum")
)

// Options are what a location does not say.
type Options struct {
	// Endpoint is the URL of an S3 server, such as http://127.0.0.1:7070; without
	// a scheme it is https. Empty means Amazon's.
	Endpoint string
	// Credentials for the S3 server. If they are zero, they come from
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or from the
	// profile AWS_PROFILE ("default") in AWS_SHARED_CREDENTIALS_FILE and
	// AWS_CONFIG_FILE (those in ~/.aws). No other machine is asked for any.
	Credentials Credentials
}

// DrillPrefix begins the names of directories, or parts of keys, below which drills
// keep their backups in a store that is not theirs alone. They are synthetic: whoever
// looks for the backups of a cluster passes them over.
const DrillPrefix = "firedrill-drill-"

// Open opens the store at a location: s3://BUCKET[/PREFIX], a directory's path,
// or file:///PATH. A directory is made if its parent exists; a bucket must be
// there, and is looked into, so that wrong credentials show now. The region is
// AWS_REGION's, AWS_DEFAULT_REGION's, or what the server says.
func Open(ctx context.Context, location string, o Options) (Store, error) {
	scheme, rest, ok := strings.Cut(location, "://")
	switch {
	case location == "":
		return nil, errors.New("open store: no location given\nhint: give a directory, or s3://BUCKET/PREFIX")
	case !ok, scheme == "file":
		if o.Endpoint != "" {
			return nil, errors.New("open store: a directory has no S3 endpoint\nhint: give s3://BUCKET/PREFIX, or leave the endpoint out")
		}
		if ok {
			location = rest
		}
		if !filepath.IsAbs(location) && ok {
			return nil, errors.New("open store: a file URL needs three slashes\nhint: give file:///PATH, or the directory's path alone")
		}
		return openDirectory(location)
	case scheme == "s3":
		return openBucket(ctx, rest, o)
	}
	// What is not understood is not repeated: it may hold a password.
	return nil, errors.New("open store: the location is neither a directory nor an s3:// URL\nhint: give a directory, or s3://BUCKET/PREFIX and, where it is not Amazon's, an S3 endpoint")
}

const (
	sumSuffix = ".sha256"
	maxWord   = 200 // bytes: room for what surrounds it in a file's name
	maxName   = 700 // bytes: with a prefix, S3 takes 1,024
	chunk     = 256 << 10
)

// checkName says what is wrong with a name.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name is longer than %d bytes", maxName)
	case !printable(name):
		return errors.New("the name holds a control character, or is no UTF-8")
	case path.IsAbs(name):
		return errors.New("the name is an absolute path")
	case strings.HasSuffix(name, sumSuffix):
		return errors.New("the name ends in " + sumSuffix + ", as checksums do")
	}
	for word := range strings.SplitSeq(name, "/") {
		if word == "" || word[0] == '.' || len(word) > maxWord {
			return fmt.Errorf("%q in the name is empty, begins with a dot, or is longer than %d bytes", word, maxWord)
		}
	}
	return nil
}

// attempt is something being done to a store, for errors to name.
type attempt struct{ doing, on string }

func (a attempt) failed(err error) error { return fmt.Errorf("%s %s: %w", a.doing, a.on, err) }

func (a attempt) damaged(format string, args ...any) error {
	return fmt.Errorf("%s %s: %w: %s", a.doing, a.on, ErrDamaged, fmt.Sprintf(format, args...))
}

const hintDamaged = "\nhint: take an older backup, or have this one taken again; the object itself was left as it is"

// whole compares what came with what was put.
func (a attempt) whole(o Object, bytes int64, sum string) error {
	switch {
	case o.Bytes == 0:
		return a.damaged("it is empty%s", hintDamaged)
	case bytes >= 0 && o.Bytes != bytes:
		return a.damaged("it has %d of %d bytes%s", o.Bytes, bytes, hintDamaged)
	case sum != "" && o.SHA256 != sum:
		return a.damaged("its SHA-256 is %s, and was %s when it was put%s", o.SHA256, sum, hintDamaged)
	}
	return nil
}

// foreign is unchecked, of what is not to be removed.
func (a attempt) foreign() error {
	return fmt.Errorf("%s %s: %w: no SHA-256 was stored with it, so it is somebody else's and stays\nhint: have whoever put it there remove it", a.doing, a.on, ErrUnchecked)
}

func (a attempt) unchecked() error {
	return fmt.Errorf("%s %s: %w: no SHA-256 was stored with it, so nothing says whether it is whole\nhint: have it put by firedrill", a.doing, a.on, ErrUnchecked)
}

// sumOf reads all of what is to be put.
func (a attempt) sumOf(ctx context.Context, size int64, content io.ReaderAt) (string, error) {
	if size <= 0 {
		return "", a.damaged("it is empty: there is nothing to keep\nhint: have the backup taken again")
	}
	return a.copy(ctx, io.Discard, size, content)
}

// copy copies what is to be put and sums it up.
func (a attempt) copy(ctx context.Context, w io.Writer, size int64, content io.ReaderAt) (string, error) {
	sum := sha256.New()
	n, err := pump(ctx, io.MultiWriter(w, sum), io.NewSectionReader(content, 0, size))
	if err != nil {
		return "", a.failed(err)
	}
	if n != size {
		return "", a.damaged("it ended after %d of %d bytes", n, size)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// readError is an error of where bytes come from, and not of where they go.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// pump copies until the end of from, or of ctx.
func pump(ctx context.Context, to io.Writer, from io.Reader) (n int64, err error) {
	buffer := make([]byte, chunk)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		got, end := from.Read(buffer)
		if _, err := to.Write(buffer[:got]); err != nil {
			return n, err
		}
		n += int64(got)
		if errors.Is(end, io.EOF) {
			return n, nil
		}
		if end != nil {
			return n, readError{end}
		}
	}
}

// Fetch gets an object as a file of mode 0600, in place of what is at path. The
// file is there once it was verified and is on disk; until then, and after
// every error, path is as it was, and path.part is gone.
func Fetch(ctx context.Context, s Store, name, path string) (o Object, err error) {
	partial := path + ".part"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return Object{}, fmt.Errorf("fetch %s: %w", name, err)
	}
	o, err = s.Get(ctx, name, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
		return Object{}, errors.Join(err, os.Remove(partial))
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		return Object{}, fmt.Errorf("fetch %s: %w", name, err)
	}
	return o, nil
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
