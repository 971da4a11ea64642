//go:build linux

package process

import (
	"errors"
	"os"
)

// pipes is one side of a pair of pipes that together carry both directions.
type pipes struct{ in, out *os.File }

func newPipes() (ours, theirs pipes, err error) {
	theirs.in, ours.out, err = os.Pipe()
	if err != nil {
		return pipes{}, pipes{}, err
	}
	ours.in, theirs.out, err = os.Pipe()
	if err != nil {
		return pipes{}, pipes{}, errors.Join(err, theirs.in.Close(), ours.out.Close())
	}
	return ours, theirs, nil
}

func (p pipes) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p pipes) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.in.Close(), p.out.Close()) }
