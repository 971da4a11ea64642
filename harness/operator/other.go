//go:build unix && !linux

package operator

import (
	"context"
	"errors"
	"runtime"
)

var errSystem = errors.New("programs of one's own are run on Linux alone, where nothing that they start can escape, and this is " + runtime.GOOS +
	"\nhint: use a Linux machine, a virtual one included")

func supported() error { return errSystem }

// Main is never asked for a guard here.
func Main([]string) (ran bool) { return false }

// Run says that no program is run here.
func (d *Desk) Run(context.Context, Program) (code int, err error) { return -1, errSystem }

// Hides says that no program is run here.
func Hides(context.Context, string) error { return errSystem }

// endAll finds nothing: nothing can have been started here.
func endAll(context.Context, string) (ended int, err error) { return 0, nil }

// Run says that no program is run here.
func (Shell) Run(context.Context) (code int, err error) { return -1, errSystem }
