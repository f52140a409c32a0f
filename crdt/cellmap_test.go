package crdt

import (
	"bytes"
	"fmt"
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

// TestRemovedCountersAreNotDecoded: counters of fields that are removed stay for as
// long as a member is away. A hash whose fields come and go must not pay for all of
// them each time it is deleted.
func TestRemovedCountersAreNotDecoded(t *testing.T) {
	const n = 500
	w, o := &writer{id: 1}, &Object{}
	for i := range n {
		w.hincr(o, fmt.Sprint("f", i), 1)
	}
	w.del(o)
	w.hset(o, "value", "v")
	w.hincr(o, "counter", 1)
	h := o.Hash()
	op := &Op{Kind: KindDelete}
	if o.PrepareDelete(op); len(op.Elems) != 1 || string(op.Elems[0].Name) != "counter" {
		t.Errorf("%d shares are named", len(op.Elems))
	}
	w.do(o, op)
	if h.Len() != 0 || h.kept() != n+1 {
		t.Errorf("%d fields are left, %d kept", h.Len(), h.kept())
	}
	for name, walk := range map[string]func(){
		"what a delete names": func() { op.Reset(KindDelete, 0, nil); o.PrepareDelete(op) },
		"a delete":            func() { h.clear(VersionVector{{1, w.time}}, nil, Dot{w.time + 1, 1}) },
		"forgetting nothing":  func() { h.forget(VersionVector{{1, 1}}, func([]byte) {}) },
	} {
		if allocs := testing.AllocsPerRun(3, walk); allocs > n/10 {
			t.Errorf("%s: %v allocations for %d removed counters", name, allocs, n)
		}
	}
	h.forget(VersionVector{{1, w.time}}, func([]byte) {})
	if h.kept() != 0 || h.stales != 0 || h.residue != 0 {
		t.Errorf("%d kept, %d and %d counted", h.kept(), h.stales, h.residue)
	}
}
