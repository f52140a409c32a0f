package command

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestGlobMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", false}, // callers treat the lone star apart
		{"*", "a", true},
		{"**", "abc", true},
		{"a*", "a", true},
		{"a**", "a", true},
		{"a*c", "abbbc", true},
		{"a*c", "abbbcd", false},
		{"*ab", "aab", true},
		{"*aab", "aa", false},
		{"*a*b*", "xxaxxbxx", true},
		{"*a*b", "abab", true},
		{"?", "", false},
		{"?", "a", true},
		{"h?llo", "hello", true},
		{"h[ae]llo", "hallo", true},
		{"h[ae]llo", "hillo", false},
		{"h[^e]llo", "hello", false},
		{"h[^e]llo", "hallo", true},
		{"h[a-b]llo", "hbllo", true},
		{"h[b-a]llo", "hallo", true},
		{"h[a-b]llo", "hcllo", false},
		{"[a", "a", true},
		{"[^", "x", true},
		{"[", "[", false},
		{"[]", "]", false},
		{"[a-", "-", true},
		{"[a-]x", "]x", false},
		{`[\]]`, "]", true},
		{`[\`, `\`, true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{`\`, `\`, true},
		{`a\`, `a\`, true},
		{`[\a-c]`, "b", false},
		{`[\a-c]`, "-", true},
		{"[a-\xff]", "\xff", true},
		{"[a-\xff]", "a", true},
		{"[a-\xff]", "b", false},
		{"[a-\xff]", "\x00", true},
		{"A", "a", false},
	} {
		if got := globMatch([]byte(tc.pattern), []byte(tc.s)); got != tc.want {
			t.Errorf("globMatch(%q, %q) = %v", tc.pattern, tc.s, got)
		}
		if got := globModel([]byte(tc.pattern), []byte(tc.s), false); got != tc.want {
			t.Errorf("the model says of %q, %q: %v", tc.pattern, tc.s, got)
		}
	}
}

func TestGlobMatchFold(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"MAX*", "maxmemory", true},
		{"[A-C]x", "bX", true},
		{`[\A]`, "a", false},
		{`\A`, "a", true},
	} {
		if got := globMatchFold([]byte(tc.pattern), []byte(tc.s)); got != tc.want {
			t.Errorf("globMatchFold(%q, %q) = %v", tc.pattern, tc.s, got)
		}
	}
}

// TestGlobHostile runs patterns that take a matcher by recursion ages.
func TestGlobHostile(t *testing.T) {
	as := bytes.Repeat([]byte("a"), 1<<20)
	patterns := []string{
		strings.Repeat("*a", 1<<15) + "b",
		strings.Repeat("*", 1<<20) + "b",
		"*" + strings.Repeat("a", 1<<19) + "b",
		"*[" + strings.Repeat("a", 1<<19) + "]b",
		strings.Repeat("[", 1<<20),
		strings.Repeat("*?", 1<<19) + "b",
	}
	began := time.Now()
	for _, p := range patterns {
		if globMatch([]byte(p), as) {
			t.Errorf("%.10q... matches", p)
		}
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("took %v", d)
	}
}

func FuzzGlobMatch(f *testing.F) {
	for _, s := range []string{"a*b", "[^a-c]?", `\*[\]]`, "[a", "*a*b*", "[b-a]"} {
		f.Add([]byte(s), []byte("abcab]"))
	}
	f.Fuzz(func(t *testing.T, pattern, s []byte) {
		if len(pattern) > 40 || len(s) > 40 {
			return
		}
		for _, fold := range []bool{false, true} {
			if got, want := globRun(pattern, s, fold), globModel(pattern, s, fold); got != want {
				t.Errorf("globRun(%q, %q, %v) = %v", pattern, s, fold, got)
			}
		}
	})
}

// globModel matches by plain recursion, one token at a time: the definition.
func globModel(pattern, s []byte, fold bool) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	return globRest(pattern, s, fold)
}

func globRest(p, s []byte, fold bool) bool {
	if len(p) == 0 || len(s) == 0 {
		return len(s) == 0 && len(bytes.Trim(p, "*")) == 0
	}
	same := func(a, b byte) bool { return a == b || fold && lower(a) == lower(b) }
	switch p[0] {
	case '*':
		return globRest(p[1:], s, fold) || globRest(p, s[1:], fold)
	case '?':
		return globRest(p[1:], s[1:], fold)
	case '[':
		rest, hit := globClass(p[1:], s[0], fold, same)
		return hit && globRest(rest, s[1:], fold)
	case '\\':
		if len(p) > 1 {
			p = p[1:]
		}
	}
	return same(p[0], s[0]) && globRest(p[1:], s[1:], fold)
}

func globClass(p []byte, ch byte, fold bool, same func(a, b byte) bool) (rest []byte, hit bool) {
	not := len(p) > 0 && p[0] == '^'
	if not {
		p = p[1:]
	}
	for len(p) > 0 && p[0] != ']' {
		switch {
		case p[0] == '\\' && len(p) > 1:
			hit = hit || p[1] == ch
			p = p[2:]
		case len(p) > 2 && p[1] == '-':
			lo, hi, x := int8(p[0]), int8(p[2]), int8(ch)
			if lo > hi {
				lo, hi = hi, lo
			}
			if fold {
				lo, hi, x = int8(lower(byte(lo))), int8(lower(byte(hi))), int8(lower(ch))
			}
			hit = hit || lo <= x && x <= hi
			p = p[3:]
		default:
			hit = hit || same(p[0], ch)
			p = p[1:]
		}
	}
	if len(p) > 0 {
		p = p[1:]
	}
	return p, hit != not
}
