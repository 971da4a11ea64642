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
	"time"
)

// ErrAlive means that the drill has a living owner.
var ErrAlive = errors.New("the drill has a living owner")

// lockName is the lock's file name in a drill's directory.
const lockName = "owner.lock"

var validDrill = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Owner holds a drill's lock.
type Owner struct {
	base, drill string
	lock        *os.File
}

// claimPatience is how long Claim waits for a lock that is held. A drill's ID
// is new, so whoever holds it is looking whether anybody does.
const (
	claimPatience = time.Second
	claimInterval = 5 * time.Millisecond
)

// Claim makes the drill's directory under base and takes its lock. If another
// process holds it, this one included, the error is ErrAlive.
func Claim(base, drill string) (*Owner, error) {
	deadline := time.Now().Add(claimPatience)
	for {
		o, err := claim(base, drill)
		// Gone: the sweeper took the directory for a dead drill's, between
		// our making it and our lock.
		if !errors.Is(err, ErrAlive) && !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			return o, err
		}
		<-time.After(claimInterval)
	}
}

func claim(base, drill string) (*Owner, error) {
	if !validDrill.MatchString(drill) {
		return nil, fmt.Errorf("claim drill %q: an ID is letters, digits, '.', '_' and '-', at most 100", drill)
	}
	if err := os.MkdirAll(filepath.Join(base, drill), 0o700); err != nil {
		return nil, fmt.Errorf("claim drill %s: %w", drill, err)
	}
	return own(base, drill, os.O_CREATE)
}

// Inherit takes the lock of a drill whose owner is dead, so that nobody else
// can take it while its remains are removed. The error is ErrAlive if the owner
// is not dead, and fs.ErrNotExist if no drill of that name was ever claimed
// there: a directory that merely lies in base is none, and is not touched.
func Inherit(base, drill string) (*Owner, error) { return own(base, drill, 0) }

func own(base, drill string, create int) (_ *Owner, err error) {
	path := filepath.Join(base, drill, lockName)
	lock, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|create, 0o600)
	if err != nil {
		return nil, fmt.Errorf("own drill %s: %w", drill, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("own drill %s: %w", drill, err), lock.Close())
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
	// For people; nothing reads it.
	if err := errors.Join(lock.Truncate(0), write(lock, "process "+strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, err
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
		err = os.Remove(o.lock.Name())
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
	lock, err := os.Open(filepath.Join(base, drill, lockName))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer lock.Close()
	return flock(lock, syscall.LOCK_SH) != nil
}
