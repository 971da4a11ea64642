package harness_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// habit is a rule about the text of the packages it binds.
type habit struct {
	in   []string // patterns as in border
	but  []string
	uses []string // "time.Sleep": the package's name as imported, and the identifier
	why  string
}

var habits = []habit{
	{
		in: []string{"ours/harness/check/...", "ours/recovery/..."}, uses: []string{"time.Now", "time.Since", "time.Until", "time.After", "time.NewTimer", "time.NewTicker", "time.Tick", "time.AfterFunc"},
		why: "a check and a procedure read no clock",
	},
	{
		in: []string{"ours/..."}, uses: []string{"time.Sleep"},
		why: "poll a named condition and report the last observed state",
	},
	{
		in: []string{"ours/..."}, but: []string{"ours/harness/client", "ours/harness/runtimetest"}, uses: []string{"clientv3.New", "clientv3.NewFromURL", "clientv3.NewFromURLs"},
		why: "one package dials etcd, so that every client has the same back-off",
	},
	{
		in: []string{"ours/..."}, but: []string{"ours/cmd/..."}, uses: []string{"log.Fatal", "log.Fatalf", "log.Fatalln"},
		why: "only a command ends the process: what is built must be torn down",
	},
}

// inits are the packages that may have an init function, and why no plain
// declaration would do.
var inits = map[string]string{
	module + "/harness/agent": "xargs runs commands, so the map of commands refers to itself",
}

// forbiddenNames say nothing about what a package is for.
var forbiddenNames = []string{"util", "utils", "common", "helper", "helpers", "manager"}

// breaches lists what a file of non-test code does against the habits.
func breaches(importPath string, fset *token.FileSet, file *ast.File) []string {
	var lines []string
	say := func(at token.Pos, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%s: %s", fset.Position(at), fmt.Sprintf(format, args...)))
	}
	if slices.Contains(forbiddenNames, file.Name.Name) || slices.Contains(forbiddenNames, path.Base(importPath)) {
		say(file.Package, "package %s: name a package by what it is for", file.Name.Name)
	}
	imported := importNames(file)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" && inits[importPath] == "" {
				say(n.Pos(), "init: lists are explicit, and nothing happens because a package was imported")
			}
		case *ast.SelectorExpr:
			name, ok := n.X.(*ast.Ident)
			if !ok || imported[name.Name] == "" {
				break
			}
			use := imported[name.Name] + "." + n.Sel.Name
			for _, h := range habits {
				if slices.Contains(h.uses, use) && matches(h.in, importPath, nil) && !matches(h.but, importPath, nil) {
					say(n.Pos(), "%s: %s", use, h.why)
				}
			}
		}
		return true
	})
	return lines
}

// importNames maps the names by which a file calls its imports to the names
// by which the habits do.
func importNames(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range file.Imports {
		importPath := strings.Trim(spec.Path.Value, `"`)
		name := path.Base(importPath)
		if importPath == clientv3 {
			name = "clientv3"
		}
		called := name
		if spec.Name != nil {
			called = spec.Name.Name
		}
		names[called] = name
	}
	return names
}

func TestHabitsAreKept(t *testing.T) {
	ours, _ := packages(t)
	files := 0
	for _, p := range ours {
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files++
			for _, line := range breaches(p.ImportPath, fset, file) {
				t.Error(line)
			}
		}
		if !slices.Contains(p.GoFiles, "doc.go") && len(p.GoFiles) > 0 && !strings.HasSuffix(p.ImportPath, "/cmd/firedrill") {
			t.Errorf("%s has no doc.go that says what it is for", p.ImportPath)
		}
	}
	if files == 0 {
		t.Error("no file was read")
	}
}

func TestBreachesAreSeen(t *testing.T) {
	for _, c := range []struct{ in, source, want string }{
		{"harness/drill", "package drill\nimport \"time\"\nfunc f() { time.Sleep(1) }", "time.Sleep"},
		{"harness/drill", "package drill\nimport nap \"time\"\nfunc f() { nap.Sleep(1) }", "time.Sleep"},
		{"harness/check", "package check\nimport \"time\"\nvar started = time.Now()", "read no clock"},
		{"recovery", "package recovery\nimport \"time\"\nvar t = time.NewTicker", "read no clock"},
		{"harness/drill", "package drill\nimport \"time\"\nvar started = time.Now()", ""},
		{"harness/drill", "package drill\nfunc init() {}", "init"},
		{"harness/drill", "package drill\ntype t struct{}\nfunc (t) init() {}", ""},
		{"harness/util", "package util", "name a package"},
		{"harness/observe", "package observe\nimport \"go.etcd.io/etcd/client/v3\"\nvar dial = clientv3.New", "dials etcd"},
		{"harness/observe", "package observe\nimport etcd \"go.etcd.io/etcd/client/v3\"\nvar dial = etcd.New", "dials etcd"},
		{"harness/client", "package client\nimport \"go.etcd.io/etcd/client/v3\"\nvar dial = clientv3.New", ""},
		{"harness/drill", "package drill\nimport \"log\"\nfunc f() { log.Fatal() }", "ends the process"},
		{"harness/drill", "package drill\nvar time struct{ Sleep int }\nvar n = time.Sleep", ""},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", c.source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(breaches(path.Join(module, c.in), fset, file), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q in %s: got %q, want %q in it", c.source, c.in, got, c.want)
		}
	}
}

// The top level holds the house and its papers, nothing else. What .gitignore
// names is nobody's.
func TestTopLevel(t *testing.T) {
	house := []string{
		"cmd", "scenarios", "recovery", "harness", "fixtures", "reports",
		"README.md", "LICENSE", "Makefile", "go.mod", "go.sum",
		".ci", ".git", ".gitignore", ".golangci.yml", ".editorconfig",
	}
	ignored := []string{"firedrill", "bin", "firedrill-runs"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !slices.Contains(house, name) && !slices.Contains(ignored, name) && !strings.HasSuffix(name, ".test") && !strings.HasSuffix(name, ".out") {
			t.Errorf("%s lies at the top level, where only %s belong", name, strings.Join(house, ", "))
		}
	}
}
