package crdt

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// editedPut is a put of value that replaces the one at base.
func editedPut(base Timestamp, value []byte) *Op {
	op := &Op{Kind: KindPut, Key: []byte("k"), Value: value}
	if base != 0 {
		op.Clear = VersionVector{{Replica: 1, Time: base}}
	}
	return op
}

// TestEdits: a chain of edits is the chain of the puts that they stand for, also when
// an op is read twice, as those of a group are.
func TestEdits(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var edits Edits
		value := bytes.Repeat([]byte("base"), 200)
		op := *editedPut(0, value)
		if err := edits.Whole(&op, Dot{Time: 100, Replica: 1}); err != nil {
			t.Fatal(err)
		}
		for at := Timestamp(101); at < 130; at++ {
			e := Edit{Base: at - 1, At: rnd.IntN(len(value) + 40), Bytes: bytes.Repeat([]byte{byte(at)}, 1+rnd.IntN(60))}
			value = e.Lay(bytes.Clone(value))
			b := AppendEdit(nil, editedPut(at-1, value), e)
			for range 1 + rnd.IntN(2) {
				if err := DecodeOp(&op, b); err != nil {
					t.Fatal(err)
				}
				if err := edits.Whole(&op, Dot{Time: at, Replica: 1}); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(op.Value, value) || op.Edit.Base != 0 || !bytes.Equal(AppendOp(nil, &op), AppendOp(nil, editedPut(at-1, value))) {
					t.Fatalf("seed %d: the edit at %d is another put", seed, at)
				}
			}
		}
	}
}

// TestHostileEdits: an edit names a put of its author, of its key, in its block, that it
// replaces; and no block makes more bytes of a few than the bound.
func TestHostileEdits(t *testing.T) {
	base := bytes.Repeat([]byte("x"), MinEdit)
	put := func(change func(op *Op)) *Op {
		op := editedPut(100, nil)
		op.Edit = Edit{Base: 100, At: 1, Bytes: []byte("y")}
		change(op)
		return op
	}
	for name, x := range map[string]struct {
		op  *Op
		bad bool
	}{
		"sound":              {put(func(*Op) {}), false},
		"of nothing":         {put(func(op *Op) { op.Edit.Base = 99 }), true},
		"of what comes":      {put(func(op *Op) { op.Edit.Base = 101; op.Clear[0].Time = 101 }), true},
		"of another key":     {put(func(op *Op) { op.Key = []byte("l") }), true},
		"of another DB":      {put(func(op *Op) { op.DB = 1 }), true},
		"beside its base":    {put(func(op *Op) { op.Clear = nil }), true},
		"of another's":       {put(func(op *Op) { op.Clear[0].Replica = 2 }), true},
		"far beyond the end": {put(func(op *Op) { op.Edit.At = MaxEdited }), true},
	} {
		for _, check := range []bool{true, false} {
			var edits Edits
			read := edits.Whole
			if check {
				read = edits.Note
			}
			if err := read(editedPut(0, base), Dot{Time: 100, Replica: 1}); err != nil {
				t.Fatal(err)
			}
			var op Op
			if err := DecodeOp(&op, AppendOp(nil, x.op)); err != nil {
				t.Fatal(name, err)
			}
			if err := read(&op, Dot{Time: 101, Replica: 1}); errors.Is(err, ErrCorrupt) != x.bad {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	var edits Edits
	big := make([]byte, MaxEdited/4)
	_ = edits.Note(editedPut(0, big), Dot{Time: 100, Replica: 1})
	at := Timestamp(101)
	for ; ; at++ {
		op := editedPut(at-1, nil)
		op.Edit = Edit{Base: at - 1, Bytes: []byte("y")}
		if edits.Note(op, Dot{Time: at, Replica: 1}) != nil {
			break
		}
	}
	if at != 105 {
		t.Errorf("%d strings of a quarter of the bound", at-101)
	}
	for _, b := range [][]byte{{0, 1, 'x'}, {5, 1}, append(bytes.Repeat([]byte{0xff}, 9), 1, 0, 'x'), append([]byte{5}, append(bytes.Repeat([]byte{0xff}, 9), 1, 'x')...)} {
		head := append([]byte{byte(kindPutEdit), 0, 0}, "\x01k"...)
		err := DecodeOp(new(Op), append(head, b...))
		if huge := len(b) == 12 && b[0] == 0xff; !huge && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x: %v", b, err)
		}
	}
}
