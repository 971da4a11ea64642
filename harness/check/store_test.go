package check_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

func TestWhatIsStoredIsLoaded(t *testing.T) {
	zero, honest, names := check.All(), honestChecks(), map[string]bool{}
	for i, c := range append(zero, honest...) {
		names[c.Name()] = true
		for _, kind := range []harness.FindingKind{harness.Premise, harness.Promise, harness.Hazard} {
			stored, err := check.Store(kind, c)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(stored)
			if err != nil {
				t.Fatal(err)
			}
			var read harness.StoredCheck
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			loaded, err := check.Load(read)
			if err != nil {
				t.Fatalf("%d: %s: %v", i, text, err)
			}
			if !reflect.DeepEqual(loaded, c) {
				t.Errorf("%#v comes back as %#v", c, loaded)
			}
			if diff := cmp.Diff(c.Needs(), loaded.Needs()); diff != "" || loaded.Claim() != c.Claim() || read.Kind != kind {
				t.Errorf("%s comes back as %q, %q %s", text, read.Kind, loaded.Claim(), diff)
			}
		}
	}
	if len(names) != len(zero) {
		t.Errorf("%d checks have %d names", len(zero), len(names))
	}
}

// Evidence of older versions knows nothing of a replacement by another name, nor of why
// a procedure has to refuse.
func TestOlderParametersAreLoaded(t *testing.T) {
	for params, was := range map[string]harness.Check{`{"Host":"m3"}`: another, `{}`: stopped} {
		loaded, err := check.Load(harness.StoredCheck{Kind: harness.Promise, Name: was.Name(), Params: json.RawMessage(params)})
		if err != nil || loaded != was {
			t.Errorf("%s: %#v, %v", was.Name(), loaded, err)
		}
	}
}

// The parameters of the honest checks differ from zero ones, so that a
// parameter that gets lost on the way is seen.
func TestHonestChecksHaveParameters(t *testing.T) {
	for i, c := range honestChecks() {
		kind := reflect.TypeOf(c)
		for f := range kind.NumField() {
			if kind.Field(f).IsExported() && reflect.ValueOf(c).Field(f).IsZero() {
				t.Errorf("%s: %s is zero", check.All()[i].Name(), kind.Field(f).Name)
			}
		}
	}
}

func TestWhatIsNotOursIsRefused(t *testing.T) {
	for _, c := range []struct{ kind, name, params, says string }{
		{"promise", "no-such-check", `{}`, `does not have`},
		{"promise", "", `{}`, `does not have`},
		{"promis", "nothing-lost", `{}`, `"promis" is none of`},
		{"", "nothing-lost", `{}`, `is none of`},
		{"promise", "nothing-lost", ``, `load the parameters of nothing-lost`},
		{"promise", "nothing-lost", `null`, `null`},
		{"promise", "nothing-lost", `[]`, `load the parameters`},
		{"promise", "nothing-lost", `{} {}`, `load the parameters`},
		{"promise", "nothing-lost", `{"Host":"m1"}`, `"Host"`},
		{"promise", "cluster-id", `{}`, `takes ["Kept"]`},
		{"promise", "cluster-id", `{"kept":true}`, `"kept"`},
		{"promise", "cluster-id", `{"Kept":"yes"}`, `load the parameters of cluster-id`},
		{"promise", "cluster-id", `{"Kept":null}`, `Kept has no value`},
		{"promise", "cluster-id", `{"Kept":true,"Since":3}`, `"Since"`},
		{"promise", "cut-at-survivor", `{"Host":7}`, `load the parameters of cut-at-survivor`},
		{"promise", "members-are", `{"Who":"nobody at all"}`, `is not a host name`},
		{"premise", "etcd-died", `{"Who":{}}`, `load the parameters of etcd-died`},
	} {
		stored := harness.StoredCheck{Kind: harness.FindingKind(c.kind), Name: c.name, Params: json.RawMessage(c.params)}
		loaded, err := check.Load(stored)
		if err == nil {
			t.Errorf("%s %s is loaded as %#v", c.name, c.params, loaded)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v, want …%s…", c.name, c.params, err, c.says)
		}
	}
	if stored, err := check.Store("promis", check.NothingLost{}); err == nil {
		t.Errorf("stored as %v", stored)
	}
}
