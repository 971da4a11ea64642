//go:build linux

package agent

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// stampGrain is how coarse the times of files are at most. One that was changed
// just before it was read may have been changed again since, within one tick of
// the file system's clock and to the same length.
const stampGrain = 100 * time.Millisecond

// stamp is what a file system tells of a file that need not be read for it. The
// zero value tells nothing.
type stamp struct {
	// tells: a file whose stamp is the same later has not been changed.
	tells bool
	there bool

	device, inode uint64
	size          int64
	mode          uint32
	modified      syscall.Timespec
	changed       syscall.Timespec
}

// stampOf takes the stamp of a file, of none as well.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{tells: true}
	}
	if err != nil {
		return stamp{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}
	}
	return stamp{
		tells: time.Since(time.Unix(st.Ctim.Unix())) > stampGrain, there: true,
		device: st.Dev, inode: st.Ino, size: st.Size, mode: st.Mode, modified: st.Mtim, changed: st.Ctim,
	}
}
