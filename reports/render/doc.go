// Package render puts on paper what a drill is and what came of it: progress
// lines, the summary, tables, JSON lines, JUnit files, the explanation of a
// scenario before anything is broken, the catalogue of what was measured, and
// pages in HTML: of drills (HTML) and of a policy's sweep (SweepHTML). What comes of a
// game day is the after-action report: the same summary, Markdown and page, with
// what people did and, where an Outcome has one, the comparison with the book.
//
// It is apart from reports so that what is true of a drill does not depend on
// how it is shown. It writes to an io.Writer that it is given, never asks the
// terminal what it can do (Style says so), and of ours imports harness and reports
// (with what is below it) only.
//
// Text is at most Width columns wide, except for what must not be broken:
// commands, which are shown as they are typed, paths, and tables in Markdown.
package render
