package bastion

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		line string // split at spaces; "" stays out, '' is an empty argument
		want string // in the error; "": it is one that is allowed
	}{
		{"ls", ""},
		{"ls --json", ""},
		{"ls m1", "it got 1 arguments"},
		{"exec m1 etcdctl get / --prefix", ""},
		{"exec m1", "exec NAME COMMAND [ARG…]"},
		{"exec m1 ''", "is empty"},
		{"exec m1 echo ''", ""},
		{"exec M1 true", `"M1" is no host's name`},
		{"exec leader true", `"leader" is no host's name`},
		{"put m1 /x 0644", ""},
		{"put m1 /x 644", ""},
		{"put m1 /x rw", "octal"},
		{"put m1 /x 1777", "octal"},
		{"put m1 /x -1", "octal"},
		{"put m1 '' 0644", "is empty"},
		{"put m1 /x", "put NAME PATH MODE"},
		{"put-tree m1 /x", ""},
		{"get m1 /x", ""},
		{"get m1 /x /y", "get NAME PATH"},
		{"get-tree m1 /x", ""},
		{"logs m1", ""},
		{"logs m1 --follow", ""},
		{"logs m1 --json", "logs NAME [--follow]"},
		{"logs --follow", "it got 1 arguments"},
		{"start m1", ""},
		{"start m1 --force-new-cluster --initial-cluster=m1=https://127.0.0.1:2380", ""},
		{"start m1 force-new-cluster", "give it as --name=value"},
		{"start m1 --", "give it as --name=value"},
		{"start m1 --=x", "give it as --name=value"},
		{"stop m1", ""},
		{"status m1 --json", ""},
		{"new m4 m5", ""},
		{"new", "new NAME…"},
		{"new m4 M5", `"M5" is no host's name`},
		{"on m1", ""}, {"off m1", ""}, {"reboot m1", ""},
		{"reboot m1 m2", "reboot NAME"},
		{"certify m1 /root/pki.bundle.tar.gz", ""},
		{"certify m1", "certify NAME BUNDLE"},
		{"announce m1 m2 m3", ""},
		{"announce", "announce NAME…"},
		{"restart-components", ""},
		{"restart-components m1", "it got 1 arguments"},
		{"backups", ""}, {"backups --json", ""},
		{"backup backup-001.db", ""},
		{"backup ''", "is empty"},
		{"bundle", ""},
		{"env", ""},
		{"env m1", "it got 1 arguments"},
		{"tool etcdctl", ""}, {"tool etcdutl snapshot status x", ""},
		{"tool etcd", "none of etcd's tools"},
		{"tool", "etcdctl|etcdutl [ARG…]"},
		{"join ann", ""},
		{"join", "join WHO"},
		{"join ''", "is empty"},
		{"join \x1b[31m", "one line of text"},
		{"notice", ""}, {"done", ""},
		{"done it", "it got 1 arguments"},
		{"call-off enough", ""},
		{"call-off", "call-off REASON"},
		{"call-off a\x00b", "NUL"},
		{"exce m1 true", "did you mean exec?"},
		{"restart", "did you mean restart-components or start?"},
		{"get-three m1 /x", "did you mean get-tree or put-tree?"},
		{"destroy m1", "the verbs are ls, exec, put"},
	} {
		words := strings.Fields(c.line)
		for i := range words {
			words[i] = strings.Trim(words[i], "'")
		}
		err := Call{Verb: words[0], Args: words[1:]}.Check()
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "\nhint: ")) {
			t.Errorf("%s: %v, want %q", c.line, err, c.want)
		}
	}
	for by, fine := range map[string]bool{"": true, "restore.sh": true, "Böttcher's shell": true, "two\nlines": false, "\x1b[31m": false, "\xff": false, strings.Repeat("x", 300): false} {
		if err := (Call{By: by, Verb: List}).Check(); (err == nil) != fine {
			t.Errorf("by %q: %v", by, err)
		}
	}
	if err := (Call{Verb: Exec, Args: []string{"m1", "echo", "a\x00b"}}).Check(); err == nil {
		t.Error("an argument with a NUL is allowed")
	}
}

func TestOption(t *testing.T) {
	for _, c := range []struct {
		call Call
		want bool
	}{
		{Call{Verb: Logs, Args: []string{"m1", "--follow"}}, true},
		{Call{Verb: Logs, Args: []string{"m1"}}, false},
		{Call{Verb: List, Args: []string{"--json"}}, true},
		{Call{Verb: Exec, Args: []string{"m1", "etcdctl", "--json"}}, false},
		{Call{Verb: Start, Args: []string{"m1", "--json"}}, false},
	} {
		if got := c.call.Option(); got != c.want {
			t.Errorf("%v: %v", c.call, got)
		}
	}
}

// Every verb that is declared can be called, and is told of as it is called.
func TestTheVerbsAreAllThere(t *testing.T) {
	source, err := os.ReadFile("verbs.go")
	if err != nil {
		t.Fatal(err)
	}
	var declared, shown []string
	for _, m := range regexp.MustCompile("(?m)^\t// \\w+ is `([^`]+)`[^\n]*\n(?:\t//[^\n]*\n)*\t\\w+ += \"([^\"]+)\"$").FindAllStringSubmatch(string(source), -1) {
		shown, declared = append(shown, m[1]), append(declared, m[2])
	}
	if diff := cmp.Diff(declared, Verbs()); diff != "" {
		t.Errorf("declared and listed: %s", diff)
	}
	for i, s := range signatures {
		if i < len(shown) && s.String() != shown[i] {
			t.Errorf("%s is documented as `%s`, and called as `%s`", s.Verb, shown[i], s)
		}
	}
}

func TestModes(t *testing.T) {
	for _, mode := range []fs.FileMode{0, 0o600, 0o644, 0o755, 0o777} {
		if got, err := ParseMode(FormatMode(mode)); err != nil || got != mode {
			t.Errorf("%v is written %s and read back as %v, %v", mode, FormatMode(mode), got, err)
		}
	}
	if got := FormatMode(fs.ModeSetuid | 0o755); got != "0755" {
		t.Errorf("of a program that is setuid its permissions are %s", got)
	}
}
