package outline

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// everything is the pattern of a fact that is all that was printed, which a shell's
// command substitution is already.
const everything = `(?s)^(.*?)\s*$`

// extended is a fact's pattern as a POSIX extended regular expression for one whole
// line, as sed takes it between slashes. Only the fact itself may be a group, and
// before it must stand something that it cannot begin with.
func extended(pattern string) (string, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", err
	}
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	fact := slices.IndexFunc(parts, func(r *syntax.Regexp) bool { return r.Op == syntax.OpCapture })
	if fact < 0 {
		return "", fmt.Errorf("no group of the pattern %s is the fact", pattern)
	}
	out := ""
	begins := parts[0].Op == syntax.OpBeginLine || parts[0].Op == syntax.OpBeginText
	if !begins {
		out = ".*"
		if parts[0].Op != syntax.OpLiteral {
			return "", fmt.Errorf("the pattern %s begins neither with a line nor with a text", pattern)
		}
	}
	for i, part := range parts {
		text, err := posix(part, i == fact)
		if err != nil {
			return "", fmt.Errorf("the pattern %s has no form for sed: %w", pattern, err)
		}
		out += text
	}
	if last := parts[len(parts)-1].Op; last != syntax.OpEndLine && last != syntax.OpEndText {
		out += ".*$"
	}
	if !begins {
		out = "^" + out
	}
	return out, nil
}

var errNoForm = errors.New("it has groups, choices, or repetitions of more than one sign")

// posix is a part of a pattern. group: it may be the fact.
func posix(re *syntax.Regexp, group bool) (string, error) {
	if re.Flags&syntax.FoldCase != 0 {
		return "", errors.New("it does not tell capitals from small letters")
	}
	repeated := map[syntax.Op]string{syntax.OpStar: "*", syntax.OpPlus: "+", syntax.OpQuest: "?"}
	switch re.Op {
	case syntax.OpLiteral:
		return literal(re.Rune), nil
	case syntax.OpCharClass:
		return class(re.Rune), nil
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		return ".", nil
	case syntax.OpBeginLine, syntax.OpBeginText:
		return "^", nil
	case syntax.OpEndLine, syntax.OpEndText:
		return "$", nil
	case syntax.OpConcat:
		return several(re.Sub)
	case syntax.OpCapture:
		if !group {
			return "", errNoForm
		}
		text, err := several(re.Sub)
		return "(" + text + ")", err
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		one := re.Sub[0]
		if re.Flags&syntax.NonGreedy != 0 || one.Op != syntax.OpCharClass && one.Op != syntax.OpAnyCharNotNL && (one.Op != syntax.OpLiteral || len(one.Rune) != 1) {
			return "", errNoForm
		}
		text, err := posix(one, false)
		return text + repeated[re.Op], err
	}
	return "", errNoForm
}

func several(all []*syntax.Regexp) (string, error) {
	out := ""
	for _, one := range all {
		text, err := posix(one, false)
		if err != nil {
			return "", err
		}
		out += text
	}
	return out, nil
}

func literal(runes []rune) string {
	out := ""
	for _, c := range runes {
		if strings.ContainsRune(`\.[]{}()*+?^$|/`, c) {
			out += `\`
		}
		out += string(c)
	}
	return out
}

// class is a set of signs, given as pairs of first and last, in brackets.
func class(pairs []rune) string {
	not := ""
	if n := len(pairs); n > 0 && pairs[n-1] == unicode.MaxRune {
		// What is left out is shorter.
		var others []rune
		next := rune(0)
		for i := 0; i < n; i += 2 {
			if pairs[i] > next {
				others = append(others, next, pairs[i]-1)
			}
			next = pairs[i+1] + 1
		}
		not, pairs = "^", others
	}
	// In brackets ] stands first, - last, and ^ not first.
	first, last, out := "", "", ""
	for i := 0; i < len(pairs); i += 2 {
		from, to := pairs[i], pairs[i+1]
		switch one := from == to; {
		case one && from == ']':
			first = "]"
		case one && (from == '-' || from == '^'):
			last = string(from) + last
		case one:
			out += string(from)
		case to == from+1:
			out += string(from) + string(to)
		default:
			out += string(from) + "-" + string(to)
		}
	}
	return "[" + not + first + out + last + "]"
}
