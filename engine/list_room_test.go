package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// insert does LINSERT in a command of its own.
func (n *node) insert(before bool, pivot, value string) {
	n.t.Helper()
	n.do(func(tx *Tx) {
		if size, err := tx.ListInsert([]byte("list"), before, []byte(pivot), []byte(value)); err != nil || size < 2 {
			n.t.Fatalf("LINSERT %v %s %s: %d, %v", before, pivot, value, size, err)
		}
	})
}

func (n *node) list() (out []string) {
	n.do(func(tx *Tx) {
		tx.ListEach([]byte("list"), 0, func(v []byte) bool { out = append(out, string(v)); return true })
	})
	return out
}

// bytesPerElement is what the list takes in memory, and what its ops have taken
// in the log, for each element.
func (n *node) bytesPerElement() (memory, log int) {
	size := len(n.list())
	n.do(func(tx *Tx) { memory = tx.peek([]byte("list")).load().Bytes() / size })
	if err := n.log.Sync(context.Background()); err != nil {
		n.t.Fatal(err)
	}
	return memory, int(n.log.Stats().BytesWritten) / size
}

// TestManyInsertsIntoOneGap: tens of thousands of LINSERTs around the same two
// elements cost a few bytes each.
func TestManyInsertsIntoOneGap(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.do(func(tx *Tx) { tx.ListPush([]byte("list"), false, [][]byte{[]byte("first"), []byte("last")}) })
	var behind, ahead []string
	many := 30000
	if testing.Short() {
		many = 3000
	}
	for i := range many {
		v := fmt.Sprintf("a%05d", i)
		n.insert(false, "first", v)
		behind = append(behind, v)
	}
	for i := range many / 10 { // finding the pivot takes time
		v := fmt.Sprintf("b%05d", i)
		n.insert(true, "last", v)
		ahead = append(ahead, v)
	}
	slices.Reverse(behind)
	want := append(append(append([]string{"first"}, behind...), ahead...), "last")
	if got := n.list(); !slices.Equal(got, want) {
		t.Fatal("another order")
	}
	memory, log := n.bytesPerElement()
	t.Logf("%d bytes in memory and %d in the log per element", memory, log)
	if memory > 24 || log > 120 {
		t.Errorf("%d bytes in memory and %d in the log per element", memory, log)
	}
}

// TestRemovalsMeetInserts: two regions insert into one gap until the elements
// there must move, and remove some of them at the same time. What was removed
// stays away, nothing is doubled, and both show the same, also after a restart.
func TestRemovalsMeetInserts(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	a, b := newNode(t, 1, wall), newNode(t, 2, wall)
	nodes := []*node{a, b}
	key := []byte("list")
	a.do(func(tx *Tx) { tx.ListPush(key, false, [][]byte{[]byte("x"), []byte("y")}) })
	last := "x"
	for i := range 400 {
		v := fmt.Sprint("s", i)
		a.insert(i%2 == 0, last, v)
		last = v
	}
	syncAll(nodes)
	for i, n := range nodes { // cut apart
		mine := last
		for k := range 900 {
			v := fmt.Sprint(n.id, "-", k)
			n.insert(k%2 == 0, mine, v)
			mine = v
		}
		for k := i; k < 400; k += 5 {
			n.do(func(tx *Tx) {
				if r, _ := tx.ListRemove(key, 0, []byte(fmt.Sprint("s", k))); r != 1 {
					t.Fatalf("s%d is not there", k)
				}
			})
		}
	}
	syncAll(nodes)
	for range 2 {
		got := a.list()
		if !slices.Equal(got, b.list()) {
			t.Fatal("the regions differ")
		}
		if want := 2 + 400*3/5 + 2*900; len(got) != want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != want {
			t.Fatalf("%d elements, %d different, want %d", len(got), len(slices.Compact(slices.Sorted(slices.Values(got)))), want)
		}
		same(t, "regions", a.dump(), b.dump())
		if err := a.eng.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		a.close()
		a.open()
	}
}

// TestLargeRemovals: LTRIM, LREM and LPOP of a hundred thousand elements make
// ops of a bounded size, in one atomic group, which another region applies.
func TestLargeRemovals(t *testing.T) {
	if testing.Short() {
		t.Skip("much work of one goroutine")
	}
	wall := clockAt(1_700_000_000_000)
	a, b := newNode(t, 1, wall), newNode(t, 2, wall)
	key := []byte("list")
	const n = 100_000
	values := make([][]byte, n)
	for i := range values {
		values[i] = fmt.Appendf(nil, "%d", i%2)
	}
	for _, c := range []struct {
		name string
		fn   func(tx *Tx) int // the elements left
	}{
		{"trim both ends", func(tx *Tx) int { tx.ListTrim(key, n/2, n/2+9); return 10 }},
		{"trim to nothing", func(tx *Tx) int { tx.ListTrim(key, 1, 0); return 0 }},
		{"remove half", func(tx *Tx) int { tx.ListRemove(key, 0, []byte("1")); return n / 2 }},
		{"remove from the right", func(tx *Tx) int { tx.ListRemove(key, -2*maxCut, []byte("0")); return n - 2*maxCut }},
		{"pop", func(tx *Tx) int { tx.ListPop(key, true, n-1, func([]byte) {}); return 1 }},
		{"pop from the right", func(tx *Tx) int { tx.ListPop(key, false, maxCut+1, func([]byte) {}); return n - maxCut - 1 }},
		{"pop all", func(tx *Tx) int { tx.ListPop(key, false, n, func([]byte) {}); return 0 }},
	} {
		a.do(func(tx *Tx) { tx.Delete(key); tx.ListPush(key, false, values) })
		var want, longest int
		a.do(func(tx *Tx) {
			want = c.fn(tx)
			longest = len(tx.buf)
			if cap(tx.op.Elems) > 2*maxCut {
				t.Errorf("%s: an op of %d elements", c.name, cap(tx.op.Elems))
			}
		})
		syncAll([]*node{a, b})
		if got := a.list(); len(got) != want || !slices.Equal(got, b.list()) {
			t.Errorf("%s: %d elements and %d, want %d", c.name, len(got), len(b.list()), want)
		}
		if longest > 40*maxCut {
			t.Errorf("%s: an op of %d bytes", c.name, longest)
		}
	}
}
