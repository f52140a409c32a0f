package engine

import (
	"encoding/binary"

	"crdb/crdt/dict"
)

// digestSeed keys key digests; it is the same at all instances.
const digestSeed = 0x27d4eb2f165667c5

// Digest sums the digests of all keys, past their deadline or not: two
// instances that have applied the same operations have equal digests.
func (e *Engine) Digest() uint64 { return e.NewTx().Digest() }

// Digest sums the digests of all keys of all databases.
func (t *Tx) Digest() (sum uint64) {
	selected := t.db
	for db := range spaces {
		t.Select(db)
		t.EachDigest(func(key []byte, d uint64) {
			sum += KeySum(db, key, d)
		})
	}
	t.Select(selected)
	return sum
}

// KeySum is what a key, whose live state has the digest d, adds to Digest.
func KeySum(db int, key []byte, d uint64) uint64 {
	h := dict.Hash(digestSeed+uint64(db), key)
	return dict.Hash(h, binary.BigEndian.AppendUint64(nil, d))
}

// EachDigest calls fn with the digest of every key of the selected database of
// which there is live state, whether it shows or not. fn's key is only valid in
// the call, which holds the key's partition.
func (t *Tx) EachDigest(fn func(key []byte, digest uint64)) {
	for i := range partitions {
		t.with(i, func(p *partition) {
			ks := p.dbs[t.db]
			if ks == nil {
				return
			}
			n := entry{p: p, db: t.db}
			ks.keys.Each(func(key, rec []byte) bool {
				n.rec, n.obj = rec, nil
				if d := n.load().Digest(); d != 0 {
					fn(key, d)
				}
				return true
			})
		})
	}
}

// DigestOf returns the digest of a key's live state, 0 if there is none.
func (t *Tx) DigestOf(key []byte) (digest uint64) {
	t.with(partOf(t.e.hash(key)), func(*partition) {
		n := entry{}
		n.find(t.e, t.db, key)
		digest = n.load().Digest()
	})
	return digest
}
