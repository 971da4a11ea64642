package harness_test

import (
	"encoding/json"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestJudge(t *testing.T) {
	finding := func(k harness.FindingKind, v harness.Verdict) harness.Finding {
		return harness.Finding{Kind: k, Verdict: v}
	}
	held := finding(harness.Promise, harness.Held)
	for _, c := range []struct {
		name     string
		findings []harness.Finding
		strict   bool
		want     harness.Verdict
	}{
		{"nothing was judged", nil, false, harness.Inconclusive},
		{"only premises were met", []harness.Finding{finding(harness.Premise, harness.Held)}, false, harness.Inconclusive},
		{"all held", []harness.Finding{finding(harness.Premise, harness.Held), held}, false, harness.Held},
		{"one promise was not looked at", []harness.Finding{held, finding(harness.Promise, harness.Inconclusive)}, false, harness.Inconclusive},
		{"one promise was broken", []harness.Finding{finding(harness.Promise, harness.Inconclusive), finding(harness.Promise, harness.Violated)}, false, harness.Violated},
		{"a premise is unmet", []harness.Finding{finding(harness.Premise, harness.Inconclusive), held}, false, harness.Inconclusive},
		{"a premise is unmet and a promise broken", []harness.Finding{finding(harness.Promise, harness.Violated), finding(harness.Premise, harness.Violated)}, false, harness.Inconclusive},
		{"a hazard was seen", []harness.Finding{held, finding(harness.Hazard, harness.Violated)}, false, harness.Held},
		{"a hazard was seen, strictly", []harness.Finding{held, finding(harness.Hazard, harness.Violated)}, true, harness.Violated},
		{"a hazard was not measured, strictly", []harness.Finding{held, finding(harness.Hazard, harness.Inconclusive)}, true, harness.Inconclusive},
	} {
		if got := harness.Judge(c.findings, c.strict); got != c.want {
			t.Errorf("%s: judged %s, want %s", c.name, got, c.want)
		}
	}
}

func TestTheZeroVerdictIsNoPass(t *testing.T) {
	var v harness.Verdict
	if v != harness.Inconclusive || v.String() != "inconclusive" {
		t.Errorf("the zero verdict is %s", v)
	}
	if err := json.Unmarshal([]byte(`"passed"`), &v); err == nil {
		t.Error("a verdict of another name was read")
	}
}
