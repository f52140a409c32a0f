package script

import (
	"strings"
	"testing"
	"time"

	"crdb/resp"
)

// TestPatterns: what redis-server answers to patterns of all kinds.
func TestPatterns(t *testing.T) {
	vm := NewVM()
	for call, want := range map[string]string{
		`string.find('hello', 'l+')`:                         "3 4",
		`string.find('hello', '(l)(l)()')`:                   "3 4 l l 5",
		`string.find('a.b', '.', 2, true)`:                   "2 2",
		`string.find('abc', 'b', -1)`:                        "nil",
		`string.find('abc', '', 10)`:                         "4 3",
		`string.find('a\0b', 'b\0x')`:                        "nil",
		`string.find('a\0b', '[b]\0x')`:                      "3 3",
		`string.match('key=value', '^(%w+)=(%w*)$')`:         "key value",
		`string.match('  x ', '^%s*(.-)%s*$')`:               "x",
		`string.match('f(a(b)c)d', '%b()')`:                  "(a(b)c)",
		`string.match('THE (quick) fox', '%f[%a]%a+', 5)`:    "quick",
		`string.match('abab', '(ab)%1')`:                     "ab",
		`string.match('x]y', '[]]')`:                         "]",
		`string.match('a-z', '[a%-z]+')`:                     "a-z",
		`string.match('\200\255', '[\200-\255]+')`:           "\xc8\xff",
		`string.match('\200', '%a')`:                         "nil",
		`string.gsub('hello', 'l', 'L', 1)`:                  "heLlo 1",
		`string.gsub('abc', '', '-')`:                        "-a-b-c- 4",
		`string.gsub('abc', '%w', '%0%0%%')`:                 "aa%bb%cc% 3",
		`string.gsub('a b', '(%w) (%w)', '%2 %1')`:           "b a 1",
		`string.gsub('$x $y', '%$(%w)', {x = 1})`:            "1 $y 2",
		`string.gsub('abc', 'b', function() end)`:            "abc 1",
		`string.gsub('abc', '^a', 'x')`:                      "xbc 1",
		`string.gsub('abc', 'b', '%2')`:                      "invalid capture index",
		`string.gsub('abc', 'b', {b = {}})`:                  "invalid replacement value (a table)",
		`string.gsub('abc', 'b')`:                            "bad argument #3 to 'gsub' (string/function/table expected)",
		`string.find('a', '[a')`:                             "malformed pattern (missing ']')",
		`string.find('a', '%')`:                              "malformed pattern (ends with '%')",
		`string.find('a', '(a')`:                             "unfinished capture",
		`string.find('a', '.)')`:                             "invalid pattern capture",
		`string.find('a', '%f')`:                             "missing '[' after '%f' in pattern",
		`string.find('a', '%b')`:                             "unbalanced pattern",
		`string.find('a', ('()'):rep(33))`:                   "too many captures",
		`string.find(('a'):rep(300000), ('a?'):rep(300000))`: "pattern too complex",
	} {
		got := run(t, vm, "local function all(...) local t = {...} for i = 1, select('#', ...) do t[i] = tostring(t[i]) end "+
			"return table.concat(t, ' ') end return all("+call+")")
		if _, text, bulk := strings.Cut(got, "\r\n"); bulk {
			got = text
		}
		got, _, _ = strings.Cut(strings.TrimPrefix(got, "-ERR user_script:1: "), " script: ")
		if got != want {
			t.Errorf("%s: %q, wanted %q", call, got, want)
		}
	}
}

// endless tries everything there is.
const endless = "local s, p = ('a'):rep(30000), ('a-'):rep(20) .. 'b' "

// TestKillPattern: a match that goes on for ever is ended, with each function,
// even if the script catches errors.
func TestKillPattern(t *testing.T) {
	for _, body := range []string{
		"return string.find(s, p)", "return s:match(p)", "return s:gsub(p, '')", "return s:gmatch(p)()", "pcall(string.find, s, p) while true do end",
	} {
		vm := NewVM()
		sc, err := Compile("", endless+body)
		if err != nil {
			t.Fatal(err)
		}
		if sc.Short(0) {
			t.Errorf("%s: it is taken for short", body)
		}
		timer := time.AfterFunc(20*time.Millisecond, func() { vm.Kill("enough") })
		w := resp.Writer{Proto: 2}
		vm.Run(sc, &host{}, nil, nil).WriteTo(&w)
		timer.Stop()
		if got := string(w.Buf); !strings.HasPrefix(got, "-ERR enough script: ") {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// TestPatternOnTheSpot: a match that no text shows ends itself in a run that
// nobody can end; one that is only long is none of those.
func TestPatternOnTheSpot(t *testing.T) {
	vm := NewVM()
	if got := run(t, vm, endless+"return string['fi' .. 'nd'](s, p)"); !strings.Contains(got, "pattern too complex") {
		t.Errorf("find: %.200q", got)
	}
	if got := run(t, vm, "return #string.gsub(('ab'):rep(200000), '[^b]+', '-')"); got != ":400000" {
		t.Errorf("gsub: %.200q", got)
	}
}
