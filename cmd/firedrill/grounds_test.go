package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/files"
	"github.com/etcd-firedrill/firedrill/harness/operator"
)

// grounds are an estate for scripts that only speak to one: its hosts are the
// directories in hosts, its backups the files in kept.
type grounds struct {
	hosts, kept string
	socket      string // the bastion's

	over  chan struct{} // closed when somebody said that the game day is done
	mu    sync.Mutex
	heard []string      // calls, and what became of some
	more  chan struct{} // closed and replaced when more was heard
}

func newGrounds(dir string) *grounds {
	return &grounds{hosts: filepath.Join(dir, "hosts"), kept: filepath.Join(dir, "kept"), over: make(chan struct{}), more: make(chan struct{})}
}

func (g *grounds) hear(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard = append(g.heard, fmt.Sprintf(format, args...))
	close(g.more)
	g.more = make(chan struct{})
}

// await waits until a line was heard that begins like this.
func (g *grounds) await(beginning string) error {
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	for {
		g.mu.Lock()
		heard, more := g.heard, g.more
		g.mu.Unlock()
		for _, line := range heard {
			if strings.HasPrefix(line, beginning) {
				return nil
			}
		}
		select {
		case <-more:
		case <-patience.C:
			return fmt.Errorf("after a minute no line begins with %q:\n%s", beginning, strings.Join(heard, "\n"))
		}
	}
}

func (g *grounds) Do(ctx context.Context, c bastion.Call, s harness.Streams) (int, error) {
	g.hear("%s", strings.Join(append([]string{c.By + ":", c.Verb}, c.Args...), " "))
	switch c.Verb {
	case bastion.List:
		return 0, bastion.PrintHosts(s.Out, []bastion.Host{g.host("m1"), g.host("m2")}, c.Option())
	case bastion.Backups:
		return 0, bastion.PrintBackups(s.Out, []bastion.KeptBackup{{Name: "backup-001.db", Age: 3 * time.Second, Revision: 17, Keys: 4, Hash: "1a2b", Bytes: 7}}, c.Option())
	case bastion.Backup, bastion.Bundle:
		name := bastion.BundleName
		if c.Verb == bastion.Backup {
			name = c.Args[0]
		}
		return 0, send(s.Out, filepath.Join(g.kept, name))
	case bastion.New, bastion.Announce, bastion.RestartComponents:
		return 0, nil
	case bastion.Notice, bastion.CallOff:
		return 0, bastion.Refuse("nothing is wrong")
	case bastion.Resume:
		return 0, nil
	case bastion.Done, bastion.Leave:
		close(g.over)
		return 0, nil
	case bastion.Join:
		return 0, g.join(ctx, c.Args[0], s)
	}
	root, err := os.OpenRoot(filepath.Join(g.hosts, c.Args[0]))
	if err != nil {
		return 0, bastion.Refuse("%s: there is no host %s\nhint: firedrill host ls", c.Verb, c.Args[0])
	}
	defer root.Close()
	return g.onHost(ctx, root, c, s)
}

// join has somebody take part until the game day is over.
func (g *grounds) join(ctx context.Context, name string, s harness.Streams) error {
	if name == "taken" {
		return bastion.Refuse("somebody takes part as %s already", name)
	}
	kit := operator.Kit{Bin: filepath.Join(filepath.Dir(g.hosts), "bin"), Set: map[string]string{bastion.SocketVariable: g.socket, bastion.ByVariable: name, "FIREDRILL_HOSTS": "m1 m2"}}
	if err := json.NewEncoder(s.Out).Encode(kit); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		g.hear("%s has left", name)
		return context.Cause(ctx)
	case <-g.over:
		_, err := fmt.Fprintln(s.Err, "the game day is over: somebody said that it is done")
		return err
	}
}

func (g *grounds) onHost(ctx context.Context, root *os.Root, c bastion.Call, s harness.Streams) (int, error) {
	path := ""
	if len(c.Args) > 1 {
		path = filepath.Join(root.Name(), c.Args[1])
	}
	switch c.Verb {
	case bastion.Exec:
		return g.exec(ctx, root.Name(), c.Args[1:], s)
	case bastion.Put:
		mode, err := bastion.ParseMode(c.Args[2])
		if err != nil {
			return 0, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return 0, err
		}
		return 0, files.Replace(path, mode, func(w io.Writer) error { _, err := io.Copy(w, s.In); return err })
	case bastion.Get:
		if filepath.Base(path) == "endless" {
			_, _ = io.WriteString(s.Out, "it begins well")
			g.hear("half of it")
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}
		return 0, send(s.Out, path)
	case bastion.PutTree:
		return 0, g.putTree(path, s.In)
	case bastion.GetTree:
		return 0, getTree(path, s.Out)
	case bastion.Logs:
		_, err := fmt.Fprintf(s.Out, "%s has started\n", c.Args[0])
		if c.Option() {
			<-ctx.Done()
			err = context.Cause(ctx)
			g.hear("hung up: %v", err)
		}
		return 0, err
	case bastion.Status:
		return 0, bastion.PrintHost(s.Out, g.host(c.Args[0]), c.Option())
	case bastion.Off:
		return 0, errors.New("power off m1: the session to the host's agent ended")
	case bastion.Reboot:
		panic("a nil map")
	}
	return 0, nil
}

func (g *grounds) host(name string) bastion.Host {
	if name != "m1" {
		return bastion.Host{Name: name, Power: bastion.PowerOff}
	}
	return bastion.Host{Name: name, Power: bastion.PowerOn, Etcd: bastion.EtcdOf(harness.EtcdState{Manifest: true, PID: 12, Starts: 1})}
}

func (g *grounds) exec(ctx context.Context, dir string, argv []string, s harness.Streams) (int, error) {
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.Dir, command.Stdin, command.Stdout, command.Stderr = dir, s.In, s.Out, s.Err
	command.WaitDelay = time.Second // a child of its that holds the streams
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		g.hear("hung up: %v", context.Cause(ctx))
		return 0, context.Cause(ctx)
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	case errors.Is(err, exec.ErrNotFound):
		fmt.Fprintf(s.Err, "sh: %s: not found\n", argv[0])
		return 127, nil
	}
	return 0, err
}

func (g *grounds) putTree(dir string, in io.Reader) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return files.Unpack(root, in, nil)
}

func getTree(dir string, out io.Writer) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return &bastion.Refusal{Err: err}
	}
	defer root.Close()
	archive := tar.NewWriter(out)
	return errors.Join(files.Pack(root, ".", archive, nil), archive.Close())
}

func send(w io.Writer, path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return bastion.Refuse("there is no %s", filepath.Base(path))
	}
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// drillOf is what a script has of a drill.
type drillOf struct {
	grounds *grounds
	server  *bastion.Server
	served  chan error
}

// open serves the grounds in a directory of a script's.
func (d *drillOf) open(dir string) error {
	socket, err := os.MkdirTemp("", "bastion-") // a script's own directory is too long for a socket
	if err != nil {
		return err
	}
	if d.server, err = bastion.Listen(socket); err != nil {
		return errors.Join(err, os.RemoveAll(socket))
	}
	d.grounds, d.served = newGrounds(dir), make(chan error, 1)
	d.grounds.socket = d.server.Path()
	go func() { d.served <- d.server.Serve(d.grounds) }()
	return nil
}

// close ends the drill. A panic of the grounds' is meant.
func (d *drillOf) close() error {
	if d.server == nil {
		return nil
	}
	err := errors.Join(d.server.Close(), os.RemoveAll(filepath.Dir(d.server.Path())))
	if served := <-d.served; served != nil && !strings.Contains(served.Error(), "a nil map") {
		err = errors.Join(err, served)
	}
	d.server = nil
	return err
}

const drillKey = "drill"

// estate opens a drill's grounds, with the hosts in hosts and the backups in kept, for
// whatever the script runs from then on. estate over: the drill ends.
func estate(ts *testscript.TestScript, neg bool, args []string) {
	d := ts.Value(drillKey).(*drillOf)
	if neg || len(args) > 1 || len(args) == 1 && args[0] != "over" {
		ts.Fatalf("usage: estate [over]")
	}
	ts.Check(d.close())
	if len(args) > 0 {
		return
	}
	ts.Check(d.open(ts.Getenv("WORK")))
	ts.Defer(func() { ts.Check(d.close()) })
	ts.Setenv(bastion.SocketVariable, d.server.Path())
	ts.Setenv(bastion.ByVariable, "restore.sh")
	ts.Setenv(bastion.BackupsVariable, "s3://bucket/prefix")
}

// heard TEXT waits until the estate has heard a line that begins like this. heard
// alone writes all that it has heard into the file "heard", and it forgets it.
func heard(ts *testscript.TestScript, neg bool, args []string) {
	g := ts.Value(drillKey).(*drillOf).grounds
	switch {
	case neg || len(args) > 1 || g == nil:
		ts.Fatalf("usage: estate, and then heard [TEXT]")
	case len(args) == 1:
		ts.Check(g.await(args[0]))
	default:
		g.mu.Lock()
		defer g.mu.Unlock()
		text := strings.Join(append(g.heard, ""), "\n")
		g.heard = nil
		ts.Check(os.WriteFile(ts.MkAbs("heard"), []byte(text), 0o600))
	}
}

// A copy that a signal ends leaves no half of a file, and is seen to have died of it.
func TestAnInterruptedCopy(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "hosts", "m1"), 0o755); err != nil {
		t.Fatal(err)
	}
	var d drillOf
	if err := d.open(dir); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	desk := t.TempDir()
	copying := exec.Command(self)
	copying.Args = []string{"firedrill", "host", "cp", "m1:/endless", "here"}
	copying.Dir = desk
	copying.Env = append(os.Environ(), bastion.SocketVariable+"="+d.server.Path())
	if err := copying.Start(); err != nil {
		t.Fatal(err)
	}
	if err := d.grounds.await("half of it"); err != nil {
		t.Error(err)
	}
	if err := copying.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := copying.Wait(); err == nil || err.Error() != "signal: interrupt" {
		t.Errorf("it ended with %v", err)
	}
	if left, err := os.ReadDir(desk); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
