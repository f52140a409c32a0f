package engine

import (
	"fmt"
	"testing"
	"time"

	"crdb/crdt"
)

// TestOneOrphanOfALargeHash: what a member that is away has left on one field is not
// looked for in all the fields, under the lock of a partition, each second.
func TestOneOrphanOfALargeHash(t *testing.T) {
	all := members(t, 1, 2)
	a, b, key := all[0], all[1], []byte("h")
	b.eng.opts.Member = func(crdt.ReplicaID) bool { return true }
	const fields = 200_000
	for i := 0; i < fields; i += 1000 {
		var pairs []string
		for j := range 1000 {
			pairs = append(pairs, fmt.Sprintf("field:%d", i+j), "1")
		}
		a.do(func(tx *Tx) { tx.HashSet(key, words(pairs...)) })
	}
	b.pull(a)
	a.do(func(tx *Tx) { tx.HashPersist(key, words("field:7")) })
	b.do(func(tx *Tx) { tx.HashDelete(key, words("field:7")) })
	b.pull(a)
	tx, fastest := b.eng.NewTx(), time.Hour
	for range 5 {
		begun := time.Now()
		b.eng.forgetResidues(tx)
		fastest = min(fastest, time.Since(begun))
	}
	t.Logf("a look takes %v", fastest)
	if fastest > time.Millisecond {
		t.Errorf("a look at a hash of %d fields takes %v", fields, fastest)
	}
	if n := b.eng.Stats().Residues; n != 1 {
		t.Errorf("%d residues", n)
	}
}
