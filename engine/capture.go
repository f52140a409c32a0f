package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"crdb/crdt"
)

// ErrTooLarge: a key is larger than an image can be. The text says which.
var ErrTooLarge = errors.New("engine: a key is too large to be transferred")

// Capture returns the image of the slice that begins at a position: up to about
// Sizes.SliceBytes of it, at most to the end of its range. more, if not nil, is
// declared to be covered as well: what is not there of it is to count as
// removed. The vector may be ahead of the disk: see oplog.Log.SyncTo, before
// anybody else gets to see it (D1). The caller goes on at Image.Next, up to
// EndPosition. It locks one partition, for as long as it takes to copy the slice.
// What would be larger than Sizes.ImageBytes is ErrTooLarge.
func (e *Engine) Capture(from Position, more crdt.VersionVector) (*Image, error) {
	p := &e.parts[int(from>>32)]
	lo := uint64(uint32(from))
	c := capture{e: e, p: p, rng: p.index*rangesPerPart + subOf(uint32(lo)), lo: lo}
	room := captureRooms.Get().(*captureRoom)
	defer captureRooms.Put(room)
	c.buf = room.buf
	c.slice(more)
	data := c.buf
	if cap(c.buf) > keepCapture {
		room.buf = nil
	} else {
		room.buf = c.buf[:0]
		data = append(make([]byte, 0, len(c.buf)+imageCRC), c.buf...)
	}
	if err := c.tooLarge(); err != nil {
		return nil, err
	}
	return c.image(data), nil
}

// captureRoom is a buffer for what is copied under a lock: an image of usual size is
// allocated after it, and exactly as large as it must be.
type captureRoom struct{ buf []byte }

var captureRooms = sync.Pool{New: func() any { return &captureRoom{} }}

// keepCapture bounds the buffers that are kept, in bytes.
const keepCapture = 512 << 10

// slice copies the slice into buf, all of it at one moment.
func (c *capture) slice(more crdt.VersionVector) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.hi = c.p.raised.boundary(c.lo, c.lo>>rangeShift<<rangeShift+1<<rangeShift)
	c.vv = c.p.raised.join(uint32(c.lo), c.e.vector())
	if !c.vv.Descends(more) {
		c.vv = c.vv.Clone()
		c.vv.Merge(more)
	}
	c.copy()
}

// rangeShift is the width of a range, in bits of fragment.
const rangeShift = 32 - (rangeBits - partitionBits)

// capture copies one slice.
type capture struct {
	e      *Engine
	p      *partition
	rng    int
	lo, hi uint64 // fragments from lo up to but not including hi
	vv     crdt.VersionVector
	buf    []byte
	head   int // where the records begin in buf
	last   uint64
	left   int    // bytes that found no room in buf
	most   int    // bytes of the largest key
	db     int    // of that key
	name   []byte // of it
}

// tooLarge returns an error if the image is larger than one may be.
func (c *capture) tooLarge() error {
	if c.left == 0 && len(c.buf)+imageCRC <= c.e.opts.Sizes.ImageBytes {
		return nil
	}
	return fmt.Errorf("%w: %.100q in database %d has %d bytes there, and all of an image may have %d",
		ErrTooLarge, c.name, c.db, c.most, c.e.opts.Sizes.ImageBytes)
}

// image makes an image of what has been copied, whose bytes it keeps.
func (c *capture) image(data []byte) *Image {
	data = endImage(data, uint32(c.hi-1))
	return &Image{
		Range: c.rng, First: uint32(c.lo), Last: uint32(c.hi - 1), Vector: c.vv,
		data: data, records: data[c.head : len(data)-imageCRC],
	}
}

// copy fills buf with the keys from lo to hi, and lowers hi when there are too many.
func (c *capture) copy() {
	for !c.copyOnce() {
		// A later database has cut the slice: copy the earlier ones again.
	}
}

// copyOnce is copy, and reports false if keys have been copied that are now behind
// hi.
func (c *capture) copyOnce() bool {
	c.buf = beginImage(c.buf[:0], c.rng, uint32(c.lo), c.vv)
	c.head, c.last, c.left, c.most = len(c.buf), c.lo, 0, 0
	for db, ks := range c.p.dbs {
		if ks == nil {
			continue
		}
		at := c.lo
		ks.keys.EachIn(c.lo, c.hi, func(key, rec []byte) bool {
			frag := uint64(fragOf(c.e.hash(key)))
			if frag > at && frag > c.lo && len(c.buf)-c.head >= c.e.opts.Sizes.SliceBytes {
				c.hi = frag
				return false
			}
			at = frag
			c.key(&entry{p: c.p, db: db, key: key, rec: rec})
			return true
		})
		if c.last >= c.hi {
			return false
		}
		c.last = max(c.last, at)
	}
	return true
}

func (c *capture) key(n *entry) {
	before := len(c.buf) + c.left
	c.copyKey(n)
	if size := len(c.buf) + c.left - before; size > c.most {
		c.most, c.db, c.name = size, n.db, append(c.name[:0], n.key...)
	}
}

func (c *capture) copyKey(n *entry) {
	c.buf = append(c.buf, 0, byte(n.db))
	c.bytes(n.key)
	if n.isFlat() {
		c.bytes(n.body())
		return
	}
	o := n.object()
	c.bytes(o.AppendHeader(nil))
	o.EachElem(func(t crdt.Type, name, rec []byte) {
		c.buf = append(c.buf, byte(t))
		c.bytes(name)
		c.bytes(rec)
	})
}

// bytes copies a string. What makes the image too large is only counted: it may be
// any number of gigabytes.
func (c *capture) bytes(v []byte) {
	if c.left > 0 || len(c.buf)+len(v) > c.e.opts.Sizes.ImageBytes {
		c.left += len(v)
		return
	}
	c.buf = binary.AppendUvarint(c.buf, uint64(len(v)))
	c.buf = append(c.buf, v...)
}
