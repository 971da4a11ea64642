package statistics_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/etcd-firedrill/firedrill/reports/statistics"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func upTo(n int) []float64 {
	figures := make([]float64, n)
	for i := range figures {
		figures[i] = float64(i + 1)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { figures[i], figures[j] = figures[j], figures[i] })
	return figures
}

func TestMedianAndP95AreFiguresThatWereMeasured(t *testing.T) {
	for n, want := range map[int]float64{1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 20: 10, 99: 50} {
		near(t, "median", statistics.Median(upTo(n)), want, 0)
	}
	if _, ok := statistics.P95(upTo(19)); ok {
		t.Error("19 figures have a 95th percentile")
	}
	for n, want := range map[int]float64{20: 19, 40: 38, 100: 95} {
		got, ok := statistics.P95(upTo(n))
		if !ok {
			t.Errorf("%d figures have no 95th percentile", n)
		}
		near(t, "95th percentile", got, want, 0)
	}
}

// The ranks of 95 % intervals for a median, and the confidence that they have, as
// tables of them give them: Conover, Practical Nonparametric Statistics; Altman et
// al., Statistics with Confidence.
func TestIntervalsForTheMedian(t *testing.T) {
	for _, c := range []struct {
		n, low, high int
		percent      float64
	}{
		{6, 1, 6, 96.9}, {7, 1, 7, 98.4}, {8, 1, 8, 99.2}, {9, 2, 8, 96.1}, {10, 2, 9, 97.9},
		{15, 4, 12, 96.5}, {20, 6, 15, 95.9}, {25, 8, 18, 95.7}, {30, 10, 21, 95.7},
	} {
		got, ok := statistics.MedianInterval(upTo(c.n), 0.95)
		if !ok || got.Low != float64(c.low) || got.High != float64(c.high) {
			t.Errorf("of %d: %+v, %v; want from the %d. to the %d.", c.n, got, ok, c.low, c.high)
		}
		near(t, "confidence", 100*got.Confidence, c.percent, 0.05)
	}
	for n := range 6 {
		if got, ok := statistics.MedianInterval(upTo(n), 0.95); ok {
			t.Errorf("%d figures give %+v", n, got)
		}
	}
	// Five give one at our level, and four do not.
	got, ok := statistics.MedianInterval([]float64{30, 10, 50, 20, 40}, statistics.Level)
	if want := (statistics.Interval{Low: 10, High: 50, Confidence: 0.9375}); !ok || got != want {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	if got, ok := statistics.MedianInterval(upTo(4), statistics.Level); ok {
		t.Errorf("four figures give %+v", got)
	}
}

// Its claim: of samples of anything, the interval misses the median no more often
// than it says.
func TestIntervalsEncloseTheMedian(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{5, 8, 21} {
		const samples = 20_000
		enclosed, confidence := 0.0, 0.0
		for range samples {
			figures := make([]float64, n)
			for i := range figures {
				figures[i] = random.ExpFloat64() // its median is ln 2
			}
			got, ok := statistics.MedianInterval(figures, statistics.Level)
			if !ok {
				t.Fatalf("%d figures give no interval", n)
			}
			if confidence = got.Confidence; got.Low <= math.Ln2 && math.Ln2 <= got.High {
				enclosed++
			}
		}
		near(t, "the part of samples whose interval encloses the median", enclosed/samples, confidence, 0.01)
	}
}

// NIST's certified answers for its data set Norris.
func TestLineAsNISTCertifiesIt(t *testing.T) {
	y := []float64{
		0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1, 668.8, 339.3, 448.9, 10.8,
		557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2, 117.6, 228.9, 668.4, 449.2, 0.2,
	}
	x := []float64{
		0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5, 666.9, 338.0, 447.5, 11.6,
		556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1, 118.3, 229.2, 669.1, 448.9, 0.5,
	}
	got, ok := statistics.FitLine(x, y)
	if !ok {
		t.Fatal("no line")
	}
	near(t, "fixed", got.Fixed, -0.262323073774029, 1e-9)
	near(t, "slope", got.Slope, 1.00211681802045, 1e-11)
	near(t, "residual", got.Residual, 0.884796396144373, 1e-9)
	near(t, "R²", got.R2, 0.999993745883712, 1e-12)
}

// The first of Anscombe's four.
func TestLineThroughAnscombes(t *testing.T) {
	x := []float64{10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5}
	y := []float64{8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68}
	got, ok := statistics.FitLine(x, y)
	if !ok {
		t.Fatal("no line")
	}
	near(t, "fixed", got.Fixed, 3.0001, 5e-5)
	near(t, "slope", got.Slope, 0.5001, 5e-5)
	near(t, "R²", got.R2, 0.6665, 5e-5)
	near(t, "residual", got.Residual, 1.2366, 5e-5)
	near(t, "worst", got.Worst, 1.92127, 5e-5)
	fixed, slope := stat.LinearRegression(x, y, nil, false)
	if got.Fixed != fixed || got.Slope != slope {
		t.Errorf("%+v, gonum has %v and %v", got, fixed, slope)
	}
}

func TestLinesThatCannotBeDrawn(t *testing.T) {
	for name, c := range map[string][2][]float64{
		"none": {nil, nil}, "two": {{1, 2}, {3, 4}}, "one place": {{5, 5, 5}, {1, 2, 3}}, "unequal": {{1, 2, 3}, {1, 2}},
	} {
		if got, ok := statistics.FitLine(c[0], c[1]); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got, ok := statistics.FitLine([]float64{1, 2, 3}, []float64{7, 7, 7})
	if want := (statistics.Line{Fixed: 7, R2: 1}); !ok || got != want {
		t.Errorf("what never changes: %+v, %v; want %+v", got, ok, want)
	}
}

// The tortoises and hares of Aesop: of six and six that came in as THHHHHTTTTTH,
// U is 11 and 25. (Wikipedia, Mann-Whitney U test.) R's wilcox.test gives P 0.3095.
func TestComparisonOfTortoisesAndHares(t *testing.T) {
	tortoises, hares := []float64{1, 7, 8, 9, 10, 11}, []float64{2, 3, 4, 5, 6, 12}
	got := statistics.Compare(tortoises, hares)
	near(t, "P", got.P, 0.3095, 5e-5)
	if got.Least > 0.003 || got.Before != 8 || got.After != 4 || got.Ratio != 0.5 {
		t.Errorf("%+v", got)
	}
}

// Exact answers: 2 over the number of ways to choose the ranks.
func TestComparisonOfWhatIsQuiteApart(t *testing.T) {
	for _, c := range []struct {
		n, m int
		p    float64
	}{
		{1, 1, 1}, {2, 2, 1.0 / 3}, {3, 3, 0.1}, {2, 8, 2.0 / 45}, {3, 5, 2.0 / 56}, {4, 4, 2.0 / 70}, {5, 5, 2.0 / 252}, {1, 30, 2.0 / 31},
	} {
		all := make([]float64, c.n+c.m)
		for i := range all {
			all[i] = float64(i + 1)
		}
		got := statistics.Compare(all[:c.n], all[c.n:])
		near(t, "P", got.P, c.p, 1e-9)
		near(t, "least P", got.Least, c.p, 1e-9)
	}
	same := []float64{5, 5, 5, 5, 5}
	if got := statistics.Compare(same, same); got.P != 1 || got.Ratio != 1 || got.Least > 0.008 {
		t.Errorf("the same figures: %+v", got)
	}
	for _, empty := range [][2][]float64{{nil, same}, {same, nil}, {nil, nil}} {
		if got := statistics.Compare(empty[0], empty[1]); got.P != 1 || got.Least != 1 {
			t.Errorf("no figures: %+v", got)
		}
	}
}

// Samples of the same thing differ beyond Alpha no more often than Alpha.
func TestComparisonIsRarelyWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const times = 4000
	wrong := 0.0
	for range times {
		a, b := make([]float64, 6), make([]float64, 7)
		for _, s := range [][]float64{a, b} {
			for i := range s {
				s[i] = random.ExpFloat64()
			}
		}
		if statistics.Compare(a, b).P < statistics.Alpha {
			wrong++
		}
	}
	if part := wrong / times; part > statistics.Alpha+0.01 || part < 0.01 {
		t.Errorf("%.3f of comparisons of the same thing found a difference", part)
	}
}

// The example of Benjamini and Hochberg (1995): of 15, the first four are to be
// rejected at 0.05.
func TestAdjustAsItsAuthorsDo(t *testing.T) {
	p := []float64{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1}
	slices.Reverse(p) // their order must not matter
	adjusted := statistics.Adjust(p)
	rejected := 0
	for i, q := range adjusted {
		if q < p[i] || q > 1 {
			t.Errorf("%v is adjusted to %v", p[i], q)
		}
		if q <= statistics.Alpha {
			rejected++
		}
	}
	if rejected != 4 {
		t.Errorf("%d are rejected, want 4: %v", rejected, adjusted)
	}
	// As R's p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "BH") has it.
	for _, q := range statistics.Adjust([]float64{0.01, 0.02, 0.03, 0.04, 0.05}) {
		near(t, "adjusted", q, 0.05, 1e-12)
	}
	if got := statistics.Adjust([]float64{0.03}); got[0] != 0.03 {
		t.Errorf("one is left as it is: %v", got)
	}
}
