package resp

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// parseAll parses a whole stream. It returns copies of all commands, how much
// of the stream they took, and the error that ended it.
func parseAll(stream []byte, lim Limits) (cmds [][]string, used int, err error) {
	var p Parser
	for used < len(stream) {
		args, n, err := p.Next(stream[used:], lim)
		if err != nil {
			return cmds, used, err
		}
		if n == 0 {
			break
		}
		used += n
		cmds = appendCommand(cmds, args)
	}
	return cmds, used, nil
}

func appendCommand(cmds [][]string, args [][]byte) [][]string {
	if args == nil {
		return cmds
	}
	cmd := []string{}
	for _, a := range args {
		cmd = append(cmd, string(a))
	}
	return append(cmds, cmd)
}

// parseCut parses the same stream as it would arrive in pieces: each piece is
// a copy at a new address, as after a buffer moved.
func parseCut(stream []byte, lim Limits, cut func(at int) int) (cmds [][]string, used int, err error) {
	var p Parser
	have := 0
	for have < len(stream) {
		have = min(have+max(cut(have), 1), len(stream))
		for used < have {
			piece := bytes.Clone(stream[used:have])
			args, n, err := p.Next(piece, lim)
			if err != nil {
				return cmds, used, err
			}
			if n == 0 {
				break
			}
			used += n
			cmds = appendCommand(cmds, args)
		}
	}
	return cmds, used, nil
}

func same(t *testing.T, what string, c1, c2 [][]string, u1, u2 int, e1, e2 error) {
	t.Helper()
	if fmt.Sprintf("%q", c1) != fmt.Sprintf("%q", c2) || u1 != u2 || fmt.Sprint(e1) != fmt.Sprint(e2) {
		t.Fatalf("%s: whole: %.300q %d %v; cut: %.300q %d %v", what, c1, u1, e1, c2, u2, e2)
	}
}

// corpus is what well-behaved clients send.
var corpus = []string{
	"*1\r\n$4\r\nPING\r\n",
	"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n",
	"*2\r\n$4\r\nECHO\r\n$12\r\nhello\r\nworld\r\n",
	"PING\r\n", "PING\n", "\r\n", "\n", "  \r\n", "*0\r\n", "*-1\r\n", "*-5\r\n",
	"SET k \"a b\\x41\\n\" 'it\\'s'\r\n",
	"*2\r\n$3\r\nGET\r\n$300\r\n" + strings.Repeat("x", 300) + "\r\n",
	"*13\r\n" + strings.Repeat("$1\r\na\r\n", 13),
	"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\nPING\r\n",
}

func TestCommands(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"*1\r\n$4\r\nPING\r\n", `[["PING"]]`},
		{"*2\r\n$1\r\na\r\n$0\r\n\r\n", `[["a" ""]]`},
		{"*0\r\n*-7\r\n\r\n \nx\n", `[["x"]]`},
		{"*1\rX$1\rXaXX", `[["a"]]`}, // redis does not look at these bytes either
		{"a b\tc\vd \f e\r\n", `[["a" "b" "c\vd" "e"]]`},
		{`"a b" 'c d' e"f"` + "\r\n", `[["a b" "c d" "ef"]]`},
		{`"\x41\x4g\n\r\t\b\a\q\\\""` + "\r\n", `[["Ax4g\n\r\t\b\aq\\\""]]`},
		{`'a\'b\n"'` + "\n", `[["a'b\\n\""]]`},
		{"\"\" ''\n", `[["" ""]]`},
		{"a\x00b c\n", `[["a"]]`},
	} {
		cmds, used, err := parseAll([]byte(row.in), PostAuth)
		if got := fmt.Sprintf("%q", cmds); got != row.want || used != len(row.in) || err != nil {
			t.Errorf("%q: %s, %d bytes, %v; want %s", row.in, got, used, err, row.want)
		}
	}
}

// hostile is input that must be refused, or that must wait for more (want is
// empty). ours: redis 7.0 answers otherwise.
var hostile = []struct {
	in, want string
	ours     bool
}{
	{in: "*1\r\n$9223372036854775807\r\nx\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$9223372036854775808\r\nx\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$99999999999999999999999\r\nx\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$536870913\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$536870912\r\n", want: ""},
	{in: "*1\r\n$-1\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$-9223372036854775808\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$ 1\r\na\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$+1\r\na\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$01\r\na\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$-0\r\n\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$1a\r\na\r\n", want: "invalid bulk length"},
	{in: "*1\r\n$0x1\r\na\r\n", want: "invalid bulk length"},
	{in: "*1\r\n:1\r\n", want: "expected '$', got ':'"},
	{in: "*1\r\nPING\r\n", want: "expected '$', got 'P'"},
	{in: "*1\r\n\r\n", want: "expected '$', got '\r'"},
	{in: "*2\r\n$1\r\na\r\n*1\r\n", want: "expected '$', got '*'"},
	{in: "*2147483648\r\n", want: "invalid multibulk length"},
	{in: "*9223372036854775807\r\n", want: "invalid multibulk length"},
	{in: "*9223372036854775808\r\n", want: "invalid multibulk length"},
	{in: "*-9223372036854775809\r\n", want: "invalid multibulk length"},
	{in: "*1048577\r\n", want: "invalid multibulk length", ours: true},
	{in: "*1048576\r\n", want: ""},
	{in: "*\r\n", want: "invalid multibulk length"},
	{in: "*x\r\n", want: "invalid multibulk length"},
	{in: "*+1\r\n", want: "invalid multibulk length"},
	{in: "*01\r\n", want: "invalid multibulk length"},
	{in: "*1 \r\n", want: "invalid multibulk length"},
	{in: "*-0\r\n", want: "invalid multibulk length"},
	{in: "*" + strings.Repeat("1", 70000), want: "too big mbulk count string"},
	{in: "*1\r\n$" + strings.Repeat("1", 70000), want: "too big bulk count string"},
	{in: "*1\r\n" + strings.Repeat("x", 70000), want: "too big bulk count string"},
	{in: strings.Repeat("x", 70000), want: "too big inline request"},
	{in: strings.Repeat("x", 70000) + "\r\n", want: "too big inline request", ours: true}, // redis: as its reads happen to fall
	{in: "\"a\r\n", want: "unbalanced quotes in request"},
	{in: "'a\r\n", want: "unbalanced quotes in request"},
	{in: "\"a\"b\r\n", want: "unbalanced quotes in request"},
	{in: "'a'b\r\n", want: "unbalanced quotes in request"},
	{in: "\"a\\\"\r\n", want: "unbalanced quotes in request"},
	{in: "\"\\x4\r\n", want: "unbalanced quotes in request"},
	{in: "a\x00\"b\r\n", want: "", ours: true},
	{in: "*", want: ""},
	{in: "*1", want: ""},
	{in: "*1\r", want: ""},
	{in: "*1\r\n$4\r\nPIN", want: ""},
}

func TestHostile(t *testing.T) {
	for _, row := range hostile {
		_, _, err := parseAll([]byte(row.in), PostAuth)
		got := ""
		var pe *ProtocolError
		if errors.As(err, &pe) {
			got = strings.TrimPrefix(pe.Text, "Protocol error: ")
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", brief(row.in), got, row.want)
		}
	}
}

func TestUnauthenticated(t *testing.T) {
	for in, want := range map[string]string{
		"*10\r\n":                   "<nil>",
		"*11\r\n":                   "Protocol error: unauthenticated multibulk length",
		"*1048577\r\n":              "Protocol error: unauthenticated multibulk length",
		"*2147483648\r\n":           "Protocol error: invalid multibulk length",
		"*1\r\n$16384\r\n":          "<nil>",
		"*1\r\n$16385\r\n":          "Protocol error: unauthenticated bulk length",
		"*1\r\n$536870913\r\n":      "Protocol error: invalid bulk length",
		strings.Repeat("x", 70_000): "Protocol error: too big inline request",
	} {
		if _, _, err := parseAll([]byte(in), PreAuth); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", brief(in), err, want)
		}
	}
}

func TestMaxQuery(t *testing.T) {
	lim := Limits{MaxQuery: 100}
	for _, in := range []string{
		"*2\r\n$90\r\n" + strings.Repeat("x", 90) + "\r\n$1\r\na\r\n",
		"*1\r\n$100\r\n",
		"*50\r\n" + strings.Repeat("$0\r\n\r\n", 20),
	} {
		whole, u1, e1 := parseAll([]byte(in), lim)
		cut, u2, e2 := parseCut([]byte(in), lim, func(int) int { return 1 })
		same(t, in, whole, cut, u1, u2, e1, e2)
		if e1 != error(errQuery) {
			t.Errorf("%q: %v", in, e1)
		}
	}
}

// TestTruncations: every prefix of every command only asks for more, and the
// rest completes it (R2).
func TestTruncations(t *testing.T) {
	for _, in := range corpus {
		stream := []byte(in)
		want, used, err := parseAll(stream, PostAuth)
		if err != nil || used != len(stream) {
			t.Fatalf("%q: %d, %v", in, used, err)
		}
		for at := range stream {
			got, n, err := parseCut(stream, PostAuth, func(have int) int {
				if have < at {
					return at - have
				}
				return len(stream)
			})
			same(t, fmt.Sprintf("%q cut at %d", in, at), want, got, used, n, nil, err)
		}
		got, n, err := parseCut(stream, PostAuth, func(int) int { return 1 })
		same(t, fmt.Sprintf("%q byte by byte", in), want, got, used, n, nil, err)
	}
}

// TestHostileCut: an error is the same however the stream is cut (R2).
func TestHostileCut(t *testing.T) {
	for _, row := range hostile {
		if len(row.in) > 1000 {
			continue
		}
		c1, u1, e1 := parseAll([]byte(row.in), PostAuth)
		c2, u2, e2 := parseCut([]byte(row.in), PostAuth, func(int) int { return 1 })
		same(t, row.in, c1, c2, u1, u2, e1, e2)
	}
}

// TestClaimsCostNothing: a claimed length allocates nothing (R1).
func TestClaimsCostNothing(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		for _, in := range []string{"*1048576\r\n", "*1\r\n$536870912\r\n", "*1048576\r\n$536870912\r\nx"} {
			if _, _, err := parseAll([]byte(in), PostAuth); err != nil {
				t.Fatal(err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

// TestLongBulkOnce: a long argument in small pieces takes linear time (R2):
// the offsets say that nothing is looked at twice.
func TestLongBulkOnce(t *testing.T) {
	stream := []byte("*2\r\n$4\r\nECHO\r\n$1000000\r\n" + strings.Repeat("\r", 1000000) + "\r\n")
	var p Parser
	for n := 100; n < len(stream); n += 10 {
		if _, used, err := p.Next(stream[:n], PostAuth); used != 0 || err != nil {
			t.Fatal(used, err)
		}
		if p.pos != len("*2\r\n$4\r\nECHO\r\n$1000000\r\n") || p.inner != 0 {
			t.Fatal("looked into the argument")
		}
	}
	args, used, err := p.Next(stream, PostAuth)
	if err != nil || used != len(stream) || len(args[1]) != 1000000 {
		t.Fatal(used, err)
	}
	var inline Parser
	line := bytes.Repeat([]byte("x"), 60000)
	for n := 1; n < len(line); n++ {
		inline.Next(line[:n], PostAuth)
		if inline.inner != n {
			t.Fatal("the line is searched again")
		}
	}
}

// TestNoAllocation is R3 for the parser and the writer.
func TestNoAllocation(t *testing.T) {
	var p Parser
	w := Writer{Proto: 3}
	stream := []byte("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\nGET \"a b\"\r\n*2\r\n$4\r\nECHO\r\n$5\r\nva")
	got := testing.AllocsPerRun(1000, func() {
		for used := 0; ; {
			_, n, err := p.Next(stream[used:], PostAuth)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			used += n
		}
		p = Parser{args: p.args, spans: p.spans[:0], scratch: p.scratch}
		w.Buf = w.Buf[:0]
		w.OK()
		w.Int(-12345)
		w.Bulk(stream)
		w.Double(3.14)
		w.Map(100)
		w.Error("ERR syntax error")
		w.BulkInt(1 << 40)
		w.Verbatim("txt", "text")
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestRoomIsGivenBack: one big command does not make a Parser big for ever.
func TestRoomIsGivenBack(t *testing.T) {
	var p Parser
	big := []byte("*100000\r\n" + strings.Repeat("$0\r\n\r\n", 100000))
	if args, _, err := p.Next(big, PostAuth); len(args) != 100000 || err != nil {
		t.Fatal(len(args), err)
	}
	p.Next([]byte("PING\r\n"), PostAuth)
	p.Next([]byte("x "+strings.Repeat("y", 60000)+"\r\n"), PostAuth)
	p.Next([]byte("PING\r\n"), PostAuth)
	if cap(p.args) > keepArgs || cap(p.spans) > keepArgs || cap(p.scratch) > keepScratch {
		t.Errorf("keeps %d args, %d spans, %d bytes", cap(p.args), cap(p.spans), cap(p.scratch))
	}
}

func FuzzParser(f *testing.F) {
	for _, in := range corpus {
		f.Add([]byte(in), uint64(3))
	}
	for _, row := range hostile {
		if len(row.in) < 1000 {
			f.Add([]byte(row.in), uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		for _, lim := range []Limits{PostAuth, PreAuth} {
			c1, u1, e1 := parseAll(stream, lim)
			c2, u2, e2 := parseCut(stream, lim, func(at int) int { return int((seed >> (at % 60)) & 7) })
			same(t, "cut", c1, c2, u1, u2, e1, e2)
		}
	})
}

// FuzzInline: whatever a line says, writing its arguments back in quotes and
// splitting again gives the same arguments.
func FuzzInline(f *testing.F) {
	for _, in := range []string{"a b", `"a\x00" 'b'`, `"\n\t"`, "a'b'", `""`, `"\`, "\x80 \xff"} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.Map(func(r rune) rune {
			if r == '\n' || r == '*' {
				return 'x'
			}
			return r
		}, line)
		var p, q Parser
		args, used, err := p.Next(append(bytes.Clone(line), '\n'), PostAuth)
		if err != nil {
			return
		}
		if used != len(line)+1 {
			t.Fatalf("%d of %d", used, len(line)+1)
		}
		var quoted []byte
		for _, a := range args {
			quoted = append(quoted, '"')
			for _, c := range a {
				quoted = fmt.Appendf(quoted, `\x%02x`, c)
			}
			quoted = append(quoted, "\" "...)
		}
		again, _, err := q.Next(append(quoted, '\n'), PostAuth)
		if err != nil || fmt.Sprintf("%q", args) != fmt.Sprintf("%q", again) {
			t.Fatalf("%q: %q, again %q, %v", line, args, again, err)
		}
	})
}

func BenchmarkParser(b *testing.B) {
	for name, in := range map[string]string{
		"ping": "*1\r\n$4\r\nPING\r\n",
		"set":  "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$64\r\n" + strings.Repeat("v", 64) + "\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			var p Parser
			buf := []byte(in)
			b.ReportAllocs()
			for b.Loop() {
				if _, n, err := p.Next(buf, PostAuth); n != len(buf) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}
