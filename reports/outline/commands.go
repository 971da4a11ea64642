package outline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/etcd-firedrill/firedrill/harness"
)

// command is what is typed for an action, as words of the shell's, quoted. at is the
// host it is for, "" at the desk.
func (o *writer) command(do harness.Action, at string) ([]string, error) {
	text, err := o.desk.Render(do.String(), at)
	if err != nil {
		return nil, err
	}
	switch a := do.(type) {
	case harness.Script:
		if at == "" {
			return nil, fmt.Errorf("a script needs a host to run on")
		}
		return o.script(text, at), nil
	case harness.FetchBackup:
		o.needs["backup"] = true
		from := open + "$BACKUP" + shut
		if a.Back > 0 {
			from = open + fmt.Sprintf("$(backup %d)", a.Back+1) + shut
		}
		return words("firedrill", "host", "cp", open+"$FIREDRILL_BACKUPS"+shut+"/"+from, at+":"+a.To), nil
	case harness.FetchBundle:
		return words("firedrill", "host", "cp", open+"$FIREDRILL_BACKUPS"+shut+"/"+o.scenario.Backups.Bundle, at+":"+a.To), nil
	case harness.NewHosts:
		if slices.ContainsFunc(a.Names, func(name string) bool { return !slices.Contains(o.born, name) }) {
			o.needs["order"] = true
			return append([]string{"order"}, words(a.Names...)...), nil
		}
		return words(strings.Fields(text)...), nil
	case harness.PowerOn, harness.Reboot, harness.Certify, harness.Announce, harness.RestartComponents:
		return words(strings.Fields(text)...), nil
	}
	return nil, fmt.Errorf("how a %T is typed is not known", do)
}

// manifested is a script that writes a static-pod manifest by here-document, and
// moves it to where etcd is run from if it ends so.
var manifested = regexp.MustCompile(`(?s)^cat > (\S+) <<'EOF'\n(.*)EOF(\nmv (\S+) (\S+))?$`)

// script is what runs a script on a host: firedrill's own command where it writes a
// manifest, whose other flags only firedrill knows; the command itself where it is
// one; else a shell.
func (o *writer) script(text, at string) []string {
	if m := manifested.FindStringSubmatch(text); m != nil && (m[3] == "" || m[4] == m[1] && m[5] == harness.ManifestPath) {
		command := []string{"firedrill", "host", "start", at}
		if m[3] == "" {
			o.needs["change_manifest"] = true
			command = []string{"change_manifest", at, m[1]}
		}
		for _, line := range strings.Split(m[2], "\n") {
			if flag, ok := strings.CutPrefix(line, "    - --"); ok {
				command = append(command, "--"+flag)
			}
		}
		return words(command...)
	}
	exec := words("firedrill", "host", "exec", at, "--")
	if argv := oneCommand(text); argv != nil {
		return append(exec, words(argv...)...)
	}
	return append(exec, "sh -c "+script(text))
}

// oneCommand is the words of a script that is one command and needs no shell; nil if
// it is more.
func oneCommand(text string) []string {
	// Expansions would be read as such: they become letters meanwhile.
	var expansions []string
	covered := expansion.ReplaceAllStringFunc(text, func(found string) string {
		expansions = append(expansions, found)
		return fmt.Sprintf("%s%d%s", open, len(expansions)-1, shut)
	})
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(covered), "")
	if err != nil || len(file.Stmts) != 1 {
		return nil
	}
	stmt := file.Stmts[0]
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Assigns) > 0 || len(stmt.Redirs) > 0 || stmt.Negated || stmt.Background {
		return nil
	}
	var argv []string
	for _, word := range call.Args {
		literal := word.Lit() // "" if there is more to it
		if literal == "" || strings.ContainsAny(literal, `\*?[~`) {
			return nil
		}
		argv = append(argv, expansion.ReplaceAllStringFunc(literal, func(found string) string {
			var n int
			if _, err := fmt.Sscanf(inner(found), "%d", &n); err != nil || n >= len(expansions) {
				return found
			}
			return expansions[n]
		}))
	}
	return argv
}
