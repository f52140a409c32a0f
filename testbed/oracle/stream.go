package oracle

import (
	"fmt"
	"strconv"
	"strings"
)

// Step is one command on one of a stream's connections.
type Step struct {
	Conn int // from 0 on
	Args []string
}

// Stream is what is sent, in order. Batch is how many commands may go out in
// one write.
type Stream struct {
	Steps []Step
	Batch int
}

// String prints the stream as redis-cli takes it, one command a line; a line
// for another connection than the first begins with "@2 ", "@3 " and so on.
func (s Stream) String() string {
	var b strings.Builder
	for _, st := range s.Steps {
		b.WriteString(st.String())
		b.WriteByte('\n')
	}
	return b.String()
}

func (st Step) String() string {
	words := make([]string, len(st.Args))
	for i, a := range st.Args {
		words[i] = quote(a)
		if a != "" && !strings.ContainsFunc(a, needsQuotes) {
			words[i] = a
		}
	}
	line := strings.Join(words, " ")
	if st.Conn != 0 {
		line = "@" + strconv.Itoa(st.Conn+1) + " " + line
	}
	return line
}

func needsQuotes(r rune) bool {
	return r <= ' ' || r > '~' || r == '"' || r == '\'' || r == '\\' || r == '#'
}

// quote prints s between double quotes with redis-cli's escapes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '"' || ch == '\\':
			b.WriteByte('\\')
			b.WriteByte(ch)
		case ch == '\n':
			b.WriteString(`\n`)
		case ch < ' ' || ch > '~':
			fmt.Fprintf(&b, `\x%02x`, ch)
		default:
			b.WriteByte(ch)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// parseStream reads what String prints. Lines that are empty or begin with #
// are left out.
func parseStream(text string) (Stream, error) {
	s := Stream{Batch: 1}
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		st := Step{}
		if len(line) > 3 && line[0] == '@' && line[2] == ' ' && '2' <= line[1] && line[1] <= '9' {
			st.Conn, line = int(line[1]-'1'), line[3:]
		}
		var err error
		if st.Args, err = splitWords(line); err != nil {
			return s, fmt.Errorf("line %d: %w", n+1, err)
		}
		s.Steps = append(s.Steps, st)
	}
	return s, nil
}

func splitWords(line string) ([]string, error) {
	var words []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		if line[0] != '"' {
			word, rest, _ := strings.Cut(line, " ")
			words, line = append(words, word), rest
			continue
		}
		word, rest, err := unquote(line[1:])
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
	return words, nil
}

// unquote reads up to the closing quote and returns what is behind it.
func unquote(s string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && strings.HasPrefix(s[i+1:], "x") && i+3 < len(s):
			var ch byte
			if _, err := fmt.Sscanf(s[i+2:i+4], "%02x", &ch); err != nil {
				return "", "", fmt.Errorf("bad escape in %q", s)
			}
			b.WriteByte(ch)
			i += 3
		case s[i] == '\\' && i+1 < len(s):
			i++
			if s[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", fmt.Errorf("quote is not closed: %q", s)
}
