package engine

import (
	"encoding/binary"

	"crdb/crdt"
	"crdb/crdt/dict"
)

// digestSeed keys key digests; it is the same at all instances.
const digestSeed = 0x27d4eb2f165667c5

// Digest sums the digests of all visible keys, past their deadline or not: two
// instances that have applied the same operations have equal digests.
func (e *Engine) Digest() (sum uint64) {
	for i := range e.parts {
		sum += e.digestPartition(&e.parts[i])
	}
	return sum
}

func (e *Engine) digestPartition(p *partition) (sum uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := entry{p: p}
	for db, ks := range p.dbs {
		if ks == nil {
			continue
		}
		ks.keys.Each(func(key, rec []byte) bool {
			n.db, n.rec, n.obj = db, rec, nil
			if d := n.load().Digest(); d != 0 && n.obj.Type() != crdt.TypeNone {
				h := dict.Hash(digestSeed+uint64(db), key)
				sum += dict.Hash(h, binary.BigEndian.AppendUint64(nil, d))
			}
			return true
		})
	}
	return sum
}
