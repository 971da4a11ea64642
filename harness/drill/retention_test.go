package drill

import (
	"slices"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestExceeding(t *testing.T) {
	now := 100 * time.Second
	taken := func(ages ...time.Duration) (list []harness.Backup) {
		for _, age := range ages {
			list = append(list, harness.Backup{Name: age.String(), Begun: now - age, Took: time.Second, Verified: true})
		}
		return list
	}
	spoilt := taken(50*time.Second, 40*time.Second, 30*time.Second, 20*time.Second)
	spoilt[0].Verified, spoilt[2].Verified = false, false
	gone := taken(50*time.Second, 40*time.Second, 30*time.Second)
	gone[0].Removed = 99 * time.Second
	unverified := taken(50*time.Second, 40*time.Second)
	for i := range unverified {
		unverified[i].Verified, unverified[i].Unverified = false, true
	}
	for name, c := range map[string]struct {
		keep  harness.Retention
		taken []harness.Backup
		want  []string
	}{
		"everything":                    {harness.Retention{}, taken(time.Hour, time.Minute), nil},
		"nothing yet":                   {harness.Retention{Count: 1, Age: 1}, nil, nil},
		"the newest alone":              {harness.Retention{Count: 1}, taken(50*time.Second, 40*time.Second, 30*time.Second), []string{"50s", "40s"}},
		"two":                           {harness.Retention{Count: 2}, taken(50*time.Second, 40*time.Second, 30*time.Second), []string{"50s"}},
		"no more than there are":        {harness.Retention{Count: 4}, taken(50*time.Second, 40*time.Second, 30*time.Second), nil},
		"by age":                        {harness.Retention{Age: 45 * time.Second}, taken(50*time.Second, 45*time.Second, 30*time.Second), []string{"50s"}},
		"the newest, however old":       {harness.Retention{Age: time.Second}, taken(50*time.Second, 40*time.Second), []string{"50s"}},
		"whatever exceeds either bound": {harness.Retention{Count: 2, Age: 35 * time.Second}, taken(50*time.Second, 40*time.Second, 30*time.Second), []string{"50s", "40s"}},
		"what failed is not counted":    {harness.Retention{Count: 2}, spoilt, nil},
		"what is gone is not counted":   {harness.Retention{Count: 2}, gone, nil},
		"kept unverified":               {harness.Retention{Count: 1}, unverified, []string{"50s"}},
	} {
		if got := exceeding(c.keep, c.taken, now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q exceed %+v, want %q", name, got, c.keep, c.want)
		}
	}
}

// The loss is by whoever found it first, the bound by whoever held it against one.
func TestLossOf(t *testing.T) {
	a, b := harness.Loss{LostWrites: 1}, harness.Loss{LostWrites: 2, Bound: 5}
	if got := lossOf(nil, nil); got != nil {
		t.Errorf("%+v", got)
	}
	if got := lossOf(nil, &b); *got != b {
		t.Errorf("%+v", got)
	}
	if got := lossOf(&a, nil); *got != a {
		t.Errorf("%+v", got)
	}
	if got := lossOf(&a, &b); *got != (harness.Loss{LostWrites: 1, Bound: 5}) {
		t.Errorf("%+v", got)
	}
}
