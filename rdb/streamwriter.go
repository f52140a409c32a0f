package rdb

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
)

// Bounds of a listpack of entries, as in Redis's default configuration.
const (
	nodeEntries = 100
	nodeBytes   = 4096
)

// Stream writes a stream as Redis 7.0 does, with its type.
func (w *Writer) Stream(s *Stream) {
	nodes := packEntries(s.Entries)
	w.Object(StreamKind, len(nodes))
	for _, n := range nodes {
		w.str(n.key)
		w.str(finishListpack(n.b, n.items))
	}
	first := StreamID{}
	if len(s.Entries) > 0 {
		first = s.Entries[0].ID
	}
	w.length(uint64(len(s.Entries)))
	for _, id := range []StreamID{s.Last, first, s.Removed} {
		w.streamID(id)
	}
	w.length(s.Added)
	w.length(uint64(len(s.Groups)))
	for i := range s.Groups {
		w.streamGroup(&s.Groups[i])
	}
}

func (w *Writer) streamID(id StreamID) {
	w.length(id.Ms)
	w.length(id.Seq)
}

func (w *Writer) streamGroup(g *StreamGroup) {
	w.str(g.Name)
	w.streamID(g.Last)
	w.length(uint64(g.Read))
	w.length(uint64(len(g.Pending)))
	mine := make([][]StreamID, len(g.Consumers))
	for _, x := range g.Pending {
		w.buf = binary.LittleEndian.AppendUint64(appendRawID(w.buf, x.ID), uint64(x.Time))
		w.length(x.Count)
		w.spill()
		mine[x.Consumer] = append(mine[x.Consumer], x.ID)
	}
	w.length(uint64(len(g.Consumers)))
	for i, c := range g.Consumers {
		w.str(c.Name)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(c.Seen))
		w.length(uint64(len(mine[i])))
		for _, id := range mine[i] {
			w.buf = appendRawID(w.buf, id)
		}
		w.spill()
	}
}

func appendRawID(b []byte, id StreamID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, id.Ms), id.Seq)
}

// entryNode is a listpack of entries that is being filled.
type entryNode struct {
	key    []byte
	fields [][]byte // of its first entry
	b      []byte   // the listpack, with room for its header
	items  int
}

func (n *entryNode) add(item []byte) {
	n.b = appendPacked(n.b, item)
	n.items++
}

func (n *entryNode) int(i int64) {
	n.b = appendBack(appendPackedInt(n.b, i), len(n.b))
	n.items++
}

// entryInts is room for the numbers of one entry.
const entryInts = 24

// packEntries puts entries into listpacks.
func packEntries(entries []StreamEntry) (nodes []*entryNode) {
	for len(entries) > 0 {
		n, size := &entryNode{key: appendRawID(nil, entries[0].ID)}, 0
		for i := 0; i < len(entries[0].Fields); i += 2 {
			n.fields = append(n.fields, entries[0].Fields[i])
		}
		k := 0
		for ; k < len(entries) && k < nodeEntries && (k == 0 || size < nodeBytes); k++ {
			for _, f := range entries[k].Fields {
				size += len(f) + 2
			}
		}
		n.b = make([]byte, listpackHeader, listpackHeader+size+entryInts*(k+1))
		n.int(int64(k))
		n.int(0) // none of them is deleted
		n.int(int64(len(n.fields)))
		for _, f := range n.fields {
			n.add(f)
		}
		n.int(0)
		for i := range entries[:k] {
			n.entry(&entries[i], entries[0].ID)
		}
		nodes, entries = append(nodes, n), entries[k:]
	}
	return nodes
}

// sameFields reports whether an entry has the fields of the node's first one.
func (n *entryNode) sameFields(e *StreamEntry) bool {
	if len(e.Fields) != 2*len(n.fields) {
		return false
	}
	for i, f := range n.fields {
		if !bytes.Equal(f, e.Fields[2*i]) {
			return false
		}
	}
	return true
}

func (n *entryNode) entry(e *StreamEntry, base StreamID) {
	same := n.sameFields(e)
	flags := int64(0)
	if same {
		flags = entrySameFields
	}
	before := n.items
	n.int(flags)
	n.int(int64(e.ID.Ms - base.Ms))
	n.int(int64(e.ID.Seq - base.Seq))
	if !same {
		n.int(int64(len(e.Fields) / 2))
	}
	for i, f := range e.Fields {
		if !same || i%2 == 1 {
			n.add(f)
		}
	}
	n.int(int64(n.items - before))
}

// listpackHeader is the length in bytes and the number of elements.
const listpackHeader = 4 + 2

// finishListpack fills in the header of a listpack and ends it.
func finishListpack(b []byte, items int) []byte {
	b = append(b, 0xff)
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	binary.LittleEndian.PutUint16(b[4:], uint16(min(items, math.MaxUint16)))
	return b
}

// appendPacked appends an element to a listpack: numbers as such, and behind it
// how long it is, for those who read backwards.
func appendPacked(b, item []byte) []byte {
	start := len(b)
	if i, ok := plainInt(item); ok {
		b = appendPackedInt(b, i)
	} else {
		switch n := len(item); {
		case n < 1<<6:
			b = append(b, 0x80|byte(n))
		case n < 1<<12:
			b = append(b, 0xe0|byte(n>>8), byte(n))
		default:
			b = binary.LittleEndian.AppendUint32(append(b, 0xf0), uint32(n))
		}
		b = append(b, item...)
	}
	return appendBack(b, start)
}

// appendBack ends the element that begins at start with its size, for who reads
// backwards.
func appendBack(b []byte, start int) []byte {
	size := len(b) - start
	for i := backSize(size) - 1; i >= 0; i-- {
		x := byte(size>>(7*i)) & 127
		if i < backSize(size)-1 {
			x |= 128
		}
		b = append(b, x)
	}
	return b
}

func appendPackedInt(b []byte, i int64) []byte {
	switch {
	case i >= 0 && i < 1<<7:
		return append(b, byte(i))
	case i >= -1<<12 && i < 1<<12:
		return append(b, 0xc0|byte(i>>8)&31, byte(i))
	case i >= math.MinInt16 && i <= math.MaxInt16:
		return append(b, 0xf1, byte(i), byte(i>>8))
	case i >= -1<<23 && i < 1<<23:
		return append(b, 0xf2, byte(i), byte(i>>8), byte(i>>16))
	case i >= math.MinInt32 && i <= math.MaxInt32:
		return binary.LittleEndian.AppendUint32(append(b, 0xf3), uint32(i))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xf4), uint64(i))
}

// plainInt reads a number that is written as numbers are printed.
func plainInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 || b[0] > '9' || b[0] < '-' { // most are not
		return 0, false
	}
	i, err := strconv.ParseInt(string(b), 10, 64)
	return i, err == nil && strconv.FormatInt(i, 10) == string(b)
}

// backSize is the number of bytes that hold the size of an element, seven bits
// each; where all bits are ones Redis takes one more.
func backSize(size int) int {
	switch {
	case size <= 127:
		return 1
	case size < 1<<14-1:
		return 2
	case size < 1<<21-1:
		return 3
	case size < 1<<28-1:
		return 4
	}
	return 5
}
