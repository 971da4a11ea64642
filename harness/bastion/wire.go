package bastion

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// protocol is told with every call, so that a line of JSON that is none is seen.
const protocol = 1

// mostLine is how many bytes a call's line may have: what the kernel lets a command
// line have, in base64.
const mostLine = 4 << 20

// line is a call as it is sent. Arguments need not be text, and JSON would replace
// what is not.
type line struct {
	Protocol int      `json:"firedrill"`
	By       string   `json:"by,omitempty"`
	Verb     string   `json:"verb"`
	Args     [][]byte `json:"args,omitempty"`
}

func writeCall(w io.Writer, c Call) error {
	l := line{Protocol: protocol, By: c.By, Verb: c.Verb}
	for _, arg := range c.Args {
		l.Args = append(l.Args, []byte(arg))
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if len(text) >= mostLine {
		return fmt.Errorf("a call of %d bytes, and less than %d are allowed\nhint: what is long belongs into a file or into standard input", len(text), mostLine)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// errNoCall says that what came over a connection is no call.
var errNoCall = errors.New("what came is no call of this build of firedrill's\nhint: type `firedrill host --help`")

// readCall reads a call's line. It is io.EOF if nothing came, errNoCall if what came
// is no call.
func readCall(r *bufio.Reader) (Call, error) {
	var text []byte
	for {
		part, err := r.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > mostLine:
			return Call{}, errNoCall
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(text) > 0:
			return Call{}, errNoCall
		case err != nil:
			return Call{}, err
		default:
			return parseCall(text)
		}
	}
}

func parseCall(text []byte) (Call, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil || l.Protocol != protocol {
		return Call{}, errNoCall
	}
	c := Call{By: l.By, Verb: l.Verb}
	for _, arg := range l.Args {
		c.Args = append(c.Args, string(arg))
	}
	return c, nil
}
