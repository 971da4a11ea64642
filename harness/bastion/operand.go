package bastion

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// kind is where an operand of a copy lies.
type kind int

const (
	stream kind = iota
	here
	onHost
	backup
)

// operand is one end of a copy.
type operand struct {
	kind kind
	host string // onHost
	path string // a backup's name; none of a stream
	into bool   // it ends in "/"
}

// operands are both ends as they are meant, and whether it is a tree that is copied.
func (c Copy) operands() (from, to operand, tree bool, err error) {
	if from, err = c.parse(c.From); err != nil {
		return from, to, false, err
	}
	if to, err = c.parse(c.To); err != nil {
		return from, to, false, err
	}
	if to.kind == backup {
		if harness.InS3(c.Backups) {
			return from, to, false, errors.New("where backups are kept nothing is written by hand\nhint: copy it to a host, or to a file here")
		}
		to = operand{kind: here, path: c.To, into: strings.HasSuffix(c.To, "/")}
	}
	switch {
	case from.kind == onHost && to.kind == onHost:
		return from, to, false, errors.New("both are on hosts\nhint: firedrill host cp NAME:PATH - | firedrill host cp - NAME:PATH")
	case from.kind != onHost && from.kind != backup && to.kind != onHost:
		return from, to, false, errors.New("neither is on a host, and the first is no backup\nhint: a path on a host is NAME:PATH")
	}
	name, tree, err := c.source(&from)
	if err != nil {
		return from, to, false, err
	}
	return from, to, tree, to.lead(name, tree)
}

// source looks at what is to be copied: its name, "" if it has none, and whether it
// is a tree.
func (c Copy) source(from *operand) (name string, tree bool, err error) {
	switch from.kind {
	case backup:
		return path.Base(from.path), false, nil
	case onHost:
		from.path = path.Clean(from.path)
		return path.Base(path.Join("/", from.path)), c.Tree || from.into, nil
	case stream:
		return "", c.Tree, nil
	}
	info, err := os.Stat(from.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("%w\nhint: a backup is \"$%s\"/NAME, and `firedrill backups` lists them", err, BackupsVariable)
	}
	if err != nil {
		return "", false, err
	}
	whole, err := filepath.Abs(from.path)
	return filepath.Base(whole), info.IsDir(), err
}

// lead has the copy land in a directory under a name, if that is what is meant.
func (o *operand) lead(name string, tree bool) error {
	if o.kind == here && !o.into {
		info, err := os.Stat(o.path)
		o.into = err == nil && info.IsDir()
	}
	if o.kind == stream || !o.into {
		return nil
	}
	if name == "" && !tree {
		return errors.New("what comes from - has no name to have in a directory\nhint: name the file")
	}
	if o.kind == here {
		o.path = filepath.Join(o.path, name)
	} else {
		o.path = path.Join(o.path, name)
	}
	return nil
}

// parse tells where an operand lies.
func (c Copy) parse(text string) (operand, error) {
	if text == "" {
		return operand{}, errors.New("a path is empty")
	}
	if text == "-" {
		return operand{kind: stream}, nil
	}
	if harness.InS3(text) {
		return c.kept(text, fmt.Errorf("%s is not where this drill keeps its backups\nhint: they are at \"$%s\"/NAME", text, BackupsVariable))
	}
	host, rest, colon := strings.Cut(text, ":")
	switch {
	case !colon || strings.Contains(host, "/"):
		return c.kept(text, nil)
	case !harness.ValidHostName(host):
		return operand{}, fmt.Errorf("%q is no host's name: that is lower-case letters, digits and -\nhint: a file here whose name holds a colon is ./%s", host, text)
	case rest == "":
		return operand{}, fmt.Errorf("the path on %s is empty\nhint: a path on a host is NAME:PATH", host)
	}
	return operand{kind: onHost, host: host, path: rest, into: strings.HasSuffix(rest, "/")}, nil
}

// kept is a backup, or else a file here; otherwise is what is wrong with that.
func (c Copy) kept(text string, otherwise error) (operand, error) {
	name, ok := "", false
	if c.Backups != "" {
		name, ok = below(c.Backups, text)
	}
	switch {
	case ok && name == ".":
		return operand{}, fmt.Errorf("%s holds every backup\nhint: name one; `firedrill backups` lists them", text)
	case ok:
		return operand{kind: backup, path: name}, nil
	}
	return operand{kind: here, path: text, into: strings.HasSuffix(text, "/")}, otherwise
}

// below is the name that text has below where backups are kept, "." if it is that
// place itself.
func below(backups, text string) (name string, ok bool) {
	if harness.InS3(backups) {
		name, ok = strings.CutPrefix(path.Clean(text), path.Clean(backups))
		if name == "" {
			return ".", ok
		}
		name, slash := strings.CutPrefix(name, "/")
		return name, ok && slash
	}
	text = filepath.Clean(text)
	if resolved(text) == resolved(backups) {
		return ".", true
	}
	// The backup itself may be a link, and is known by the name that it has there.
	name, err := filepath.Rel(resolved(backups), filepath.Join(resolved(filepath.Dir(text)), filepath.Base(text)))
	return filepath.ToSlash(name), err == nil && filepath.IsLocal(name)
}

// resolved is an absolute path behind links, as far as anything is there.
func resolved(name string) string {
	if whole, err := filepath.Abs(name); err == nil {
		name = whole
	}
	return behindLinks(name)
}
