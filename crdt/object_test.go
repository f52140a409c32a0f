package crdt

import (
	"bytes"
	"errors"
	"strconv"
	"testing"
)

func TestRefusals(t *testing.T) {
	w := writer{id: 1}
	var str, num, set, hash Object
	w.put(&str, "abc")
	w.put(&num, "9223372036854775807")
	w.sadd(&set, "a")
	w.hset(&hash, "f", "abc")
	for _, c := range []struct {
		name string
		got  error
		want error
	}{
		{"SADD on a string", str.PrepareChange(&Op{}, TypeSet), ErrWrongType},
		{"HSET on a set", set.PrepareChange(&Op{}, TypeHash), ErrWrongType},
		{"INCR on a hash", hash.PrepareChange(&Op{}, TypeString), ErrWrongType},
		{"INCR on a string", str.PrepareChange(&Op{}, TypeString), nil},
		{"INCR of text", incrError(&str.Cell, 1), ErrNotInteger},
		{"INCR past the limit", incrError(&num.Cell, 1), ErrOverflow},
		{"INCR at the limit", incrError(&num.Cell, 0), nil},
		{"DECR past the limit", incrError(&Cell{}, -1<<63), nil},
		{"HINCRBY of text", hincrError(hash.Hash()), ErrNotInteger},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func incrError(c *Cell, delta int64) error {
	_, _, err := c.IncrInt(1, delta)
	return err
}

func hincrError(h *Hash) error {
	_, _, err := h.PrepareIncr(&Op{}, 1, []byte("f"), 1)
	return err
}

// TestIncrPastTheLimit: the reply is what shows afterwards, also where merging has led
// past the limits, and all increments count.
func TestIncrPastTheLimit(t *testing.T) {
	one, two := &writer{id: 1}, &writer{id: 2}
	var a, b Object
	one.incr(&a, 1<<63-8)
	two.hincr(&b, "f", 1<<63-8)
	inc, d := two.incr(&Object{}, 10)
	applyBytes(&a, inc, d)
	inc, d = one.hincr(&Object{}, "f", 10)
	applyBytes(&b, inc, d)
	for _, x := range []struct{ delta, want int64 }{{-1, 1<<63 - 1}, {-2, 1<<63 - 1}, {-3, 1<<63 - 4}} {
		_, str, err := a.Cell.IncrInt(1, x.delta)
		field, _, err2 := b.Hash().PrepareIncr(&Op{}, 1, []byte("f"), x.delta)
		if err != nil || err2 != nil || str != x.want || field != x.want {
			t.Errorf("%d: %d %v, in a hash %d %v, want %d", x.delta, str, err, field, err2, x.want)
		}
		one.incr(&a, x.delta)
		one.hincr(&b, "f", x.delta)
		if got := string(a.Cell.Value(nil)); got != strconv.FormatInt(x.want, 10) {
			t.Errorf("%d: shows %s", x.delta, got)
		}
	}
	if err := incrError(&a.Cell, 4); err != ErrOverflow {
		t.Error(err)
	}
}

// TestNothingStays: no tombstones. A key that is gone is empty at once, or, if
// it counted, as soon as its removal is stable, and not before (K4).
func TestNothingStays(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(w *writer, o *Object)
		stays bool
	}{
		{"DEL of a string", func(w *writer, o *Object) { w.put(o, "x"); w.del(o) }, false},
		{"DEL of a set", func(w *writer, o *Object) { w.sadd(o, "a", "b"); w.del(o) }, false},
		{"DEL of a dated key", func(w *writer, o *Object) { w.put(o, "x"); w.expire(o, 9); w.del(o) }, false},
		{"SREM of the last member", func(w *writer, o *Object) { w.sadd(o, "a", "b"); w.srem(o, "b", "a", "b") }, false},
		{"HDEL of the last field", func(w *writer, o *Object) { w.hset(o, "f", "1", "g", "2"); w.hdel(o, "f", "g") }, false},
		{"DEL of a counter", func(w *writer, o *Object) { w.incr(o, 1); w.del(o) }, true},
		{"HDEL of a counter", func(w *writer, o *Object) { w.hincr(o, "f", 1); w.hdel(o, "f") }, true},
	} {
		w := &writer{id: 1}
		o := &Object{}
		if c.write(w, o); o.Type() != TypeNone || o.Digest() != 0 || o.Empty() == c.stays || o.Residue() != c.stays {
			t.Errorf("%s: type %d, empty %v, residue %v", c.name, o.Type(), o.Empty(), o.Residue())
		}
		o.Forget(VersionVector{{1, w.time - 1}}, nil) // the increment is stable, its removal is not
		if o.Empty() == c.stays {
			t.Errorf("%s: forgets too early", c.name)
		}
		if o.Forget(VersionVector{{1, w.time}}, nil); !o.Empty() || o.Residue() || o.HasShares() {
			t.Errorf("%s: stays for ever", c.name)
		}
	}
}

// TestSpent: only where nothing but removed counter shares is left, no removal
// changes anything.
func TestSpent(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(w, late *writer, o *Object)
		want  bool
	}{
		{"nothing", func(w, _ *writer, o *Object) {}, false},
		{"a counter", func(w, _ *writer, o *Object) { w.incr(o, 1) }, false},
		{"a removed counter", func(w, _ *writer, o *Object) { w.incr(o, 1); w.del(o) }, true},
		{"a removed counter field", func(w, _ *writer, o *Object) { w.hincr(o, "f", 1); w.del(o) }, true},
		{"a removed string", func(w, _ *writer, o *Object) { w.put(o, "x"); w.del(o) }, false},
		{"a removed counter, and a deadline", func(w, late *writer, o *Object) {
			var op Op
			w.incr(o, 1)
			op.Reset(KindDelete, 0, []byte("k"))
			o.PrepareDelete(&op)
			late.expire(o, 9)
			w.do(o, &op)
		}, false},
		{"a removed counter field, and its deadline", func(w, late *writer, o *Object) {
			var op Op
			w.hincr(o, "f", 1)
			op.Reset(KindDelete, 0, []byte("k"))
			o.PrepareDelete(&op)
			late.hexpire(o, "f", 9)
			w.do(o, &op)
		}, false},
	} {
		var o Object
		if c.write(&writer{id: 1}, &writer{id: 2, time: 100}, &o); o.Spent() != c.want {
			t.Errorf("%s: %v", c.name, o.Spent())
		}
	}
}

// TestForgetInsideLiveKeys: a removed share under a live value goes as well.
func TestForgetInsideLiveKeys(t *testing.T) {
	w := &writer{id: 1}
	var str, hash Object
	w.incr(&str, 1)
	w.put(&str, "x")
	w.hincr(&hash, "f", 1)
	w.hset(&hash, "f", "x")
	for _, o := range []*Object{&str, &hash} {
		if !o.Residue() {
			t.Fatal("the removed share is gone already")
		}
		before := o.Digest()
		if o.Forget(VersionVector{{1, w.time}}, nil); o.Residue() || o.HasShares() || o.Digest() != before {
			t.Errorf("%s: residue %v", dump(o), o.Residue())
		}
	}
}

// TestShortWays: the flat records that are written and counted in place are
// those that the long way makes.
func TestShortWays(t *testing.T) {
	w := &writer{id: 7}
	var o Object
	w.put(&o, "hello")
	long, _ := AppendRecord(nil, &o)
	short := make([]byte, PlainRecordSize([]byte("hello")))
	SetPlainRecord(short, Dot{w.time, 7}, []byte("hello"))
	if !bytes.Equal(long, short) {
		t.Errorf("plain: %x, want %x", short, long)
	}
	o = Object{}
	w.incr(&o, 5)
	rec, _ := AppendRecord(nil, &o)
	value, total, ok := RecordShare(rec, 7)
	if !ok || value != 5 || total != 5 {
		t.Fatalf("share: %d %d %v", value, total, ok)
	}
	if _, _, ok := RecordShare(rec, 8); ok {
		t.Error("share of another replica")
	}
	w.incr(&o, -9)
	want, _ := AppendRecord(nil, &o)
	if SetRecordShare(rec, w.time, total-9); !bytes.Equal(rec, want) {
		t.Errorf("share: %x, want %x", rec, want)
	}
	if got := RecordValue(nil, rec); string(got) != "-4" {
		t.Errorf("value %s", got)
	}
	w.del(&o)
	if _, ok := AppendRecord(nil, &o); ok {
		t.Error("a removed counter has a flat record")
	}
}

// TestNewestOfTwoTypesIsKept: which of two types at a key shows is asked by every
// command and after every operation, which must not look at all elements each time.
func TestNewestOfTwoTypesIsKept(t *testing.T) {
	w, v, third := &writer{id: 1}, &writer{id: 2}, &writer{id: 3, time: 1000}
	put, atPut := v.put(&Object{}, "x")
	later, atLater := third.hset(&Object{}, "g", "v")
	for typ, add := range map[Type]func(o *Object, name string) ([]byte, Dot){
		TypeSet:  func(o *Object, name string) ([]byte, Dot) { return w.sadd(o, name) },
		TypeHash: func(o *Object, name string) ([]byte, Dot) { return w.hset(o, name, "v") },
		TypeList: func(o *Object, name string) ([]byte, Dot) {
			return w.change(o, KindListPush, TypeList, func(op *Op) { o.List().PreparePush(op, w.id, false, list([]string{name})) })
		},
		TypeZSet: func(o *Object, name string) ([]byte, Dot) {
			return w.change(o, KindZSetAdd, TypeZSet, func(op *Op) { o.ZSet().PrepareAdd(op, []byte(name), 1) })
		},
	} {
		author, o := &Object{}, &Object{} // the author sees no string
		applyBytes(o, put, atPut)
		check := func(shown Type, known bool) {
			t.Helper()
			p := &o.parts[0]
			if p.known != known || known && p.newest != p.coll.newest() {
				t.Errorf("type %d: %v %v is kept, the newest is %v", typ, p.known, p.newest, p.coll.newest())
			}
			if got := o.Type(); got != shown || got != reloaded(o).Type() {
				t.Errorf("type %d: %d shows, after a reload %d, want %d", typ, got, reloaded(o).Type(), shown)
			}
		}
		for i, name := range []string{"a", "b", "c"} {
			b, d := add(author, name)
			applyBytes(o, b, d)
			check(typ, i > 0)
		}
		if typ != TypeHash {
			applyBytes(o, later, atLater)
			if got := o.Type(); got != TypeHash || got != reloaded(o).Type() {
				t.Errorf("type %d: %d shows under a later hash", typ, got)
			}
		}
		b, d := w.del(author)
		applyBytes(o, b, d)
		if got := o.Type(); got != reloaded(o).Type() {
			t.Errorf("type %d: %d shows after a delete", typ, got)
		}
	}
}

// TestNewestGoesWithWhatWasChanged: the newest dot of a collection may be that of a
// change, which whoever removed what was changed had not seen.
func TestNewestGoesWithWhatWasChanged(t *testing.T) {
	for name, c := range map[string]struct {
		add    func(w *writer, o *Object) ([]byte, Dot)
		change func(w *writer, o *Object) ([]byte, Dot)
	}{
		"LSET": {
			func(w *writer, o *Object) ([]byte, Dot) { return w.push(o, false, "x") },
			func(w *writer, o *Object) ([]byte, Dot) {
				return w.change(o, KindListSet, TypeList, func(op *Op) { o.List().PrepareSet(op, 0, []byte("y")) })
			},
		},
		"PFADD": {
			func(w *writer, o *Object) ([]byte, Dot) { return w.pfadd(o, "x") },
			func(w *writer, o *Object) ([]byte, Dot) { return w.pfadd(o, "y") },
		},
	} {
		one, two, three := &writer{id: 1}, &writer{id: 2, time: 100}, &writer{id: 3, time: 1000}
		var author, other, o Object
		b, d := c.add(one, &author)
		applyBytes(&o, b, d)
		del, atDel := (&writer{id: 4, time: 3000}).del(reloaded(&author))
		b, d = c.add(two, &other) // nobody but o sees it
		applyBytes(&o, b, d)
		b, d = three.put(&Object{}, "text")
		applyBytes(&o, b, d)
		one.time = 2000
		b, d = c.change(one, &author)
		applyBytes(&o, b, d)
		if got := o.Type(); got == TypeString {
			t.Errorf("%s: %d shows", name, got)
		}
		applyBytes(&o, del, atDel)
		if got := o.Type(); got != TypeString || got != reloaded(&o).Type() {
			t.Errorf("%s: %d shows after a delete, and %d when the key is loaded anew", name, got, reloaded(&o).Type())
		}
	}
}
