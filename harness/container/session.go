//go:build linux

package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// mostComplaint is how many bytes of what the relay complained of are kept.
const mostComplaint = 4 << 10

// session is the stream to a host's agent: an exec in its container, attached,
// that relays to the agent's socket.
type session struct {
	conn client.HijackedResponse
	out  *io.PipeReader
	over chan struct{} // closed when nothing is copied any more
}

func attach(ctx context.Context, api *client.Client, container string) (*session, error) {
	exec, err := api.ExecCreate(ctx, container, client.ExecCreateOptions{
		User: "0:0", AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Cmd: []string{agentPath, "agent", "attach", socketPath},
	})
	if err != nil {
		return nil, fmt.Errorf("attach to its agent: %w", err)
	}
	stream, err := api.ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, fmt.Errorf("attach to its agent: %w", err)
	}
	return newSession(stream.HijackedResponse), nil
}

func newSession(conn client.HijackedResponse) *session {
	out, in := io.Pipe()
	s := &session{conn: conn, out: out, over: make(chan struct{})}
	go func() {
		defer close(s.over)
		_ = in.CloseWithError(crew.Surely(func() error { return relay(in, conn.Reader) })) // nil means io.EOF
	}()
	return s
}

// relay copies what the agent sends. The engine sends it and the relay's own
// complaints through one connection, in frames.
func relay(to io.Writer, from io.Reader) error {
	var complaint bounded
	_, err := stdcopy.StdCopy(to, &complaint, from)
	if text := strings.TrimSpace(complaint.String()); text != "" {
		err = errors.Join(err, fmt.Errorf("the relay to the agent says: %s", text))
	}
	return err
}

func (s *session) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *session) Write(p []byte) (int, error) { return s.conn.Conn.Write(p) }

// Close ends the relay. The agent and its etcd live on.
func (s *session) Close() error {
	err := errors.Join(s.conn.Conn.Close(), s.out.Close())
	<-s.over
	return err
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), mostComplaint-b.Len())])
	return len(p), nil
}
