//go:build unix

package operator

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Program is a program of the operator's own.
type Program struct {
	Path string   // of an executable file; absolute, or from our working directory
	Args []string // what follows its name
	Env  []string // all that is in its environment: see Desk.Environment
	Dir  string   // its working directory; "": the desk's
	// Unseen is a directory that it, and all that it starts, finds empty, whatever leads
	// there; "": none. Run fails where Hides says that this cannot be done.
	Unseen string
	// Streams are the program's. A file is handed to it as it is. An In that is
	// none may still be read from after the program has ended, until a Read
	// returns; where Out and Err are one writer, they are one stream.
	Streams harness.Streams
}

var (
	// ErrUnfit is wrapped by errors that say why a file is no program that can be
	// run here. Nothing was started.
	ErrUnfit = errors.New("it cannot be run")
	// ErrUnguarded is wrapped by Run's error where the guard was killed under its
	// program, which was ended therefore.
	ErrUnguarded = errors.New("its guard was killed")
)

// unfit is an ErrUnfit with a hint.
type unfit struct{ text, hint string }

func (u unfit) Error() string        { return u.text + "\nhint: " + u.hint }
func (u unfit) Is(target error) bool { return target == ErrUnfit }

// Check tells whether a file is a program that can be run here, so that this is
// known before a drill is begun. The error is ErrUnfit where the file is to
// blame. A file that passes may still be refused by the kernel.
func Check(path string) error {
	if err := supported(); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if to, err := os.Readlink(path); err == nil {
			return unfit{fmt.Sprintf("%s is a link to %s, which is not there", path, to), "give the path of an executable file"}
		}
		return unfit{"there is no file " + path, "give the path of an executable file"}
	}
	if err != nil {
		return unfit{err.Error(), "give the path of an executable file that you may read"}
	}
	switch {
	case info.IsDir():
		return unfit{path + " is a directory", "give the path of an executable file in it"}
	case !info.Mode().IsRegular():
		return unfit{path + " is not a file", "give the path of an executable file"}
	case info.Mode()&0o111 == 0:
		return unfit{path + " is not executable", "chmod +x " + path}
	case info.Size() == 0:
		return unfit{path + " is empty", "a script begins with #!/bin/sh"}
	}
	if err := unix.Access(path, unix.X_OK); err != nil {
		return unfit{fmt.Sprintf("%s may not be executed by us: %v", path, err), permissionHint(path)}
	}
	return checkContent(path)
}

// permissionHint tells a file that others may execute from a place where nobody may.
func permissionHint(path string) string {
	var st unix.Statfs_t
	const noexec = 0x8 // ST_NOEXEC on Linux
	if err := unix.Statfs(path, &st); err == nil && uint64(st.Flags)&noexec != 0 {
		return "its file system is mounted noexec: copy it to another one"
	}
	return "chmod a+rx " + path
}

// headBytes is how much of a file is looked at; the kernel reads 256 for a #! line.
const headBytes = 1 << 10

// checkContent looks for what the kernel would answer with "no such file" or
// "exec format error", which say nothing to whoever reads them.
func checkContent(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return nil // it may be executable without being readable, unless it is a script
	}
	defer file.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return unfit{fmt.Sprintf("%s cannot be read: %v", path, err), "look at the disk it is on"}
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		line, _, _ := strings.Cut(string(head[2:]), "\n")
		return checkInterpreter(path, line)
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return checkLoader(path, file)
	case isText(head):
		return unfit{path + " has no #! line that says what runs it", "make its first line #!/bin/sh, or that of another interpreter"}
	}
	return nil
}

func checkInterpreter(path, line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return unfit{path + " has a #! line that names nothing", "make its first line #!/bin/sh, or that of another interpreter"}
	}
	if strings.HasSuffix(line, "\r") {
		return unfit{path + " has lines that end in CR LF, so that its interpreter is not found", "convert it: sed -i 's/\\r$//' " + path}
	}
	if info, err := os.Stat(words[0]); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return unfit{fmt.Sprintf("%s is to be run by %s, which is not there, or not executable", path, words[0]),
			"install it, or write its path on this machine into the first line"}
	}
	return nil
}

// checkLoader looks whether what links a dynamic program is there.
func checkLoader(path string, file io.ReaderAt) error {
	program, err := elf.NewFile(file)
	if err != nil {
		return nil // the kernel will say more
	}
	for _, p := range program.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > headBytes {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return nil
		}
		loader := strings.TrimRight(string(name), "\x00")
		if _, err := os.Stat(loader); err != nil {
			return unfit{fmt.Sprintf("%s is dynamically linked by %s, which is not there", path, loader), "use one that was built for this system, or a static one"}
		}
	}
	return nil
}

// isText tells whether the beginning of a file reads like a script's.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && size == 1 && utf8.FullRune(head) || r == 0 {
			return false
		}
		head = head[size:]
	}
	return true
}

// refused says why the kernel did not run a program that seemed fit.
func refused(path string, errno syscall.Errno) error {
	if err := Check(path); err != nil {
		return err // it has changed meanwhile
	}
	hint := "run it by hand, and see"
	if errno == syscall.ENOEXEC {
		hint = "it is no program for this machine: file " + filepath.Clean(path)
	}
	return unfit{fmt.Sprintf("%s: %v", path, errno), hint}
}

// Shell is an interactive program in the operator's own terminal, one that is not of
// the drill's process: see Run.
type Shell struct {
	Path string
	Args []string // what follows its name
	Env  []string // all that is in its environment: see Kit
	// The standard streams.
	In, Out, Err *os.File
}
