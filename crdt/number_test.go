package crdt

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestNumberText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"0", "0"},
		{"-7", "-7"},
		{"0.5", "0.5"},
		{"-0.5", "-0.5"},
		{"-0.00000000000000001", "-0.00000000000000001"},
		{"3.0", "3"},
		{"1e3", "1000"},
		{"9223372036854775807", "9223372036854775807"},
		{"9223372036854775808", "9223372036854775808"},
		{"18446744073709551616.5", "18446744073709551616"}, // 64 bits of mantissa
		{"1e-18", "0"},
	} {
		n, ok := parseNumber([]byte(c.text))
		if got := string(n.Append(nil)); !ok || got != c.want {
			t.Errorf("%q prints as %q, want %q", c.text, got, c.want)
		}
	}
}

// TestNumberArithmetic compares with rationals.
func TestNumberArithmetic(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	edge := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, 5e18, -5e18}
	pick := func() (Number, *big.Rat) {
		if rnd.IntN(3) > 0 {
			i := edge[rnd.IntN(len(edge))]
			return Int(i), new(big.Rat).SetInt64(i)
		}
		u := big.NewInt(rnd.Int64N(1 << 60))
		u.Mul(u, big.NewInt(rnd.Int64N(1<<40)-1<<39))
		return Number{big: u, float: true}.normal(), new(big.Rat).SetFrac(u, unit)
	}
	value := func(n Number) *big.Rat { return new(big.Rat).SetFrac(n.units(), unit) }
	for range 20000 {
		a, ra := pick()
		b, rb := pick()
		sum, diff := a.Add(b), a.Sub(b)
		if value(sum).Cmp(new(big.Rat).Add(ra, rb)) != 0 || value(diff).Cmp(new(big.Rat).Sub(ra, rb)) != 0 {
			t.Fatalf("%s and %s: %s, %s", a.Append(nil), b.Append(nil), sum.Append(nil), diff.Append(nil))
		}
		if a.Equal(b) != (ra.Cmp(rb) == 0) {
			t.Fatalf("%s equals %s", a.Append(nil), b.Append(nil))
		}
		enc := appendNumber(nil, sum)
		dec, rest, err := decodeNumber(append(enc, 9), maxNumberBytes)
		if err != nil || len(rest) != 1 || !dec.Equal(sum) || dec.float != sum.float {
			t.Fatalf("%x: %v", enc, err)
		}
	}
}

func TestNumberCodec(t *testing.T) {
	half, _ := parseNumber([]byte("0.5"))
	for _, c := range []struct {
		n    Number
		want []byte
	}{
		{Int(0), []byte{0, 0}},
		{Int(-1), []byte{0, 1}},
		{Int(64), []byte{0, 0x80, 1}},
		{Number{i: 3, float: true}, []byte{1, 6}},
		{half, []byte{3, 0, 7, 0xb1, 0xa2, 0xbc, 0x2e, 0xc5, 0, 0}},
	} {
		if got := appendNumber(nil, c.n); !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, want %x", c.n.Append(nil), got, c.want)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":               {},
		"no value":              {0},
		"unknown tag":           {4, 0},
		"long varint":           {0, 0x80, 0},
		"varint of 11 bytes":    {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"sign 2":                {3, 2, 1, 1},
		"no magnitude":          {3, 0, 0},
		"long length":           {3, 0, 0x81, 0, 1},
		"leading zero":          {3, 0, 2, 0, 1},
		"short magnitude":       {3, 0, 2, 1},
		"big for a 64-bit one":  append([]byte{2, 0, 8}, 0x01, 0x63, 0x45, 0x78, 0x5d, 0x8a, 0, 0),
		"decimals of an int":    {2, 0, 1, 1},
		"more than may come in": append([]byte{3, 0, 0x81, 0x12}, make([]byte, maxNumberBytes+1)...),
	} {
		if n, _, err := decodeNumber(b, maxNumberBytes); err == nil {
			t.Errorf("%s: %x decodes as %s", name, b, n.Append(nil))
		}
	}
}
