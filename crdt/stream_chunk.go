package crdt

import "encoding/binary"

// streamChunk holds up to maxChunkEntries neighbours, in order of ID and, for
// one ID, of dot. An entry lies in data as
//
//	byte     flags: dead, same
//	uvarint  length of what follows
//	zigzag   Ms and Seq, less those of the chunk's first entry
//	uvarint  replica of the dot
//	zigzag   milliseconds of the dot, less those of the first; uvarint logical
//	         counter
//	fields   as AppendStreamFields writes them; if same, which means the field
//	         names of the first entry, the values only
//
// An entry that is removed is marked dead; the chunk goes with its last living
// entry. That is memory, not knowledge: nothing shows or saves a dead entry.
type streamChunk struct {
	first, last   StreamID // of all entries, dead or not
	base, lastDot Dot
	live, total   int
	front         int    // where the first living entry lies: a trim takes entries in order
	pairs         int    // of the first entry
	fields        []byte // its field names
	data          []byte
}

// As in Redis, where the bounds decide what an approximate trim removes.
const (
	maxChunkEntries = 100
	maxChunkBytes   = 4096
)

// maxEntryHead is more than an entry needs besides its fields, in bytes.
const maxEntryHead = 64

const (
	entryDead = 1 << iota
	entrySame
)

// before orders entries: by ID, then the older dot first.
func before(a StreamID, ad Dot, b StreamID, bd Dot) bool {
	if c := a.Compare(b); c != 0 {
		return c < 0
	}
	return ad.Compare(bd) < 0
}

// newStreamChunk makes a chunk of one entry, with room for so many bytes of entries.
func newStreamChunk(id StreamID, d Dot, payload []byte, room int) *streamChunk {
	c := &streamChunk{first: id, base: d}
	if room > 0 {
		c.data = make([]byte, 0, room)
	}
	n, k := binary.Uvarint(payload)
	c.pairs = int(n)
	for b := payload[k:]; len(b) > 0; {
		var f []byte
		f, b = cutBytes(b)
		_, b = cutBytes(b)
		c.fields = appendBytes(c.fields, f)
	}
	c.append(id, d, payload)
	return c
}

func (c *streamChunk) bytes() int { return 144 + cap(c.data) + cap(c.fields) }

// room reports whether another entry fits.
func (c *streamChunk) room(size int) bool {
	return c.total < maxChunkEntries && len(c.data)+size < maxChunkBytes
}

// append adds an entry behind the last one.
func (c *streamChunk) append(id StreamID, d Dot, payload []byte) {
	var head [maxEntryHead]byte
	b := binary.AppendUvarint(head[:0], zigzag(int64(id.Ms-c.first.Ms)))
	b = binary.AppendUvarint(b, zigzag(int64(id.Seq-c.first.Seq)))
	b = binary.AppendUvarint(b, uint64(d.Replica))
	b = binary.AppendUvarint(b, zigzag(d.Time.Millis()-c.base.Time.Millis()))
	b = binary.AppendUvarint(b, uint64(d.Time.Logical()))
	flags, size := byte(0), len(b)+len(payload)
	if values, ok := c.sameFields(payload); ok {
		flags, size = entrySame, len(b)+values
	}
	c.data = append(c.data, flags)
	c.data = binary.AppendUvarint(c.data, uint64(size))
	c.data = append(c.data, b...)
	if flags == 0 {
		c.data = append(c.data, payload...)
	} else {
		_, k := binary.Uvarint(payload)
		for p := payload[k:]; len(p) > 0; {
			var v []byte
			_, p = cutBytes(p)
			v, p = cutBytes(p)
			c.data = appendBytes(c.data, v)
		}
	}
	c.last, c.lastDot = id, d
	c.live++
	c.total++
}

// sameFields reports whether a payload has the chunk's field names, and how
// long its values are then.
func (c *streamChunk) sameFields(payload []byte) (size int, same bool) {
	n, k := binary.Uvarint(payload)
	if int(n) != c.pairs {
		return 0, false
	}
	fields := c.fields
	for p := payload[k:]; len(p) > 0; {
		var f, own []byte
		f, p = cutBytes(p)
		own, fields = cutBytes(fields)
		if string(f) != string(own) {
			return 0, false
		}
		before := len(p)
		_, p = cutBytes(p)
		size += before - len(p)
	}
	return size, true
}

// at decodes the entry at an offset into e and returns the next offset.
func (c *streamChunk) at(off int, e *StreamEntry) (next int, dead bool) {
	flags := c.data[off]
	size, k := binary.Uvarint(c.data[off+1:])
	b := c.data[off+1+k:]
	next = off + 1 + k + int(size)
	b = b[:size:size]
	num := func() uint64 {
		v, k := binary.Uvarint(b)
		b = b[k:]
		return v
	}
	e.ID.Ms = c.first.Ms + uint64(unzigzag(num()))
	e.ID.Seq = c.first.Seq + uint64(unzigzag(num()))
	e.dot.Replica = ReplicaID(num())
	ms := c.base.Time.Millis() + unzigzag(num())
	e.dot.Time = TimestampAt(ms) | Timestamp(num())
	if flags&entrySame != 0 {
		e.n, e.fields, e.values = c.pairs, c.fields, b
	} else {
		n, k := binary.Uvarint(b)
		e.n, e.fields, e.values = int(n), nil, b[k:]
	}
	return next, flags&entryDead != 0
}

// each calls fn for the living entries and their offsets until it returns
// false; it reports whether it came to the end. fn may mark entries dead.
func (c *streamChunk) each(fn func(off int, e *StreamEntry) bool) bool {
	var e StreamEntry
	for off := c.front; off < len(c.data); {
		next, dead := c.at(off, &e)
		if !dead && !fn(off, &e) {
			return false
		}
		off = next
	}
	return true
}

// eachBack is each from the last entry to the first.
func (c *streamChunk) eachBack(fn func(e *StreamEntry) bool) bool {
	var offs [maxChunkEntries]int
	n := 0
	c.each(func(off int, _ *StreamEntry) bool {
		offs[n] = off
		n++
		return true
	})
	var e StreamEntry
	for n--; n >= 0; n-- {
		c.at(offs[n], &e)
		if !fn(&e) {
			return false
		}
	}
	return true
}

func (c *streamChunk) kill(off int) {
	c.data[off] |= entryDead
	c.live--
	for c.front < len(c.data) && c.data[c.front]&entryDead != 0 {
		size, k := binary.Uvarint(c.data[c.front+1:])
		c.front += 1 + k + int(size)
	}
}

// spareChunk is how much more memory than it needs a chunk may keep, in bytes.
const spareChunk = 256

// clip gives back what data has grown too much: nothing is appended any more.
func (c *streamChunk) clip() {
	if cap(c.data) > len(c.data)+spareChunk {
		c.data = append(make([]byte, 0, len(c.data)), c.data...)
	}
}
