package resp

import "bytes"

// inline cuts a command typed by hand: one line, arguments separated by
// spaces, with the quoting of redis (sdssplitargs).
func (p *Parser) inline(buf []byte, lim Limits) (args [][]byte, used int, err error) {
	i := bytes.IndexByte(buf[p.inner:], '\n')
	if i < 0 {
		p.inner = len(buf)
		if len(buf) > lim.MaxInline {
			return nil, 0, errInline
		}
		return nil, 0, nil
	}
	end := p.inner + i
	if end > lim.MaxInline {
		return nil, 0, errInline
	}
	line := buf[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	// As in C, a zero byte ends the line.
	if z := bytes.IndexByte(line, 0); z >= 0 {
		line = line[:z]
	}
	if !p.split(line) {
		return nil, 0, errQuotes
	}
	args = nil
	if len(p.spans) > 0 {
		args = p.finish(p.scratch)
	}
	p.reset()
	return args, end + 1, nil
}

// SplitLine cuts a line into words as a command typed by hand is. It reports
// whether the quotes are balanced.
func SplitLine(line string) (words []string, balanced bool) {
	var p Parser
	if !p.split([]byte(line)) {
		return nil, false
	}
	for _, at := range p.spans {
		words = append(words, string(p.scratch[at.start:at.end]))
	}
	return words, true
}

// split unescapes the arguments of line into scratch and notes their places
// in spans. It reports whether the quotes are balanced.
func (p *Parser) split(line []byte) bool {
	if cap(p.scratch) > keepScratch {
		p.scratch = nil
	}
	p.scratch, p.spans = p.scratch[:0], p.spans[:0]
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return true
		}
		start, ok := len(p.scratch), false
		if i, ok = p.token(line, i); !ok {
			return false
		}
		p.spans = append(p.spans, span{start, len(p.scratch)})
	}
}

// token unescapes the argument at i and returns where it ends.
func (p *Parser) token(line []byte, i int) (int, bool) {
	for ; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\n', '\r', '\t':
			return i, true
		case '"':
			return p.doubleQuoted(line, i+1)
		case '\'':
			return p.singleQuoted(line, i+1)
		default:
			p.scratch = append(p.scratch, c)
		}
	}
	return i, true
}

// doubleQuoted unescapes up to the closing quote, which must end the argument.
func (p *Parser) doubleQuoted(line []byte, i int) (int, bool) {
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			return i + 1, i+1 == len(line) || isSpace(line[i+1])
		case c == '\\' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) && isHex(line[i+3]):
			p.scratch = append(p.scratch, hexValue(line[i+2])<<4|hexValue(line[i+3]))
			i += 3
		case c == '\\' && i+1 < len(line):
			i++
			p.scratch = append(p.scratch, unescape(line[i]))
		default:
			p.scratch = append(p.scratch, c)
		}
	}
	return i, false
}

// singleQuoted copies up to the closing quote; only \' is an escape.
func (p *Parser) singleQuoted(line []byte, i int) (int, bool) {
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			return i + 1, i+1 == len(line) || isSpace(line[i+1])
		case c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			i++
			p.scratch = append(p.scratch, '\'')
		default:
			p.scratch = append(p.scratch, c)
		}
	}
	return i, false
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}
