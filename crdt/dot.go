package crdt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// ReplicaID names one instance of a database: a writer. IDs start at 1, are
// assigned when the instance is created and are never used again.
type ReplicaID uint16

// Timestamp is a reading of a hybrid logical clock (Kulkarni et al., "Logical
// Physical Clocks", 2014): the upper 48 bits are wall-clock milliseconds since
// 1970, the lower 16 a logical counter. A replica's timestamps strictly
// increase; a counter that overflows carries into the milliseconds.
type Timestamp uint64

// TimestampAt returns the first timestamp of a wall-clock millisecond.
func TimestampAt(ms int64) Timestamp { return Timestamp(ms) << 16 }

// Millis returns the wall-clock part in milliseconds since 1970.
func (t Timestamp) Millis() int64 { return int64(t >> 16) }

// Logical returns the logical counter.
func (t Timestamp) Logical() uint16 { return uint16(t) }

// String formats the timestamp as milliseconds.counter.
func (t Timestamp) String() string {
	return strconv.FormatInt(t.Millis(), 10) + "." + strconv.Itoa(int(t.Logical()))
}

// Dot names one operation for ever: who made it and when. The zero Dot names
// none.
type Dot struct {
	Time    Timestamp
	Replica ReplicaID
}

// DotSize is the length of an encoded Dot in bytes.
const DotSize = 10

// IsZero reports whether the dot names no operation.
func (d Dot) IsZero() bool { return d == Dot{} }

// Newer reports whether d comes after o in the total order of dots: by
// timestamp; on a tie the lower replica ID is the newer one.
func (d Dot) Newer(o Dot) bool {
	if d.Time != o.Time {
		return d.Time > o.Time
	}
	return d.Replica < o.Replica
}

// Compare orders dots from oldest to newest, as Newer does.
func (d Dot) Compare(o Dot) int {
	switch {
	case d == o:
		return 0
	case d.Newer(o):
		return 1
	}
	return -1
}

// String formats the dot as milliseconds.counter@replica.
func (d Dot) String() string { return fmt.Sprintf("%v@%d", d.Time, d.Replica) }

// AppendDot appends the encoded dot: 8 bytes of timestamp and 2 of replica,
// big endian, so that encoded dots of one replica sort by time.
func AppendDot(b []byte, d Dot) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(d.Time))
	return binary.BigEndian.AppendUint16(b, uint16(d.Replica))
}

// DotAt reads an encoded dot from the first DotSize bytes of b, which must be
// that long.
func DotAt(b []byte) Dot {
	return Dot{Timestamp(binary.BigEndian.Uint64(b)), ReplicaID(binary.BigEndian.Uint16(b[8:]))}
}

// ErrCorrupt marks bytes that are not what the codec wrote. Every decoding
// error of this package wraps it.
var ErrCorrupt = errors.New("crdt: corrupt encoding")
