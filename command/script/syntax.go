package script

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// nestLimit is how deep brackets and blocks may nest (LUAI_MAXCCALLS).
const nestLimit = 200

// nesting refuses text whose brackets, or operators that lean to the right,
// would make the parser or compiler recurse too deep. It counts roughly, and
// inside strings and comments, too, but forgets at each line end what cannot
// matter.
func nesting(text string) error {
	depth, unary := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'':
			i = skipQuoted(text, i)
			unary = 0
		case '[':
			if end := skipLong(text, i); end > i {
				i = end
				unary = 0
				continue
			}
			depth++
			unary = 0
		case '-':
			if strings.HasPrefix(text[i:], "--") {
				i = skipComment(text, i)
				continue
			}
			unary++
		case '(', '{':
			depth++
			unary = 0
		case ')', '}', ']':
			depth--
			unary = 0
		case '#', '^':
			unary++
		case ' ', '\t', '\n', '\r':
		default:
			if c == 'n' && strings.HasPrefix(text[i:], "not") {
				unary++
				i += 2
				continue
			}
			if c != '^' && !(c >= '0' && c <= '9') {
				unary = 0
			}
		}
		if depth > nestLimit || unary > nestLimit {
			return errTooDeep
		}
	}
	return nil
}

func skipQuoted(text string, i int) int {
	q := text[i]
	for i++; i < len(text) && text[i] != q && text[i] != '\n'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// skipLong returns the last byte of the long bracket that opens at i, or i.
func skipLong(text string, i int) int {
	j := i + 1
	for j < len(text) && text[j] == '=' {
		j++
	}
	if j >= len(text) || text[j] != '[' {
		return i
	}
	closing := "]" + text[i+1:j] + "]"
	end := strings.Index(text[j:], closing)
	if end < 0 {
		return len(text)
	}
	return j + end + len(closing) - 1
}

func skipComment(text string, i int) int {
	if i+2 < len(text) && text[i+2] == '[' {
		if end := skipLong(text, i+2); end > i+2 {
			return end
		}
	}
	if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
		return i + end
	}
	return len(text)
}

// compileError words an error of gopher-lua's parser or compiler as Lua does,
// as far as what it tells allows.
func compileError(name, text string, err error) error {
	var pe *parse.Error
	if errors.As(err, &pe) {
		near := pe.Token
		if pe.Pos.Line == parse.EOF || near == "EOF" || near == "" {
			near = "<eof>"
			pe.Pos.Line = 1 + strings.Count(text, "\n")
		}
		line := max(pe.Pos.Line, 1)
		msg := "unexpected symbol"
		if strings.Contains(pe.Message, "unterminated string") {
			msg = "unfinished string"
		} else if strings.Contains(pe.Message, "unterminated multiline string") {
			msg = "unfinished long string"
		}
		return fmt.Errorf("%s:%d: %s near '%s'", name, line, msg, near)
	}
	var ce *lua.CompileError
	if errors.As(err, &ce) {
		return fmt.Errorf("%s:%d: %s", name, max(ce.Line, 1), ce.Message)
	}
	return fmt.Errorf("%s:1: %s", name, strings.TrimSpace(err.Error()))
}
