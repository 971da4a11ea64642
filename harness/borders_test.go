package harness_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/etcd-firedrill/firedrill"

// border is one wall of the house: what these packages must not reach, and why.
// Patterns are import paths, "ours/" standing for the module; one that ends in
// "/..." means the packages below as well.
type border struct {
	from  []string // the packages it binds
	but   []string // exempt from it
	never []string // must not be reached
	save  []string // may be reached although never names them
	// deep: not through other packages either. Otherwise the border forbids the
	// import itself.
	deep bool
	why  string
}

const (
	clientv3  = "go.etcd.io/etcd/client/v3"
	serverv3  = "go.etcd.io/etcd/server/v3"
	testbench = "github.com/testcontainers/testcontainers-go"
	minio     = "github.com/minio/minio-go/v7"
	gofakes3  = "github.com/rclone/gofakes3"
)

var borders = []border{
	{
		from: []string{"ours/harness"}, never: []string{"ours/...", "outside/..."}, deep: true,
		why: "the nouns import the standard library alone, so that everything may import them",
	},
	{
		from: []string{"ours/recovery/..."}, never: []string{"ours/...", clientv3 + "/...", "net/http"}, save: []string{"ours/harness", "ours/recovery/..."}, deep: true,
		why: "a procedure must not see the answer sheet, nor act on the cluster but through its site",
	},
	{
		from: []string{"ours/harness/check/..."}, never: []string{"ours/...", clientv3 + "/...", "net/http"}, save: []string{"ours/harness", "ours/harness/check/...", "ours/harness/outage"}, deep: true,
		why: "a check judges evidence alone, so that judging can be repeated years later",
	},
	{
		from: []string{"ours/harness/check/...", "ours/harness/outage", "ours/recovery/..."}, never: []string{"os", "os/...", "net", "net/...", "syscall"},
		why: "a check, what it reads by, and a procedure touch no file, process or network themselves",
	},
	{
		from: []string{"ours/scenarios/..."}, never: []string{"ours/harness/process/...", "ours/harness/container/...", "ours/harness/agent/...", "ours/harness/drill/..."}, deep: true,
		why: "a scenario names no runtime: it runs wherever hosts can be had",
	},
	{
		from: []string{"ours/harness/fault/...", "ours/harness/trial/..."}, never: []string{"ours/..."}, save: []string{"ours/harness", "ours/harness/crew", "ours/harness/fault/...", "ours/harness/trial/..."}, deep: true,
		why: "faults and trials act through the nouns, on every runtime alike",
	},
	{
		from: []string{"ours/harness/ledger/..."}, never: []string{"ours/...", "outside/..."}, save: []string{"ours/harness", "ours/harness/files", "ours/harness/ledger/...", "github.com/cespare/xxhash/v2"}, deep: true,
		why: "the ledger is a leaf: evidence must stay readable whatever else changes",
	},
	{
		from: []string{"ours/harness/outage"}, never: []string{"ours/...", "outside/..."}, save: []string{"ours/harness"}, deep: true,
		why: "what a gap is is told from stored evidence alone, so that the report and the checks tell the same",
	},
	{
		from: []string{"ours/harness/crew"}, never: []string{"ours/...", "outside/..."}, deep: true,
		why: "what keeps a panic from ending the process imports the standard library alone, so that whoever starts goroutines may import it",
	},
	{
		from: []string{"ours/harness/relay"}, never: []string{"ours/...", "outside/..."}, save: []string{"ours/harness", "ours/harness/crew"}, deep: true,
		why: "what carries a command's streams knows neither where it runs nor who wants it, so that every way to a host is made of it",
	},
	{
		from: []string{"ours/harness/eviction"}, never: []string{"ours/...", "outside/..."}, save: []string{"golang.org/x/sys/unix"}, deep: true,
		why: "what ends processes is told by a rule which, and knows neither hosts nor drills",
	},
	{
		from: []string{"ours/harness/files", "ours/harness/nearest"}, never: []string{"ours/...", "outside/..."}, deep: true,
		why: "what both ends of a copy and all of the command line use imports the standard library alone",
	},
	{
		from: []string{"ours/harness/bastion"}, never: []string{"ours/...", "outside/..."}, deep: true,
		save: []string{"ours/harness", "ours/harness/bastion", "ours/harness/crew", "ours/harness/files", "ours/harness/nearest", "ours/harness/relay"},
		why:  "the way to a drill's hosts knows no drill: what is not the operator's to see cannot come that way by accident",
	},
	{
		from: []string{"ours/harness/gameday"}, never: []string{"ours/...", "outside/..."}, save: []string{"ours/harness", "ours/harness/crew"}, deep: true,
		why: "the pages of a game day know what they are given to show, and nothing of drills, agents and clients",
	},
	{
		from: []string{"ours/harness/operator"}, never: []string{"ours/...", "outside/...", "net", "net/http"},
		save: []string{"ours/harness", "ours/harness/crew", "ours/harness/eviction", "ours/harness/owner", "golang.org/x/sys/unix"}, deep: true,
		why: "what runs a program of the operator's own cannot lead it to the cluster, the hosts or the ledger: it does not know them",
	},
	{
		from: []string{"ours/harness/..."}, never: []string{"ours/cmd/...", "ours/scenarios/...", "ours/recovery/..."}, deep: true,
		why: "the harness knows no scenario and no procedure by name",
	},
	{
		from: []string{"ours/reports/..."}, never: []string{"ours/..."}, save: []string{"ours/harness", "ours/harness/outage", "ours/reports/..."}, deep: true,
		why: "a report is made from stored evidence, without running anything",
	},
	{
		from: []string{"ours/reports/statistics"}, never: []string{"ours/..."}, deep: true,
		why: "what figures can say does not depend on what they are figures of",
	},
	{
		from: []string{"ours/harness/sweep"}, never: []string{"ours/..."}, save: []string{"ours/harness", "ours/harness/crew", "ours/harness/files", "ours/harness/outage", "ours/reports/..."}, deep: true,
		why: "a sweep keeps and orders runs, and is given the function that makes one",
	},
	{
		from: []string{"ours/..."}, but: []string{"ours/harness/container/..."}, never: []string{testbench + "/..."},
		why: "one package speaks to the container engine",
	},
	{
		from: []string{"ours/..."}, but: []string{"ours/harness/store"}, never: []string{minio + "/..."},
		why: "one package speaks S3, and sees the credentials for it",
	},
	{
		from: []string{"ours/harness/store"}, never: []string{"ours/...", clientv3 + "/..."}, deep: true,
		why: "a store keeps whatever it is given, and knows no backups, hosts or drills",
	},
	{
		from: []string{"ours/..."}, but: []string{"ours/fixtures/s3server"}, never: []string{gofakes3 + "/..."},
		why: "one package serves S3",
	},
	{
		from: []string{"ours/fixtures/s3server"}, never: []string{"ours/...", minio + "/..."}, deep: true,
		why: "the S3 server is one that others might have written: it knows nothing of its clients",
	},
	{
		from: []string{"ours/..."}, but: []string{"ours/fixtures/embedded"}, never: []string{serverv3 + "/embed", serverv3 + "/etcdmain"},
		why: "one package links etcd itself",
	},
	{
		from: []string{"ours/..."}, but: []string{"ours/fixtures/..."}, never: []string{serverv3 + "/..."},
		why: "etcd's internals are for making fixtures, not for judging etcd",
	},
	{
		from: []string{"ours/..."}, but: []string{"ours/harness/runtimetest"}, never: []string{"testing", "testing/...", "github.com/onsi/ginkgo/v2/...", "github.com/onsi/gomega/...", "ours/harness/runtimetest"},
		why: "a drill runs from the command line, where there is no *testing.T",
	},
}

// pkg is one package as `go list` tells it, test files left out.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
	Standard   bool
}

// crossed lists the borders that a package crosses, one line each.
func crossed(p pkg, rules []border, standard map[string]bool) []string {
	var lines []string
	for _, b := range rules {
		if !matches(b.from, p.ImportPath, standard) || matches(b.but, p.ImportPath, standard) {
			continue
		}
		reached := p.Imports
		if b.deep {
			reached = p.Deps
		}
		for _, dep := range reached {
			if matches(b.never, dep, standard) && !matches(b.save, dep, standard) {
				lines = append(lines, fmt.Sprintf("%s reaches %s: %s", p.ImportPath, dep, b.why))
			}
		}
	}
	return lines
}

func matches(patterns []string, importPath string, standard map[string]bool) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if pattern == "outside/..." {
			return !standard[importPath] && !within(module, importPath)
		}
		if rest, ok := strings.CutPrefix(pattern, "ours/"); ok {
			pattern = module + "/" + rest
		}
		if root, ok := strings.CutSuffix(pattern, "/..."); ok {
			return within(root, importPath)
		}
		return pattern == importPath
	})
}

func within(root, importPath string) bool {
	return importPath == root || strings.HasPrefix(importPath, root+"/")
}

// packages are ours, and the set of those of the standard library.
func packages(t *testing.T) (ours []pkg, standard map[string]bool) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Dir,GoFiles,Imports,Deps,Standard", "./...")
	list.Dir = ".."
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	var problems bytes.Buffer
	list.Stderr = &problems
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, problems.String())
	}
	standard = map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return ours, standard
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Standard {
			standard[p.ImportPath] = true
		}
		if within(module, p.ImportPath) {
			ours = append(ours, p)
		}
	}
}

func TestBordersHold(t *testing.T) {
	ours, standard := packages(t)
	for _, p := range ours {
		for _, line := range crossed(p, borders, standard) {
			t.Error(line)
		}
	}
	// A border around nothing would hold for ever.
	for _, b := range borders {
		if !slices.ContainsFunc(ours, func(p pkg) bool { return matches(b.from, p.ImportPath, standard) }) {
			t.Errorf("no package is bound by the border of %v: %s", b.from, b.why)
		}
	}
}

// Each border is seen to stop something, and to let through what it may.
func TestBordersStop(t *testing.T) {
	standard := map[string]bool{"os": true, "net": true, "net/http": true, "testing": true, "fmt": true}
	for _, c := range []struct {
		from, reaches string
		deep          bool // through another package only
		want          bool
	}{
		{from: "harness", reaches: module + "/reports", deep: true, want: true},
		{from: "harness", reaches: "golang.org/x/sys/unix", want: true},
		{from: "harness", reaches: "fmt"},
		{from: "recovery", reaches: module + "/harness"},
		{from: "recovery", reaches: module + "/harness/ledger", deep: true, want: true},
		{from: "recovery", reaches: module + "/harness/agent", want: true},
		{from: "recovery", reaches: clientv3, deep: true, want: true},
		{from: "recovery", reaches: "net", want: true},
		{from: "recovery", reaches: "os", deep: true}, // fmt itself imports it
		{from: "harness/check", reaches: "net/http", deep: true, want: true},
		{from: "harness/check", reaches: "os", want: true},
		{from: "harness/check", reaches: module + "/harness/workload", deep: true, want: true},
		{from: "scenarios", reaches: module + "/harness/container", deep: true, want: true},
		{from: "scenarios", reaches: module + "/harness/fault"},
		{from: "harness/fault", reaches: module + "/harness/agent", want: true},
		{from: "harness/fault", reaches: module + "/harness/crew"},
		{from: "harness/crew", reaches: module + "/harness", want: true},
		{from: "harness/check", reaches: module + "/harness/crew", want: true},
		{from: "harness/check", reaches: module + "/harness/outage"},
		{from: "reports", reaches: module + "/harness/outage"},
		{from: "harness/outage", reaches: module + "/harness/ledger", deep: true, want: true},
		{from: "harness/outage", reaches: "os", want: true},
		{from: "harness/files", reaches: module + "/harness", want: true},
		{from: "harness/nearest", reaches: module + "/harness", want: true},
		{from: "harness/bastion", reaches: module + "/harness/relay"},
		{from: "harness/bastion", reaches: module + "/harness/files", deep: true},
		{from: "harness/bastion", reaches: module + "/harness/ledger", deep: true, want: true},
		{from: "harness/bastion", reaches: module + "/harness/agent", deep: true, want: true},
		{from: "harness/bastion", reaches: clientv3, deep: true, want: true},
		{from: "harness/relay", reaches: module + "/harness/crew"},
		{from: "harness/relay", reaches: module + "/harness/agent", want: true},
		{from: "harness/relay", reaches: "github.com/hashicorp/yamux", want: true},
		{from: "harness/eviction", reaches: "golang.org/x/sys/unix"},
		{from: "harness/eviction", reaches: module + "/harness/owner", want: true},
		{from: "harness/operator", reaches: module + "/harness/eviction"},
		{from: "harness/operator", reaches: module + "/harness/ledger", deep: true, want: true},
		{from: "harness/operator", reaches: module + "/harness/agent", want: true},
		{from: "harness/operator", reaches: "net", want: true},
		{from: "harness/gameday", reaches: module + "/harness/crew"},
		{from: "harness/gameday", reaches: "net/http"},
		{from: "harness/gameday", reaches: module + "/harness/bastion", want: true},
		{from: "harness/gameday", reaches: module + "/harness/drill", deep: true, want: true},
		{from: "harness/gameday", reaches: clientv3, deep: true, want: true},
		{from: "harness/ledger", reaches: "github.com/cespare/xxhash/v2"},
		{from: "harness/ledger", reaches: clientv3, deep: true, want: true},
		{from: "harness/drill", reaches: module + "/scenarios", want: true},
		{from: "harness/drill", reaches: module + "/reports"},
		{from: "reports/render", reaches: module + "/harness/drill", deep: true, want: true},
		{from: "reports/statistics", reaches: module + "/harness", want: true},
		{from: "reports/statistics", reaches: "gonum.org/v1/gonum/stat"},
		{from: "harness/sweep", reaches: module + "/harness/drill", deep: true, want: true},
		{from: "harness/sweep", reaches: module + "/reports/policy"},
		{from: "harness/process", reaches: testbench + "/network", want: true},
		{from: "harness/container", reaches: testbench + "/network"},
		{from: "harness/observe", reaches: serverv3 + "/etcdserver", want: true},
		{from: "fixtures/dataset", reaches: serverv3 + "/storage/mvcc"},
		{from: "fixtures/dataset", reaches: serverv3 + "/embed", want: true},
		{from: "fixtures/embedded", reaches: serverv3 + "/etcdmain"},
		{from: "harness/store", reaches: minio + "/pkg/credentials"},
		{from: "harness/drill", reaches: minio, want: true},
		{from: "harness/drill", reaches: minio, deep: true}, // through the store
		{from: "harness/store", reaches: module + "/harness", want: true},
		{from: "harness/store", reaches: module + "/fixtures/s3server", deep: true, want: true},
		{from: "fixtures/s3server", reaches: gofakes3 + "/signature"},
		{from: "harness/drill", reaches: gofakes3, want: true},
		{from: "fixtures/s3server", reaches: minio + "/pkg/signer", want: true},
		{from: "fixtures/s3server", reaches: module + "/harness", want: true},
		{from: "harness/drill", reaches: "testing", want: true},
		{from: "harness/process", reaches: module + "/harness/runtimetest", want: true},
		{from: "harness/runtimetest", reaches: "github.com/onsi/gomega/types"},
	} {
		p := pkg{ImportPath: path.Join(module, c.from), Deps: []string{c.reaches}}
		if !c.deep {
			p.Imports = p.Deps
		}
		if lines := crossed(p, borders, standard); (len(lines) > 0) != c.want {
			t.Errorf("%s reaching %s (deep %v) crosses %q, want a border crossed: %v", c.from, c.reaches, c.deep, lines, c.want)
		}
	}
}
