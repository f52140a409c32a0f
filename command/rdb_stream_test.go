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

// Dumps of Redis 6.2 and older do not say how much of a stream a group has read: as
// in Redis, it is estimated.
func TestOldStreamsTellWhatGroupsHaveRead(t *testing.T) {
	id := func(ms uint64) rdb.StreamID { return rdb.StreamID{Ms: ms} }
	v := &rdb.Stream{Old: true, Last: id(6), Added: 2}
	for _, ms := range []uint64{5, 6} {
		v.Entries = append(v.Entries, rdb.StreamEntry{ID: id(ms), Fields: [][]byte{[]byte("f"), []byte("v")}})
	}
	for name, last := range map[string]uint64{"none": 0, "first": 5, "all": 6, "beyond": 7} {
		v.Groups = append(v.Groups, rdb.StreamGroup{Name: []byte(name), Last: id(last), Read: -1})
	}
	s := streamOf(v)
	for name, want := range map[string]int64{"none": 0, "first": 1, "all": 2, "beyond": crdt.NoEntriesRead} {
		if g := s.Group([]byte(name)); g.Read != want {
			t.Errorf("%s has read %d, want %d", name, g.Read, want)
		}
	}
}
