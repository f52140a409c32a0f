package crdt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// TestGap: a put that leaves out zeros is the put of the whole string.
func TestGap(t *testing.T) {
	whole := append(append([]byte("before"), make([]byte, 300)...), "behind"...)
	gapped := &Op{Kind: KindPut, Key: []byte("k"), Value: []byte("beforebehind"), Gap: Gap{6, 300}}
	d := Dot{Time: 1 << 20, Replica: 1}
	var here, there, plain Object
	here.Apply(gapped, d)
	var op Op
	if err := DecodeOp(&op, AppendOp(nil, gapped)); err != nil {
		t.Fatal(err)
	}
	there.Apply(&op, d)
	plain.Apply(&Op{Kind: KindPut, Key: []byte("k"), Value: whole}, d)
	for _, o := range []*Object{&here, &there, &plain} {
		if got := o.Cell.Value(nil); !bytes.Equal(got, whole) {
			t.Errorf("got %d bytes, %.20q", len(got), got)
		}
	}
	op.Reset(KindPut, 0, nil)
	if op.Gap.Len != 0 {
		t.Error("the gap outlives Reset")
	}
}

// TestHostileGaps: what could not be a string is refused before any memory is
// taken for it.
func TestHostileGaps(t *testing.T) {
	for _, gap := range [][2]uint64{{0, 0}, {4, 10}, {1 << 62, 10}, {0, maxGapped}, {0, 1 << 40}, {0, 1<<64 - 1}, {1<<64 - 1, 1<<64 - 1}} {
		b := append([]byte{byte(kindPutGap), 0, 0}, "\x01k"...)
		b = binary.AppendUvarint(binary.AppendUvarint(b, gap[0]), gap[1])
		if err := DecodeOp(new(Op), append(b, "abc"...)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: %v", gap, err)
		}
	}
}
