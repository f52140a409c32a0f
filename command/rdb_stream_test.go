package command

import (
	"testing"

	"crdb/crdt"
	"crdb/rdb"
)

// What two regions have added under one ID is one entry of a payload: the
// format has no more.
func TestDumpOfEntriesWithOneID(t *testing.T) {
	s := crdt.NewStream(crdt.StreamID{Ms: 5}, crdt.StreamID{}, 2)
	s.Append(crdt.StreamID{Ms: 5}, [][]byte{[]byte("f"), []byte("one")})
	op := &crdt.Op{Kind: crdt.KindStreamAdd}
	o := &crdt.Object{}
	if err := o.PrepareChange(op, crdt.TypeStream); err != nil {
		t.Fatal(err)
	}
	o.Stream().Begin()
	o.Stream().PrepareFill(op, 1, s)
	encoded := crdt.AppendOp(nil, op)
	for r := range crdt.ReplicaID(2) {
		var again crdt.Op
		if err := crdt.DecodeOp(&again, encoded); err != nil {
			t.Fatal(err)
		}
		o.Apply(&again, crdt.Dot{Time: 9, Replica: 1 + r})
	}
	if n := o.Stream().Entries(); n != 2 {
		t.Fatalf("%d entries", n)
	}
	w := rdb.NewWriter(nil)
	w.Stream(streamValue(o.Stream()))
	v, err := rdb.ParseObject(w.Bytes())
	if err != nil || len(v.Stream.Entries) != 1 || string(v.Stream.Entries[0].Fields[1]) != "one" {
		t.Errorf("%+v, %v", v.Stream, err)
	}
}
