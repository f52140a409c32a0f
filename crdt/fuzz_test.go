package crdt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
)

// crowded returns an object that shows a string and hides a set and a hash,
// all with concurrent content and removed shares.
func crowded() *Object {
	a, b, c := writer{id: 1}, writer{id: 2, time: 1}, writer{id: 3, time: 2}
	var x, y, z Object
	var log []struct {
		b []byte
		d Dot
	}
	add := func(b []byte, d Dot) {
		log = append(log, struct {
			b []byte
			d Dot
		}{b, d})
	}
	add(a.hincr(&x, "f", 5))
	add(a.hdel(&x, "g", "f"))
	add(a.hincr(&x, "f", 2))
	add(a.hset(&x, "key", "v"))
	add(a.hexpire(&x, "key", 1000))
	add(b.sadd(&y, "a", "f"))
	add(a.pfadd(&Object{}, "a", "b"))
	var l Object
	add(c.push(&l, false, "first", "last"))
	add(c.linsert(&l, 1, "inner"))
	add(c.linsert(&l, 2, "inner"))
	add(c.lroom(&l, 2))
	add(c.incr(&z, 3))
	add(c.put(&z, "7"))
	add(c.incr(&z, 4))
	o := &Object{}
	for _, e := range log {
		applyBytes(o, e.b, e.d)
	}
	return o
}

// FuzzDecodeOp: what decodes encodes again to the same bytes, and applying it
// never panics and leaves a state that the codecs can carry.
func FuzzDecodeOp(f *testing.F) {
	for _, b := range goldenOpBytes() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := opReencodes(b); err != nil {
			t.Fatal(err)
		}
		var op Op
		if DecodeOp(&op, b) != nil {
			return
		}
		for _, o := range []*Object{{}, crowded()} {
			for i := range Timestamp(2) {
				o.Apply(&op, Dot{50 + i, 1 + ReplicaID(i)})
				dump(o)
				rec, elems := encodeObject(o)
				back, err := decodeObject(rec, elems)
				if err != nil {
					t.Fatalf("%x: %v", b, err)
				}
				if back.Digest() != o.Digest() {
					t.Fatalf("%x: another digest after the codec", b)
				}
			}
		}
	})
}

// FuzzBuildOp: an op that is built ahead is decodable when it is element by element,
// and does the same to a key.
func FuzzBuildOp(f *testing.F) {
	for _, b := range goldenOpBytes() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var op, built, checked Op
		dot := Dot{50, 1}
		err, ahead, check := DecodeOp(&op, b), BuildOp(&built, b, dot), CheckOp(&checked, b, nil)
		if errors.Is(check, errForeseen) {
			check = nil // it has seen something
		}
		if (err == nil) != (ahead == nil) || (err == nil) != (check == nil) {
			t.Fatalf("%x: %v, built %v, checked %v", b, err, ahead, check)
		}
		if err != nil {
			return
		}
		for _, target := range []func() *Object{func() *Object { return &Object{} }, crowded} {
			one, two := target(), target()
			one.Apply(&op, dot)
			if err := BuildOp(&built, b, dot); err != nil {
				t.Fatal(err)
			}
			two.Apply(&built, dot)
			if one.Digest() != two.Digest() || one.Type() != two.Type() {
				t.Fatalf("%x: built ahead it does something else", b)
			}
			if err := DecodeOp(&op, b); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	for _, b := range goldenRecordBytes() {
		f.Add(b)
	}
	for _, b := range goldenFieldBytes() {
		f.Add(b)
	}
	for _, b := range goldenFew() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := recordReencodes(b); err != nil {
			t.Fatal(err)
		}
		var o Object
		if DecodeRecord(&o, b) == nil {
			dump(&o)
			if RecordDeadline(b); RecordType(b) == TypeString && b[0] != formHeader {
				RecordValue(nil, b)
				RecordShare(b, 1)
			}
		}
		for _, typ := range []Type{TypeSet, TypeHash, TypeList, TypeZSet, TypeHLL, TypeStream} { // as an element
			names := [][]byte{goldenPlace} // other types take any name
			if typ == TypeStream {
				names = [][]byte{goldenEntry, {nameMark}, []byte("gx")}
			}
			for _, name := range names {
				var o Object
				if o.LoadElem(typ, name, b) == nil {
					if rec, ok := o.ElemRecord(typ, name); !ok || !bytes.Equal(rec, b) {
						t.Fatalf("element %x is kept as %x", b, rec)
					}
					dump(&o)
				}
			}
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, text := range []string{"0", "-1", "0.5", "-0.00000000000000001", "1e40", "9223372036854775807"} {
		n, _ := parseNumber([]byte(text))
		f.Add(appendNumber(nil, n), text)
	}
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		if n, rest, err := decodeNumber(b, maxNumberBytes); err == nil {
			if again := appendNumber(nil, n); !bytes.Equal(again, b[:len(b)-len(rest)]) {
				t.Fatalf("%x encodes again as %x", b, again)
			}
			if !n.Sub(n).Equal(Int(0)) || !n.Add(n).Sub(n).Equal(n) {
				t.Fatalf("%x: arithmetic", b)
			}
		}
		n, ok := parseNumber([]byte(text))
		if !ok {
			return
		}
		again, ok := parseNumber(n.Append(nil))
		if len(n.Append(nil)) < 18 && (!ok || !again.Equal(n)) {
			t.Fatalf("%q prints as %s", text, n.Append(nil))
		}
	})
}

// TestHostileLengths: no claimed length makes a decoder allocate what has not
// arrived.
func TestHostileLengths(t *testing.T) {
	huge := binary.AppendUvarint(nil, 1<<62)
	var inputs [][]byte
	for _, b := range goldenOpBytes() {
		for i := 3; i <= len(b); i++ {
			inputs = append(inputs, append(bytes.Clone(b[:i]), huge...), append(append(bytes.Clone(b[:i]), huge...), b[i:]...))
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var op Op
	var o Object
	for _, in := range inputs {
		_ = DecodeOp(&op, in)
		_ = DecodeRecord(&o, in)
		_, _, _ = DecodeVector(nil, in)
		_, _, _ = decodeNumber(in, maxNumberBytes)
		_ = o.LoadElem(TypeHash, nil, in)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(len(inputs)); each > 4096 {
		t.Errorf("%d bytes allocated per input of %d", each, len(inputs))
	}
}
