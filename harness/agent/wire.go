package agent

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/yamux"

	"github.com/etcd-firedrill/firedrill/harness"
)

// A request is a stream: the client sends a request frame, then content if the
// verb has any; the agent sends content if the verb has any, then a reply
// frame. A frame is a 32-bit big-endian length and that many bytes of JSON.
// Content is a sequence of chunks, each with such a length before it, ended by
// an empty one: a stream that merely ends was cut short, and whoever reads it
// must not take it for the whole. Only exec goes on otherwise: after the request the
// stream is a relay's.
const (
	greeting    = "firedrill agent, protocol 1"
	mostGreeted = 512 // bytes of the first line that are read at most

	mostFrame = 16 << 20  // bytes of JSON: twice two streams of output, in base64
	mostChunk = 256 << 10 // bytes
)

// verb is what a request asks for.
type verb string

const (
	verbHello        verb = "hello"
	verbRun          verb = "run"
	verbExec         verb = "exec"          // a relay's frames follow the request, and there is no reply
	verbUpload       verb = "upload"        // content follows the request
	verbDownload     verb = "download"      // content precedes the reply
	verbUploadTree   verb = "upload-tree"   // content, a tar stream, follows the request
	verbDownloadTree verb = "download-tree" // content, a tar stream, precedes the reply
	verbSignal       verb = "signal"
	verbEtcd         verb = "etcd"  // tell the state of etcd
	verbWatch        verb = "watch" // frames of news, without end
	verbLog          verb = "log"   // content, without end
)

type request struct {
	Verb   verb        `json:"verb"`
	Script string      `json:"script,omitempty"`
	Argv   []string    `json:"argv,omitempty"`
	Path   string      `json:"path,omitempty"`
	Mode   fs.FileMode `json:"mode,omitempty"` // permission bits
	Signal int         `json:"signal,omitempty"`
}

type reply struct {
	Error    string  `json:"error,omitempty"`
	NotExist bool    `json:"not_exist,omitempty"` // the error is that a file is not there
	Output   *output `json:"output,omitempty"`    // run
	News     *news   `json:"news,omitempty"`      // etcd
	Build    string  `json:"build,omitempty"`     // hello
}

// news is what the agent tells of etcd: the state after a change, and the event
// that the change was, if it was one. Number counts all news since the agent
// came up; a state of a lower number is older.
type news struct {
	Number int               `json:"number"`
	State  harness.EtcdState `json:"state"`
	Event  *event            `json:"event,omitempty"`
}

type event struct {
	Kind harness.HostEventKind `json:"kind"`
	Exit *harness.EtcdExit     `json:"exit,omitempty"`
	Text string                `json:"text,omitempty"`
}

// output is harness.Output with streams as bytes: what a script prints need not
// be text, and JSON would replace what is not.
type output struct {
	Stdout   []byte        `json:"stdout,omitempty"`
	Stderr   []byte        `json:"stderr,omitempty"`
	Dropped  int64         `json:"dropped,omitempty"`
	ExitCode int           `json:"exit_code"`
	Duration time.Duration `json:"duration"`
}

func (o *output) public() harness.Output {
	if o == nil {
		return harness.Output{}
	}
	return harness.Output{
		Stdout: string(o.Stdout), Stderr: string(o.Stderr),
		Dropped: o.Dropped, ExitCode: o.ExitCode, Duration: o.Duration,
	}
}

func writeFrame(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(text) > mostFrame {
		return fmt.Errorf("a message of %d bytes, and at most %d are allowed", len(text), mostFrame)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text)))
	_, err = w.Write(append(frame, text...))
	return err
}

// readFrame returns io.EOF only if the stream ended before the frame began.
func readFrame(r io.Reader, v any) error {
	size, err := readLength(r, mostFrame)
	if err != nil {
		return err
	}
	// The length is the sender's claim: memory grows with what really comes.
	text, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return err
	}
	if len(text) < size {
		return io.ErrUnexpectedEOF
	}
	return json.Unmarshal(text, v)
}

func readLength(r io.Reader, most int) (int, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return 0, err
	}
	size := binary.BigEndian.Uint32(length[:])
	if int64(size) > int64(most) {
		return 0, fmt.Errorf("a message claims %d bytes, and at most %d are allowed", size, most)
	}
	return int(size), nil
}

// chunkWriter writes content. Close says that it is complete; without it the
// reader knows that it is not.
type chunkWriter struct {
	w     io.Writer
	frame []byte
}

func (c *chunkWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), mostChunk)
		c.frame = binary.BigEndian.AppendUint32(c.frame[:0], uint32(n))
		c.frame = append(c.frame, p[:n]...)
		if _, err := c.w.Write(c.frame); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

func (c *chunkWriter) Close() error {
	_, err := c.w.Write([]byte{0, 0, 0, 0})
	return err
}

// chunkReader reads content. io.EOF means that it is complete; content that
// was cut short ends in io.ErrUnexpectedEOF.
type chunkReader struct {
	r    io.Reader
	left int
	done bool
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.left == 0 {
		size, err := readLength(c.r, mostChunk)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		if size == 0 {
			c.done = true
			return 0, io.EOF
		}
		c.left = size
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// readGreeting reads the first line of a session and tells what was said
// instead of the greeting.
func readGreeting(r io.Reader) error {
	// One byte at a time: what follows the line belongs to the session.
	line, err := bufio.NewReaderSize(io.LimitReader(oneByte{r}, mostGreeted), 16).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if line == greeting {
		return nil
	}
	said := strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, line))
	switch {
	case strings.HasPrefix(said, "firedrill agent"):
		return fmt.Errorf("the agent there is of another build (%q, we speak %q)\nhint: remove the image or the injected agent, so that it is made again", said, greeting)
	case said != "":
		return fmt.Errorf("no agent answers there; what answers says: %s", said)
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return errors.New("the agent ended before it said anything")
}

// oneByte reads a byte at a time, so that a buffered reader on top of it never
// holds more than it was asked for.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// build names the source this binary was built from, as far as it was recorded.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			text += " " + s.Value
		}
	}
	return text
}

// muxConfig is how both sides multiplex. Keep-alives are off and nothing times
// out on its own: an agent starved by a busy machine is slow, not lost, and its
// death ends the stream.
func muxConfig() *yamux.Config {
	config := yamux.DefaultConfig()
	config.EnableKeepAlive = false
	config.ConnectionWriteTimeout = time.Hour
	config.StreamOpenTimeout = 0
	config.StreamCloseTimeout = time.Hour
	config.MaxStreamWindowSize = 4 << 20
	config.LogOutput = io.Discard
	return config
}
