package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxIncludes = 8
	maxFile     = 1 << 20
)

// directive is one name with its values and the place it was found.
type directive struct {
	name   string
	values []string
	where  string
}

// byteOrderMark is what some editors begin a file in UTF-8 with. It is nothing to read.
const byteOrderMark = "\ufeff"

// readFile reads a configuration file and everything it includes.
func readFile(path string, depth int) ([]directive, error) {
	if depth > maxIncludes {
		return nil, fmt.Errorf("%s: includes nest deeper than %d", path, maxIncludes)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("configuration file %s is larger than %d bytes", path, maxFile)
	}
	var all []directive
	text := strings.TrimPrefix(string(data), byteOrderMark)
	for i, line := range strings.Split(text, "\n") {
		where := fmt.Sprintf("%s:%d", path, i+1)
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		words, err := split(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		d := directive{strings.ToLower(words[0]), words[1:], where}
		if d.name != "include" {
			all = append(all, d)
			continue
		}
		for _, p := range d.values {
			if !filepath.IsAbs(p) {
				p = filepath.Join(filepath.Dir(path), p)
			}
			more, err := readFile(p, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", where, err)
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

var errQuotes = errors.New("unbalanced quotes")

// split cuts a line into words as redis.conf does: "double quotes" know
// \n \r \t \b \a \xHH and \" ; 'single quotes' know \' only.
func split(line string) ([]string, error) {
	var words []string
	for i := 0; i < len(line); {
		switch {
		case line[i] == ' ' || line[i] == '\t' || line[i] == '\r':
			i++
		default:
			w, n, err := word(line[i:])
			if err != nil {
				return nil, err
			}
			words = append(words, w)
			i += n
		}
	}
	return words, nil
}

// word reads one word from the start of s and says how long it is there.
func word(s string) (string, int, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\r':
			return b.String(), i, nil
		case '"', '\'':
			n, err := quoted(&b, s[i:])
			if err != nil {
				return "", 0, err
			}
			i += n - 1
			if i+1 < len(s) && s[i+1] != ' ' && s[i+1] != '\t' && s[i+1] != '\r' {
				return "", 0, errQuotes
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(s), nil
}

// quoted appends the quoted text at the start of s and says how long it is
// with its quotes.
func quoted(b *strings.Builder, s string) (int, error) {
	q := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == q:
			return i + 1, nil
		case s[i] == '\\' && i+1 < len(s) && q == '"':
			i += escape(b, s[i+1:])
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	return 0, errQuotes
}

// escape appends what the letters after a backslash mean and says how many of
// them it used.
func escape(b *strings.Builder, s string) int {
	if s[0] == 'x' && len(s) >= 3 {
		hi, lo := hex(s[1]), hex(s[2])
		if hi >= 0 && lo >= 0 {
			b.WriteByte(byte(hi<<4 | lo))
			return 3
		}
	}
	switch s[0] {
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'b':
		b.WriteByte('\b')
	case 'a':
		b.WriteByte('\a')
	default:
		b.WriteByte(s[0])
	}
	return 1
}

// hex returns the value of a hexadecimal digit, -1 if c is none.
func hex(c byte) int {
	i := strings.IndexByte("0123456789abcdefABCDEF", c)
	if i > 15 {
		i -= 6
	}
	return i
}
