package bastion

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/files"
)

// farm is an estate whose hosts are directories.
type farm struct {
	dir     string            // a directory for each host
	backups map[string]string // their contents by name, and the bundle's

	mu     sync.Mutex
	asked  []string // every call, in the order in which they came
	broken []string // what was put and did not come whole
}

func newFarm(t *testing.T) *farm {
	f := &farm{dir: t.TempDir(), backups: map[string]string{"backup-001.db": "an older one", "nightly/backup-002.db": strings.Repeat("the newest one", 100_000), BundleName: "certificates"}}
	for _, host := range []string{"m1", "m2"} {
		if err := os.Mkdir(filepath.Join(f.dir, host), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *farm) on(host, path string) string { return filepath.Join(f.dir, host, path) }

// calls are those that were made, each as a line.
func (f *farm) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// halves are the names of files that did not come whole.
func (f *farm) halves() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.broken)
}

func (f *farm) Do(_ context.Context, c Call, s harness.Streams) (int, error) {
	f.mu.Lock()
	f.asked = append(f.asked, strings.Join(append([]string{c.Verb}, c.Args...), " "))
	f.mu.Unlock()
	if c.By != "restore.sh" {
		return 0, fmt.Errorf("%q types", c.By)
	}
	switch c.Verb {
	case Bundle:
		_, err := io.WriteString(s.Out, f.backups[BundleName])
		return 0, err
	case Backup:
		text, ok := f.backups[c.Args[0]]
		if !ok {
			return 0, Refuse("there is no backup %s", c.Args[0])
		}
		fmt.Fprintf(s.Err, "%s: hash 1a2b\n", c.Args[0])
		if c.Args[0] == "cut-short.db" {
			_, _ = io.WriteString(s.Out, text)
			return 0, errors.New("the store does not answer any more")
		}
		_, err := io.WriteString(s.Out, text)
		return 0, err
	}
	host := f.on(c.Args[0], "")
	if _, err := os.Stat(host); err != nil {
		return 0, Refuse("there is no host %s", c.Args[0])
	}
	path := filepath.Join(host, c.Args[1])
	switch c.Verb {
	case Put:
		return f.put(path, c.Args[2], s.In)
	case Get:
		text, err := os.ReadFile(path)
		if err != nil {
			return 0, &Refusal{err}
		}
		if strings.HasSuffix(path, "half") {
			_, _ = s.Out.Write(text[:len(text)/2])
			return 5, nil
		}
		_, err = s.Out.Write(text)
		return 0, err
	case PutTree:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return 0, err
		}
		root, err := os.OpenRoot(path)
		if err != nil {
			return 0, err
		}
		defer root.Close()
		if err := files.Unpack(root, s.In, nil); err != nil {
			return 0, &Refusal{err}
		}
		_, err = io.Copy(io.Discard, s.In)
		return 0, err
	case GetTree:
		root, err := os.OpenRoot(path)
		if err != nil {
			return 0, &Refusal{err}
		}
		defer root.Close()
		archive := tar.NewWriter(s.Out)
		if err := files.Pack(root, ".", archive, nil); err != nil {
			return 0, err
		}
		return 0, archive.Close()
	}
	return 0, fmt.Errorf("%s was not expected", c.Verb)
}

func (f *farm) put(path, mode string, in io.Reader) (int, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.broken = append(f.broken, filepath.Base(path))
		return 0, err
	}
	perm, err := ParseMode(mode)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return 0, &Refusal{err}
	}
	return 0, os.Chmod(path, perm)
}

// desk is an operator in a directory of his own, with a farm.
type desk struct {
	t      *testing.T
	farm   *farm
	copy   Copy
	stdout bytes.Buffer
	stderr bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Chdir(t.TempDir())
	d := &desk{t: t, farm: newFarm(t)}
	server := serve(t, d.farm)
	d.copy = Copy{Socket: server.Path(), By: "restore.sh", Backups: filepath.Join(t.TempDir(), "kept"), Streams: harness.Streams{Out: &d.stdout, Err: &d.stderr}}
	return d
}

func (d *desk) write(path, text string, mode fs.FileMode) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		d.t.Fatal(err)
	}
}

// holds fails unless there is such a file.
func (d *desk) holds(path, text string, mode fs.FileMode) {
	d.t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		d.t.Errorf("%s holds %.40q, want %.40q (%v)", path, got, text, err)
		return
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		d.t.Errorf("the mode of %s is %v, want %v (%v)", path, info.Mode(), mode, err)
	}
}

func (d *desk) cp(from, to string) (int, error) {
	c := d.copy
	c.From, c.To = from, to
	return c.Run(d.t.Context())
}

// copies fails unless it does.
func (d *desk) copies(from, to string) {
	d.t.Helper()
	if code, err := d.cp(from, to); code != 0 || err != nil {
		d.t.Errorf("cp %s %s: %d, %v", from, to, code, err)
	}
}

func TestFilesToHosts(t *testing.T) {
	d := newDesk(t)
	d.write("etcd.yaml", "kind: Pod", 0o640)
	d.write("with:colon", "x", 0o600)
	d.copies("etcd.yaml", "m1:/etc/kubernetes/manifests/etcd.yaml")
	d.holds(d.farm.on("m1", "etc/kubernetes/manifests/etcd.yaml"), "kind: Pod", 0o640)
	d.copies("etcd.yaml", "m2:/root/")
	d.holds(d.farm.on("m2", "root/etcd.yaml"), "kind: Pod", 0o640)
	d.copies("./with:colon", "m2:plain")
	d.holds(d.farm.on("m2", "plain"), "x", 0o600)
	d.copy.Streams.In = strings.NewReader("from a stream")
	d.copies("-", "m1:/root/stream")
	d.holds(d.farm.on("m1", "root/stream"), "from a stream", 0o600)
	want := []string{
		"put m1 /etc/kubernetes/manifests/etcd.yaml 0640", "put m2 /root/etcd.yaml 0640", "put m2 plain 0600", "put m1 /root/stream 0600",
	}
	if diff := cmp.Diff(want, d.farm.calls()); diff != "" {
		t.Errorf("what was asked: %s", diff)
	}
	if d.stdout.Len() > 0 {
		t.Errorf("printed: %q", d.stdout.String())
	}
}

func TestFilesFromHosts(t *testing.T) {
	d := newDesk(t)
	d.write(d.farm.on("m1", "root/snapshot.db"), "a snapshot", 0o644)
	d.copies("m1:/root/snapshot.db", "a.db")
	d.holds("a.db", "a snapshot", 0o600)
	d.copies("m1:/root/snapshot.db", ".")
	d.holds("snapshot.db", "a snapshot", 0o600)
	if err := os.Mkdir("dir", 0o700); err != nil {
		t.Fatal(err)
	}
	d.copies("m1:/root/snapshot.db", "dir/")
	d.holds("dir/snapshot.db", "a snapshot", 0o600)
	// What is there keeps its mode, and a link leads on.
	d.write("page", "as it was", 0o644)
	if err := os.Symlink("page", "link"); err != nil {
		t.Fatal(err)
	}
	d.copies("m1:/root/snapshot.db", "link")
	d.holds("page", "a snapshot", 0o644)
	d.copies("m1:/root/snapshot.db", os.DevNull)
	d.copies("m1:/root/snapshot.db", "-")
	if d.stdout.String() != "a snapshot" {
		t.Errorf("printed: %q", d.stdout.String())
	}
}

// What does not come whole is not there, and what was there still is.
func TestHalfAFile(t *testing.T) {
	d := newDesk(t)
	d.write(d.farm.on("m1", "half"), "a snapshot", 0o644)
	d.write("kept", "as it was", 0o640)
	for _, to := range []string{"kept", "new"} {
		if code, err := d.cp("m1:/half", to); code != 5 || err != nil {
			t.Errorf("to %s: %d, %v", to, code, err)
		}
	}
	var no *Refusal
	if code, err := d.cp("m1:/none", "kept"); code != CodeRefused || !errors.As(err, &no) {
		t.Errorf("what there is not: %d, %v", code, err)
	}
	d.holds("kept", "as it was", 0o640)
	if left, err := filepath.Glob("*"); err != nil || !slices.Equal(left, []string{"kept"}) {
		t.Errorf("here there are %v, %v", left, err)
	}
	if left, err := filepath.Glob(".*"); err != nil || len(left) > 0 {
		t.Errorf("drafts are left: %v, %v", left, err)
	}
}

func TestTrees(t *testing.T) {
	d := newDesk(t)
	d.write("pki/etcd/ca.crt", "ca", 0o644)
	d.write("pki/ca.key", "key", 0o600)
	d.copies("pki", "m1:/etc/kubernetes/pki")
	d.holds(d.farm.on("m1", "etc/kubernetes/pki/etcd/ca.crt"), "ca", 0o644)
	d.copies("pki/", "m1:/etc/")
	d.holds(d.farm.on("m1", "etc/pki/ca.key"), "key", 0o600)

	d.copies("m1:/etc/kubernetes/pki/", "back")
	d.holds("back/etcd/ca.crt", "ca", 0o644)
	d.copy.Tree = true
	d.copies("m1:/etc/kubernetes/pki", "again")
	d.holds("again/ca.key", "key", 0o600)
	d.copies("m1:/etc/kubernetes", "back")
	d.holds("back/kubernetes/pki/ca.key", "key", 0o600)

	d.copies("m1:/etc/pki", "-")
	d.copy.Streams.In = bytes.NewReader(d.stdout.Bytes())
	d.copies("-", "m2:/through/a/pipe")
	d.holds(d.farm.on("m2", "through/a/pipe/etcd/ca.crt"), "ca", 0o644)
	want := []string{
		"put-tree m1 /etc/kubernetes/pki", "put-tree m1 /etc/pki", "get-tree m1 /etc/kubernetes/pki", "get-tree m1 /etc/kubernetes/pki",
		"get-tree m1 /etc/kubernetes", "get-tree m1 /etc/pki", "put-tree m2 /through/a/pipe",
	}
	if diff := cmp.Diff(want, d.farm.calls()); diff != "" {
		t.Errorf("what was asked: %s", diff)
	}
}

func TestTreesThatFail(t *testing.T) {
	d := newDesk(t)
	d.copy.Tree = true
	var no *Refusal
	if code, err := d.cp("m1:/none", "new"); code != CodeRefused || !errors.As(err, &no) {
		t.Errorf("what there is not: %d, %v", code, err)
	}
	if _, err := os.Stat("new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was made of nothing: %v", err)
	}
	// A host is not trusted with what lies beside.
	if err := os.MkdirAll(d.farm.on("m1", "evil"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", d.farm.on("m1", "evil/link")); err != nil {
		t.Fatal(err)
	}
	if code, err := d.cp("m1:/evil", "new"); code != CodeBroke || err == nil || !strings.Contains(err.Error(), "leads outside") {
		t.Errorf("a hostile tree: %d, %v", code, err)
	}
	// Nor the other way round.
	if err := os.MkdirAll("mine", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", "mine/link"); err != nil {
		t.Fatal(err)
	}
	if code, err := d.cp("mine", "m1:/x"); code != CodeRefused || err == nil || !strings.Contains(err.Error(), "leads outside") {
		t.Errorf("a hostile tree of ours: %d, %v", code, err)
	}
}

func TestBackupsToHosts(t *testing.T) {
	for _, kept := range []string{"s3://bucket/prefix", filepath.Join(t.TempDir(), "kept")} {
		d := newDesk(t)
		d.copy.Backups = kept
		d.copies(kept+"/nightly/backup-002.db", "m1:/root/snapshot.db")
		d.holds(d.farm.on("m1", "root/snapshot.db"), d.farm.backups["nightly/backup-002.db"], 0o600)
		d.copies(kept+"/"+BundleName, "m1:/root/")
		d.holds(d.farm.on("m1", "root/"+BundleName), "certificates", 0o600)
		d.copies(kept+"/backup-001.db", "here.db")
		d.holds("here.db", "an older one", 0o600)
		d.copies(kept+"/backup-001.db", "-")
		if d.stdout.String() != "an older one" || !strings.Contains(d.stderr.String(), "backup-001.db: hash 1a2b\n") {
			t.Errorf("printed: %q, and %q", d.stdout.String(), d.stderr.String())
		}
		want := []string{
			"backup nightly/backup-002.db", "put m1 /root/snapshot.db 0600", "bundle", "put m1 /root/" + BundleName + " 0600",
			"backup backup-001.db", "backup backup-001.db",
		}
		if diff := cmp.Diff(want, d.farm.calls()); diff != "" {
			t.Errorf("what was asked: %s", diff)
		}
	}
}

// A backup that is refused was never on its way, and one that breaks off is not put.
func TestBackupsThatFail(t *testing.T) {
	d := newDesk(t)
	d.farm.backups["cut-short.db"] = strings.Repeat("x", 1<<20)
	kept := d.copy.Backups
	var no *Refusal
	if code, err := d.cp(kept+"/backup-009.db", "m1:/root/x"); code != CodeRefused || !errors.As(err, &no) || no.Error() != "there is no backup backup-009.db" {
		t.Errorf("one that there is not: %d, %v", code, err)
	}
	if diff := cmp.Diff([]string{"backup backup-009.db"}, d.farm.calls()); diff != "" {
		t.Errorf("what was asked: %s", diff)
	}
	if code, err := d.cp(kept+"/cut-short.db", "m1:/root/x"); code != CodeBroke || err == nil || err.Error() != "the store does not answer any more" {
		t.Errorf("one that breaks off: %d, %v", code, err)
	}
	if code, err := d.cp(kept+"/nightly/backup-002.db", "m9:/root/x"); code != CodeRefused || !errors.As(err, &no) || no.Error() != "there is no host m9" {
		t.Errorf("to a host that there is not: %d, %v", code, err)
	}
	if _, err := os.Stat(d.farm.on("m1", "root/x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was put: %v", err)
	}
	if diff := cmp.Diff([]string{"x"}, d.farm.halves()); diff != "" {
		t.Errorf("what came in part: %s", diff)
	}
}

// An input that cannot be read to its end is not put.
func TestAnInputThatFails(t *testing.T) {
	d := newDesk(t)
	torn := errors.New("the disk here is torn")
	d.copy.Streams.In = io.MultiReader(strings.NewReader("half"), &failing{torn})
	if code, err := d.cp("-", "m1:/x"); code != CodeBroke || !errors.Is(err, torn) {
		t.Errorf("%d, %v", code, err)
	}
	if diff := cmp.Diff([]string{"x"}, d.farm.halves()); diff != "" {
		t.Errorf("what came in part: %s", diff)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// What is wrong with the operands is said before anything is asked.
func TestOperands(t *testing.T) {
	d := newDesk(t)
	d.write("file", "x", 0o600)
	d.write("kept/backup-001.db", "x", 0o600)
	kept, err := filepath.Abs("kept")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ backups, from, to, want string }{
		{"", "file", "other", "neither is on a host"},
		{"", "-", "file", "neither is on a host"},
		{"", "-", "-", "neither is on a host"},
		{"", "m1:/x", "m2:/x", "both are on hosts"},
		{"", "M1:/x", "file", `"M1" is no host's name`},
		{"", "m1:", "file", "the path on m1 is empty"},
		{"", "file", "m1:", "the path on m1 is empty"},
		{"", "", "m1:/x", "a path is empty"},
		{"", "none", "m1:/x", "firedrill backups"},
		{"", "-", "m1:/root/", "has no name"},
		{"", "s3://bucket/x", "m1:/x", "not where this drill keeps"},
		{"s3://bucket/prefix", "s3://bucket/prefixed/x", "m1:/x", "not where this drill keeps"},
		{"s3://bucket/prefix", "s3://bucket/prefix", "m1:/x", "holds every backup"},
		{"s3://bucket/prefix", "s3://bucket/prefix/", "m1:/x", "holds every backup"},
		{"s3://bucket/prefix", "m1:/x", "s3://bucket/prefix/x", "nothing is written by hand"},
		{kept, kept, "m1:/x", "holds every backup"},
		{kept, "kept/", "m1:/x", "holds every backup"},
	} {
		d.copy.Backups = c.backups
		code, err := d.cp(c.from, c.to)
		if code != CodeBroke || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "copy "+c.from+" to "+c.to+": ") {
			t.Errorf("cp %s %s: %d, %v, want %q", c.from, c.to, code, err, c.want)
		}
	}
	if len(d.farm.calls()) > 0 {
		t.Errorf("asked for: %q", d.farm.calls())
	}
}

// A backup is known by where it lies, however that is written.
func TestWhereBackupsAre(t *testing.T) {
	d := newDesk(t)
	d.write("kept/nightly/x.db", "x", 0o600)
	if err := os.Symlink("kept", "link"); err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Abs("kept")
	if err != nil {
		t.Fatal(err)
	}
	d.copy.Backups = kept
	for text, want := range map[string]operand{
		kept + "/x.db":          {kind: backup, path: "x.db"},
		kept + "//nightly/x.db": {kind: backup, path: "nightly/x.db"},
		"kept/x.db":             {kind: backup, path: "x.db"},
		"./kept/../kept/x.db":   {kind: backup, path: "x.db"},
		"link/nightly/x.db":     {kind: backup, path: "nightly/x.db"},
		kept + "/../kept2/x.db": {kind: here, path: kept + "/../kept2/x.db"},
		"kept2/x.db":            {kind: here, path: "kept2/x.db"},
		"x.db":                  {kind: here, path: "x.db"},
	} {
		if got, err := d.copy.parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	// Where backups are is no reason to take a host's path for one of them.
	t.Chdir(kept)
	for text, want := range map[string]operand{
		"m1:/root/x.db": {kind: onHost, host: "m1", path: "/root/x.db"},
		"nightly/x.db":  {kind: backup, path: "nightly/x.db"},
	} {
		if got, err := d.copy.parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}
