package command

import (
	"strings"

	"crdb/resp"
)

// argument is one part of a command's syntax, as facts.txt writes it:
// name|type[=token][@key spec][?][*][+][>since][<deprecated][(parts)].
type argument struct {
	name, typ, token, key    string
	optional, multiple, many bool
	since, deprecated        string
	parts                    []argument
}

// parseSyntax reads arguments separated by spaces, up to the end or a closing
// parenthesis, and returns what follows.
func parseSyntax(s string) (list []argument, rest string) {
	for s != "" && s[0] != ')' {
		var a argument
		a, s = parseArgument(strings.TrimPrefix(s, " "))
		list = append(list, a)
		s = strings.TrimPrefix(s, " ")
	}
	return list, s
}

func parseArgument(s string) (a argument, rest string) {
	a.name, s, _ = strings.Cut(s, "|")
	a.typ, s = word(s)
	for s != "" {
		switch s[0] {
		case '=':
			a.token, s = word(s[1:])
		case '@':
			a.key, s = word(s[1:])
		case '>':
			a.since, s = word(s[1:])
		case '<':
			a.deprecated, s = word(s[1:])
		case '?':
			a.optional, s = true, s[1:]
		case '*':
			a.multiple, s = true, s[1:]
		case '+':
			a.many, s = true, s[1:]
		case '(':
			a.parts, s = parseSyntax(s[1:])
			s = strings.TrimPrefix(s, ")")
		default:
			return a, s
		}
	}
	return a, s
}

// word cuts up to the next mark. A token may be one mark itself, such as "=".
func word(s string) (w, rest string) {
	i := strings.IndexAny(s, "=@?*+><() ")
	switch {
	case i < 0:
		return s, ""
	case i == 0:
		i = 1
	}
	return strings.Trim(s[:i], `"`), s[i:]
}

// reply writes the argument as COMMAND DOCS does.
func (a *argument) reply(out *resp.Writer) {
	flags := a.flags()
	n := 2
	for _, has := range []bool{a.key != "", a.token != "" || a.typ == "pure-token", a.since != "", a.deprecated != "", flags != nil, a.parts != nil} {
		if has {
			n++
		}
	}
	out.Map(n)
	pair(out, "name", a.name)
	pair(out, "type", a.typ)
	if a.key != "" {
		out.BulkString("key_spec_index")
		out.Int(int64(mustInt(a.key)))
	}
	if a.token != "" || a.typ == "pure-token" {
		pair(out, "token", a.token)
	}
	if a.since != "" {
		pair(out, "since", a.since)
	}
	if a.deprecated != "" {
		pair(out, "deprecated_since", a.deprecated)
	}
	if flags != nil {
		out.BulkString("flags")
		statuses(out, flags)
	}
	if a.parts != nil {
		out.BulkString("arguments")
		argumentsReply(out, a.parts)
	}
}

func (a *argument) flags() []string {
	var flags []string
	if a.optional {
		flags = append(flags, "optional")
	}
	if a.multiple {
		flags = append(flags, "multiple")
	}
	if a.many {
		flags = append(flags, "multiple_token")
	}
	return flags
}

func argumentsReply(out *resp.Writer, list []argument) {
	out.Array(len(list))
	for i := range list {
		list[i].reply(out)
	}
}

func pair(out *resp.Writer, key, value string) {
	out.BulkString(key)
	out.BulkString(value)
}

// statuses writes words as a set of simple strings.
func statuses(out *resp.Writer, words []string) {
	out.Set(len(words))
	for _, w := range words {
		out.SimpleString(w)
	}
}

// usage writes a syntax for people: "key [EX seconds | PX milliseconds]".
func usage(syntax string) string {
	list, _ := parseSyntax(syntax)
	return usageOf(list, " ")
}

func usageOf(list []argument, sep string) string {
	var words []string
	for i := range list {
		words = append(words, list[i].usage())
	}
	return strings.Join(words, sep)
}

func (a *argument) usage() string {
	text := a.name
	switch a.typ {
	case "pure-token":
		text = ""
	case "oneof":
		text = "<" + usageOf(a.parts, " | ") + ">"
	case "block":
		text = usageOf(a.parts, " ")
	}
	text = strings.TrimSpace(a.token + " " + text)
	if a.multiple {
		text += " [" + text + " ...]"
	}
	if a.optional {
		text = "[" + text + "]"
	}
	return text
}
