package drill

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// onlyLooks tells whether a command changes nothing on its host. Where that cannot be
// told from its words, as of a script, it may change something.
func onlyLooks(argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	switch argv[0] {
	case "sh", "/bin/sh", "bash", "/bin/bash":
		return len(argv) == 3 && argv[1] == "-c" && textOnlyLooks(argv[2])
	case "etcdctl", "etcdutl":
		return clientOnlyLooks(argv)
	case "env": // it runs what follows its settings
		rest := slices.DeleteFunc(slices.Clone(argv[1:]), func(word string) bool { return strings.Contains(word, "=") && !strings.HasPrefix(word, "-") })
		return len(rest) == 0
	case "find":
		return !slices.Contains(argv, "-exec") && !slices.Contains(argv, "-delete")
	case "date", "hostname": // both can set what they tell
		return len(argv) == 1 || strings.HasPrefix(argv[1], "+") || strings.HasPrefix(argv[1], "-")
	}
	return slices.Contains(looking, argv[0])
}

// looking are commands that only look, whatever their words.
var looking = []string{
	"[", "base64", "cat", "cmp", "df", "diff", "du", "echo", "false", "grep", "head", "id", "ls", "md5sum", "netstat", "nproc",
	"pgrep", "pidof", "printenv", "printf", "ps", "pwd", "readlink", "sha256sum", "shasum", "sleep", "ss", "stat", "tail", "test", "true",
	"type", "uname", "uptime", "wc", "which", "whoami",
}

// clientLooks are the subcommands of etcdctl and etcdutl that only look.
var clientLooks = []string{
	"alarm list", "auth status", "completion", "endpoint", "get", "hashkv", "help", "lease list", "lease timetolive", "member list",
	"role get", "role list", "snapshot status", "user get", "user list", "version", "watch",
}

// clientOnlyLooks looks for the subcommand among the words of etcdctl or etcdutl. A
// flag's value that stands apart from it is skipped by looking for the first words
// that are a subcommand at all.
func clientOnlyLooks(argv []string) bool {
	var words []string
	for _, word := range argv[1:] {
		if word == "--help" || word == "-h" {
			return true
		}
		if !strings.HasPrefix(word, "-") {
			words = append(words, word)
		}
	}
	for i, word := range words {
		pair := word
		if i+1 < len(words) {
			pair += " " + words[i+1]
		}
		if slices.Contains(clientLooks, word) || slices.Contains(clientLooks, pair) {
			return true
		}
		if slices.Contains(clientChanges, word) {
			return false
		}
	}
	return false
}

// clientChanges are the first words of those that do not.
var clientChanges = []string{
	"alarm", "auth", "backup", "check", "compaction", "defrag", "del", "downgrade", "elect", "lease", "lock", "make-mirror", "member",
	"migrate", "move-leader", "put", "role", "snapshot", "txn", "user",
}

// textOnlyLooks tells whether a script in POSIX sh only looks: simple commands that do,
// and nothing written to a file.
func textOnlyLooks(text string) bool {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "")
	if err != nil {
		return false
	}
	looks := true
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.CallExpr:
			if len(n.Args) > 0 {
				looks = looks && onlyLooks(literals(n.Args))
			}
		case *syntax.FuncDecl:
			looks = false
		case *syntax.Redirect:
			writes := n.Op != syntax.RdrIn && n.Op != syntax.Hdoc && n.Op != syntax.DashHdoc && n.Op != syntax.DplOut && n.Op != syntax.DplIn
			looks = looks && (!writes || n.Word.Lit() == "/dev/null")
		}
		return looks
	})
	return looks
}

// literals are the words of a command, "" for those that are not known before it runs.
func literals(words []*syntax.Word) []string {
	out := make([]string, len(words))
	for i, word := range words {
		var text strings.Builder
		known := true
		for _, part := range word.Parts {
			switch p := part.(type) {
			case *syntax.Lit:
				text.WriteString(p.Value)
			case *syntax.SglQuoted:
				text.WriteString(p.Value)
			default:
				known = false
			}
		}
		if known {
			out[i] = text.String()
		}
	}
	return out
}
