package harness

import "time"

// LoginRecord is a client that logs in by name and password to a cluster with
// authentication, as applications do: its role lets it read and write below a
// prefix and nowhere else. It logs in before the strike and keeps its token, as
// long as etcd does not tell it to log in again.
type LoginRecord struct {
	User   string    `json:"user"`
	Prefix string    `json:"prefix"` // that its role lets it use
	Before LoginView `json:"before"` // what it was told in steady state
	// Held is what it was told at the end, and After what a fresh client of the
	// same user was told then; nil: nobody served who could be asked.
	Held  *Answer    `json:"held,omitempty"`
	After *LoginView `json:"after,omitempty"`
}

// LoginView is what a client that has just logged in is told.
type LoginView struct {
	At        time.Duration `json:"at_ns"`
	Index     uint64        `json:"log_index"` // of the members' log, which every token carries; 0: none was given
	Login     Answer        `json:"login"`     // to its password
	Below     Answer        `json:"below"`     // to a request below its prefix
	Elsewhere Answer        `json:"elsewhere"` // to a request for any other key
	Mistyped  Answer        `json:"mistyped"`  // to a password that is not the user's
}

// Answer is what one request was told.
type Answer struct {
	Took    time.Duration `json:"took_ns"`
	Within  time.Duration `json:"within_ns"` // its deadline
	Error   string        `json:"error,omitempty"`
	Refused bool          `json:"refused,omitempty"` // etcd said that this client may not
	Hung    bool          `json:"hung,omitempty"`    // no answer came before its deadline
}

// Granted tells whether what was asked for was done.
func (a Answer) Granted() bool { return a.Error == "" && a.Within > 0 }
