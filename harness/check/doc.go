// Package check holds the checks: pure functions from evidence to a result.
//
// Each is a small struct whose exported fields are its parameters; it is stored
// with the evidence, so that a judgement can be repeated years later. A check
// imports harness, and harness/outage for what a gap is, alone: it reads the ledger
// through Evidence's iterators and touches no network, file or clock.
//
// The zero verdict is Inconclusive, and every check says what it did not see
// when it returns that. A Held needs a minimum of evidence.
package check
