package statistics_test

import (
	"testing"

	"github.com/etcd-firedrill/firedrill/reports/statistics"
)

// Published answers, each twice the tail that is given. Convicted twins of convicts: 10
// of 13 identical ones, 2 of 17 others (Fisher; R's fisher.test gives 0.0004652 for the
// tail). The lady tasting tea, who knew 3 of 4 (17 of 70 ways, or 0.243).
func TestSharesAsFisherHasThem(t *testing.T) {
	for name, c := range map[string]struct {
		before, after statistics.Share
		p, least      float64
	}{
		"twins":              {statistics.Share{Have: 2, Of: 17}, statistics.Share{Have: 10, Of: 13}, 2 * 0.0004652, 2 * 18.0 / 119_759_850},
		"twins, turned":      {statistics.Share{Have: 10, Of: 13}, statistics.Share{Have: 2, Of: 17}, 2 * 0.0004652, 2 * 18.0 / 119_759_850},
		"the lady":           {statistics.Share{Have: 1, Of: 4}, statistics.Share{Have: 3, Of: 4}, 34.0 / 70, 2.0 / 70},
		"the lady mistaken":  {statistics.Share{Have: 3, Of: 4}, statistics.Share{Have: 1, Of: 4}, 34.0 / 70, 2.0 / 70},
		"quite apart":        {statistics.Share{Have: 0, Of: 5}, statistics.Share{Have: 5, Of: 5}, 2.0 / 252, 2.0 / 252},
		"quite apart, three": {statistics.Share{Have: 0, Of: 3}, statistics.Share{Have: 3, Of: 3}, 0.1, 0.1},
		"the same":           {statistics.Share{Have: 5, Of: 10}, statistics.Share{Have: 5, Of: 10}, 1, 2.0 / 184_756},
		"nothing":            {statistics.Share{Of: 10}, statistics.Share{Of: 10}, 1, 1},
		"everything":         {statistics.Share{Have: 3, Of: 3}, statistics.Share{Have: 4, Of: 4}, 1, 1},
		"of none":            {statistics.Share{}, statistics.Share{Have: 4, Of: 9}, 1, 1},
	} {
		p, least := statistics.CompareShares(c.before, c.after)
		near(t, name+": P", p, c.p, 1e-7)
		near(t, name+": least P", least, c.least, 1e-9)
	}
}
