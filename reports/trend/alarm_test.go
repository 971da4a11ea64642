package trend

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/statistics"
)

// drawn is a file of so many runs of each of so many subjects, whose phases take what
// gonum draws: they have a part in common, or none. The first few subjects take this
// many times as long.
func drawn(from rand.Source, subjects, runs int, common float64, changed int, times float64) Source {
	of := func(sigma float64) distuv.LogNormal { return distuv.LogNormal{Mu: 7, Sigma: sigma, Src: from} }
	s := Source{figures: map[Subject]map[policy.Phase][]float64{}}
	for n := range subjects {
		subject := Subject{Kind: Drills, Procedure: fmt.Sprintf("s%02d", n)}
		s.figures[subject] = map[policy.Phase][]float64{}
		for range runs {
			shared := of(0.3).Rand()
			for _, phase := range Drills.phases() {
				ms := common*shared + (1-common)*of(0.3).Rand()
				if n < changed {
					ms *= times
				}
				s.figures[subject][phase] = append(s.figures[subject][phase], ms)
			}
		}
	}
	return s
}

// Where nothing is slower, chance makes the verdict say so no more often than Alpha,
// and the same of faster; both of the verdict as a whole, whatever the number of rows,
// however much their phases have in common, and whatever else has truly changed.
func TestTheWholeVerdictIsRarelyWrong(t *testing.T) {
	const times = 1500
	for name, c := range map[string]struct {
		subjects, runs int
		common         float64
		faster         int // subjects that truly are
	}{
		"one subject":             {1, 20, 0, 0},
		"one subject, five runs":  {1, 5, 0, 0},
		"phases in common":        {1, 20, 0.7, 0},
		"six subjects":            {6, 12, 0.5, 0},
		"half of them are faster": {8, 12, 0, 4},
	} {
		from := rand.NewPCG(7, uint64(len(name)))
		slower, faster := 0.0, 0.0
		for range times {
			before, after := drawn(from, c.subjects, c.runs, c.common, 0, 1), drawn(from, c.subjects, c.runs, c.common, c.faster, 0.25)
			switch Compare([]Source{before, after}).Change {
			case Slower:
				slower++
			case Faster:
				faster++
			}
		}
		most := mostOf(times)
		if slower > most {
			t.Errorf("%s: %.0f of %d verdicts say slower, want at most %.0f", name, slower, times, most)
		}
		if c.faster == 0 && faster > most {
			t.Errorf("%s: %.0f of %d verdicts say faster, want at most %.0f", name, faster, times, most)
		}
		if c.faster > 0 && faster+slower < times {
			t.Errorf("%s: only %.0f of %d verdicts see it", name, faster+slower, times)
		}
	}
}

// What is truly slower is found, in one subject of several too.
func TestWhatIsSlowerIsFound(t *testing.T) {
	from := rand.NewPCG(7, 8)
	found := 0
	for range 200 {
		if Compare([]Source{drawn(from, 6, 8, 0.5, 0, 1), drawn(from, 6, 8, 0.5, 1, 2)}).Change == Slower {
			found++
		}
	}
	if found < 180 {
		t.Errorf("what takes twice as long is found in %d of 200", found)
	}
}

// Where as many recover as ever, chance makes the verdict say that fewer do no more often
// than Alpha: of one subject or several, whether recoveries fail often or rarely.
func TestRecoveriesAreRarelyCalledRarer(t *testing.T) {
	const times = 1500
	for name, c := range map[string]struct {
		subjects, runs int
		fails          float64
	}{
		"one subject": {1, 20, 0.4}, "one that rarely fails": {1, 40, 0.1}, "six subjects": {6, 12, 0.4},
	} {
		from := rand.NewPCG(7, uint64(len(name)))
		failing := distuv.Bernoulli{P: c.fails, Src: from}
		source := func() Source {
			s := Source{outcomes: map[Subject]outcome{}, figures: map[Subject]map[policy.Phase][]float64{}}
			for n := range c.subjects {
				subject, so := Subject{Kind: Drills, Procedure: fmt.Sprintf("s%02d", n)}, outcome{counted: c.runs}
				for range c.runs {
					so.unrecovered += int(failing.Rand())
				}
				s.outcomes[subject], s.figures[subject] = so, nil
			}
			return s
		}
		rarer := 0.0
		for range times {
			if Compare([]Source{source(), source()}).Change == LessOften {
				rarer++
			}
		}
		if most := mostOf(times); rarer > most {
			t.Errorf("%s: %.0f of %d verdicts say that fewer recover, want at most %.0f", name, rarer, times, most)
		}
		if rarer == 0 {
			t.Errorf("%s: not one of %d verdicts says that fewer recover", name, times)
		}
	}
}

// mostOf is how often a true rate of Alpha/2 is not exceeded by chance in 999 of 1000
// tests.
func mostOf(times float64) (most float64) {
	for by := (distuv.Binomial{N: times, P: statistics.Alpha / 2}); by.CDF(most) < 0.999; most++ {
	}
	return most
}
