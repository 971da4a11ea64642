package rehearse

import (
	"os"

	"golang.org/x/sys/unix"
)

// nameless is a file in dir that has no name: it is gone once nobody has it open,
// however we end, and the hosts of the process runtime can be given links to it.
func nameless(dir string) (*os.File, error) {
	if f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600); err == nil {
		return f, nil
	}
	return unnamed(dir) // not every file system has them
}
