// Package recovery holds the procedures under test, one file per system that
// documents them. A procedure lists its steps and runs nothing: each step is a
// command that an operator could type, with the place in the document that
// asks for it.
//
// It imports harness alone. So a procedure cannot reach the ledger, the
// traffic or a runtime: it knows what an on-call engineer knows.
package recovery
