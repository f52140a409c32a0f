package resp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestWriter(t *testing.T) {
	for _, row := range []struct {
		name         string
		write        func(w *Writer)
		resp2, resp3 string // resp3 empty: the same
	}{
		{"simple", func(w *Writer) { w.SimpleString("PONG") }, "+PONG\r\n", ""},
		{"simple with line end", func(w *Writer) { w.SimpleString("a\r\nb") }, "+a  b\r\n", ""},
		{"ok", func(w *Writer) { w.OK() }, "+OK\r\n", ""},
		{"error", func(w *Writer) { w.Error("ERR x\ny") }, "-ERR x y\r\n", ""},
		{"int", func(w *Writer) { w.Int(math.MinInt64) }, ":-9223372036854775808\r\n", ""},
		{"small ints", func(w *Writer) { w.Int(-1); w.Int(9); w.Int(10) }, ":-1\r\n:9\r\n:10\r\n", ""},
		{"bulk", func(w *Writer) { w.Bulk([]byte("a\r\n")) }, "$3\r\na\r\n\r\n", ""},
		{"nil bulk", func(w *Writer) { w.Bulk(nil) }, "$0\r\n\r\n", ""},
		{"bulk string", func(w *Writer) { w.BulkString("0123456789") }, "$10\r\n0123456789\r\n", ""},
		{"bulk int", func(w *Writer) { w.BulkInt(-42) }, "$3\r\n-42\r\n", ""},
		{"null", func(w *Writer) { w.Null() }, "$-1\r\n", "_\r\n"},
		{"null array", func(w *Writer) { w.NullArray() }, "*-1\r\n", "_\r\n"},
		{"array", func(w *Writer) { w.Array(12) }, "*12\r\n", ""},
		{"map", func(w *Writer) { w.Map(7) }, "*14\r\n", "%7\r\n"},
		{"set", func(w *Writer) { w.Set(7) }, "*7\r\n", "~7\r\n"},
		{"push", func(w *Writer) { w.Push(3) }, "*3\r\n", ">3\r\n"},
		{"true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"double", func(w *Writer) { w.Double(0.1) }, "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"},
		{"inf", func(w *Writer) { w.Double(math.Inf(1)) }, "$3\r\ninf\r\n", ",inf\r\n"},
		{"-inf", func(w *Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"nan", func(w *Writer) { w.Double(math.NaN()) }, "$3\r\nnan\r\n", ",nan\r\n"},
		{"-0", func(w *Writer) { w.Double(math.Copysign(0, -1)) }, "$2\r\n-0\r\n", ",-0\r\n"},
		{"big number", func(w *Writer) { w.BigNumber("123") }, "$3\r\n123\r\n", "(123\r\n"},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", "hi\n") }, "$3\r\nhi\n\r\n", "=7\r\ntxt:hi\n\r\n"},
		{"raw", func(w *Writer) { w.Raw([]byte("+x\r\n")) }, "+x\r\n", ""},
	} {
		if row.resp3 == "" {
			row.resp3 = row.resp2
		}
		for proto, want := range map[int]string{2: row.resp2, 3: row.resp3} {
			w := Writer{Proto: proto}
			row.write(&w)
			if string(w.Buf) != want {
				t.Errorf("%s in RESP%d: %q, want %q", row.name, proto, w.Buf, want)
			}
		}
	}
}

func TestDoubleDigits(t *testing.T) {
	for f, want := range map[float64]string{
		1e15: "1000000000000000", 1e16: "10000000000000000", 1e17: "1e+17", 1e-4: "0.0001", 1e-5: "1.0000000000000001e-05",
		5e-324: "4.9406564584124654e-324", 3: "3", -2.5: "-2.5", 1e300: "1.0000000000000001e+300", 100: "100",
	} {
		if got := string(AppendDouble(nil, f)); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}

// decode reads one reply and writes it down in a form of its own.
func decode(s string) (text, rest string, err error) {
	line, rest, ok := strings.Cut(s, "\r\n")
	if !ok || line == "" {
		return "", "", fmt.Errorf("no line in %q", s)
	}
	switch kind, body := line[0], line[1:]; kind {
	case '+', '-', ':', ',', '#', '(', '_':
		return line, rest, nil
	case '$', '=', '*', '%', '~', '>':
		n, err := strconv.Atoi(body)
		switch {
		case err != nil:
			return "", "", err
		case n < 0:
			return "_", rest, nil
		case kind == '$' || kind == '=':
			if len(rest) < n+2 || rest[n:n+2] != "\r\n" {
				return "", "", fmt.Errorf("%q is not %d bytes", rest, n)
			}
			return fmt.Sprintf("%c%q", kind, rest[:n]), rest[n+2:], nil
		case kind == '%':
			n *= 2
		}
		all := make([]string, 0, 8)
		for range n {
			var item string
			if item, rest, err = decode(rest); err != nil {
				return "", "", err
			}
			all = append(all, item)
		}
		return fmt.Sprintf("%c%s", kind, all), rest, nil
	}
	return "", "", fmt.Errorf("unknown reply %q", line)
}

// FuzzWriter: whatever is written reads back as exactly as many replies, with
// strings and numbers unharmed.
func FuzzWriter(f *testing.F) {
	f.Add([]byte("a\r\nb"), int64(-5), uint64(0x3ff0000000000000), true)
	f.Add([]byte(""), int64(0), uint64(0x7ff0000000000000), false)
	f.Fuzz(func(t *testing.T, b []byte, n int64, bits uint64, three bool) {
		w := Writer{Proto: 2}
		if three {
			w.Proto = 3
		}
		d := math.Float64frombits(bits)
		w.Array(8)
		w.SimpleString(string(b))
		w.Error(string(b))
		w.Map(1)
		w.Bulk(b)
		w.Int(n)
		w.Double(d)
		w.Verbatim("txt", string(b))
		w.Push(2)
		w.Null()
		w.NullArray()
		w.Bool(three)
		w.BulkInt(n)
		text, rest, err := decode(string(w.Buf))
		if err != nil || rest != "" {
			t.Fatalf("%q: rest %q, %v", w.Buf, rest, err)
		}
		if !strings.Contains(text, fmt.Sprintf("$%q :%d", b, n)) {
			t.Fatalf("%q became %s", w.Buf, text)
		}
		if back, err := strconv.ParseFloat(string(AppendDouble(nil, d)), 64); err != nil || back != d && d == d {
			t.Fatalf("%v came back as %v (%v)", d, back, err)
		}
	})
}
