package dict

import (
	"bytes"
	"encoding/binary"
)

// A Dict is small as long as it has so few entries, and so few bytes of them,
// that looking through all of them is as quick as an index, which would take
// more memory than they do.
const (
	smallEntries = 24
	smallBytes   = 1152
	smallHeader  = 4 // bytes of hash before what a record of a segment has, too
)

// small holds the entries of a small Dict one behind the other, in order of hash: of
// each 4 bytes of hash, uvarint key length, uvarint value length, key, value.
type small struct {
	entries []byte
	n       int32
	most    uint32 // no hash is above it: what comes in order goes to the end at once
}

// smallEntry is an entry that lies from at to end.
type smallEntry struct {
	hash     uint32
	key, val []byte
	at, end  int
}

// entry returns the entry at a place before the end.
func (s *small) entry(at int) (e smallEntry) {
	b := s.entries[at:]
	kl, vl, p := int(b[smallHeader]), int(b[smallHeader+1]), smallHeader+2
	if kl >= 0x80 || vl >= 0x80 {
		k, i := binary.Uvarint(b[smallHeader:])
		v, j := binary.Uvarint(b[smallHeader+i:])
		kl, vl, p = int(k), int(v), smallHeader+i+j
	}
	e.hash, e.at, e.end = binary.BigEndian.Uint32(b), at, at+p+kl+vl
	e.key, e.val = b[p:p+kl:p+kl], b[p+kl:p+kl+vl:p+kl+vl]
	return e
}

// find returns the entry of key, or the place where it would be inserted.
func (s *small) find(h uint32, key []byte) (e smallEntry, ok bool) {
	at := 0
	if h > s.most {
		at = len(s.entries)
	}
	for at < len(s.entries) {
		if e = s.entry(at); e.hash > h {
			break
		}
		if e.hash == h && bytes.Equal(e.key, key) {
			return e, true
		}
		at = e.end
	}
	return smallEntry{at: at, end: at}, false
}

func (s *small) get(h uint32, key []byte) (val []byte, ok bool) {
	e, ok := s.find(h, key)
	return e.val, ok
}

// reserve is Dict.Reserve; ok is false, and nothing changed, if the entry would
// make too much of a small Dict.
func (s *small) reserve(h uint32, key []byte, vlen int) (val []byte, fresh, ok bool) {
	e, there := s.find(h, key)
	if there && len(e.val) == vlen {
		return e.val, false, true
	}
	var hdr [smallHeader + 2*binary.MaxVarintLen64]byte
	binary.BigEndian.PutUint32(hdr[:], h)
	head := binary.AppendUvarint(binary.AppendUvarint(hdr[:smallHeader], uint64(len(key))), uint64(vlen))
	size := len(head) + len(key) + vlen
	if len(s.entries)+size-(e.end-e.at) > smallBytes || !there && s.n == smallEntries {
		return nil, false, false
	}
	b := s.resize(e.at, e.end, size)
	n := copy(b, head)
	n += copy(b[n:], key)
	if !there {
		s.n++
		s.most = max(s.most, h)
	}
	return b[n:size:size], !there, true
}

// resize makes size bytes of what lies from at to end, and returns them. It leaves
// the entries where they were, and moves to another place: what an operation has
// named stays as it is while the operation is applied, as in the arena of a segment.
// Only at the end is room used that expect has made.
func (s *small) resize(at, end, size int) []byte {
	if at == len(s.entries) && at+size <= cap(s.entries) {
		s.entries = s.entries[:at+size]
		return s.entries[at:]
	}
	fresh := make([]byte, len(s.entries)+size-(end-at))
	copy(fresh, s.entries[:at])
	copy(fresh[at+size:], s.entries[end:])
	s.entries = fresh
	return fresh[at : at+size]
}

// expect makes room for so many bytes of entries in all.
func (s *small) expect(bytes int) {
	if bytes > cap(s.entries) && bytes <= smallBytes {
		s.entries = append(make([]byte, 0, bytes), s.entries...)
	}
}

func (s *small) delete(h uint32, key []byte) bool {
	e, ok := s.find(h, key)
	if !ok {
		return false
	}
	if s.n--; s.n == 0 {
		*s = small{}
		return true
	}
	s.resize(e.at, e.end, 0)
	return true
}

// each calls fn for the entries in order of hash until it returns false.
func (s *small) each(fn func(h uint32, key, val []byte) bool) {
	for at := 0; at < len(s.entries); {
		e := s.entry(at)
		if !fn(e.hash, e.key, e.val) {
			return
		}
		at = e.end
	}
}

// random is Dict.Random.
func (s *small) random(next func() uint64) (key, val []byte, ok bool) {
	if s.n == 0 {
		return nil, nil, false
	}
	skip := next() >> 32 * uint64(s.n) >> 32
	s.each(func(_ uint32, k, v []byte) bool {
		key, val, ok = k, v, true
		skip--
		return skip != ^uint64(0)
	})
	return key, val, ok
}
