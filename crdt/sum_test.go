package crdt

import "testing"

// TestSumIsOfAllButTheContext: what Digest leaves out counts, what the object
// has merely seen does not.
func TestSumIsOfAllButTheContext(t *testing.T) {
	d := func(n uint64, r ReplicaID) Dot { return Dot{Timestamp(n), r} }
	sums := map[uint64]string{}
	for name, o := range map[string]*Object{
		"absent":     {},
		"string":     {Cell: Cell{Siblings: []Sibling{{d(5, 1), []byte("v")}}}},
		"another":    {Cell: Cell{Siblings: []Sibling{{d(5, 1), []byte("w")}}}},
		"later":      {Cell: Cell{Siblings: []Sibling{{d(6, 1), []byte("v")}}}},
		"dated":      {Cell: Cell{Siblings: []Sibling{{d(5, 1), []byte("v")}}}, Deadlines: []Deadline{{d(5, 1), 9}}},
		"share":      {Cell: Cell{Shares: []Share{{Replica: 1, Last: 7, Total: Int(5), Base: 6}}}},
		"numbering":  {Cell: Cell{Shares: []Share{{Replica: 1, Last: 7, Total: Int(8), Base: 6, BaseTotal: Int(3)}}}},
		"removed":    {Cell: Cell{Shares: []Share{{Replica: 1, Last: 7, Total: Int(5), Base: 7, BaseTotal: Int(5), Gone: d(8, 2)}}}},
		"set":        withElem(t, TypeSet, "m", d(5, 1)),
		"its member": withElem(t, TypeSet, "n", d(5, 1)),
		"its dot":    withElem(t, TypeSet, "m", d(5, 2)),
	} {
		sum := o.Sum()
		if other, ok := sums[sum]; ok {
			t.Errorf("%s has the sum of %s", name, other)
		}
		sums[sum] = name
		o.note(d(99, 3))
		if o.Sum() != sum {
			t.Errorf("%s: its context counts", name)
		}
	}
}

// withElem is an object with one element, which only a dot says anything about.
func withElem(t *testing.T, typ Type, name string, d Dot) *Object {
	t.Helper()
	o := &Object{}
	op := &Op{}
	op.Reset(KindSetAdd, 0, []byte("k"))
	op.addElem([]byte(name))
	o.Apply(op, d)
	if o.Type() != typ {
		t.Fatal(o.Type())
	}
	return o
}
