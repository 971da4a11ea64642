package main

import (
	"io"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/reports/render"
)

// The after-action report lies in the run directory, for people and for whatever else
// shows Markdown.
const (
	afterActionPage     = "after-action.html"
	afterActionMarkdown = "after-action.md"
)

// afterAction writes the after-action report of a game day, and returns where the page
// lies.
func afterAction(o render.Outcome) (string, error) {
	const what = "keep the after-action report"
	one := []render.Outcome{o}
	page := paper{flag: what, path: filepath.Join(o.Report.Directory, afterActionPage)}
	if err := page.replace(func(w io.Writer) error { return render.HTML(w, one) }); err != nil {
		return "", err
	}
	text := paper{flag: what, path: filepath.Join(o.Report.Directory, afterActionMarkdown)}
	return page.path, text.replace(func(w io.Writer) error {
		_, err := io.WriteString(w, render.Markdown(one))
		return err
	})
}
