package policy

import "fmt"

// leftOut tells whether a run was made and its figures are not counted, for the machine
// was too busy or the drill was inconclusive. Such a run proves nothing good; but no
// target is held that it was seen to miss, or was not seen to keep.
func (r Run) leftOut() bool { return r.Broke == "" && !r.Counts() }

func leftOut(runs []Run) (out []Run) {
	for _, run := range runs {
		if run.leftOut() {
			out = append(out, run)
		}
	}
	return out
}

// causes says why runs are left out: one cause of all, or how many have each.
func causes(out []Run) string {
	const busy, inconclusive = "for the machine was too busy", "for the drill was inconclusive"
	n := 0
	for _, run := range out {
		if len(run.Unfit) > 0 {
			n++
		}
	}
	switch n {
	case len(out):
		return busy
	case 0:
		return inconclusive
	}
	return fmt.Sprintf("%d %s, %d %s", n, busy, len(out)-n, inconclusive)
}

// recoveries is what runs show of recovering.
type recoveries struct {
	longest int64 // that a run took, or had no service when watching ended
	open    bool  // the latter
	unseen  int   // runs that were not seen to recover
	without int64 // for how long at least one of these had no service; 0: it is not known
}

func recoveriesOf(runs []Run) recoveries {
	var s recoveries
	for _, run := range runs {
		if run.Recovered == 0 {
			s.unseen++
			s.without = max(s.without, run.Unrecovered)
		}
		s.longest = max(s.longest, run.Recovered)
	}
	if s.without > 0 && s.without >= s.longest {
		s.longest, s.open = s.without, true
	}
	return s
}

// aside is what is told of runs that are left out, after what those show that count.
func (s recoveries) aside(out []Run) string {
	if len(out) == 0 {
		return ""
	}
	text := fmt.Sprintf("; %s left out, %s", counted(len(out), "run"), causes(out))
	if s.unseen > 0 {
		text += fmt.Sprintf(", %d not seen to recover", s.unseen)
	}
	switch {
	case s.open:
		text += ", the worst of more than " + plain(s.longest)
	case s.longest > 0:
		text += ", the worst of " + plain(s.longest)
	}
	return text
}
