//go:build linux

package operator

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

// mark is what the descendants of a program are known by: a number in the place
// of the soft limit on file locks. The upper part is the desk's, worked out from
// its path, so that no record of it is needed; the lower one is the program's.
type mark uint64

const (
	// markBit is set in every mark, and in no limit that anybody would set.
	markBit = 1 << 62
	// programBits are those by which the programs of one desk differ.
	programBits = 16
	programMask = 1<<programBits - 1
)

// deskMark is the mark of the desk that lies in dir, its real path.
func deskMark(dir string) mark {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(dir)) // it never fails
	return mark(markBit | sum.Sum64()&(markBit-1)&^programMask)
}

// ofProgram is the mark of the nth program.
func (m mark) ofProgram(n uint64) mark { return m | mark(n&programMask) }

// put puts the mark on this process and all that it will start.
func (m mark) put() error {
	var limit unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, nil, &limit); err != nil {
		return fmt.Errorf("look at the limit on file locks: %w", err)
	}
	if limit.Max < uint64(m) {
		return fmt.Errorf("mark the program by its limit on file locks: the hard limit is %d here\nhint: ulimit -Hx has to be unlimited; whoever starts firedrill lowered it", limit.Max)
	}
	limit.Cur = uint64(m)
	if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, &limit, nil); err != nil {
		return fmt.Errorf("mark the program by its limit on file locks: %w", err)
	}
	return nil
}

// bearers are the processes that bear this mark.
func (m mark) bearers() eviction.Rule {
	return func(proc string) bool { return markOf(proc) == m }
}

// ofDesk are the processes that bear the mark of any of the desk's programs.
func (m mark) ofDesk() eviction.Rule {
	return func(proc string) bool { return markOf(proc)&^programMask == m&^programMask }
}

// markOf is a process's limit on file locks, as anybody may read it; 0: it has none.
func markOf(proc string) mark {
	text, err := os.ReadFile(filepath.Join(proc, "limits"))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("Max file locks"))
		if !ok {
			continue
		}
		// The soft limit, the hard one, and the unit.
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return 0
		}
		n, err := strconv.ParseUint(string(fields[0]), 10, 64)
		if err != nil {
			return 0 // unlimited
		}
		return mark(n)
	}
	return 0
}

// endAll ends all that the programs of the desk in dir have started.
func endAll(ctx context.Context, dir string) (ended int, err error) {
	return eviction.End(ctx, deskMark(dir).ofDesk())
}
