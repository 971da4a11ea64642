// Package reports turns the evidence of a drill into what a person or a
// pipeline reads: the Report, whose JSON form is report.json, and the figures
// in it, measured from the ledger alone. Where people recovered the cluster the report
// tells what they did (GameDay), and Compare lays it beside the documented procedure.
//
// It is apart from the drill because a report must be obtainable from stored
// evidence years later, by the same code that made the first one: it runs
// nothing, asks nobody and reads no clock. It imports harness, harness/outage
// and the standard library, and refuses everything else; how a report looks on paper is the
// business of reports/render.
package reports
