package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"crdb/crdt"
)

// TestRowsMeetWrites: regions cut rows out of one list and one stream while others,
// who have not seen that, push, insert, set and trim there. All end with the same,
// also after restarts, between which checkpoints save rows.
func TestRowsMeetWrites(t *testing.T) {
	regionsMeet(t, 11, 80, nil, func(n *node, rnd *rand.Rand, name string) {
		n.do(func(tx *Tx) { changeRows(tx, rnd, name) })
	})
}

// regionsMeet lets three regions change the same keys, by change, which is given a name
// for what it writes; in between they hear of each other, checkpoint and restart. All
// end with the same, also after another checkpoint and restart. atEnd, which may be nil,
// looks at each before these.
func regionsMeet(t *testing.T, salt uint64, steps int, atEnd func(n *node), change func(n *node, rnd *rand.Rand, name string)) {
	for seed := range seeds(24) {
		rnd := rand.New(rand.NewPCG(seed, salt))
		wall := clockAt(1_700_000_000_000)
		nodes := []*node{newNode(t, 1, wall), newNode(t, 2, wall), newNode(t, 3, wall)}
		for _, n := range nodes {
			n.close()
			n.all, n.largeOp = nodes, []int{0, 600}[seed%2]
			n.open()
		}
		for i := range steps {
			n := nodes[rnd.IntN(3)]
			wall.Add(1)
			change(n, rnd, fmt.Sprint(i))
			switch rnd.IntN(8) {
			case 0:
				syncAll(nodes)
			case 1:
				n.pull(nodes[int(n.id)%3])
			case 2:
				if err := n.eng.Checkpoint(); err != nil {
					t.Fatal(err)
				}
			case 3:
				before := n.dump()
				n.close()
				n.open()
				same(t, fmt.Sprintf("seed %d, restart after %d", seed, i), before, n.dump())
			}
		}
		syncAll(nodes)
		for _, n := range nodes {
			same(t, fmt.Sprintf("seed %d, %d", seed, n.id), nodes[0].dump(), n.dump())
			if atEnd != nil {
				atEnd(n)
			}
			if err := n.eng.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			n.close()
			n.open()
			same(t, fmt.Sprintf("seed %d, %d after a restart", seed, n.id), nodes[0].dump(), n.dump())
		}
	}
}

// changeRows changes a list or a stream, in which some tens of elements are.
func changeRows(tx *Tx, rnd *rand.Rand, name string) {
	list, stream := []byte("list"), []byte("stream")
	values := make([][]byte, 1+rnd.IntN(15))
	for i := range values {
		values[i] = fmt.Append(nil, name, ".", i)
	}
	size, _ := tx.ListLen(list)
	at := int64(rnd.IntN(size + 1))
	switch rnd.IntN(10) {
	case 0, 1, 2:
		_, _ = tx.ListPush(list, rnd.IntN(2) == 0, values)
	case 3:
		_ = tx.ListTrim(list, at/3, at/3+15)
	case 4:
		_, _ = tx.ListPop(list, rnd.IntN(2) == 0, int64(8+rnd.IntN(10)), func([]byte) {})
	case 5:
		tx.ListEach(list, int(at), func(v []byte) bool {
			v = append([]byte(nil), v...)
			_, _ = tx.ListInsert(list, rnd.IntN(2) == 0, v, values[0])
			return false
		})
	case 6:
		_ = tx.ListSet(list, at, values[0])
	case 7, 8:
		for _, v := range values {
			_, _, _ = tx.StreamAdd(stream, &StreamAdd{Auto: true, Fields: [][]byte{v, v}})
		}
	case 9:
		_, _ = tx.StreamTrim(stream, crdt.StreamTrim{Max: rnd.IntN(20)})
	}
}
