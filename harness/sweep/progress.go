package sweep

import (
	"fmt"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// outcome is a run in a line.
func outcome(r policy.Run) string {
	took := seconds(r.Took)
	if r.Broke != "" {
		text, _, _ := strings.Cut(r.Broke, "\n")
		return fmt.Sprintf("the harness broke after %s, and nothing was measured: %s", took, text)
	}
	parts := []string{fmt.Sprintf("%s in %s", verdict(r.Verdict), took)}
	if r.Recovered > 0 {
		parts = append(parts, "recovered after "+seconds(r.Recovered))
	} else {
		parts = append(parts, "no recovery was seen")
	}
	switch {
	case r.Loss == nil:
		parts = append(parts, "loss unknown")
	case r.Loss.Undecided():
		parts = append(parts, fmt.Sprintf("%d writes over %s lost; whether the policy explains it cannot be told: backups, and seeing what is in them, took longer than the interval", r.Loss.LostWrites, seconds(r.Loss.LostMS)))
	case r.Loss.Exceeded():
		parts = append(parts, fmt.Sprintf("%d writes over %s lost, by a backup %s old: MORE THAN THE %s that the policy explains",
			r.Loss.LostWrites, seconds(r.Loss.LostMS), seconds(r.Loss.AgeMS), seconds(r.Loss.BoundMS)))
	default:
		parts = append(parts, fmt.Sprintf("%d writes over %s lost, of %s that the policy explains", r.Loss.LostWrites, seconds(r.Loss.LostMS), seconds(r.Loss.BoundMS)))
	}
	if len(r.Failed) > 0 {
		parts = append(parts, "not held: "+strings.Join(r.Failed, ", "))
	}
	if len(r.Unfit) > 0 {
		parts = append(parts, "figures are not counted: "+strings.Join(r.Unfit, "; "))
	}
	return strings.Join(parts, "; ")
}

func verdict(v harness.Verdict) string {
	if v == harness.Held {
		return v.String()
	}
	return strings.ToUpper(v.String())
}

// known is what all runs so far come to, in a line.
func known(r policy.Result) string {
	var recovered, lost int64
	counted, never, exceeded, other := 0, 0, 0, 0
	for _, run := range r.Runs {
		if run.Loss != nil {
			if lost = max(lost, run.Loss.LostMS); run.Loss.Exceeded() {
				exceeded++
			}
		}
		if run.Broke != "" || run.Verdict != harness.Held {
			other++
		}
		if run.Counts() {
			counted++
			recovered = max(recovered, run.Recovered)
			if run.Unrecovered > 0 {
				never++
			}
		}
	}
	text := fmt.Sprintf("%d of %d runs count", counted, len(r.Runs))
	if recovered > 0 {
		text += "; worst recovery " + seconds(recovered)
	}
	if rto := r.Policy.Targets.RTO; rto > 0 && recovered > 0 {
		text += fmt.Sprintf(" of %s promised", rto.Words())
	}
	if never > 0 {
		text += fmt.Sprintf("; %d not seen to recover", never)
	}
	text += fmt.Sprintf("; worst loss %s", seconds(lost))
	if exceeded > 0 {
		text += fmt.Sprintf("; %d above what the policy explains", exceeded)
	}
	if other > 0 {
		text += fmt.Sprintf("; %d did not hold", other)
	}
	return text
}

func seconds(ms int64) string {
	return fmt.Sprintf("%.2f s", (time.Duration(ms) * time.Millisecond).Seconds())
}
