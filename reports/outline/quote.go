package outline

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Between these, which no text has, stands an expansion of the shell's.
const (
	open = "\ue000"
	shut = "\ue001"
)

var expansion = regexp.MustCompile(open + "[^" + shut + "]*" + shut)

func inner(found string) string { return strings.TrimSuffix(strings.TrimPrefix(found, open), shut) }

// words quotes each text as one word.
func words(texts ...string) []string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = word(text)
	}
	return quoted
}

// assigned is the name of an option whose value follows, which needs no quotes.
var assigned = regexp.MustCompile(`^--[a-z-]+=`)

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// word is a text as one word of the shell's.
func word(text string) string {
	switch {
	case expansion.MatchString(text):
		option := assigned.FindString(text)
		return option + double(text[len(option):])
	case plain.MatchString(text):
		return text
	}
	return single(text)
}

// script is a script as one word: in single quotes, with expansions in double ones
// between them, or in double quotes, whichever needs fewer signs.
func script(text string) string {
	inSingle := ""
	for _, part := range parts(text) {
		if expansion.MatchString(part) {
			inSingle += double(part)
		} else {
			inSingle += single(part)
		}
	}
	if inDouble := double(text); len(inDouble) < len(inSingle) {
		return inDouble
	}
	return inSingle
}

// parts cuts a text before and behind each expansion.
func parts(text string) []string {
	var all []string
	at := 0
	for _, found := range expansion.FindAllStringIndex(text, -1) {
		if found[0] > at {
			all = append(all, text[at:found[0]])
		}
		all = append(all, text[found[0]:found[1]])
		at = found[1]
	}
	if at < len(text) {
		all = append(all, text[at:])
	}
	return all
}

// single is a text without expansions in single quotes.
func single(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

var special = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")

// double is a text in double quotes, in which expansions take place.
func double(text string) string {
	out := `"`
	all := parts(text)
	for i, part := range all {
		if !expansion.MatchString(part) {
			out += special.Replace(part)
			continue
		}
		variable := inner(part)
		if name, isName := strings.CutPrefix(variable, "$"); isName && i+1 < len(all) && continuesName(all[i+1]) && !strings.HasPrefix(name, "(") {
			variable = "${" + name + "}"
		}
		out += variable
	}
	return out + `"`
}

// continuesName tells whether a shell would take the next sign for a variable's.
func continuesName(text string) bool {
	c := text[0]
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// width is how many columns comments and commands have, where they can be broken.
const width = 100

// line is a command in its frame, broken before options where it is too long.
func line(before string, words []string, after string) string {
	out, column := before, utf8.RuneCountInString(before)
	for i := 0; i < len(words); {
		n := i + 1
		for n < len(words) && (words[n] == "--" || !strings.HasPrefix(words[n], "-")) {
			n++
		}
		group := strings.Join(words[i:n], " ")
		switch long := utf8.RuneCountInString(group); {
		case i == 0:
			column += long
		case column+1+long+len(after) > width-4 && !strings.Contains(group, "\n"):
			out += " \\\n    "
			column = 4 + long
		default:
			out += " "
			column += 1 + long
		}
		out, i = out+group, n
	}
	return out + after + "\n"
}

// indented sets a command four columns further right, but not the lines that are
// within quotes, where every sign counts.
func indented(text string) string {
	var out strings.Builder
	out.WriteString("    ")
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		out.WriteByte(c)
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text) && text[i+1] != '\n':
			i++
			out.WriteByte(text[i])
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case c == '\n' && quote == 0 && i+1 < len(text):
			out.WriteString("    ")
		}
	}
	return out.String()
}

// comment is a remark, folded; one that begins with a dash hangs from it.
func comment(text string) string {
	margin := "#"
	if strings.HasPrefix(text, "- ") {
		margin = "#  "
	}
	out, column := "#", 1
	for _, w := range strings.Fields(text) {
		if long := utf8.RuneCountInString(w); column+1+long > width && column > 1 {
			out, column = out+"\n"+margin, len(margin)+1+long
		} else {
			column += 1 + long
		}
		out += " " + w
	}
	return out + "\n"
}
