package engine

import (
	"encoding/binary"

	"crdb/crdt"
	"crdb/crdt/dict"
)

// Slice is a part of the keyspace: the keys, of all logical databases, whose
// hash begins with the lowest Bits bits of Prefix. The slices are a tree: each
// is the sum of its two halves. So two instances find out where they differ by
// descending where digests do.
type Slice struct {
	Bits   int
	Prefix uint64
}

// The smallest and largest Slice.Bits: a partition, and what a hash has.
const (
	MinSliceBits = partitionBits
	MaxSliceBits = partitionBits + 24
)

// Valid reports whether there is such a slice.
func (s Slice) Valid() bool {
	return s.Bits >= MinSliceBits && s.Bits <= MaxSliceBits && s.Prefix < 1<<s.Bits
}

// place returns the slice's partition and interval of fragments [lo, hi).
func (s Slice) place() (part int, lo, hi uint64) {
	sub := s.Bits - partitionBits
	part = int(s.Prefix >> sub)
	width := uint64(1) << (32 - sub)
	lo = s.Prefix & (1<<sub - 1) * width
	return part, lo, lo + width
}

// KeyDigest names a key and the digest of its live state.
type KeyDigest struct {
	DB     int
	Key    []byte
	Digest uint64
}

// SliceDigest returns how many keys with live state a slice has and the sum of
// their digests: equal at instances that have applied the same operations. It
// holds the slice's partition meanwhile.
func (e *Engine) SliceDigest(s Slice) (keys int, sum uint64) {
	e.eachDigest(s, func(db int, key []byte, d uint64) bool {
		keys++
		h := dict.Hash(digestSeed+uint64(db), key)
		sum += dict.Hash(h, binary.BigEndian.AppendUint64(nil, d))
		return true
	})
	return keys, sum
}

// SliceKeys lists the digests of the keys of a slice, at most limit, and the
// vector of what has been applied to them. more reports that there are others.
func (e *Engine) SliceKeys(s Slice, limit int) (keys []KeyDigest, vv crdt.VersionVector, more bool) {
	vv = e.eachDigest(s, func(db int, key []byte, d uint64) bool {
		if more = len(keys) == limit; more {
			return false
		}
		keys = append(keys, KeyDigest{db, append([]byte(nil), key...), d})
		return true
	})
	return keys, vv, more
}

// KeyDigest returns the digest of one key, 0 if there is no live state of it,
// and the vector of what has been applied to it.
func (e *Engine) KeyDigest(db int, key []byte) (digest uint64, vv crdt.VersionVector) {
	p := &e.parts[partOf(e.hash(key))]
	p.mu.Lock()
	defer p.mu.Unlock()
	n := entry{}
	n.find(e, db, key)
	return n.load().Digest(), p.raised.join(fragOf(e.hash(key)), e.vector())
}

// eachDigest calls fn for the keys of a slice until it returns false.
func (e *Engine) eachDigest(s Slice, fn func(db int, key []byte, digest uint64) bool) crdt.VersionVector {
	part, lo, hi := s.place()
	p := &e.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	n := entry{p: p}
	going := true
	for db := 0; db < len(p.dbs) && going; db++ {
		if p.dbs[db] == nil {
			continue
		}
		n.db = db
		p.dbs[db].keys.EachIn(lo, hi, func(key, rec []byte) bool {
			n.rec, n.obj = rec, nil
			if d := n.load().Digest(); d != 0 {
				going = fn(db, key, d)
			}
			return going
		})
	}
	return p.raised.joinAll(lo, hi, e.vector())
}
