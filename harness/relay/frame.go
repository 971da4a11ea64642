package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// A frame is one byte of kind, a 32-bit big-endian length and that many bytes.
const (
	headSize    = 5
	mostPayload = 256 << 10 // bytes
)

// kind says what a frame is.
type kind byte

const (
	kindInput    kind = 1 + iota // caller: bytes of the command's input
	kindInputEnd                 // caller: there are no more
	kindHangUp                   // caller: the command is not wanted any more
	kindOut                      // server: bytes of standard output
	kindErr                      // server: bytes of standard error
	kindEnd                      // server: JSON of an ending; nothing follows it
	kindTaken                    // both: four bytes, how much more the sender has room for
)

var kindNames = map[kind]string{
	kindInput: "input", kindInputEnd: "end of input", kindHangUp: "hang-up",
	kindOut: "output", kindErr: "errors", kindEnd: "end", kindTaken: "taken",
}

func (k kind) String() string {
	if name := kindNames[k]; name != "" {
		return name
	}
	return fmt.Sprintf("kind %d", byte(k))
}

type frame struct {
	kind    kind
	payload []byte
}

// errUnread says that what comes is no call, or not one of ours.
var errUnread = errors.New("what comes over the connection is not a command's")

func unread(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUnread, fmt.Sprintf(format, args...))
}

// readFrame returns io.EOF only if the connection ended before the frame began.
func readFrame(r io.Reader) (frame, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: kind(head[0])}
	size := binary.BigEndian.Uint32(head[1:])
	switch f.kind {
	case kindInput, kindOut, kindErr, kindEnd:
		if size == 0 || size > mostPayload {
			return frame{}, unread("a frame of %v claims %d bytes, and 1 to %d are allowed", f.kind, size, mostPayload)
		}
	case kindTaken:
		if size != 4 {
			return frame{}, unread("a frame of %v claims %d bytes, and 4 are right", f.kind, size)
		}
	case kindInputEnd, kindHangUp:
		if size != 0 {
			return frame{}, unread("a frame of %v claims %d bytes, and it has none", f.kind, size)
		}
	default:
		return frame{}, unread("there is no frame of %v", f.kind)
	}
	f.payload = make([]byte, size)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	return f, nil
}

// pen writes frames, one at a time, to a connection that others read.
type pen struct {
	conn    Conn
	parting atomic.Bool // from here on no frame may take longer than HangUpLimit

	turn  chan struct{} // holds one value: it is held while a frame is written, which may take long
	frame []byte
	err   error // why nothing more is written: a frame may have been written in part
}

func newPen(conn Conn) *pen {
	p := &pen{conn: conn, turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

func (p *pen) write(k kind, payload []byte) error {
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	return p.put(k, payload)
}

// last writes a frame that nothing may follow.
func (p *pen) last(k kind, payload []byte) error {
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	if err := p.put(k, payload); err != nil {
		return err
	}
	p.err = io.ErrClosedPipe
	return nil
}

func (p *pen) put(k kind, payload []byte) error {
	if p.err != nil {
		return p.err
	}
	p.frame = append(p.frame[:0], byte(k))
	p.frame = binary.BigEndian.AppendUint32(p.frame, uint32(len(payload)))
	p.frame = append(p.frame, payload...)
	if p.parting.Load() {
		_ = p.conn.SetWriteDeadline(time.Now().Add(HangUpLimit))
	}
	if _, err := p.conn.Write(p.frame); err != nil {
		p.err = err
	}
	return p.err
}

// taken tells the other side that there is room for n more.
func (p *pen) taken(n int) {
	if n > 0 {
		// If it fails, so does the connection, and whoever reads it notices.
		_ = p.write(kindTaken, binary.BigEndian.AppendUint32(nil, uint32(n)))
	}
}

// part bounds what is being written, and every frame from now on. Where nobody
// reads the other end any more, a call must still come to its end.
func (p *pen) part() {
	p.parting.Store(true)
	_ = p.conn.SetWriteDeadline(time.Now().Add(HangUpLimit))
}
