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

// maxChain is how many operators and suffixes an expression may have. Those of
// one level may be several, and maxDepth is what counts in the end.
const maxChain = 8 * maxDepth

// nesting refuses text whose brackets, blocks and operators would make the
// parser or compiler recurse too deep, before they spend a second and a
// gigabyte on it. It counts roughly: what it lets pass may still be refused.
func nesting(text string) error {
	n := nest{text: text}
	for n.at < len(text) {
		n.token()
		if n.depth > nestLimit || n.unary > nestLimit || *n.chain() > maxChain {
			return errTooDeep
		}
	}
	return nil
}

// nest is how far nesting has read.
type nest struct {
	text   string
	at     int
	depth  int
	unary  int                // operators in a row that lean to the right
	chains [nestLimit + 2]int // at each depth, operators and suffixes of one expression
	value  bool               // the last token has ended a value
}

func (n *nest) chain() *int { return &n.chains[max(min(n.depth, nestLimit+1), 0)] }

func (n *nest) deeper(by int) {
	n.depth += by
	if by > 0 {
		*n.chain() = 0
	}
	n.unary = 0
}

// token reads one token, or a piece of what is none.
func (n *nest) token() {
	i := n.at
	n.at++
	switch c := n.text[i]; {
	case isSpace(c):
	case c == '"' || c == '\'':
		n.at = skipQuoted(n.text, i) + 1
		n.operand()
	case c == '[' && skipLong(n.text, i) > i:
		n.at = skipLong(n.text, i) + 1
		n.operand()
	case c == '-' && strings.HasPrefix(n.text[i:], "--"):
		n.at = skipComment(n.text, i) + 1
	case isWord(c):
		for n.at < len(n.text) && isWord(n.text[n.at]) {
			n.at++
		}
		n.word(n.text[i:n.at])
	default:
		n.sign(c)
	}
}

// operand is a text, which may be what is called.
func (n *nest) operand() {
	if n.value {
		*n.chain()++
	}
	n.unary, n.value = 0, true
}

func (n *nest) sign(c byte) {
	switch c {
	case '(', '{', '[':
		*n.chain()++
		n.deeper(1)
		n.value = false
		return
	case ')', '}', ']':
		n.deeper(-1)
		n.value = true
		return
	case ',', ';':
		*n.chain() = 0
		n.unary = 0
	case '=':
		if n.at < len(n.text) && n.text[n.at] == '=' || strings.IndexByte("=<>~", n.text[max(n.at-2, 0)]) >= 0 {
			*n.chain()++ // a comparison
		} else {
			*n.chain() = 0
		}
		n.unary = 0
	case '-', '#', '^':
		*n.chain()++
		n.unary++
	default:
		*n.chain()++
		n.unary = 0
	}
	n.value = false
}

// word is a name, a number or a word of the language.
func (n *nest) word(w string) {
	switch w {
	case "do", "then", "repeat", "function":
		n.deeper(1)
	case "elseif":
		n.deeper(-1)
		*n.chain()++
	case "end", "until":
		n.deeper(-1)
		n.value = true
		return
	case "not":
		n.unary++
	case "and", "or":
		*n.chain()++
	case "if", "while", "for", "local", "return", "break":
		*n.chain() = 0 // a new statement
		n.unary = 0
	case "else", "in":
		n.unary = 0
	default:
		if n.value {
			*n.chain() = 0 // a new statement
		}
		if !('0' <= w[0] && w[0] <= '9') {
			n.unary = 0
		}
		n.value = true
		return
	}
	n.value = false
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
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
