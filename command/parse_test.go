package command

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestParseInt(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"7", 7, true},
		{"-7", -7, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false},
		{"9999999999999999999", 0, false},
		{"18446744073709551616", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"-0", 0, false},
		{"+1", 0, false},
		{"01", 0, false},
		{"-01", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1\x00", 0, false},
		{"1.0", 0, false},
		{"1e3", 0, false},
		{"0x10", 0, false},
		{"99999999999999999999999", 0, false},
	} {
		got, ok := parseInt([]byte(tc.in))
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("parseInt(%q) = %d, %v", tc.in, got, ok)
		}
	}
}

// FuzzParseInt: what parseInt takes is exactly what printing an integer gives.
func FuzzParseInt(f *testing.F) {
	for _, s := range []string{"0", "-0", "10", "-9223372036854775808", "9223372036854775808"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err := strconv.ParseInt(string(b), 10, 64)
		wantOK := err == nil && strconv.FormatInt(want, 10) == string(b)
		got, ok := parseInt(b)
		if ok != wantOK || ok && got != want {
			t.Errorf("parseInt(%q) = %d, %v", b, got, ok)
		}
	})
}

func TestParseCursor(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{"0", 0, true},
		{"", 0, true},
		{"007", 7, true},
		{"+5", 5, true},
		{"-1", math.MaxUint64, true},
		{"18446744073709551615", math.MaxUint64, true},
		{"18446744073709551616", 0, false},
		{"5\x00x", 5, true},
		{"-", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"x", 0, false},
	} {
		got, ok := parseCursor([]byte(tc.in))
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("parseCursor(%q) = %d, %v", tc.in, got, ok)
		}
	}
}

func TestIsOption(t *testing.T) {
	for _, tc := range []struct {
		arg  string
		want bool
	}{
		{"ex", true}, {"EX", true}, {"eX", true}, {"ex\x00t", true},
		{"e", false}, {"exa", false}, {"", false}, {"xe", false},
	} {
		if got := isOption([]byte(tc.arg), "ex"); got != tc.want {
			t.Errorf("isOption(%q) = %v", tc.arg, got)
		}
	}
}

func TestParseFloat(t *testing.T) {
	inf := math.Inf(1)
	for _, tc := range []struct {
		in   string
		want float64
		ok   bool
	}{
		{"0", 0, true},
		{"-0", math.Copysign(0, -1), true},
		{"1.5", 1.5, true},
		{"+1.5", 1.5, true},
		{".5", .5, true},
		{"5.", 5, true},
		{"1e3", 1000, true},
		{"1E-3", .001, true},
		{"0x10", 16, true},
		{"0x.8p1", 1, true},
		{"0X1P-1", .5, true},
		{"inf", inf, true},
		{"-inf", -inf, true},
		{"+Infinity", inf, true},
		{"0e999999", 0, true},
		{"5e-324", 5e-324, true},
		{"1e400", 0, false},
		{"1e-400", 0, false},
		{"0x1p-2000", 0, false},
		{"nan", 0, false},
		{"-nan", 0, false},
		{"", 0, false},
		{".", 0, false},
		{"e3", 0, false},
		{"1e", 0, false},
		{"1e+", 0, false},
		{"0x", 0, false},
		{"0xp1", 0, false},
		{"1_0", 0, false},
		{"0x_1", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1\x00", 0, false},
		{"--1", 0, false},
		{"infinit", 0, false},
	} {
		got, ok := parseFloat([]byte(tc.in))
		if ok != tc.ok || ok && math.Float64bits(got) != math.Float64bits(tc.want) {
			t.Errorf("parseFloat(%q) = %v, %v", tc.in, got, ok)
		}
	}
}

func TestCheckLongDouble(t *testing.T) {
	for _, tc := range []struct {
		in           string
		ok, infinite bool
	}{
		{"1.5", true, false},
		{"1e400", true, false},
		{"1.18e4932", true, false},
		{"1.19e4932", false, false},
		{"-1e5000", false, false},
		{"1e999999999", false, false},
		{"1e99999999999999999999", false, false},
		{"3.7e-4951", true, false},
		{"1e-4960", false, false},
		{"0e99999", true, false},
		{"inf", true, true},
		{"-Infinity", true, true},
		{"nan", false, false},
		{strings.Repeat("1", maxFloatText+1), false, false},
		{"1" + strings.Repeat("0", 4000), true, false},
		{" 1", false, false},
	} {
		ok, infinite := checkLongDouble([]byte(tc.in))
		if ok != tc.ok || infinite != tc.infinite {
			t.Errorf("checkLongDouble(%.20q) = %v, %v", tc.in, ok, infinite)
		}
	}
}

func FuzzParseFloat(f *testing.F) {
	for _, s := range []string{"1.5e3", "0x1p4", "inf", "-.5", "nan", "1e-400"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := parseFloat(b)
		if !ok {
			return
		}
		if math.IsNaN(got) {
			t.Errorf("parseFloat(%q) is not a number", b)
		}
		if again, ok := parseFloat([]byte(strconv.FormatFloat(got, 'g', -1, 64))); !ok || again != got {
			t.Errorf("parseFloat(%q) = %v does not survive printing", b, got)
		}
		if ok, _ := checkLongDouble(b); !ok && len(b) <= maxFloatText {
			t.Errorf("parseFloat takes %q, checkLongDouble does not", b)
		}
	})
}
