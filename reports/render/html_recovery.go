package render

import (
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/etcd-firedrill/firedrill/reports"
)

// stepsView is the procedure as it went.
type stepsView struct {
	Attempts bool // some step took more than one
	Rows     []stepView
}

type stepView struct {
	Number, Name, Host, At, Took, Attempts, Exit string
	Failed                                       bool
}

func stepsOf(r reports.Report) *stepsView {
	if len(r.Steps) == 0 {
		return nil
	}
	v := &stepsView{}
	for i, s := range r.Steps {
		row := stepView{
			Number: strconv.Itoa(s.Number), Name: s.Name, Host: s.Host, At: secondsAt(s.At), Took: human(s.Took),
			Attempts: strconv.Itoa(s.Attempts), Exit: strconv.Itoa(s.ExitCode), Failed: s.ExitCode != 0,
		}
		// A step on several hosts is named once.
		if i > 0 && r.Steps[i-1].Number == s.Number && r.Steps[i-1].Name == s.Name {
			row.Number, row.Name = "", ""
		}
		v.Attempts = v.Attempts || s.Attempts > 1
		v.Rows = append(v.Rows, row)
	}
	return v
}

type backupView struct {
	Name, Host, At, Took, Snapshot, Verify, Upload, Size, State string
	Problem                                                     bool
}

func backupsOf(r reports.Report) []backupView {
	var rows []backupView
	for _, b := range r.Backups {
		row := backupView{
			Name: b.Name, Host: b.Host, At: secondsAt(b.At), Took: human(b.Took),
			Snapshot: cell(b.Snapshot), Verify: cell(b.Verify), Upload: cell(b.Upload), Size: sizeCell(b.Bytes), State: "kept",
		}
		switch {
		case b.Problem != "":
			row.State, row.Problem = b.Problem, true
		case !b.Kept:
			row.State = "not there any more when disaster struck"
		}
		rows = append(rows, row)
	}
	return rows
}

type fetchView struct{ Backup, Host, At, Fetch, Verify, Size string }

func fetchesOf(r reports.Report) []fetchView {
	var rows []fetchView
	for _, f := range r.Fetches {
		rows = append(rows, fetchView{f.Backup, f.Host, secondsAt(f.At), cell(f.Fetch), cell(f.Verify), sizeCell(f.Bytes)})
	}
	return rows
}

func sizeCell(bytes int64) string {
	if bytes <= 0 {
		return "–"
	}
	return humanize.IBytes(uint64(bytes))
}

// onHosts says where something happened, if it is known.
func onHosts(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return " on " + andList(hosts)
}

// andList is a list in words.
func andList(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	text := items[0]
	for _, item := range items[1 : len(items)-1] {
		text += ", " + item
	}
	return fmt.Sprintf("%s and %s", text, items[len(items)-1])
}
