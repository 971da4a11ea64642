package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
	"sigs.k8s.io/yaml"

	"github.com/etcd-firedrill/firedrill/fixtures/runbooks"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// scripts are the texts below these keys, wherever they stand in a YAML document.
func scripts(node any, keys ...string) (texts []string) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			if slices.Contains(keys, key) {
				switch value := value.(type) {
				case string:
					texts = append(texts, value)
				case []any:
					for _, one := range value {
						if text, ok := one.(string); ok {
							texts = append(texts, text)
						}
					}
				}
				continue
			}
			texts = append(texts, scripts(value, keys...)...)
		}
	case []any:
		for _, one := range node {
			texts = append(texts, scripts(one, keys...)...)
		}
	}
	return texts
}

// callsOf are the calls of firedrill in a shell script, as far as they are literal.
func callsOf(t *testing.T, script string) (calls [][]string) {
	t.Helper()
	file, err := syntax.NewParser().Parse(strings.NewReader(script), "")
	if err != nil {
		t.Errorf("%v:\n%s", err, script)
		return nil
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		call, ok := node.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 || call.Args[0].Lit() != "firedrill" {
			return true
		}
		var words []string
		for _, word := range call.Args[1:] {
			words = append(words, word.Lit())
		}
		calls = append(calls, words)
		return true
	})
	return calls
}

// What people copy into their pipelines is YAML, and asks for nothing that there is not. It
// keeps evidence out of the checkout, in which the runbook lies.
func TestPipelinesAskForWhatThereIs(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/ci/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var document any
		if err := yaml.UnmarshalStrict(text, &document); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		drills := 0
		for _, script := range scripts(document, "run", "script", "before_script") {
			for _, call := range callsOf(t, script) {
				drills++
				checkCall(t, file, call)
				if slices.Contains(call, "--runbook") && !slices.Contains(call, "--out") {
					t.Errorf("%s: firedrill %v keeps evidence where the runbook lies", file, call)
				}
			}
		}
		if drills == 0 {
			t.Errorf("%s runs no drill", file)
		}
	}
}

// checkCall holds a call of firedrill to the commands, flags and scenarios that there are.
func checkCall(t *testing.T, file string, call []string) {
	t.Helper()
	a := &app{scenarios: scenarios.All}
	c, rest, err := a.command().Find(call)
	if err != nil {
		t.Errorf("%s: firedrill %v: %v", file, call, err)
		return
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%s: firedrill %v: %v", file, call, err)
	}
	for _, name := range c.Flags().Args() {
		if _, err := a.named(name); err != nil {
			t.Errorf("%s: firedrill %v: %v", file, call, err)
		}
	}
}

// The sample runbooks are written with commands and flags that there are.
func TestSampleRunbooksAskForWhatThereIs(t *testing.T) {
	for _, r := range append(runbooks.All(), runbooks.Broken()...) {
		text, err := r.Text()
		if err != nil {
			t.Fatal(err)
		}
		calls := callsOf(t, string(text))
		if len(calls) < 4 {
			t.Errorf("%s calls firedrill %d times", r.File, len(calls))
		}
		for _, call := range calls {
			c, _, err := (&app{scenarios: scenarios.All}).command().Find(call)
			if err != nil || !c.HasParent() || call[0] == "host" && c.Name() == "host" {
				t.Errorf("%s: there is no firedrill %s: %v", r.File, strings.Join(call, " "), err)
			}
		}
	}
}
