package engine

import (
	"encoding/binary"

	"crdb/crdt"
)

const (
	// maxChanges bounds the list of an object that is not large, in bytes; beyond it
	// the whole object is saved.
	maxChanges = 4 << 20
	// changesChunk is how long a piece of a list gets: no piece takes long to copy.
	changesChunk = 64 << 10
)

// changes lists the elements of an object that have changed since the last
// checkpoint, each as type, uvarint length, name. An element may be listed more
// than once, but for groups of streams: such an element has all that is pending,
// and changes with every delivery. Of a row of elements that have gone the type
// carries rowMark, and the name of the last follows that of the first. What is
// listed before a row goes with it; what stands in its place is listed behind it.
// The partition's lock guards it.
type changes struct {
	full   [][]byte // pieces, oldest first
	last   []byte   // the piece that is filled
	size   int      // of all, in bytes
	groups map[string]struct{}
}

func (c *changes) add(t crdt.Type, elem []byte) {
	if t == crdt.TypeStream && crdt.NamesGroup(elem) {
		if _, listed := c.groups[string(elem)]; listed {
			return
		}
		if c.groups == nil {
			c.groups = map[string]struct{}{}
		}
		c.groups[string(elem)] = struct{}{}
	}
	c.put(byte(t), elem, nil)
}

// rowMark marks the type of a row.
const rowMark = 0x80

// addRow lists a row of elements that have gone.
func (c *changes) addRow(t crdt.Type, first, last []byte) { c.put(byte(t)|rowMark, first, last) }

func (c *changes) put(t byte, elem, last []byte) {
	before := len(c.last)
	c.last = append(c.last, t)
	c.last = binary.AppendUvarint(c.last, uint64(len(elem)))
	c.last = append(c.last, elem...)
	if t&rowMark != 0 {
		c.last = binary.AppendUvarint(c.last, uint64(len(last)))
		c.last = append(c.last, last...)
	}
	c.size += len(c.last) - before
	if len(c.last) >= changesChunk {
		c.full, c.last = append(c.full, c.last), nil
	}
}

// take takes the oldest off the list, which is not empty: an element, or a row of
// them if last is not nil.
func (c *changes) take() (t crdt.Type, elem, last []byte) {
	from := &c.last
	if len(c.full) > 0 {
		from = &c.full[0]
	}
	b := *from
	size, k := binary.Uvarint(b[1:])
	end := 1 + k + int(size)
	t, elem = crdt.Type(b[0]&^rowMark), b[1+k:end]
	if b[0]&rowMark != 0 {
		size, k := binary.Uvarint(b[end:])
		last = b[end+k : end+k+int(size)]
		end += k + int(size)
	}
	c.size -= end
	*from = b[end:]
	if len(*from) == 0 {
		if *from = nil; from != &c.last {
			c.full = c.full[1:]
		}
	}
	delete(c.groups, string(elem))
	return t, elem, last
}

// changedTooMuch reports whether so much has changed that the whole object is to be
// saved. A large one has room for more, as to save it anew costs more, too.
func (o *object) changedTooMuch() bool {
	return o.changed.size > maxChanges && int64(o.changed.size) > o.bytes/8
}
