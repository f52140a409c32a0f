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

// TestNumbersOfAnotherKind: scores are sums of doubles and other counters decimals.
// What mixes them is refused wherever it comes from, since the difference of the two
// can be longer than any number may be.
func TestNumbersOfAnotherKind(t *testing.T) {
	tiny, frac := binaryNumber(math.SmallestNonzeroFloat64), Number{big: big.NewInt(1), float: true}
	long := Number{big: new(big.Int).SetBytes(bytes.Repeat([]byte{0xff}, maxOpNumber)), float: true}
	whole := Number{big: new(big.Int).Mul(unit, new(big.Int).Lsh(big.NewInt(1), 8*(maxOpNumber-10)))}
	reset := func(n Number) []Reset { return []Reset{{Replica: 1, Time: 1, Total: n}} }
	elem := func(e Elem) []Elem { e.Name = []byte("f"); return []Elem{e} }
	for name, op := range map[string]*Op{
		"total of a string":              {Kind: KindIncr, Total: tiny, Delta: Int(1)},
		"delta of a string":              {Kind: KindIncr, Total: long, Delta: tiny},
		"reset of a string":              {Kind: KindPut, Shares: reset(tiny)},
		"total of a field":               {Kind: KindHashIncr, Elems: elem(Elem{Total: tiny, Delta: Int(1)})},
		"delta of a field":               {Kind: KindHashIncr, Elems: elem(Elem{Total: long, Delta: tiny})},
		"reset of a field":               {Kind: KindHashSet, Elems: elem(Elem{Shares: reset(tiny)})},
		"reset of a hidden field":        {Kind: KindSetAdd, Elems: elem(Elem{Of: TypeHash, Shares: reset(tiny)})},
		"fraction in a total of a score": {Kind: KindZSetIncr, Elems: elem(Elem{Total: frac, Delta: Int(1)})},
		"fraction in a delta of a score": {Kind: KindZSetIncr, Elems: elem(Elem{Total: tiny, Delta: frac})},
		"long total of a score":          {Kind: KindZSetIncr, Elems: elem(Elem{Total: whole, Delta: tiny})},
		"float in a score":               {Kind: KindZSetIncr, Elems: elem(Elem{Total: Number{i: 1, float: true}, Delta: Int(1)})},
		"reset of a score":               {Kind: KindZSetRemove, Elems: elem(Elem{Shares: reset(frac)})},
		"reset of a hidden score":        {Kind: KindSetAdd, Elems: elem(Elem{Of: TypeZSet, Shares: reset(frac)})},
	} {
		if op.Key = []byte("k"); CheckOp(&Op{}, AppendOp(nil, op), VersionVector{{1, 1}}) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	cell := func(total, base Number) []byte {
		return appendCell(nil, &Cell{Shares: []Share{{Replica: 1, Last: 2, Total: total, Base: 1, BaseTotal: base}}})
	}
	for _, c := range []struct {
		t           Type
		total, base Number
	}{{TypeHash, tiny, Int(1)}, {TypeHash, Int(1), tiny}, {TypeZSet, frac, Int(1)}, {TypeZSet, tiny, frac}, {TypeZSet, whole, tiny}} {
		if err := new(Object).LoadElem(c.t, []byte("f"), cell(c.total, c.base)); err == nil {
			t.Errorf("type %d loads %x", c.t, cell(c.total, c.base))
		}
	}
	for name, o := range map[string]*Object{
		"header": {Cell: Cell{Shares: []Share{{Replica: 1, Last: 2, Total: tiny}}}},
		"record": {Cell: Cell{Shares: []Share{{Replica: 1, Last: 2, Total: tiny}}}, Deadlines: []Deadline{{Dot{1, 1}, 0}}},
	} {
		rec, flat := AppendRecord(nil, o)
		if !flat {
			rec = o.AppendHeader(nil)
		}
		if DecodeRecord(new(Object), rec) == nil {
			t.Errorf("a string loads a %s with a binary share", name)
		}
	}
}

// TestScoresBeyondIntegers: a sum of whole scores that leaves 64 bits is decimal, and
// goes through ops and records like others, also when a fraction is added then.
func TestScoresBeyondIntegers(t *testing.T) {
	w, o := &writer{id: 1}, &Object{}
	want := 0.0
	for _, by := range []float64{1 << 61, 1 << 61, 1 << 61, 1 << 61, 1 << 61, -1 << 60, 0.25, 1e300, -1e300, 1 << 61} {
		op := &Op{Kind: KindZSetIncr}
		score, err := o.ZSet().PrepareIncr(op, w.id, []byte("m"), by)
		if want += by; err != nil || score != want {
			t.Fatalf("%v, %v after adding %v, want %v", score, err, by, want)
		}
		w.do(o, op)
		again, err := decodeObject(encodeObject(o))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := again.ZSet().Score([]byte("m")); got != want {
			t.Fatalf("%v after a reload, want %v", got, want)
		}
		o = again
	}
}
