package engine

import (
	"fmt"
	"testing"
)

// The empty string is a key like any other.
func TestRecoveryOfTheEmptyKey(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.do(func(tx *Tx) {
		for i := range 300 { // too many to stay a flat record
			tx.SetAdd([]byte{}, [][]byte{fmt.Appendf(nil, "member %d", i)})
		}
	})
	if err := n.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	before := n.dump()
	n.close()
	n.open()
	same(t, "after a restart", before, n.dump())
}
