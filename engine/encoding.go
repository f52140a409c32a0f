package engine

import "crdb/crdt"

// EncodingLimits are redis.conf's *-max-* limits, from which Redis keeps a
// collection in another form. Here they decide what OBJECT ENCODING says, and
// nothing else.
type EncodingLimits struct {
	Intset                   int // members of a set of integers
	HashEntries, ZSetEntries int // elements of a listpack
	HashValue, ZSetValue     int // bytes of its longest
}

func (l *EncodingLimits) set(s *crdt.Set) string {
	if s.Len() > l.Intset {
		return "hashtable"
	}
	enc := "intset"
	s.Each(func(m []byte) bool {
		if _, ok := crdt.ParseInt(m); !ok {
			enc = "hashtable"
		}
		return enc == "intset"
	})
	return enc
}

func (l *EncodingLimits) zset(z *crdt.ZSet) string {
	if z.Len() > l.ZSetEntries {
		return "skiplist"
	}
	enc := "listpack"
	z.Range(0, z.Len(), false, func(m []byte, _ float64) bool {
		if len(m) > l.ZSetValue {
			enc = "skiplist"
		}
		return enc == "listpack"
	})
	return enc
}

func (l *EncodingLimits) hash(h *crdt.Hash) string {
	if h.Shown() > l.HashEntries {
		return "hashtable"
	}
	enc := "listpack"
	if h.Dated() {
		enc = "listpackex"
	}
	h.Each(func(f, v []byte) bool {
		if len(f) > l.HashValue || len(v) > l.HashValue {
			enc = "hashtable"
		}
		return enc != "hashtable"
	})
	return enc
}
