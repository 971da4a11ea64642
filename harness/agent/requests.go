package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness"
)

// ask makes a request of the host's agent. doing, "run a script on", names it in errors.
func (h *Host) ask(ctx context.Context, doing string, req request, up func(io.Writer) error, down func(io.Reader) error) (rep reply, err error) {
	err = h.through(ctx, doing, func(l *link) error {
		rep, err = l.ask(ctx, req, up, down)
		return err
	})
	return rep, err
}

// through makes a request over the session to the host's agent, if there is one.
func (h *Host) through(ctx context.Context, doing string, request func(*link) error) error {
	h.mu.Lock()
	l, why := h.link, h.down
	h.mu.Unlock()
	if l == nil {
		return h.wrap(doing, why)
	}
	if ctx.Err() != nil {
		return h.wrap(doing, context.Cause(ctx))
	}
	err := request(l)
	if errors.Is(err, errNoReply) {
		err = h.whyNoReply(l)
	}
	if err != nil {
		return h.wrap(doing, err)
	}
	return nil
}

// whyNoReply tells what became of a link in the middle of a request.
func (h *Host) whyNoReply(l *link) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.link != l && h.down != nil {
		return h.down
	}
	return harness.ErrAgentLost
}

// Run runs a POSIX sh script on the host, in its root directory. The shell and
// the commands are the agent's own (listed in commands), then programs of the host.
// What the script leaves running in the background is ended with it.
func (h *Host) Run(ctx context.Context, script string) (harness.Output, error) {
	rep, err := h.ask(ctx, "run a script on", request{Verb: verbRun, Script: script}, nil, nil)
	return rep.Output.public(), err
}

// Exec runs one command on the host, in its root directory: argv is its words, as
// a script would find them in "$@". It is one of the shell's own, one of the agent's
// (listed in commands), or a program of the host, in this order. What it leaves
// running in the background is ended with it.
//
// When ctx ends the agent has a few seconds to end the command and to say so; the code
// is 0 if it did not. An error of the command's own is its exit status and its
// standard error.
func (h *Host) Exec(ctx context.Context, argv []string, s harness.Streams) (code int, err error) {
	if len(argv) == 0 {
		return 0, h.wrap("run a command on", errors.New("none was given"))
	}
	err = h.through(ctx, "run "+argv[0]+" on", func(l *link) error {
		code, err = l.exec(ctx, argv, s)
		return err
	})
	return code, err
}

// Upload writes a file, creating its parent directories, atomically (by rename).
func (h *Host) Upload(ctx context.Context, path string, mode fs.FileMode, content io.Reader) error {
	req := request{Verb: verbUpload, Path: path, Mode: mode.Perm()}
	_, err := h.ask(ctx, "upload "+path+" to", req, sending(content), nil)
	return err
}

// UploadTree unpacks a tar stream under dir. Entries that would land outside
// dir (absolute, "..", through links), links that lead out of it, and whatever
// is neither a file, a directory nor a symbolic link are refused.
func (h *Host) UploadTree(ctx context.Context, dir string, tar io.Reader) error {
	_, err := h.ask(ctx, "upload a tree into "+dir+" of", request{Verb: verbUploadTree, Path: dir}, sending(tar), nil)
	return err
}

// sending sends all of r as content.
func sending(r io.Reader) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, mostChunk))
		return err
	}
}

// Download copies a file's content to w. If the file is not there the error
// wraps fs.ErrNotExist.
func (h *Host) Download(ctx context.Context, path string, w io.Writer) error {
	_, err := h.ask(ctx, "download "+path+" from", request{Verb: verbDownload, Path: path}, nil, receiving(w))
	return err
}

// DownloadTree writes dir as a tar stream, names relative to dir. On error,
// what was written is not the whole tree. etcd may be at work in dir: files
// that vanish meanwhile are left out, files that grow are cut.
func (h *Host) DownloadTree(ctx context.Context, dir string, w io.Writer) error {
	_, err := h.ask(ctx, "download the tree "+dir+" from", request{Verb: verbDownloadTree, Path: dir}, nil, receiving(w))
	return err
}

// receiving writes all content to w.
func receiving(w io.Writer) func(io.Reader) error {
	return func(r io.Reader) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, r, make([]byte, mostChunk))
		return err
	}
}

// Signal sends a signal to the etcd process. It is an error if none runs. With
// SIGSTOP or SIGCONT it returns when etcd is seen paused or running on; with
// any other signal when it was sent.
func (h *Host) Signal(ctx context.Context, sig syscall.Signal) error {
	_, err := h.ask(ctx, fmt.Sprintf("send signal %q to etcd on", sig), request{Verb: verbSignal, Signal: int(sig)}, nil, nil)
	return err
}

// Etcd tells the state of etcd as the agent's supervisor sees it now.
func (h *Host) Etcd(ctx context.Context) (harness.EtcdState, error) {
	rep, err := h.ask(ctx, "ask for the state of etcd on", request{Verb: verbEtcd}, nil, nil)
	if err != nil {
		return harness.EtcdState{}, err
	}
	if rep.News == nil {
		return harness.EtcdState{}, h.wrap("ask for the state of etcd on", errors.New("the agent replied without it"))
	}
	h.learn(*rep.News)
	return rep.News.State, nil
}

// AwaitEtcd waits until etcd's state satisfies cond. It sees every state that
// is current when it looks, the first as of after the call began, but of several
// in quick succession perhaps only the last: conditions on what only ever grows
// (Starts, Exits) cannot be missed. What a script or an upload that has returned
// did to the manifest is in the state already.
func (h *Host) AwaitEtcd(ctx context.Context, what string, cond func(harness.EtcdState) bool) (harness.EtcdState, error) {
	doing := "await " + what + " on"
	if _, err := h.Etcd(ctx); err != nil && ctx.Err() == nil {
		return harness.EtcdState{}, fmt.Errorf("%s %s: %w", doing, h.spec.Name, err)
	}
	for {
		h.mu.Lock()
		state, up, why, changed := h.latest.State, h.link != nil, h.down, h.changed
		h.mu.Unlock()
		if !up {
			return state, h.wrap(doing, why)
		}
		if cond(state) {
			return state, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return state, fmt.Errorf("%s %s: %w; etcd there is last seen %s", doing, h.spec.Name, context.Cause(ctx), state)
		}
	}
}
