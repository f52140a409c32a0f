package engine

import (
	"fmt"
	"math"
	"testing"
)

// TestRandomKeyIsFair: every key that shows comes up as often as chance has it,
// though some partitions hold mostly keys past their deadline.
func TestRandomKeyIsFair(t *testing.T) {
	const keys, each = 1000, 60
	n := newNode(t, 1, clockAt(hashNow))
	n.do(func(tx *Tx) {
		for i := range keys {
			tx.Put(fmt.Append(nil, "k", i), []byte("v"), Expiry{})
		}
		for i := 0; i < 3000; i++ {
			if k := fmt.Append(nil, "gone", i); partOf(n.eng.hash(k)) < partitions/2 {
				tx.Put(k, []byte("v"), Expiry{At: hashNow + 1})
			}
		}
	})
	times := map[string]int{}
	tx := n.eng.NewTx()
	tx.LockAll(hashNow + 2) // nobody sweeps meanwhile
	for range keys * each {
		k, _ := tx.Random()
		times[string(k)]++
	}
	tx.Unlock()
	chi := 0.0
	for i := range keys {
		diff := float64(times[fmt.Sprint("k", i)] - each)
		chi += diff * diff / each
	}
	if limit := keys + 6*math.Sqrt(2*keys); len(times) != keys || chi > limit {
		t.Errorf("%d keys, chi square %.0f, at most %.0f", len(times), chi, limit)
	}
}
