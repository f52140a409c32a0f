package rdb

import "hash/crc64"

// Version is the version of what Writer writes: that of Redis 7.0.
const Version = 10

// datedVersion is that of files in which fields of hashes may have deadlines:
// that of Redis 7.4.
const datedVersion = 12

// maxTime is the last deadline that HEXPIRE gives a field, in unix milliseconds.
// Operations with a later one are refused everywhere.
const maxTime = 1<<46 - 1

// MaxString is the longest string that is read, in bytes: Redis's own limit.
const MaxString = 512 << 20

// The types of objects, as bytes of the format.
const (
	typeString       = 0
	typeList         = 1
	typeSet          = 2
	typeZSet         = 3
	typeHash         = 4
	typeZSet2        = 5
	typeModulePreGA  = 6
	typeModule       = 7
	typeHashZipmap   = 9
	typeListZiplist  = 10
	typeSetIntset    = 11
	typeZSetZiplist  = 12
	typeHashZiplist  = 13
	typeQuicklist    = 14
	typeHashListpack = 16
	typeZSetListpack = 17
	typeQuicklist2   = 18
	typeSetListpack  = 20

	typeStream  = 15
	typeStream2 = 19
	typeStream3 = 21

	// Since Redis 7.4, of hashes with fields that have deadlines.
	typeHashDated         = 24
	typeHashListpackDated = 25
)

// The encodings of strings that are no plain length and bytes.
const (
	encodedInt8 = iota
	encodedInt16
	encodedInt32
	encodedCompressed
)

// A node of a quicklist is one element, or a listpack of several.
const (
	nodePlain  = 1
	nodePacked = 2
)

// Bounds of memory, in items and bytes.
const (
	partItems  = 512
	partBytes  = 256 << 10
	spillBytes = 64 << 10
	growStep   = 64 << 10 // what a length may claim before its bytes are there
)

// Kind is the data type of an object, whatever its encoding.
type Kind uint8

// The kinds.
const (
	String Kind = iota
	List
	Set
	Hash
	ZSet
	StreamKind
)

// String returns the name that TYPE replies with.
func (k Kind) String() string {
	return [...]string{"string", "list", "set", "hash", "zset", "stream"}[k]
}

// Value is an object or a part of one. The slices are the receiver's.
type Value struct {
	Kind   Kind
	Items  [][]byte  // one string; elements; members; or fields and values in turn
	Scores []float64 // of a sorted set's members
	Times  []int64   // deadlines of a hash's fields, unix milliseconds, 0: none; nil: no field can have one
	Stream *Stream   // a stream has nothing else
}

// jones is the polynomial of Redis's checksum.
var jones = crc64.MakeTable(0x95ac9329ac4bc9b5)

// Checksum goes on with Redis's CRC-64, which begins at 0, over b.
func Checksum(crc uint64, b []byte) uint64 {
	return ^crc64.Update(^crc, jones, b) // the library inverts, Redis does not
}
