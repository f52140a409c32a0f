package script

import (
	"regexp"
	"strings"
)

var (
	badArgument = regexp.MustCompile(`bad argument #(\d+) to (\S+) \(`)
	indexed     = regexp.MustCompile(`attempt to index a non-table object\((\w+)\) with key '(?s:.*)'`)
	compared    = regexp.MustCompile(`attempt to compare (\w+) with (\w+)`)
	arithmetic  = regexp.MustCompile(`cannot perform \w+ operation between (\w+) and (\w+)`)
)

// luaText rewords an error of gopher-lua as Lua 5.1 says it.
func luaText(s string) string {
	if strings.Contains(s, "bad argument #") {
		s = badArgument.ReplaceAllStringFunc(s, func(m string) string {
			parts := badArgument.FindStringSubmatch(m)
			name := parts[2]
			name = name[strings.LastIndexByte(name, '.')+1:]
			if name = strings.Trim(name, "'\x00"); name == "(anonymous)" {
				name = "?"
			}
			return "bad argument #" + parts[1] + " to '" + name + "' ("
		})
	}
	if strings.HasPrefix(s, " bad argument #") || strings.HasPrefix(s, " attempt to ") {
		s = s[1:] // nothing was in front to tell the position
	}
	switch {
	case strings.Contains(s, "attempt to index a non-table"):
		s = indexed.ReplaceAllString(s, "attempt to index a $1 value")
	case strings.Contains(s, "cannot perform"):
		s = arithmetic.ReplaceAllStringFunc(s, func(m string) string {
			p := arithmetic.FindStringSubmatch(m)
			kind := p[2]
			if p[1] != "number" { // Lua names the culprit: a string that is no number, or what is left of it
				kind = p[1]
				if kind == "string" && p[2] != "number" && p[2] != "string" {
					kind = p[2]
				}
			}
			return "attempt to perform arithmetic on a " + kind + " value"
		})
	case strings.HasSuffix(s, "__len undefined"):
		s = strings.Replace(s, "__len undefined", "attempt to get length of a nil value", 1)
	case strings.HasSuffix(s, "__unm undefined"):
		s = strings.Replace(s, "__unm undefined", "attempt to perform arithmetic on a nil value", 1)
	case strings.HasSuffix(s, "attempt to call a non-function object"):
		s = strings.Replace(s, "a non-function object", "a nil value", 1)
	case strings.Contains(s, "for statement "):
		s = strings.NewReplacer("for statement init", "'for' initial value", "for statement", "'for'").Replace(s)
	case strings.Contains(s, "attempt to compare "):
		s = compared.ReplaceAllStringFunc(s, func(m string) string {
			if p := compared.FindStringSubmatch(m); p[1] == p[2] {
				return "attempt to compare two " + p[1] + " values"
			}
			return m
		})
	case s == fullStack:
		s = "stack overflow"
	case strings.HasSuffix(s, "registry overflow"):
		s = strings.Replace(s, "registry overflow", "stack overflow", 1)
	}
	return s
}
