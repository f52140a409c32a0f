package oplog

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// Image is a range image of another replica on its way into this instance's
// state. What is in Data is opaque here.
type Image struct {
	Range  RangeID
	Vector crdt.VersionVector // exactly what has been applied to it
	Data   []byte
	// Mark, if not nil, replaces the metadata of MarkName in the same commit.
	Mark []byte
}

// ImageID names an image in the store.
type ImageID struct {
	Range RangeID
	Seq   uint64 // of all images, in the order of ReceiveImage
}

// MarkName is the metadata that an image or a jump may replace as it commits:
// how far the transfer has come that brings them.
const MarkName = "transfer"

// pendingImage is an image that waits for the writer.
type pendingImage struct {
	Image
	id ImageID
}

func (p *pendingImage) size() int { return len(p.Data) + len(p.Mark) }

// ReceiveImage queues an image for the next commit and raises the clock and the
// deps of future own blocks. It must return before the image is merged into
// the state (D5). It waits while MaxReceive bytes are queued.
//
// An image stamped too far ahead is ErrClock: come back later (H1). One that
// has seen own ops which this log does not hold is ErrForeign (D2). One that there
// is no room for after Quit is ErrClosed.
func (l *Log) ReceiveImage(im Image) (ImageID, error) {
	if im.Range >= MaxRanges {
		return ImageID{}, fmt.Errorf("oplog: image of range %d: the last is %d", im.Range, MaxRanges-1)
	}
	p := &pendingImage{Image: im}
	m := &l.mu
	m.Lock()
	err := l.roomLocked(p.size())
	if err == nil {
		err = l.receiveImageLocked(p)
	}
	m.Unlock()
	if err == nil {
		l.kick()
	}
	return p.id, err
}

func (l *Log) receiveImageLocked(p *pendingImage) error {
	m := &l.mu
	if err := l.stopped(); err != nil {
		return err
	}
	if own := l.issuedLocked().Time; p.Vector.Get(l.self) > own {
		return fmt.Errorf("%w: an image has seen own ops up to %v, the log ends at %v", ErrForeign, p.Vector.Get(l.self), own)
	}
	for _, e := range p.Vector {
		if l.ClockAhead(e.Time) {
			return fmt.Errorf("%w: an image that covers replica %d up to %v is ahead of this wall clock by %v: it is taken when time has caught up, or after crdb-cli crdb release-held",
				ErrClock, e.Replica, e.Time, time.Duration(e.Time.Millis()-l.opts.Wall())*time.Millisecond)
		}
	}
	for _, e := range p.Vector {
		m.clock = max(m.clock, e.Time)
	}
	l.newest.Store(uint64(m.clock))
	m.raised.Merge(p.Vector)
	m.imageSeq++
	p.id = ImageID{p.Range, m.imageSeq}
	m.images = append(m.images, p)
	m.queued += p.size()
	return nil
}

// Raised covers what merged images cover and what is received: what an own
// block sealed now depends on.
func (l *Log) Raised() crdt.VersionVector {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.mu.received.Clone()
	v.Merge(l.mu.raised)
	return v
}

// An image's record: 1 with its data or 0 once a checkpoint holds what it
// brought, the vector, the data.
func imageRecord(whole byte, vv crdt.VersionVector, data []byte) []byte {
	b := crdt.AppendVector([]byte{whole}, vv)
	return append(b, data...)
}

// Images calls fn for the stored images in the order in which they came within
// a range. whole is false for those that a checkpoint already holds: of them
// Data is what Checkpoint.SaveImage left. fn must not keep Data.
func (l *Log) Images(fn func(id ImageID, im Image, whole bool) error) error {
	return l.each([]byte{kindImage}, []byte{kindImage + 1}, func(key, value []byte) error {
		id, im, whole, err := decodeImage(key, value)
		if err != nil {
			return err
		}
		return fn(id, im, whole)
	})
}

func decodeImage(key, value []byte) (id ImageID, im Image, whole bool, err error) {
	if len(key) != imageKeyBytes || len(value) == 0 || value[0] > 1 {
		return id, im, false, corrupt("image %x", key)
	}
	id = ImageID{RangeID(binary.BigEndian.Uint16(key[1:])), binary.BigEndian.Uint64(key[3:])}
	im.Range = id.Range
	if im.Vector, im.Data, err = crdt.DecodeVector(nil, value[1:]); err != nil {
		return id, im, false, corrupt("vector of image %x", key)
	}
	return id, im, value[0] == 1, nil
}

// recoverImages finds what the stored images cover.
func (l *Log) recoverImages() error {
	return scan(l.store.db, []byte{kindImage}, []byte{kindImage + 1}, func(key, value []byte) error {
		id, im, _, err := decodeImage(key, value)
		if err != nil {
			return err
		}
		l.mu.imageSeq = max(l.mu.imageSeq, id.Seq)
		l.mu.raised.Merge(im.Vector)
		for _, e := range im.Vector {
			l.mu.clock = max(l.mu.clock, e.Time)
		}
		return nil
	})
}

// SaveImage notes that the range now being written holds what the image
// brought: of the image only its vector stays, and data to recognize it by.
func (c *Checkpoint) SaveImage(id ImageID, vv crdt.VersionVector, data []byte) {
	c.needImage = max(c.needImage, id.Seq)
	key, value := imageKey(id), imageRecord(0, vv, data)
	c.note(c.room(len(key)+len(value)).Set(key, value, nil))
}

// DropImage removes an image whose vector the range now being written covers.
func (c *Checkpoint) DropImage(id ImageID) {
	c.needImage = max(c.needImage, id.Seq)
	key := imageKey(id)
	c.note(c.room(len(key)).Delete(key, nil))
}

// SyncTo waits until everything that vv covers and this log has is durable:
// what has been captured under vv may then be shown to others (D1).
func (l *Log) SyncTo(ctx context.Context, vv crdt.VersionVector) error {
	var want crdt.VersionVector
	l.mu.Lock()
	seen, images := l.mu.received.Clone(), l.mu.imageSeq
	if own := l.issuedLocked(); !own.IsZero() {
		seen.Raise(own)
	}
	l.mu.Unlock()
	for _, e := range vv {
		if t := min(e.Time, seen.Get(e.Replica)); t > 0 {
			want.Set(e.Replica, t)
		}
	}
	if seen.Descends(vv) {
		images = 0 // nothing of it came in an image alone
	}
	return l.waitDurable(ctx, want, images)
}

// imagesIn puts the images of a cycle into its batch.
func imagesIn(batch *pebble.Batch, images []*pendingImage) error {
	for _, p := range images {
		if err := batch.Set(imageKey(p.id), imageRecord(1, p.Vector, p.Data), nil); err != nil {
			return err
		}
		if err := markIn(batch, p.Mark); err != nil {
			return err
		}
	}
	return nil
}

func markIn(batch *pebble.Batch, mark []byte) error {
	if mark == nil {
		return nil
	}
	return batch.Set(prefixed(kindMeta, []byte(MarkName)), mark, nil)
}
