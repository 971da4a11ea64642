//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// searchPath is where programs are found on every host, before what the host's
// own image adds.
const searchPath = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

// hostEnv is the environment of everything that runs on a host: the image's
// own, with HOME and PATH as they are on every host, and without ETCDCTL_API,
// which would give etcdctl a dialect by accident of the image.
func hostEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"HOME", "PATH", "PWD", "OLDPWD", "ETCDCTL_API"}, name)
	})
	return append(env, "HOME=/root", "PATH="+strings.Join(searchDirs(), ":"))
}

func searchDirs() []string {
	dirs := strings.Split(searchPath, ":")
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// lookPath finds a program as the host's PATH tells.
func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range searchDirs() {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s in %s", name, strings.Join(searchDirs(), ":"))
}

// mostManifest is the size in bytes up to which a manifest is read.
const mostManifest = 1 << 20

// readManifest returns nil if there is none. What is there but cannot be a
// manifest (a directory, a named pipe) is an error and never blocks.
func readManifest(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	if info.Size() > mostManifest {
		return nil, fmt.Errorf("it is of %d bytes, and at most %d are read", info.Size(), mostManifest)
	}
	text := make([]byte, info.Size())
	n, err := io.ReadFull(file, text)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return text[:n:n], nil
}
