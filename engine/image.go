package engine

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"crdb/crdt"
	"crdb/oplog"
)

// Position is a place in hash space: 6 bits of partition, 32 of fragment. Every
// key has one. It is a cursor for Capture.
type Position uint64

// EndPosition is behind the last key.
const EndPosition Position = partitions << 32

// Image is the state of a slice of the keyspace: of all keys, in all logical
// databases, whose positions lie in an interval within one range. Vector is
// exactly what has been applied to it (E1). It is encoded once; the same bytes
// go over the wire and to the disk of who merges it.
//
// Layout, integers big endian:
//
//	offset  size  field
//	0       2     magic "cR"
//	2       1     format version, 1
//	3       1     flags, 0; 1: keys are left out (shorten.go)
//	4       4     length of the whole image
//	8       2     range
//	10      4     first fragment, inclusive
//	14      4     last fragment, inclusive
//	18      .     vector, as crdt.AppendVector writes it
//	.       .     records
//	end-4   4     CRC32C of everything before it
//
// One record, strings as uvarint length and bytes:
//
//	0       1     0: a key follows; 255: a key that is left out, as uvarint; else
//	              the type of an element of the last key
//	1       1     logical database, or the internal space (of a key only)
//	.       .     key, or name of the element
//	.       .     record of package crdt: flat, object header, or element
//
// An Image is immutable.
type Image struct {
	Range       int
	First, Last uint32 // fragments, both inclusive
	Vector      crdt.VersionVector

	data    []byte
	records []byte // part of data
}

const (
	imageVersion = 1
	imageHeader  = 18
	imageCRC     = 4
	flagShort    = 1
	kindShort    = 255

	// MaxImageBytes bounds every image.
	MaxImageBytes = 1 << 30
)

// ErrImage marks bytes that are no image. It is an oplog.ErrCorrupt.
var ErrImage = fmt.Errorf("%w: malformed range image", oplog.ErrCorrupt)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Bytes returns the encoded image. It must not be changed.
func (im *Image) Bytes() []byte { return im.data }

// Start is the position of the image's first possible key.
func (im *Image) Start() Position {
	return Position(im.Range/rangesPerPart)<<32 | Position(im.First)
}

// Next is the position behind the image.
func (im *Image) Next() Position {
	return Position(im.Range/rangesPerPart)<<32 + Position(im.Last) + 1
}

// Empty reports whether the image has no key.
func (im *Image) Empty() bool { return len(im.records) == 0 }

func (im *Image) holds(frag uint32) bool { return im.First <= frag && frag <= im.Last }

// beginImage appends the head of an image; endImage completes it.
func beginImage(b []byte, rng int, first uint32, vv crdt.VersionVector) []byte {
	b = append(b, 'c', 'R', imageVersion, 0, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(rng))
	b = binary.BigEndian.AppendUint32(b, first)
	b = binary.BigEndian.AppendUint32(b, 0)
	return crdt.AppendVector(b, vv)
}

func endImage(b []byte, last uint32) []byte {
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)+imageCRC))
	binary.BigEndian.PutUint32(b[14:], last)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// sizeOfImage returns the length that the head of an image says.
func sizeOfImage(head []byte) (int, error) {
	switch {
	case len(head) < 8 || head[0] != 'c' || head[1] != 'R':
		return 0, fmt.Errorf("%w: no image", ErrImage)
	case head[2] != imageVersion || head[3]&^flagShort != 0:
		return 0, fmt.Errorf("%w: version %d, flags %#x", ErrImage, head[2], head[3])
	}
	size := binary.BigEndian.Uint32(head[4:])
	if size < imageHeader+1+imageCRC || size > MaxImageBytes {
		return 0, fmt.Errorf("%w: it says it has %d bytes", ErrImage, size)
	}
	return int(size), nil
}

// DecodeImage validates the frame of an image and keeps data. Any damage is
// ErrImage. The records are validated by Each.
func DecodeImage(data []byte) (*Image, error) {
	im, err := decodeImage(data)
	if err == nil && data[3] != 0 {
		return nil, fmt.Errorf("%w: keys are left out", ErrImage)
	}
	return im, err
}

func decodeImage(data []byte) (*Image, error) {
	size, err := sizeOfImage(data)
	if err != nil {
		return nil, err
	}
	if size != len(data) {
		return nil, fmt.Errorf("%w: %d bytes, it says %d", ErrImage, len(data), size)
	}
	end := len(data) - imageCRC
	if crc32.Checksum(data[:end], castagnoli) != binary.BigEndian.Uint32(data[end:]) {
		return nil, fmt.Errorf("%w: checksum", ErrImage)
	}
	im := &Image{
		Range: int(binary.BigEndian.Uint16(data[8:])),
		First: binary.BigEndian.Uint32(data[10:]),
		Last:  binary.BigEndian.Uint32(data[14:]),
		data:  data,
	}
	if im.Range >= oplog.MaxRanges || im.First > im.Last ||
		subOf(im.First) != im.Range%rangesPerPart || subOf(im.Last) != im.Range%rangesPerPart {
		return nil, fmt.Errorf("%w: fragments %#x to %#x of range %d", ErrImage, im.First, im.Last, im.Range)
	}
	if im.Vector, im.records, err = crdt.DecodeVector(nil, data[imageHeader:end]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrImage, err)
	}
	return im, nil
}

// ImageKey is one key of an image. It is only valid in the call that passes it.
type ImageKey struct {
	DB     int
	Key    []byte
	Record []byte       // flat record or object header, as crdt.DecodeRecord takes it
	Object *crdt.Object // with all its elements; may alias the image

	raw []byte // of the image: the key with its elements
}

// Each calls fn for the keys of the image, until it returns an error. Damage is
// ErrImage.
func (im *Image) Each(fn func(k *ImageKey) error) error {
	var obj crdt.Object
	k := ImageKey{Object: &obj}
	r := imageReader{b: im.records}
	for len(r.b) > 0 {
		start := r.b
		if kind := r.byte(); kind != 0 {
			return fmt.Errorf("%w: an element without its key", ErrImage)
		}
		k.DB, k.Key, k.Record = int(r.byte()), r.bytes(), r.bytes()
		if r.bad || k.DB >= spaces {
			return fmt.Errorf("%w: key", ErrImage)
		}
		if err := crdt.DecodeRecord(&obj, k.Record); err != nil {
			return fmt.Errorf("%w: key of %d bytes: %w", ErrImage, len(k.Key), err)
		}
		for len(r.b) > 0 && r.b[0] != 0 {
			t, name, rec := crdt.Type(r.byte()), r.bytes(), r.bytes()
			if r.bad {
				return fmt.Errorf("%w: element", ErrImage)
			}
			if k.Record[0] != 0 {
				return fmt.Errorf("%w: an element of a flat record", ErrImage)
			}
			if err := obj.LoadElem(t, name, rec); err != nil {
				return fmt.Errorf("%w: element: %w", ErrImage, err)
			}
		}
		k.raw = start[:len(start)-len(r.b)]
		if !im.Vector.Descends(obj.Context()) {
			return fmt.Errorf("%w: a key has seen %v, the image %v", ErrImage, obj.Context(), im.Vector)
		}
		if !obj.Within(im.Vector) {
			return fmt.Errorf("%w: a key of %d bytes holds writes that the image, at %v, has not seen", ErrImage, len(k.Key), im.Vector)
		}
		if err := fn(&k); err != nil {
			return err
		}
	}
	return nil
}

// imageReader takes records apart; bad is set when they end too early.
type imageReader struct {
	b   []byte
	bad bool
}

func (r *imageReader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *imageReader) number() uint64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *imageReader) bytes() []byte {
	n, k := binary.Uvarint(r.b)
	if k <= 0 || n > uint64(len(r.b)-k) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[k : k+int(n) : k+int(n)]
	r.b = r.b[k+int(n):]
	return v
}
