package bastion

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/nearest"
)

// The variables of the environment by which a program finds the drill that it runs
// in.
const (
	// SocketVariable holds the path of the Server's socket.
	SocketVariable = "FIREDRILL_BASTION"
	// ByVariable names who types: "restore.sh", or a shell of a game day.
	ByVariable = "FIREDRILL_BY"
	// BackupsVariable holds where backups are kept: a directory's path, or
	// s3://BUCKET/PREFIX.
	BackupsVariable = "FIREDRILL_BACKUPS"
)

// ByCompletion is the By of calls that nobody typed: a shell completes a word.
const ByCompletion = "completion"

// BundleName is the name, where backups are kept, of the certificates' bundle.
const BundleName = "pki.bundle.tar.gz"

// Call is one thing that is asked of an Estate.
type Call struct {
	By   string   // who types; "" if nobody said
	Verb string   // one of the verbs below
	Args []string // as the verb takes them, in order; of any bytes but NUL
}

// The verbs. NAME is a host's, PATH and DIR are the host's own and, where they are
// relative, mean its root directory. What an operator is to read goes to the standard
// error of a verb whose standard output is a file. Unless it says otherwise a verb
// reads no standard input, and its code is 0.
const (
	// List is `ls [--json]`: a line for each host, as PrintHosts has it.
	List = "ls"
	// Exec is `exec NAME COMMAND [ARG…]`: runs one command, as harness.Host.Exec
	// does. The streams and the code are the command's.
	Exec = "exec"
	// Put is `put NAME PATH MODE`: writes the file at PATH, at once and whole or not
	// at all. Standard input is the file; one that breaks off (a read of it ends in
	// another error than io.EOF) is none. MODE is in octal, see ParseMode.
	Put = "put"
	// PutTree is `put-tree NAME DIR`: unpacks standard input, a tar, under DIR.
	PutTree = "put-tree"
	// Get is `get NAME PATH`: standard output is the file at PATH. What is no file is
	// refused.
	Get = "get"
	// GetTree is `get-tree NAME DIR`: standard output is DIR as a tar, names
	// relative to it.
	GetTree = "get-tree"
	// Logs is `logs NAME [--follow]`: prints what etcd has logged since the host
	// came up, and with --follow what it logs from now on, until the caller hangs up.
	Logs = "logs"
	// Start is `start NAME [FLAG…]`: starts etcd, by writing its manifest: the flags
	// that the host was born with, those given here in their place or beside them.
	// FLAG is --name or --name=value. It returns when the agent has started etcd,
	// which says nothing of whether it serves.
	Start = "start"
	// Stop is `stop NAME`: stops etcd, by removing its manifest, and returns when
	// its process has ended.
	Stop = "stop"
	// Status is `status NAME [--json]`: the host as PrintHost has it.
	Status = "status"
	// New is `new NAME…`: orders new, clean hosts, and returns when they are up.
	New = "new"
	// On is `on NAME`: powers a host on. It comes back with its disk and addresses.
	On = "on"
	// Off is `off NAME`: powers a host off, as pulling the plug.
	Off = "off"
	// Reboot is `reboot NAME`: powers a host off and on.
	Reboot = "reboot"
	// Certify is `certify NAME BUNDLE`: makes the host's certificates anew with the
	// authority in the bundle at BUNDLE, a path on the host.
	Certify = "certify"
	// Announce is `announce NAME…`: points clients at these hosts, and at no others.
	Announce = "announce"
	// RestartComponents is `restart-components`: restarts the long-lived clients,
	// and returns once each has listed afresh.
	RestartComponents = "restart-components"
	// Backups is `backups [--json]`: the backups that are kept, the newest first, as
	// PrintBackups has it.
	Backups = "backups"
	// Backup is `backup NAME`: standard output is the backup of this name, verified
	// as far as it can be before the first byte; one that is damaged is refused, and one
	// that was removed or changed where backups are kept.
	Backup = "backup"
	// Bundle is `bundle`: standard output is the certificates' bundle.
	Bundle = "bundle"
	// Env is `env`: standard output is one line of JSON, what a program has in its
	// environment by now (operator.Kit).
	Env = "env"
	// Tool is `tool etcdctl|etcdutl [ARG…]`: tells that one of etcd's tools is run where
	// the caller is, with these arguments (see Masked). It may begin once anything comes on
	// standard output; how it ended is its exit code, in decimal, on standard input. See
	// Main, and AwaitTool.
	Tool = "tool"
	// Join is `join WHO`: takes part in a game day under this name, which nobody else
	// who takes part has, for as long as the call lasts. Standard output is one line
	// of JSON, what a shell has in its environment (operator.Kit). It lasts until the
	// caller hangs up, or the game day is over: then standard error says why.
	Join = "join"
	// Notice is `notice`: says in a game day that something was seen to be wrong.
	Notice = "notice"
	// Done is `done`: says that the team of a game day has recovered the cluster.
	Done = "done"
	// Leave is `leave`: says that the team leaves the cluster as it is, which ends a
	// game day as Done does: there is nothing to recover, or nothing that may be touched.
	Leave = "leave"
	// Resume is `resume`: has a game day that was paused go on.
	Resume = "resume"
	// CallOff is `call-off REASON`: ends a game day before the team does.
	CallOff = "call-off"
)

// Tools are etcd's own, by the names that Tool takes.
var Tools = []string{"etcdctl", "etcdutl"}

// The options of verbs. They stand after the other arguments.
const (
	OptionFollow = "--follow"
	OptionJSON   = "--json"
)

// Signature is how a verb is called.
type Signature struct {
	Verb   string
	Args   string // as they are shown: "NAME DIR"
	Least  int    // how many there are, an option not counted
	Most   int
	Hosts  int    // how many of them, from the first, are hosts' names
	Option string // may stand after them; "": the verb has none
}

const many = 1 << 20 // arguments: as many as there are

var signatures = []Signature{
	{Verb: List, Option: OptionJSON},
	{Verb: Exec, Args: "NAME COMMAND [ARG…]", Least: 2, Most: many, Hosts: 1},
	{Verb: Put, Args: "NAME PATH MODE", Least: 3, Most: 3, Hosts: 1},
	{Verb: PutTree, Args: "NAME DIR", Least: 2, Most: 2, Hosts: 1},
	{Verb: Get, Args: "NAME PATH", Least: 2, Most: 2, Hosts: 1},
	{Verb: GetTree, Args: "NAME DIR", Least: 2, Most: 2, Hosts: 1},
	{Verb: Logs, Args: "NAME", Least: 1, Most: 1, Hosts: 1, Option: OptionFollow},
	{Verb: Start, Args: "NAME [FLAG…]", Least: 1, Most: many, Hosts: 1},
	{Verb: Stop, Args: "NAME", Least: 1, Most: 1, Hosts: 1},
	{Verb: Status, Args: "NAME", Least: 1, Most: 1, Hosts: 1, Option: OptionJSON},
	{Verb: New, Args: "NAME…", Least: 1, Most: many, Hosts: many},
	{Verb: On, Args: "NAME", Least: 1, Most: 1, Hosts: 1},
	{Verb: Off, Args: "NAME", Least: 1, Most: 1, Hosts: 1},
	{Verb: Reboot, Args: "NAME", Least: 1, Most: 1, Hosts: 1},
	{Verb: Certify, Args: "NAME BUNDLE", Least: 2, Most: 2, Hosts: 1},
	{Verb: Announce, Args: "NAME…", Least: 1, Most: many, Hosts: many},
	{Verb: RestartComponents},
	{Verb: Backups, Option: OptionJSON},
	{Verb: Backup, Args: "NAME", Least: 1, Most: 1},
	{Verb: Bundle},
	{Verb: Env},
	{Verb: Tool, Args: "etcdctl|etcdutl [ARG…]", Least: 1, Most: many},
	{Verb: Join, Args: "WHO", Least: 1, Most: 1},
	{Verb: Notice},
	{Verb: Done},
	{Verb: Leave},
	{Verb: Resume},
	{Verb: CallOff, Args: "REASON", Least: 1, Most: 1},
}

// Verbs lists the verbs, in the order in which they are declared.
func Verbs() []string {
	names := make([]string, len(signatures))
	for i, s := range signatures {
		names[i] = s.Verb
	}
	return names
}

// SignatureOf tells how a verb is called; ok is false if there is none of this name.
func SignatureOf(verb string) (s Signature, ok bool) {
	i := slices.IndexFunc(signatures, func(s Signature) bool { return s.Verb == verb })
	if i < 0 {
		return Signature{}, false
	}
	return signatures[i], true
}

func (s Signature) String() string {
	text := s.Verb
	if s.Args != "" {
		text += " " + s.Args
	}
	if s.Option != "" {
		text += " [" + s.Option + "]"
	}
	return text
}

// Check tells whether the call is one that the verbs allow, without knowing which
// hosts and backups there are. Do makes no other, and an Estate is given no other: it
// may index Args by the verb's own list.
func (c Call) Check() error {
	s, ok := SignatureOf(c.Verb)
	if !ok {
		err := fmt.Errorf("there is no verb %q", c.Verb)
		if near := nearest.Names(c.Verb, Verbs()); len(near) > 0 {
			return fmt.Errorf("%w\nhint: did you mean %s?", err, strings.Join(near, " or "))
		}
		return fmt.Errorf("%w\nhint: the verbs are %s", err, strings.Join(Verbs(), ", "))
	}
	if err := s.check(c); err != nil {
		return fmt.Errorf("%s: %w\nhint: it is called as %s", c.Verb, err, s)
	}
	return nil
}

func (s Signature) check(c Call) error {
	if !printable(c.By) {
		return fmt.Errorf("%q is no name of whoever types: it is one line of text of %d bytes at most", c.By, mostBy)
	}
	args := c.Args
	if s.Option != "" && len(args) > 0 && args[len(args)-1] == s.Option {
		args = args[:len(args)-1]
	}
	if len(args) < s.Least || len(args) > s.Most {
		return fmt.Errorf("it got %d arguments", len(c.Args))
	}
	for i, arg := range args {
		switch {
		case i < s.Hosts && !harness.ValidHostName(arg):
			return fmt.Errorf("%q is no host's name: that is lower-case letters, digits and -", arg)
		case strings.Contains(arg, "\x00"):
			return fmt.Errorf("argument %q holds a NUL", arg)
		case i == s.Hosts && arg == "":
			return errors.New("what it is to be done to is empty")
		case i >= s.Hosts && s.Verb == Start:
			if err := checkFlag(arg); err != nil {
				return err
			}
		}
	}
	switch s.Verb {
	case Tool:
		if !slices.Contains(Tools, args[0]) {
			return fmt.Errorf("%q is none of etcd's tools", args[0])
		}
	case Put:
		_, err := ParseMode(args[2])
		return err
	case Join, CallOff: // both are for people to read
		if !printable(args[0]) {
			return fmt.Errorf("%q is not one line of text of %d bytes at most", args[0], mostBy)
		}
	}
	return nil
}

const mostBy = 200 // bytes

func printable(text string) bool {
	return len(text) <= mostBy && utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

// checkFlag says what is wrong with a flag of etcd's.
func checkFlag(arg string) error {
	flag, dashed := strings.CutPrefix(arg, "--")
	if name, _, _ := strings.Cut(flag, "="); !dashed || name == "" || strings.ContainsAny(arg, " \n\t'") {
		return fmt.Errorf("etcd's flag %q: give it as --name=value", arg)
	}
	return nil
}

// Option tells whether the call has its verb's option.
func (c Call) Option() bool {
	s, _ := SignatureOf(c.Verb)
	return s.Option != "" && len(c.Args) > 0 && c.Args[len(c.Args)-1] == s.Option
}

// FormatMode writes a file's permissions as Put takes them.
func FormatMode(mode fs.FileMode) string { return fmt.Sprintf("%04o", uint32(mode.Perm())) }

// ParseMode reads a file's permissions, in octal: from 0 to 0777.
func ParseMode(text string) (fs.FileMode, error) {
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("%q are no permissions of a file: give them in octal, as 0600", text)
	}
	return fs.FileMode(mode), nil
}
