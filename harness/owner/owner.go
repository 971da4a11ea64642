//go:build unix

package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

// ErrAlive means that the drill has a living owner.
var ErrAlive = errors.New("the drill has a living owner")

// LockFile is the lock's file name in a drill's directory. A directory without
// it is no drill's.
const LockFile = "owner.lock"

var validDrill = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Owner holds a drill's lock.
type Owner struct {
	base, drill string
	lock        *os.File
}

// claimAttempts bounds how often Claim begins anew because somebody else's
// release or sweep removed a directory between two of its steps.
const claimAttempts = 1000

// Claim makes the drill's directory under base and takes its lock. If somebody
// holds it, this process included, the error is ErrAlive; if somebody who is
// dead claimed it before and was not swept yet, it is fs.ErrExist.
func Claim(base, drill string) (o *Owner, err error) {
	if !validDrill.MatchString(drill) {
		return nil, fmt.Errorf("claim drill %q: an ID is letters, digits, '.', '_' and '-', at most 100", drill)
	}
	for range claimAttempts {
		if o, err = claim(base, drill); !errors.Is(err, errVanished) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("claim drill %s: %w", drill, err)
	}
	return o, nil
}

// errVanished means that a directory was removed under claim.
var errVanished = errors.New("its directory was removed meanwhile")

func claim(base, drill string) (_ *Owner, err error) {
	dir := filepath.Join(base, drill)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, vanished(err) // also what it makes of a parent that was there and then not
	}
	// Locked first and named second: nobody ever sees the lock of a living
	// drill that is not held.
	lock, err := os.CreateTemp(dir, ".claim-")
	if err != nil {
		return nil, vanished(err)
	}
	defer func() {
		err = errors.Join(err, ignoreMissing(os.Remove(lock.Name())))
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	if err := flock(lock, syscall.LOCK_EX); err != nil {
		return nil, err
	}
	if err := write(lock, "process "+strconv.Itoa(os.Getpid())+"\n"); err != nil { // for people; nothing reads it
		return nil, err
	}
	if err := os.Link(lock.Name(), filepath.Join(dir, LockFile)); errors.Is(err, fs.ErrExist) {
		if Alive(base, drill) {
			return nil, ErrAlive
		}
		return nil, fmt.Errorf("%w\nhint: a drill of this ID was run before; `firedrill clean` removes what it left", err)
	} else if err != nil {
		return nil, vanished(err)
	}
	return &Owner{base: base, drill: drill, lock: lock}, nil
}

// vanished marks what another's removal can cause. An os.Mkdir of what exists
// is no error of MkdirAll's unless it is gone, or no directory, when it looks.
func vanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", errVanished, err)
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Inherit takes the lock of a drill whose owner is dead, so that nobody else
// can take it while its remains are removed. The error is ErrAlive if the owner
// is not dead, and fs.ErrNotExist if no drill of that name was ever claimed
// there: a directory that merely lies in base is none, and is not touched.
func Inherit(base, drill string) (_ *Owner, err error) {
	path := filepath.Join(base, drill, LockFile)
	lock, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("inherit drill %s: %w", drill, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("inherit drill %s: %w", drill, err), lock.Close())
		}
	}()
	if err := flock(lock, syscall.LOCK_EX); err != nil {
		return nil, err
	}
	// The file we locked may have been unlinked since we opened it.
	here, err := lock.Stat()
	if err != nil {
		return nil, err
	}
	there, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !os.SameFile(here, there) {
		return nil, fs.ErrNotExist
	}
	return &Owner{base: base, drill: drill, lock: lock}, nil
}

func write(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrAlive
		}
		return err
	}
}

// Dir is the drill's directory, <base>/<drill>.
func (o *Owner) Dir() string { return filepath.Join(o.base, o.drill) }

// Release gives the drill up. Without keep it removes the lock, and the drill's
// and the base directory if they are empty then. With keep everything stays, to
// be swept later.
func (o *Owner) Release(keep bool) error {
	var err error
	if !keep {
		// Unlinked while it is still held: whoever opened it before finds it gone.
		err = ignoreMissing(os.Remove(filepath.Join(o.Dir(), LockFile)))
		for _, dir := range []string{o.Dir(), o.base} {
			if os.Remove(dir) != nil {
				break // another's files are in it, and they will remove it
			}
		}
	}
	if err = errors.Join(err, o.lock.Close()); err != nil {
		return fmt.Errorf("give up drill %s: %w", o.drill, err)
	}
	return nil
}

// Alive tells whether the drill has a living owner at this moment. A drill
// without a directory has none. Where it cannot be told, it has one: the
// living must be spared.
func Alive(base, drill string) bool {
	lock, err := os.Open(filepath.Join(base, drill, LockFile))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer lock.Close()
	return flock(lock, syscall.LOCK_SH) != nil
}
