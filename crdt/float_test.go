package crdt

import (
	"bufio"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
)

func TestParseInt(t *testing.T) { // as redis-server 7.0 takes what INCRBY finds
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"-1", -1, true},
		{"42", 42, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false},
		{"-9999999999999999999", 0, false},
		{"18446744073709551616", 0, false},
		{"18446744073709551615", 0, false},
		{"99999999999999999999", 0, false},
		{"100000000000000000000", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"-0", 0, false},
		{"+1", 0, false},
		{"01", 0, false},
		{"-01", 0, false},
		{"00", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1.0", 0, false},
		{"1e3", 0, false},
		{"0x1", 0, false},
		{"1\x00", 0, false},
		{"١", 0, false},
	} {
		if got, ok := ParseInt([]byte(c.text)); ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %d %v, want %d %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

// redisLines reads a golden file of JSON strings separated by spaces.
func redisLines(t *testing.T, name string) (lines [][]string) {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		if in.Text() == "" || in.Text()[0] == '#' {
			continue
		}
		var line []string
		for d := json.NewDecoder(strings.NewReader(in.Text())); d.More(); {
			var s string
			if err := d.Decode(&s); err != nil {
				t.Fatalf("%s: %q: %v", name, in.Text(), err)
			}
			line = append(line, s)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestFloatsAsRedisPrintsThem plays a single writer against what redis-server
// answered, as a string and as a hash field.
func TestFloatsAsRedisPrintsThem(t *testing.T) {
	for _, line := range redisLines(t, "testdata/redis-floats.txt") {
		var str, hash Object
		w := writer{id: 1}
		w.put(&str, line[0])
		w.hset(&hash, "f", line[0])
		for i := 1; i+1 < len(line); i += 2 {
			want := line[i+1]
			for kind, got := range map[string]string{
				"string": w.incrFloat(&str, line[i]),
				"hash":   w.hincrFloat(&hash, "f", line[i]),
			} {
				if got != want {
					t.Fatalf("%s %q: + %s = %q, redis says %q", kind, line[:i], line[i], got, want)
				}
			}
			if want[0] == '!' {
				continue
			}
			if got := string(str.Cell.Value(nil)); got != want {
				t.Fatalf("%q: shows %q", line[:i+2], got)
			}
			if got, _ := hash.Hash().Get(nil, []byte("f")); string(got) != want {
				t.Fatalf("%q: field shows %q", line[:i+2], got)
			}
		}
	}
}

func TestFloatLimits(t *testing.T) {
	top := []byte("1e4932")
	n, err := addFloat(top, []byte("0"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(n.Append(nil))
	if len(text) != 4933 || !strings.HasPrefix(text, "1000000000000000000006018949387963891323") ||
		!strings.HasSuffix(text, "086538418113791886622720") {
		t.Errorf("1e4932 prints as %.30s... (%d digits)", text, len(text))
	}
	for _, c := range []struct {
		value, incr string
		want        error
	}{
		{"1e4932", "1e4932", ErrNaN},
		{"-1e4932", "-1e4932", ErrNaN},
		{"1e4933", "0", ErrNotFloat},
		{strings.Repeat("1", 5000), "0", ErrNotFloat},
		{"0." + strings.Repeat("0", 5117), "0", nil},
		{"0." + strings.Repeat("0", 5118), "0", ErrNotFloat},
		{"inf", "-inf", ErrNaN},
		{"1e-2147483647", "0", ErrNotFloat},
		{"0e-2147483647", "0", nil},
		{"0xep-2147483647", "0", ErrNotFloat},
		{"0x0p-2147483647", "0", nil},
	} {
		if _, err := addFloat([]byte(c.value), []byte(c.incr)); !errors.Is(err, c.want) {
			t.Errorf("%.20s + %s: %v, want %v", c.value, c.incr, err, c.want)
		}
	}
}
