package crdt_test

import (
	"fmt"

	"crdb/crdt"
)

// Two regions count while one of them also deletes: the delete removes what it
// had seen, and the increment that it had not seen survives in both.
func Example() {
	var east, west crdt.Object

	// East counts to 10, and west learns of it.
	ten := incr(&east, 1, 10)
	send(ten, crdt.Dot{Time: 1, Replica: 1}, &east, &west)

	// At the same time west deletes the key and east adds 5.
	op := crdt.Op{Kind: crdt.KindDelete, Key: []byte("visits")}
	west.PrepareDelete(&op)
	del := crdt.AppendOp(nil, &op)
	send(del, crdt.Dot{Time: 2, Replica: 2}, &west)
	five := incr(&east, 1, 5)
	send(five, crdt.Dot{Time: 2, Replica: 1}, &east)

	// Then each learns of the other's.
	send(del, crdt.Dot{Time: 2, Replica: 2}, &east)
	send(five, crdt.Dot{Time: 2, Replica: 1}, &west)

	fmt.Printf("east %s, west %s\n", east.Cell.Value(nil), west.Cell.Value(nil))
	fmt.Println("equal digests:", east.Digest() == west.Digest())
	// Output:
	// east 5, west 5
	// equal digests: true
}

// incr prepares INCRBY at a replica and returns the bytes for its log.
func incr(o *crdt.Object, r crdt.ReplicaID, delta int64) []byte {
	op := crdt.Op{Kind: crdt.KindIncr, Key: []byte("visits"), Delta: crdt.Int(delta)}
	if err := o.PrepareChange(&op, crdt.TypeString); err != nil {
		panic(err)
	}
	var err error
	if op.Total, _, err = o.Cell.IncrInt(r, delta); err != nil {
		panic(err)
	}
	return crdt.AppendOp(nil, &op)
}

// send applies an op from a log to the objects.
func send(b []byte, d crdt.Dot, objects ...*crdt.Object) {
	var op crdt.Op
	if err := crdt.DecodeOp(&op, b); err != nil {
		panic(err)
	}
	for _, o := range objects {
		o.Apply(&op, d)
	}
}
