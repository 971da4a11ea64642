package bastion

import (
	"path"
	"slices"
	"strings"
)

// mask stands for a secret.
const mask = "***"

// secretFlags are the flags of etcd's tools whose value is a secret. Those that are false
// here take NAME:SECRET, and the name is none.
var secretFlags = map[string]bool{
	"--password": true, "--user": false, "--auth-jwt-token": true, "--new-user-password": true, "--dest-password": true, "--dest-user": false,
}

// Masked are the words after etcdctl or etcdutl without the secrets among them, as they
// may be written down.
func Masked(args []string) []string {
	out := make([]string, len(args))
	copy(out, args)
	var words []int // those that are neither flags nor a secret flag's value
	for i := 0; i < len(out); i++ {
		name, value, apart := strings.Cut(out[i], "=")
		whole, secret := secretFlags[name]
		switch {
		case secret && apart:
			out[i] = name + "=" + masked(value, whole)
		case secret && i+1 < len(out):
			i++
			out[i] = masked(out[i], whole)
		case !strings.HasPrefix(out[i], "-"):
			words = append(words, i)
		}
	}
	// `user add NAME:SECRET`, and however little of the two words etcdctl takes.
	for n := 0; n+2 < len(words); n++ {
		if !begins("user", out[words[n]]) || !begins("add", out[words[n+1]]) {
			continue
		}
		for _, i := range words[n+2:] {
			out[i] = masked(out[i], false)
		}
		break
	}
	return out
}

// MaskedCommand is a command on a host without the secrets that one of etcd's tools is given
// in it, whatever comes before that (env, a variable, a host's name). What a shell is to
// make of one word stays as it is.
func MaskedCommand(words []string) []string {
	at := slices.IndexFunc(words, func(word string) bool { return slices.Contains(Tools, path.Base(word)) })
	if at < 0 {
		return words
	}
	return slices.Concat(words[:at+1], Masked(words[at+1:]))
}

// begins tells whether a word is the beginning of a command's.
func begins(command, word string) bool {
	_, ok := strings.CutPrefix(command, word)
	return ok && word != ""
}

func masked(value string, whole bool) string {
	name, _, has := strings.Cut(value, ":")
	switch {
	case whole:
		return mask
	case has:
		return name + ":" + mask
	}
	return value
}
