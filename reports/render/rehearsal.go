package render

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// Rehearsal is what came of rehearsing a snapshot as a person reads it in ten
// seconds: the verdict and what decided it, the file, the figures, what it holds,
// then every finding.
func (s Style) Rehearsal(r reports.Rehearsal) string {
	var b strings.Builder
	head := fmt.Sprintf("%s on %s, etcd %s, %s", rehearsed(r), r.Runtime, orUnknown(r.EtcdVersion), plural(int64(r.Members), "member"))
	b.WriteString(s.verdict(r.Verdict, s.paint(bold, strings.ToUpper(r.Verdict.String()))) + "  " + head + "\n")
	if why := decisiveOf(r); why != "" {
		hang(&b, "  because", figureColumn, why)
	}
	b.WriteString("\n")
	rehearsedFile(&b, r)
	rehearsedTimes(&b, r)
	rehearsedHosts(&b, r)
	censusTable(&b, r)
	s.findings(&b, r.Findings, harness.Promise)
	if len(r.Notes) > 0 {
		b.WriteString("\n")
	}
	for _, note := range r.Notes {
		hang(&b, "  note", figureColumn, note)
	}
	return b.String()
}

// rehearsed is the snapshot's name.
func rehearsed(r reports.Rehearsal) string {
	where := r.Source.Location
	if r.Source.Object == "" {
		return where
	}
	if harness.InS3(where) && strings.HasSuffix(where, "*") { // what keys begin with
		where = where[:strings.LastIndex(where, "/")]
	}
	return strings.TrimRight(where, "/") + "/" + r.Source.Object
}

// decisiveOf is the finding that decided a verdict other than Held.
func decisiveOf(r reports.Rehearsal) string {
	return decisive(reports.Report{Verdict: r.Verdict, Findings: r.Findings})
}

func rehearsedFile(b *strings.Builder, r reports.Rehearsal) {
	parts := []string{}
	if r.Source.Bytes > 0 {
		parts = append(parts, binarySize(r.Source.Bytes))
	}
	if r.Source.Age != nil {
		parts = append(parts, "last modified "+agedBy(*r.Source.Age)+", at "+r.Source.Taken.Format("2006-01-02 15:04:05 MST"))
	}
	if len(parts) > 0 {
		hang(b, "  file", figureColumn, strings.Join(parts, ", "))
	}
	if r.Source.SHA256 != "" {
		hang(b, "  sha256", figureColumn, r.Source.SHA256)
	}
	if f := r.Snapshot; f != nil {
		text := fmt.Sprintf("revision %d", f.Revision)
		if f.Compacted > 0 {
			text += fmt.Sprintf(", compacted at %d", f.Compacted)
		}
		if r.Keys != nil {
			text += ", " + plural(*r.Keys, "key")
		}
		if f.Leases > 0 {
			text += ", " + plural(int64(f.Leases), "lease")
		}
		if f.Auth {
			text += ", with authentication"
		}
		if f.ClusterVersion != "" {
			text += "; of etcd " + f.ClusterVersion
		}
		if len(f.TakenOf) > 0 {
			text += "; taken of a cluster of " + strings.Join(f.TakenOf, ", ")
		}
		hang(b, "  holds", figureColumn, text)
	}
}

// agedBy is an age as people say it.
func agedBy(seconds int64) string {
	const hour, day = 3600, 24 * 3600
	switch {
	case seconds < 0:
		return "in the future"
	case seconds < 120:
		return fmt.Sprintf("%d s ago", seconds)
	case seconds < 2*hour:
		return fmt.Sprintf("%d min ago", seconds/60)
	case seconds < 2*day:
		return fmt.Sprintf("%.1f h ago", float64(seconds)/hour)
	}
	return fmt.Sprintf("%.1f days ago", float64(seconds)/day)
}

// binarySize shows bytes to three figures or so.
func binarySize(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	f := float64(n) / 1024
	for f >= 1024 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	return fmt.Sprintf("%.3g %s", f, units[0])
}

func rehearsedTimes(b *strings.Builder, r reports.Rehearsal) {
	p := r.Phases
	if p.Recovered > 0 {
		hang(b, "  recovered", figureColumn, fmt.Sprintf("%s after the fetch began, every member serving and holding the same", human(p.Recovered)))
	} else {
		hang(b, "  recovered", figureColumn, "not seen: every member serving and holding the same")
	}
	var parts []string
	for _, part := range []struct {
		name string
		ms   int64
	}{
		{"fetch", p.Fetch}, {"verify", p.Verify}, {"restore", p.Restore}, {"first write", p.FirstAck}, {"census", p.Census}, {"member loss", p.MemberLoss},
	} {
		if part.ms > 0 {
			parts = append(parts, part.name+" "+human(part.ms))
		}
	}
	if len(parts) > 0 {
		hang(b, "  times", figureColumn, strings.Join(parts, ", "))
	}
}

func rehearsedHosts(b *strings.Builder, r reports.Rehearsal) {
	for i, h := range r.Hosts {
		label := ""
		if i == 0 {
			label = "  hosts"
		}
		var parts []string
		for _, part := range []struct {
			name string
			ms   int64
		}{{"restored in", h.Restore}, {"answered after", h.Up}, {"hashed in", h.HashKV}} {
			if part.ms > 0 {
				parts = append(parts, part.name+" "+human(part.ms))
			}
		}
		if h.Hash != "" {
			parts = append(parts, "hash "+h.Hash)
		}
		if h.Problem != "" {
			parts = append(parts, h.Problem)
		}
		if len(parts) == 0 {
			parts = []string{"nothing was seen"}
		}
		hang(b, fmt.Sprintf("%-*s%s", figureColumn, label, h.Host), figureColumn+4, strings.Join(parts, ", "))
	}
}

// censusTable shows what keys begin with, how many, and how large.
func censusTable(b *strings.Builder, r reports.Rehearsal) {
	if r.Census == nil {
		return
	}
	const most = 60
	fmt.Fprintf(b, "\n  keys        %s, %s of keys and values\n", plural(r.Census.Keys, "key"), binarySize(r.Census.Bytes))
	for _, row := range r.Census.Prefixes {
		prefix := row.Prefix
		switch {
		case row.Others > 0:
			prefix += fmt.Sprintf(" (%d others)", row.Others)
		case prefix == "":
			prefix = "(no prefix of many)"
		}
		if runes := []rune(prefix); len(runes) > most {
			prefix = string(runes[:most-1]) + "…"
		}
		fmt.Fprintf(b, "%14d  %10s  %s\n", row.Keys, binarySize(row.Bytes), prefix)
	}
}
