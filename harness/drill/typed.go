package drill

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// hostOf is the one host that a call is made to, "" if it is made to none, or to
// several.
func hostOf(c bastion.Call) string {
	switch c.Verb {
	case bastion.List, bastion.New, bastion.Announce, bastion.RestartComponents, bastion.Backups, bastion.Backup, bastion.Bundle,
		bastion.Join, bastion.Notice, bastion.Done, bastion.Leave, bastion.Resume, bastion.CallOff:
		return ""
	}
	return c.Args[0]
}

// typed is a call as it is typed.
func typed(c bastion.Call) string {
	words := []string{"firedrill"}
	switch a := c.Args; c.Verb {
	case bastion.Announce, bastion.RestartComponents, bastion.Backups:
		words = append(words, c.Verb)
		words = append(words, quotedAll(a)...)
	case bastion.Put, bastion.PutTree:
		words = append(words, "host", "cp", "-", quotedAll(a)[0]+":"+quotedAll(a)[1])
	case bastion.Get, bastion.GetTree:
		words = append(words, "host", "cp", quotedAll(a)[0]+":"+quotedAll(a)[1], "-")
	case bastion.Backup:
		words = append(words, "host", "cp", `"$FIREDRILL_BACKUPS"/`+quotedAll(a)[0], "-")
	case bastion.Bundle:
		words = append(words, "host", "cp", `"$FIREDRILL_BACKUPS"/`+bastion.BundleName, "-")
	case bastion.Join:
		words = append(append(words, "shell", "--name"), quotedAll(a)...)
	case bastion.Notice, bastion.Done, bastion.Resume:
		words = append(words, "gameday", "--"+c.Verb)
	case bastion.Leave:
		words = append(words, "gameday", "--leave-it")
	case bastion.CallOff:
		words = append(append(words, "gameday", "--stop"), quotedAll(a)...)
	case bastion.Exec, bastion.Start:
		words = append(words, "host", c.Verb, a[0])
		if len(a) > 1 {
			words = append(append(words, "--"), quotedAll(a[1:])...)
		}
	default:
		words = append(append(words, "host", c.Verb), quotedAll(a)...)
	}
	return strings.Join(words, " ")
}

// quotedAll are words as a POSIX shell reads them back.
func quotedAll(words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		quoted, err := syntax.Quote(word, syntax.LangPOSIX)
		if err != nil { // POSIX has no way to write what cannot be printed
			quoted = strconv.Quote(word)
		}
		out[i] = quoted
	}
	return out
}

// isCertificate tells of etcdctl's flags that say who asks: they are long, and the same
// in every call.
func isCertificate(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && slices.Contains([]string{"--cacert", "--cert", "--key"}, name)
}

// mostSummary is how long a call may be on a line of the timeline, in runes.
const mostSummary = 100

// summary is a call as a line of the timeline has it.
func summary(c bastion.Call) string {
	text := strings.TrimPrefix(strings.TrimPrefix(typed(c), "firedrill "), "host ")
	switch c.Verb {
	case bastion.Exec:
		text = strings.Join(slices.DeleteFunc(slices.Clone(c.Args[1:]), isCertificate), " ")
	case bastion.Put, bastion.PutTree:
		text = "copy to " + c.Args[1]
	case bastion.Get, bastion.GetTree:
		text = "copy " + c.Args[1]
	case bastion.Backup, bastion.Bundle:
		text = "copy a backup: " + strings.Join(append(c.Args, bastion.BundleName)[:1], "")
	case bastion.Start, bastion.Stop:
		text = strings.Join(append([]string{c.Verb + " etcd"}, c.Args[1:]...), " ")
	}
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > mostSummary {
		text = string(runes[:mostSummary-1]) + "…"
	}
	return text
}
