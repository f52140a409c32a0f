package crdt

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// MaxReplicas bounds the entries of a decoded VersionVector: no database has
// more members, past and present, than this.
const MaxReplicas = 1024

// VersionVector maps each replica to the timestamp of its last operation that
// is covered, with none missing before it. The zero value covers nothing. It
// is kept sorted by replica; it is small, so lookups scan.
//
// A VersionVector is a plain slice: assignment shares it, Clone copies it.
type VersionVector []VersionEntry

// VersionEntry is one replica's part of a VersionVector.
type VersionEntry struct {
	Replica ReplicaID
	Time    Timestamp
}

// Get returns the last covered timestamp of replica r, zero if none.
func (v VersionVector) Get(r ReplicaID) Timestamp {
	for _, e := range v {
		if e.Replica == r {
			return e.Time
		}
	}
	return 0
}

// Covers reports whether the operation named d is covered.
func (v VersionVector) Covers(d Dot) bool { return d.Time <= v.Get(d.Replica) }

// Descends reports whether v covers everything o covers.
func (v VersionVector) Descends(o VersionVector) bool {
	for _, e := range o {
		if v.Get(e.Replica) < e.Time {
			return false
		}
	}
	return true
}

// Equal reports whether both vectors cover the same operations.
func (v VersionVector) Equal(o VersionVector) bool { return v.Descends(o) && o.Descends(v) }

// Set makes t the last covered timestamp of replica r, even if it was higher.
func (v *VersionVector) Set(r ReplicaID, t Timestamp) {
	s := *v
	i := 0
	for i < len(s) && s[i].Replica < r {
		i++
	}
	if i < len(s) && s[i].Replica == r {
		s[i].Time = t
		return
	}
	s = append(s, VersionEntry{})
	copy(s[i+1:], s[i:])
	s[i] = VersionEntry{r, t}
	*v = s
}

// Raise covers d, and never lowers what is covered.
func (v *VersionVector) Raise(d Dot) {
	if v.Get(d.Replica) < d.Time {
		v.Set(d.Replica, d.Time)
	}
}

// Merge covers everything that o covers as well: the join.
func (v *VersionVector) Merge(o VersionVector) {
	for _, e := range o {
		v.Raise(Dot{e.Time, e.Replica})
	}
}

// Clone returns a copy that shares nothing with v.
func (v VersionVector) Clone() VersionVector { return append(VersionVector(nil), v...) }

// String formats the vector as {replica:timestamp ...}.
func (v VersionVector) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range v {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d:%v", e.Replica, e.Time)
	}
	b.WriteByte('}')
	return b.String()
}

// AppendVector appends the encoded vector: uvarint count, then per entry
// uvarint replica and 8 bytes of timestamp, big endian, sorted by replica.
func AppendVector(b []byte, v VersionVector) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	for _, e := range v {
		b = binary.AppendUvarint(b, uint64(e.Replica))
		b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	}
	return b
}

// DecodeVector decodes a vector from the start of b into dst[:0] and returns
// it with the rest of b. A longer encoding than AppendVector's, unsorted or repeated replicas, a zero time, and more
// than MaxReplicas entries are ErrCorrupt.
func DecodeVector(dst VersionVector, b []byte) (VersionVector, []byte, error) {
	dst = dst[:0]
	n, k := binary.Uvarint(b)
	if k <= 0 || k > 1 && b[k-1] == 0 || n > MaxReplicas {
		return nil, nil, fmt.Errorf("%w: vector length", ErrCorrupt)
	}
	b = b[k:]
	for ; n > 0; n-- {
		r, k := binary.Uvarint(b)
		if k <= 0 || k > 1 && b[k-1] == 0 || r == 0 || r > 1<<16-1 || len(b) < k+8 {
			return nil, nil, fmt.Errorf("%w: vector entry", ErrCorrupt)
		}
		e := VersionEntry{ReplicaID(r), Timestamp(binary.BigEndian.Uint64(b[k:]))}
		if e.Time == 0 || len(dst) > 0 && dst[len(dst)-1].Replica >= e.Replica {
			return nil, nil, fmt.Errorf("%w: vector order", ErrCorrupt)
		}
		dst = append(dst, e)
		b = b[k+8:]
	}
	return dst, b, nil
}
