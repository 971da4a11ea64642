package recovery

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Runbook is a procedure of the user's own: a program, in any language, that takes
// the place of a scenario's steps. It runs at the operator's desk and reaches the
// hosts by `firedrill host …` alone, as an on-call engineer would by ssh; what it
// does on them is recorded by whoever carries its calls out.
type Runbook struct {
	Path string // absolute: the program runs in a directory of its own
}

// Steps is the one step of running it, on a cluster of any hosts: for how many it
// is written, it must see for itself.
func (p Runbook) Steps([]string) ([]harness.Step, error) {
	switch {
	case p.Path == "":
		return nil, fmt.Errorf("no runbook is named")
	case !filepath.IsAbs(p.Path):
		return nil, fmt.Errorf("the runbook %s is not named by its whole path, and it runs in a directory of its own", p.Path)
	case strings.Contains(p.Path, "{{"):
		// A step's text is a template, and a path is none.
		return nil, fmt.Errorf("the runbook %s has {{ in its path: give it another name", p.Path)
	}
	return []harness.Step{{
		Name: "run " + filepath.Base(p.Path),
		Do:   harness.Executable{Path: p.Path},
		Why:  "the user's own runbook takes the place of the documented steps",
	}}, nil
}
