package crdt

import "testing"

// meet returns what the op, sent by from, meets in o.
func meetOp(t *testing.T, o *Object, b []byte) Contest {
	t.Helper()
	var op Op
	if err := DecodeOp(&op, b); err != nil {
		t.Fatal(err)
	}
	return o.Contest(&op)
}

// TestContest lets two replicas write at once, on a state both have seen, and
// looks at what the second's op meets at the first.
func TestContest(t *testing.T) {
	put := func(v string) func(w *writer, o *Object) []byte {
		return func(w *writer, o *Object) []byte { b, _ := w.put(o, v); return b }
	}
	del := func(w *writer, o *Object) []byte { b, _ := w.del(o); return b }
	incr := func(w *writer, o *Object) []byte { b, _ := w.incr(o, 1); return b }
	sadd := func(w *writer, o *Object) []byte { b, _ := w.sadd(o, "m"); return b }
	pair := func(w *writer, o *Object) []byte { b, _ := w.sadd(o, "m", "x"); return b }
	srem := func(w *writer, o *Object) []byte { b, _ := w.srem(o, "m"); return b }
	hset := func(w *writer, o *Object) []byte { b, _ := w.hset(o, "f", "v"); return b }
	other := func(w *writer, o *Object) []byte { b, _ := w.hset(o, "g", "v"); return b }
	hdel := func(w *writer, o *Object) []byte { b, _ := w.hdel(o, "f"); return b }
	hincr := func(w *writer, o *Object) []byte { b, _ := w.hincr(o, "f", 2); return b }
	expire := func(w *writer, o *Object) []byte { b, _ := w.expire(o, 5000); return b }
	none := func(*writer, *Object) []byte { return nil }
	for name, c := range map[string]struct {
		before, here, there func(w *writer, o *Object) []byte
		want                Conflict
		typ                 Type
		elem                string
	}{
		"two writes of a string":           {put("0"), put("a"), put("b"), ConflictWrite, TypeString, ""},
		"two first writes of a string":     {none, put("a"), put("b"), ConflictWrite, TypeString, ""},
		"a write that has seen all":        {put("0"), none, put("b"), NoConflict, 0, ""},
		"two increments":                   {put("0"), incr, incr, NoConflict, 0, ""},
		"a delete meets a write":           {put("0"), put("a"), del, ConflictRemove, TypeString, ""},
		"a delete meets an increment":      {put("0"), incr, del, ConflictRemove, TypeString, ""},
		"a write after a delete elsewhere": {put("0"), del, put("b"), NoConflict, 0, ""},
		"two adds of a member":             {none, sadd, sadd, NoConflict, 0, ""},
		"a removal meets an add":           {pair, sadd, srem, ConflictRemove, TypeSet, "m"},
		"two removals":                     {sadd, srem, srem, NoConflict, 0, ""},
		"two writes of a field":            {hset, hset, hset, ConflictWrite, TypeHash, "f"},
		"writes of different fields":       {hset, other, hset, NoConflict, 0, ""},
		"a removal meets a field's write":  {func(w *writer, o *Object) []byte { other(w, o); return hset(w, o) }, hset, hdel, ConflictRemove, TypeHash, "f"},
		"a removal meets a field's count":  {func(w *writer, o *Object) []byte { other(w, o); return hincr(w, o) }, hincr, hdel, ConflictRemove, TypeHash, "f"},
		"two deadlines":                    {put("0"), expire, expire, ConflictDeadline, TypeString, ""},
		"two types":                        {none, hset, sadd, ConflictType, TypeHash, ""},
		"a string meets a hash":            {none, hset, put("b"), ConflictType, TypeHash, ""},
		"an increment meets a hash":        {none, hset, incr, ConflictType, TypeHash, ""},
	} {
		a, b := &Object{}, &Object{}
		c.before(&writer{id: 9}, a)
		c.before(&writer{id: 9}, b)
		w1, w2 := &writer{id: 1, time: 100}, &writer{id: 2, time: 100}
		c.here(w1, a)
		x := meetOp(t, a, c.there(w2, b))
		if x.Conflict != c.want || x.Type != c.typ || string(x.Elem) != c.elem {
			t.Errorf("%s: %v of type %v, element %q; want %v, %v, %q", name, x.Conflict, x.Type, x.Elem, c.want, c.typ, c.elem)
		}
		if met := x.Met.Replica == 1; met != (c.want != NoConflict) {
			t.Errorf("%s: met %v", name, x.Met)
		}
	}
}

func TestExplain(t *testing.T) {
	a, b := &Object{}, &Object{}
	w1, w2 := &writer{id: 1}, &writer{id: 2, time: 5}
	w1.put(a, "left")
	op, d := w2.put(b, "right")
	applyBytes(a, op, d)
	x, ok := a.Explain(nil)
	if !ok || x.Type != TypeString || len(x.Cell.Siblings) != 2 || string(x.Cell.Siblings[0].Value) != "right" || x.Cell.Siblings[0].Dot != d {
		t.Errorf("%+v", x)
	}
	op, d = w2.hset(&Object{}, "f", "v")
	applyBytes(a, op, d)
	x, ok = a.Explain([]byte("f"))
	if !ok || x.Type != TypeHash || len(x.Types) != 2 || x.Types[0].Type != TypeHash || string(x.Cell.Siblings[0].Value) != "v" {
		t.Errorf("%+v", x)
	}
	if _, ok = a.Explain([]byte("no")); ok {
		t.Error("a field that is not there is explained")
	}
	if _, ok = (&Object{}).Explain(nil); ok {
		t.Error("an absent key is explained")
	}
}
