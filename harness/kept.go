package harness

import (
	"fmt"
	"slices"
	"time"
)

// KeptBackup is how one backup lay where backups are kept: in the store or, where they
// are files, on the desk of whoever recovers by hand.
type KeptBackup struct {
	Backup  string        `json:"backup"`
	At      time.Duration `json:"at_ns"` // when it had been looked at
	Desk    bool          `json:"desk,omitempty"`
	Missing bool          `json:"missing,omitempty"` // it was not there: nothing below was seen
	Error   string        `json:"error,omitempty"`   // it could not be looked at: nothing below was seen
	Bytes   int64         `json:"bytes"`
	// SHA256 is what it was put with, as the store tells, hexadecimal; "": it was put
	// without, or lies on a desk, where nobody tells.
	SHA256  string    `json:"sha256,omitempty"`
	Written time.Time `json:"written,omitzero"` // when, as the store tells
	// Damage is what is wrong with its content. It is read where it had been written
	// again since the procedure began.
	Damage string `json:"damage,omitempty"`
}

// Whole tells whether it lay there as it was kept, as far as that is told without
// reading it.
func (k KeptBackup) Whole(kept Backup) bool {
	return !k.Missing && k.Error == "" && k.Bytes == kept.Bytes && (k.Desk || k.SHA256 == kept.SHA256)
}

// HarmedSince says what became of it since an earlier look, "" if nothing is seen.
func (k KeptBackup) HarmedSince(was KeptBackup) string {
	switch {
	case k.Error != "":
		return ""
	case k.Missing:
		return "is gone"
	case k.Bytes != was.Bytes:
		return fmt.Sprintf("has %d bytes, and had %d", k.Bytes, was.Bytes)
	case k.SHA256 != was.SHA256:
		return fmt.Sprintf("was put there again, with the SHA-256 %q in the place of %q", k.SHA256, was.SHA256)
	case k.Damage != "":
		return "was written again: " + k.Damage
	}
	return ""
}

// KeptAsBegan is how a backup lay where backups are kept as the procedure began; ok is
// false if that was not looked at.
func (e *Evidence) KeptAsBegan(backup string) (was KeptBackup, ok bool) {
	at := slices.IndexFunc(e.KeptBegan, func(k KeptBackup) bool { return k.Backup == backup })
	if at < 0 {
		return KeptBackup{}, false
	}
	return e.KeptBegan[at], true
}

// Harmed says what became since the procedure began of a backup that was whole then, ""
// if nothing is seen. It is the doing of whoever recovered, who alone had to do with it.
func (e *Evidence) Harmed(b Backup) string {
	was, ok := e.KeptAsBegan(b.Name)
	if !ok || !was.Whole(b) {
		return ""
	}
	for _, is := range e.KeptAfter {
		if is.Backup != b.Name {
			continue
		}
		if harm := is.HarmedSince(was); harm != "" {
			return fmt.Sprintf("%s %s, at %.2f s", b.Name, harm, is.At.Seconds())
		}
	}
	return ""
}
