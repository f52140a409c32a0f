package crdt

import (
	"bytes"
	"math"
	"testing"
)

// TestRaiseIsChange: an increment in place leaves what decoding, adding and
// encoding would, or nothing.
func TestRaiseIsChange(t *testing.T) {
	name := []byte("field")
	half, ok := parseNumber([]byte("0.5"))
	if !ok {
		t.Fatal("0.5 is a number")
	}
	for _, c := range []struct {
		by    Dot
		total Number
		want  bool
	}{
		{Dot{9, 1}, Int(7), true},
		{Dot{9, 1}, Int(-7), true},
		{Dot{4, 1}, Int(7), false}, // older than the share
		{Dot{9, 2}, Int(7), false}, // another replica's
		{Dot{9, 1}, Int(math.MaxInt64).Add(Int(1)), false},
		{Dot{9, 1}, half, false},
	} {
		var fast, slow Hash
		for _, h := range []*Hash{&fast, &slow} {
			h.change(name, func(e *element) { e.add(Dot{5, 1}, Int(3), Int(3)) })
		}
		e := Elem{Name: name, Total: c.total, Delta: Int(1)}
		if got := fast.raise(&e, c.by); got != c.want {
			t.Errorf("%v %v: %v", c.by, c.total, got)
		}
		before, _ := slow.record(name)
		want := bytes.Clone(before)
		if c.want {
			slow.change(name, func(x *element) { x.add(c.by, e.Total, e.Delta) })
			want, _ = slow.record(name)
		}
		if got, _ := fast.record(name); !bytes.Equal(got, want) {
			t.Errorf("%v %v: %x, want %x", c.by, c.total, got, want)
		}
	}
}
