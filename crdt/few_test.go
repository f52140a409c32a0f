package crdt

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"testing"
)

// goldenFew has a record of a few of every type that has some.
func goldenFew() map[string][]byte {
	d1, d2 := Dot{0x18f0000000100000, 1}, Dot{0x18f0000000200001, 2}
	seen := VersionVector{{1, d1.Time}, {2, d2.Time}}
	value := func(v []byte) []byte { return append(AppendDot([]byte{shapePlain}, d2), v...) }
	out := map[string][]byte{}
	for name, c := range map[string]struct {
		typ  Type
		at   []Deadline
		name string
		rec  []byte
	}{
		"set, two adds":   {TypeSet, []Deadline{{Dot: d1}}, "member", AppendDot(AppendDot(nil, d1), d2)},
		"set, dated":      {TypeSet, []Deadline{{d1, 1700000000000}}, "", AppendDot(nil, d1)},
		"hash":            {TypeHash, nil, "field", value([]byte("value"))},
		"hash, two wrote": {TypeHash, nil, "f", appendElement(nil, &element{Cell: Cell{Siblings: []Sibling{{d2, []byte("b")}, {d1, []byte("a")}}}})},
		"hash, counted":   {TypeHash, []Deadline{{Dot: d1}}, "n", appendElement(nil, &element{Cell: Cell{Shares: []Share{{Replica: 2, Last: d2.Time, Total: Int(7)}}}})},
		"sorted set":      {TypeZSet, []Deadline{{Dot: d2}}, "member", value(appendScore(nil, -1.5))},
		"list":            {TypeList, []Deadline{{Dot: d2}}, string(goldenPlace), append(AppendDot([]byte{0}, Dot{0x18f0000000100000, 300}), 'v')},
	} {
		o := Object{Deadlines: c.at, seen: seen}
		if err := o.LoadElem(c.typ, []byte(c.name), c.rec); err != nil {
			panic(err)
		}
		rec, ok := o.Few(nil, 1<<10)
		if !ok {
			panic(name)
		}
		out[name] = rec
	}
	a, b := writer{id: 1, time: 100}, writer{id: 300, time: 200}
	var o Object
	a.push(&o, false, "one", "two")
	b.linsert(&o, 1, "between")
	b.push(&o, true, "")
	a.lset(&o, 3, "set")
	out["list of four"], _ = o.Few(nil, 1<<10)
	return out
}

// goldenListOfElements is the record of a list as it was written up to format 2 of the store: with
// names and records of its elements.
const goldenListOfElements = "04040118f000000020000100020000000000000000020118f00000001000000218f0000000200001010e7e18f0000000100000012cc1012c0c0018f0000000100000012c76"

// TestListOfElements: such a list is read, and is the same list as a leaf; the damaged one
// is refused or something that can be written.
func TestListOfElements(t *testing.T) {
	rec, _ := hex.DecodeString(goldenListOfElements)
	want := goldenFew()["list"]
	for _, decode := range []func(*Object, []byte) error{DecodeRecord, DecodeKnown} {
		var o Object
		if err := decode(&o, rec); err != nil {
			t.Fatal(err)
		}
		if leaf, ok := o.Few(nil, 1<<10); !ok || !bytes.Equal(leaf, want) || RecordLen(rec) != o.List().Len() {
			t.Errorf("%x, not %x", leaf, want)
		}
	}
	for bit := range 8 * len(rec) {
		bad := bytes.Clone(rec)
		bad[bit/8] ^= 1 << (bit % 8)
		if err := recordReencodes(bad); err != nil {
			t.Errorf("bit %d: %v", bit, err)
		}
	}
}

// fewReencodes: the elements may come in another order, as those of a list do that are not
// in its own, so a record is held to say the same when it is written again, in as many bytes;
// but for a list of elements, which is written as a leaf.
func fewReencodes(o *Object, b []byte) error {
	again, ok := o.Few(nil, math.MaxInt32)
	var o2 Object
	ofElems := RecordType(b) == TypeList && b[2]&fewLeaf == 0
	if !ok || len(again) != len(b) && !ofElems {
		return fmt.Errorf("%x encodes again as %x", b, again)
	}
	if err := DecodeRecord(&o2, again); err != nil || o2.Sum() != o.Sum() {
		return fmt.Errorf("%x encodes again as %x, which is something else: %v", b, again, err)
	}
	return nil
}

// checkKnown: a record that is known is the same key, and the same record again.
func checkKnown(t *testing.T, seed uint64, o *Object, rec []byte) {
	t.Helper()
	var known Object
	if err := DecodeKnown(&known, rec); err != nil || known.Sum() != o.Sum() || known.Digest() != o.Digest() {
		t.Fatalf("seed %d: %x is another key where it is known: %v", seed, rec, err)
	}
	if again, ok := known.Few(nil, 1<<20); !ok || !bytes.Equal(again, rec) {
		t.Fatalf("seed %d: %x is %x where it is known", seed, rec, again)
	}
	checkFew(t, seed, &known, rec)
	kept := known.Detach()
	if z := kept.ZSet(); z.late || z.order.len() != z.Len() {
		t.Fatalf("seed %d: %d of %d members are in order", seed, z.order.len(), z.Len())
	}
	clear(rec)
	if kept.Sum() != o.Sum() {
		t.Fatalf("seed %d: a key that is kept shares bytes with its record", seed)
	}
}

// TestFew: a key of a few elements is the same out of its record, which tells what the
// object does, and of which no part will do; and what a record cannot say has none.
func TestFew(t *testing.T) {
	state := func(o *Object) string {
		rec, elems := encodeObject(o)
		return fmt.Sprintf("%x %x %x %x", rec, elems, o.Digest(), o.Sum())
	}
	found := map[Type]int{}
	for seed := range uint64(8000) {
		for _, im := range reachable(seed, t) {
			o, err := decodeObject(im.recs[0], im.elems[0])
			if err != nil {
				t.Fatal(err)
			}
			rec, ok := o.Few([]byte("before"), 1<<20)
			if !ok {
				if len(o.parts) == 1 && o.Kept() == o.parts[0].coll.Len() && o.Kept() <= maxFew && !o.Residue() &&
					len(o.Cell.Siblings)+len(o.Cell.Shares) == 0 && len(o.Deadlines) < 2 && o.Type() != TypeHLL && o.Type() != TypeStream && (o.Type() != TypeHash || o.Hash().times == nil) &&
					(o.Type() != TypeList || len(o.List().moved) == 0) {
					t.Fatalf("seed %d: no record of a key of type %d with %d elements", seed, o.Type(), o.Kept())
				}
				continue
			}
			rec = bytes.Clone(rec[len("before"):])
			found[o.Type()]++
			checkFew(t, seed, o, rec)
			for n := range len(rec) {
				if DecodeRecord(new(Object), rec[:n]) == nil {
					t.Fatalf("seed %d: %d bytes of %x are a record", seed, n, rec)
				}
			}
			if _, ok := o.Few(nil, len(rec)-1); ok {
				t.Fatalf("seed %d: a record of %d bytes fits less", seed, len(rec))
			}
			var again Object
			if err := DecodeRecord(&again, rec); err != nil || state(&again) != state(o) {
				t.Fatalf("seed %d: %x is\n%s, not\n%s: %v", seed, rec, state(&again), state(o), err)
			}
			checkKnown(t, seed, o, rec)
		}
	}
	for _, typ := range []Type{TypeSet, TypeHash, TypeZSet, TypeList} {
		if found[typ] < 20 {
			t.Errorf("%d records of type %d", found[typ], typ)
		}
	}
}

// checkFew compares what is read of a record with what the object says.
func checkFew(t *testing.T, seed uint64, o *Object, rec []byte) {
	t.Helper()
	at, _ := o.DeadlineAt()
	if RecordType(rec) != o.Type() || RecordLen(rec) != o.parts[0].coll.Len() || RecordDeadline(rec) != at || RecordHasShares(rec) != o.HasShares() {
		t.Fatalf("seed %d: type %d, %d elements, deadline %d of %x", seed, RecordType(rec), RecordLen(rec), RecordDeadline(rec), rec)
	}
	i := 0
	o.EachElem(func(_ Type, name, _ []byte) {
		if o.Type() == TypeList {
			return // they have no names there
		}
		if got := RecordName(rec, i); !bytes.Equal(got, name) {
			t.Fatalf("seed %d: element %d of %x is %q, not %q", seed, i, rec, got, name)
		}
		i++
	})
	for _, name := range append([]string{"nobody"}, "a", "b", "c", "") {
		name := []byte(name)
		switch o.Type() {
		case TypeSet:
			if RecordHas(rec, name) != o.Set().Has(name) {
				t.Fatalf("seed %d: member %q of %x", seed, name, rec)
			}
		case TypeHash:
			val, ok := RecordField(rec, name)
			want, has := o.Hash().Get(nil, name)
			if ok != has || !bytes.Equal(val, want) {
				t.Fatalf("seed %d: field %q of %x is %q, not %q", seed, name, rec, val, want)
			}
		case TypeZSet:
			score, ok := RecordScore(rec, name)
			want, has := o.ZSet().Score(name)
			if ok != has || score != want {
				t.Fatalf("seed %d: score of %q in %x is %v, not %v", seed, name, rec, score, want)
			}
		}
	}
}

// TestOrderOfFew: the elements of a flat record stay in the order in which they came,
// though an op that makes one larger and then another smaller makes more of them for a
// moment.
func TestOrderOfFew(t *testing.T) {
	value := func(n int) []byte { return make([]byte, n) }
	var o Object
	var op Op
	set := func(pairs ...[]byte) {
		op.Reset(KindHashSet, 0, []byte("k"))
		if err := o.PrepareChange(&op, TypeHash); err != nil {
			t.Fatal(err)
		}
		o.Hash().PrepareSet(&op, pairs)
		o.Apply(&op, Dot{o.Context().Get(1) + 1, 1})
	}
	for i := range 10 {
		set(fmt.Append(nil, 9-i), value(10))
	}
	set([]byte("9"), value(700))
	for range 20 {
		set([]byte("0"), value(700), []byte("9"), value(10))
		set([]byte("9"), value(700), []byte("0"), value(10))
		rec, ok := o.Few(nil, 1024)
		for i := range 10 {
			if !ok || string(RecordName(rec, i)) != fmt.Sprint(9-i) {
				t.Fatalf("field %d of %d is %q", i, RecordLen(rec), RecordName(rec, i))
			}
		}
		if err := DecodeKnown(&o, rec); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLargeRecordOfFew: a record may come from elsewhere, and then be of any size. One that
// is larger than few may be becomes an object like one that has grown, of which an element
// changes without all others being copied.
func TestLargeRecordOfFew(t *testing.T) {
	for _, typ := range []Type{TypeSet, TypeHash, TypeZSet} {
		var o, known Object
		for i := range 5 {
			rec := AppendDot(nil, Dot{1, 1})
			if typ != TypeSet {
				rec = appendScore(append([]byte{shapePlain}, rec...), 1)
			}
			if err := o.LoadElem(typ, append(make([]byte, 1<<20), byte(i)), rec); err != nil {
				t.Fatal(err)
			}
		}
		rec, ok := o.Few(nil, math.MaxInt)
		if err := DecodeKnown(&known, rec); !ok || err != nil || known.Sum() != o.Sum() {
			t.Fatalf("type %d: %v, %v", typ, ok, err)
		}
		if few, ok := known.of(typ).(fewer).asFew(); ok {
			t.Errorf("type %d: %d bytes are few", typ, len(few))
		}
	}
}
