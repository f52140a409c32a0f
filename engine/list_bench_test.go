package engine

import "testing"

func BenchmarkListPush(b *testing.B) {
	benchList(b, func(tx *Tx, k []byte, v [][]byte) { tx.ListPush(k, true, v) })
}
func BenchmarkListPushRight(b *testing.B) {
	benchList(b, func(tx *Tx, k []byte, v [][]byte) { tx.ListPush(k, false, v) })
}
func BenchmarkListPushPop(b *testing.B) {
	benchList(b, func(tx *Tx, k []byte, v [][]byte) {
		tx.ListPush(k, true, v)
		tx.ListPop(k, false, 1, func([]byte) {})
	})
}
func BenchmarkListPop(b *testing.B) {
	benchList(b, func(tx *Tx, k []byte, v [][]byte) { tx.ListPop(k, true, 1, func([]byte) {}) })
}

// benchList runs fn on a list that starts with a hundred thousand elements.
func benchList(b *testing.B, fn func(tx *Tx, key []byte, value [][]byte)) {
	tx, keys := benchEngine(b)
	list := []byte("list")
	tx.LockKey(1_700_000_000_000, list)
	tx.ListPush(list, false, keys)
	tx.Unlock()
	for i := 0; b.Loop(); i++ {
		tx.LockKey(1_700_000_000_000, list)
		fn(tx, list, keys[i%1000:i%1000+1])
		tx.Unlock()
	}
}
