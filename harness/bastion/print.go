package bastion

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Power is whether a host's machine runs.
type Power string

// What power can be.
const (
	PowerOn  Power = "on"
	PowerOff Power = "off"
	Gone     Power = "gone" // machine and disk; a new host may have the name
)

// Host is what an operator is told of one host.
type Host struct {
	Name      string `json:"name"`
	Power     Power  `json:"power"`
	PeerURL   string `json:"peer_url,omitempty"`
	ClientURL string `json:"client_url,omitempty"`
	Etcd      *Etcd  `json:"etcd,omitempty"` // nil: the host is not on, and nobody can tell
}

// Etcd is harness.EtcdState, for programs to read.
type Etcd struct {
	Text     string            `json:"text"`     // for people
	Manifest bool              `json:"manifest"` // it is meant to run
	PID      int               `json:"pid"`      // on the host; 0: it does not run
	Paused   bool              `json:"paused"`
	Starts   int               `json:"starts"` // since the host came up
	Exits    int               `json:"exits"`
	LastExit *harness.EtcdExit `json:"last_exit,omitempty"`
}

// EtcdOf makes what an operator is told of what the supervisor sees.
func EtcdOf(s harness.EtcdState) *Etcd {
	return &Etcd{
		Text: s.String(), Manifest: s.Manifest, PID: s.PID, Paused: s.Paused,
		Starts: s.Starts, Exits: s.Exits, LastExit: s.LastExit,
	}
}

// KeptBackup is what an operator is told of a backup.
type KeptBackup struct {
	Name       string        `json:"name"`
	Age        time.Duration `json:"age_ns"` // since it was begun
	Revision   int64         `json:"revision"`
	Keys       int64         `json:"keys"`
	Hash       string        `json:"hash"`                 // in hex, as etcdutl snapshot status prints it
	Bytes      int64         `json:"bytes"`                // of the file
	Unverified bool          `json:"unverified,omitempty"` // nobody has looked whether it is whole
	// What became of it where it is kept, as of now. One that is gone is not listed.
	Changed string `json:"changed,omitempty"` // it is not what was kept: in what
	Unseen  string `json:"unseen,omitempty"`  // it could not be looked at: why
}

// PrintHosts prints the answer to List: a line for each host that begins with its
// name, or a JSON array.
func PrintHosts(w io.Writer, hosts []Host, asJSON bool) error {
	if asJSON {
		return printJSON(w, append([]Host{}, hosts...))
	}
	rows := make([][]string, len(hosts))
	for i, h := range hosts {
		rows[i] = []string{h.Name, string(h.Power), h.etcd()}
	}
	return printTable(w, rows)
}

// PrintHost prints the answer to Status: a line for each thing that is known of the
// host, or a JSON object.
func PrintHost(w io.Writer, h Host, asJSON bool) error {
	if asJSON {
		return printJSON(w, h)
	}
	rows := [][]string{{"host", h.Name}, {"power", string(h.Power)}}
	if h.PeerURL != "" {
		rows = append(rows, []string{"peer url", h.PeerURL})
	}
	if h.ClientURL != "" {
		rows = append(rows, []string{"client url", h.ClientURL})
	}
	rows = append(rows, []string{"etcd", h.etcd()})
	if h.Etcd != nil {
		rows = append(rows, []string{"starts", fmt.Sprint(h.Etcd.Starts)}, []string{"exits", fmt.Sprint(h.Etcd.Exits)})
	}
	return printTable(w, rows)
}

func (h Host) etcd() string {
	if h.Etcd == nil {
		return "-"
	}
	return h.Etcd.Text
}

// PrintBackups prints the answer to Backups: a line for each that begins with its
// name, in the order given, under a heading, or a JSON array.
func PrintBackups(w io.Writer, backups []KeptBackup, asJSON bool) error {
	if asJSON {
		return printJSON(w, append([]KeptBackup{}, backups...))
	}
	rows := [][]string{{"NAME", "AGE", "REVISION", "KEYS", "HASH", "BYTES", ""}}
	for _, b := range backups {
		var remarks []string
		if b.Changed != "" {
			remarks = append(remarks, "CHANGED since it was kept: "+b.Changed)
		}
		if b.Unseen != "" {
			remarks = append(remarks, "cannot be looked at just now: "+b.Unseen)
		}
		if b.Unverified {
			remarks = append(remarks, "not verified")
		}
		rows = append(rows, []string{
			b.Name, b.Age.Round(100 * time.Millisecond).String(), fmt.Sprint(b.Revision), fmt.Sprint(b.Keys), b.Hash, fmt.Sprint(b.Bytes), strings.Join(remarks, "; "),
		})
	}
	return printTable(w, rows)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printTable prints columns, none of them padded at the end of a line.
func printTable(w io.Writer, rows [][]string) error {
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}
