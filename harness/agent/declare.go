//go:build linux

package agent

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// declareAll gives export, readonly and local the form in which the
// interpreter knows them. In POSIX sh they are parsed as ordinary commands, and
// those it does not have; parsing scripts as Bash instead would let a runbook
// pass here that a real sh refuses.
func declareAll(script syntax.Node) {
	syntax.Walk(script, func(node syntax.Node) bool {
		stmt, ok := node.(*syntax.Stmt)
		if !ok {
			return true
		}
		call, ok := stmt.Cmd.(*syntax.CallExpr)
		if !ok || len(call.Assigns) > 0 || len(call.Args) == 0 {
			return true
		}
		switch call.Args[0].Lit() {
		case "export", "readonly", "local":
			stmt.Cmd = declaration(call)
		}
		return true
	})
}

func declaration(call *syntax.CallExpr) *syntax.DeclClause {
	clause := &syntax.DeclClause{Variant: call.Args[0].Parts[0].(*syntax.Lit)}
	for _, word := range call.Args[1:] {
		clause.Args = append(clause.Args, assignment(word))
	}
	return clause
}

// assignment makes NAME=VALUE, NAME, or whatever else a word is, an argument
// of a declaration.
func assignment(word *syntax.Word) *syntax.Assign {
	first, ok := word.Parts[0].(*syntax.Lit)
	if !ok {
		return &syntax.Assign{Naked: true, Value: word}
	}
	name, rest, assigned := strings.Cut(first.Value, "=")
	switch {
	case !syntax.ValidName(name):
		return &syntax.Assign{Naked: true, Value: word}
	case assigned:
		value := &syntax.Word{Parts: word.Parts[1:]}
		if rest != "" {
			lit := &syntax.Lit{ValuePos: first.ValuePos, ValueEnd: first.ValueEnd, Value: rest}
			value.Parts = append([]syntax.WordPart{lit}, value.Parts...)
		}
		return &syntax.Assign{Name: &syntax.Lit{ValuePos: first.ValuePos, ValueEnd: first.ValueEnd, Value: name}, Value: value}
	case len(word.Parts) > 1: // NAME$x: known when it is expanded
		return &syntax.Assign{Naked: true, Value: word}
	}
	return &syntax.Assign{Naked: true, Name: first}
}
