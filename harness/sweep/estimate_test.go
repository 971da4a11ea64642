package sweep

import (
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

func TestEstimateIsByTheRunsMostAlike(t *testing.T) {
	at := func(procedure string, mib policy.Size) policy.Point {
		return policy.Point{Procedure: procedure, Size: mib << 20, ValueSize: 512, Members: 3}
	}
	run := func(p policy.Point, seconds int64) policy.Run { return policy.Run{Point: p, Took: seconds * 1000} }
	left := func(points ...policy.Point) (all []task) {
		for _, p := range points {
			all = append(all, task{Point: p})
		}
		return all
	}
	phased := func(p policy.Point, seconds, ms int64) policy.Run {
		r := run(p, seconds)
		r.Phases = map[policy.Phase]int64{policy.Ack: 60_000, policy.Outage: 70_000}
		for i, phase := range []policy.Phase{policy.Snapshot, policy.VerifyTaken, policy.Upload, policy.Fetch, policy.VerifyFetched, policy.RestoreHost} {
			r.Phases[phase] = ms/6 + int64(i)*10 - 25
		}
		return r
	}
	broke := run(at("a", 64), 1)
	broke.Broke = "no disk"
	for name, c := range map[string]struct {
		left []task
		runs []policy.Run
		want string
	}{
		"nothing yet":          {left(at("a", 64)), nil, "no estimate yet"},
		"nothing that counts":  {left(at("a", 64)), []policy.Run{broke}, "no estimate yet"},
		"its own point":        {left(at("a", 64), at("a", 64)), []policy.Run{run(at("a", 64), 10), run(at("a", 64), 20), run(at("b", 64), 500)}, "about 30 s"},
		"its size":             {left(at("a", 64)), []policy.Run{run(at("b", 64), 40), run(at("a", 1024), 500)}, "about 40 s"},
		"between two sizes":    {left(at("a", 256)), []policy.Run{run(at("a", 16), 10), run(at("a", 1036), 265)}, "about 70 s, judged by other sizes"},
		"the nearest two":      {left(at("a", 48)), []policy.Run{run(at("a", 2), 1), run(at("a", 32), 10), run(at("a", 64), 30), run(at("a", 512), 900)}, "about 20 s, judged by other sizes"},
		"a larger one":         {left(at("a", 4096)), []policy.Run{run(at("a", 256), 30)}, "about 8 min, judged by other sizes"},
		"by what grows":        {left(at("a", 256)), []policy.Run{phased(at("a", 16), 20, 600), phased(at("b", 16), 30, 1200)}, "about 66 s, judged by other sizes"},
		"by that, and no more": {left(at("a", 256)), []policy.Run{phased(at("a", 64), 20, 60_000)}, "about 80 s, judged by other sizes"},
		"a larger one by two":  {left(at("a", 4096)), []policy.Run{run(at("b", 256), 34), run(at("a", 1024), 80), run(at("b", 256), 30)}, "about 5 min, judged by other sizes"},
		"larger, not shorter":  {left(at("a", 512)), []policy.Run{run(at("a", 16), 40), run(at("a", 64), 30)}, "about 30 s, judged by other sizes"},
		"larger by that much":  {left(at("a", 512)), []policy.Run{run(at("a", 240), 2), run(at("a", 256), 30)}, "about 60 s, judged by other sizes"},
		"a smaller one":        {left(at("a", 16)), []policy.Run{run(at("a", 256), 30), run(at("a", 64), 20)}, "about 20 s, judged by other sizes"},
		"some of each":         {left(at("a", 64), at("b", 64), at("a", 128)), []policy.Run{run(at("a", 64), 10), run(at("a", 64), 14)}, "about 48 s, judged by other sizes"},
		"until it has run":     {left(at("a", 64), at("b", 128)), []policy.Run{run(at("a", 64), 10), run(at("a", 128), 500)}, "about 9 min"},
		"hours":                {left(at("a", 64), at("a", 64)), []policy.Run{run(at("a", 64), 7200)}, "about 4.0 h"},
		"a broken one is none": {left(at("a", 64)), []policy.Run{broke, run(at("a", 64), 12)}, "about 12 s"},
	} {
		if got := estimate(c.left, c.runs); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOutcomeInALine(t *testing.T) {
	undecided := harness.Inconclusive
	for want, run := range map[string]policy.Run{
		"held in 20.00 s; recovered after 3.20 s; 4 writes over 0.03 s lost, of 1.02 s that the policy explains": {
			Took: 20_000, Verdict: harness.Held, Recovered: 3200, Loss: &policy.Loss{LostWrites: 4, LostMS: 30, BoundMS: 1020},
		},
		"VIOLATED in 20.00 s; no recovery was seen; 400 writes over 9.00 s lost, by a backup 9.50 s old: MORE THAN THE 1.02 s that the policy explains; not held: loss-within-policy": {
			Took: 20_000, Verdict: harness.Violated, Loss: &policy.Loss{LostWrites: 400, LostMS: 9000, AgeMS: 9500, BoundMS: 1020}, Failed: []string{"loss-within-policy"},
		},
		"INCONCLUSIVE in 20.00 s; no recovery was seen; 4 writes over 1.30 s lost; whether the policy explains it cannot be told: backups, and seeing what is in them, took longer than the interval": {
			Took: 20_000, Loss: &policy.Loss{LostWrites: 4, LostMS: 1300, BoundMS: 1020, Verdict: &undecided},
		},
		"INCONCLUSIVE in 1.00 s; recovered after 0.10 s; loss unknown; figures are not counted: busy": {
			Took: 1000, Recovered: 100, Unfit: []string{"busy"},
		},
	} {
		if got := outcome(run); got != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
}

// No text makes the reader of runs panic, and what it calls whole is read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"size_bytes":1,"value_size":1,"members":1,"procedure":"x","number":1,"seed":1,"started":"2026-11-25T03:00:00Z","took_ms":5,"verdict":"held"}` + "\n" + `{"size_by`))
	f.Fuzz(func(t *testing.T, text []byte) {
		runs, whole, err := parse(text)
		if err != nil {
			return
		}
		again, rest, err := parse(text[:whole])
		if err != nil || len(again) != len(runs) || rest != whole {
			t.Errorf("%d runs in %d bytes, and then %d in %d: %v", len(runs), whole, len(again), rest, err)
		}
	})
}
