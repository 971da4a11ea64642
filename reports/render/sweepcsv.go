package render

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// SweepCSV writes every run of a sweep, a line each under a line of names. What was
// not seen is empty. Times are whole milliseconds. snapshot_ms to upload_ms are of the
// backup that was restored, and longest_backup_ms is all three of the longest there was;
// fetch_ms to restore_ms are of the slowest host: sweep.json has every backup and host.
// unrecovered_ms is for how long at least there was no service where it was not back when
// the drill ended. Pairs of procedure and members that were not tried have no runs, and
// so no line.
func SweepCSV(to io.Writer, r policy.Result) error {
	header := []string{
		"policy", "interval", "time_scale", "runtime", "etcd_version", "procedure", "members", "value_size_bytes", "size_bytes",
		"number", "seed", "started", "verdict", "counted", "broke", "failed", "unfit", "took_ms", "database_bytes", "keys",
	}
	for _, phase := range policy.Phases() {
		header = append(header, string(phase)+"_ms")
	}
	header = append(header, "recovered_ms", "unrecovered_ms", "acked_writes", "lost_writes", "lost_ms", "backup_age_ms", "bound_ms", "exceeded", "drill", "longest_backup_ms")
	w := csv.NewWriter(to)
	lines := [][]string{header}
	for _, run := range r.Runs {
		lines = append(lines, csvLine(r, run))
	}
	if err := w.WriteAll(lines); err != nil {
		return fmt.Errorf("write the sweep of %s as CSV: %w", r.Policy.Name, err)
	}
	return nil
}

func csvLine(r policy.Result, run policy.Run) []string {
	verdict := run.Verdict.String()
	if run.Broke != "" {
		verdict = "broke"
	}
	line := []string{
		r.Policy.Name, r.Policy.Interval.String(), strconv.FormatFloat(r.Sweep.TimeScale, 'g', -1, 64), r.Runtime, r.Etcd,
		run.Procedure, strconv.Itoa(run.Members), strconv.Itoa(run.ValueSize), strconv.FormatInt(int64(run.Size), 10),
		strconv.Itoa(run.Number), strconv.FormatInt(run.Seed, 10), run.Started.UTC().Format(time.RFC3339), verdict, strconv.FormatBool(run.Counts()),
		run.Broke, strings.Join(run.Failed, " "), strings.Join(run.Unfit, "; "), strconv.FormatInt(run.Took, 10), seen(run.DatabaseBytes), seen(run.Keys),
	}
	for _, phase := range policy.Phases() {
		line = append(line, seen(run.Phases[phase]))
	}
	line = append(line, seen(run.Recovered), seen(run.Unrecovered))
	if l := run.Loss; l != nil {
		whole := func(n int64) string { return strconv.FormatInt(n, 10) }
		line = append(line, whole(l.AckedWrites), whole(l.LostWrites), whole(l.LostMS), seen(l.AgeMS), whole(l.BoundMS))
		return append(line, strconv.FormatBool(l.Exceeded()), run.Drill, seen(run.LongestBackup()))
	}
	return append(line, "", "", "", "", "", "", run.Drill, seen(run.LongestBackup()))
}

// seen is a figure that is 0 where it was not seen.
func seen(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
