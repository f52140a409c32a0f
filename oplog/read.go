package oplog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// Read returns durable blocks of r in order, from the one that holds the first
// op after `after`: at least one if there is any, then as many as fit into
// maxBytes. Recent ones come from memory. ErrTruncated: the log of r begins
// later.
func (l *Log) Read(r crdt.ReplicaID, after crdt.Timestamp, maxBytes int) ([]*Block, error) {
	p := &l.pub
	p.RLock()
	t := p.tails[r]
	if t == nil || after >= t.last {
		p.RUnlock()
		return nil, nil
	}
	if after < t.prev {
		err := truncated(r, after, t.prev)
		p.RUnlock()
		return nil, err
	}
	last := t.last
	if list, ok := p.cache.after(r, after); ok {
		out := fit(list, maxBytes)
		p.RUnlock()
		return out, nil
	}
	p.RUnlock()
	return l.readDisk(r, after, last, maxBytes)
}

func truncated(r crdt.ReplicaID, after, prev crdt.Timestamp) error {
	return fmt.Errorf("%w: replica %d's log begins after %v, wanted was %v", ErrTruncated, r, prev, after)
}

// fit copies the blocks that fit into maxBytes, at least one.
func fit(list []cached, maxBytes int) []*Block {
	n, size := 0, 0
	for n < len(list) && (n == 0 || size+len(list[n].data) <= maxBytes) {
		size += len(list[n].data)
		n++
	}
	out := make([]*Block, n)
	for i := range out {
		out[i] = list[i].Block
	}
	return out
}

// readDisk reads blocks after `after` up to last, which is durable: the store
// shows a commit before its sync, and nothing of that may leave here (D1).
func (l *Log) readDisk(r crdt.ReplicaID, after, last crdt.Timestamp, maxBytes int) ([]*Block, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	defer l.leave()
	c, err := newCursor(l.store.db, r, after)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var out []*Block
	size := 0
	for {
		b, err := c.next(last)
		if err != nil || b.Block == nil {
			return out, err
		}
		if len(out) == 0 && b.Prev > after {
			return nil, truncated(r, after, b.Prev)
		}
		if size += len(b.data); len(out) > 0 && size > maxBytes {
			return out, nil
		}
		out = append(out, b.Block)
	}
}

// cursor walks one replica's blocks on disk.
type cursor struct {
	r  crdt.ReplicaID
	it *pebble.Iterator
	ok bool
}

// newCursor stands at the first block of r in db with an op after `after`.
func newCursor(db pebble.Reader, r crdt.ReplicaID, after crdt.Timestamp) (*cursor, error) {
	lo, hi := replicaBounds(r)
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: hi})
	if err != nil {
		return nil, fmt.Errorf("oplog: read log of replica %d: %w", r, err)
	}
	c := &cursor{r: r, it: it}
	if after == 1<<64-1 {
		return c, nil
	}
	if err := c.seek(after); err != nil {
		it.Close()
		return nil, err
	}
	return c, nil
}

// seek goes to the first block with an op after `after`. A seek that finds nothing may
// have failed, which the next one would hide.
func (c *cursor) seek(after crdt.Timestamp) error {
	// Mostly `after` is the end of a block, and the next one is the first wanted:
	// then one look is enough.
	if c.ok = c.it.SeekGE(blockKey(c.r, after+1)); c.ok {
		if b, err := recordAt(c.it, c.r); err != nil || b.Prev == after {
			return err
		}
	} else if err := c.it.Error(); err != nil {
		return err
	}
	// Else the block that begins at or before the wanted op may hold it.
	if c.ok = c.it.SeekLT(blockKey(c.r, after+1)); c.ok {
		b, err := recordAt(c.it, c.r)
		if err == nil && b.Last <= after {
			c.ok = c.it.Next()
		}
		return err
	} else if err := c.it.Error(); err != nil {
		return err
	}
	c.ok = c.it.First()
	return nil
}

// recordAt decodes the block of r that an iterator stands at. It copies nothing.
func recordAt(it *pebble.Iterator, r crdt.ReplicaID) (cached, error) {
	v, err := valueAt(it)
	if err != nil {
		return cached{}, fmt.Errorf("oplog: read log of replica %d: %w", r, err)
	}
	return decodeRecord(r, v)
}

// valueAt returns the value that an iterator stands at. Where Pebble cannot open the file
// that a large one is in, it panics. That is damage like any other (P1).
func valueAt(it *pebble.Iterator) (v []byte, err error) {
	defer func() {
		cause := recover()
		if cause != nil && !strings.HasPrefix(fmt.Sprint(cause), "unknown metadata type") {
			panic(cause)
		}
		if cause != nil {
			v, err = nil, corrupt("a file with blocks is missing, or damaged")
		}
	}()
	return it.ValueAndErr()
}

// next returns a copy of the block here if it ends by last, and steps on; a
// nil block at the end.
func (c *cursor) next(last crdt.Timestamp) (cached, error) {
	if !c.ok {
		return cached{}, c.it.Error()
	}
	v, err := valueAt(c.it)
	if err != nil {
		return cached{}, fmt.Errorf("oplog: read log of replica %d: %w", c.r, err)
	}
	b, err := decodeRecord(c.r, append([]byte(nil), v...))
	if err != nil || b.Last > last {
		return cached{}, err
	}
	c.ok = c.it.Next()
	return b, nil
}

func (c *cursor) close() { c.it.Close() }

// BlockHashAt returns the hash of r's durable block that ends at last; false
// if there is none, or no longer.
func (l *Log) BlockHashAt(r crdt.ReplicaID, last crdt.Timestamp) (hash uint64, ok bool, err error) {
	if last == 0 {
		return 0, false, nil
	}
	l.pub.RLock()
	if t := l.pub.tails[r]; t != nil && t.bare() && t.last == last {
		hash, ok = t.hash, true
	}
	l.pub.RUnlock()
	if ok {
		return hash, true, nil
	}
	blocks, err := l.Read(r, last-1, 0)
	if err != nil || len(blocks) == 0 || blocks[0].Last != last {
		if errors.Is(err, ErrTruncated) {
			err = nil
		}
		return 0, false, err
	}
	return blocks[0].Hash(), true, nil
}

// LastHash returns r's last durable dot and the hash of the block it ends, for
// the check that a replica has not lost log it had shipped (D2). The zero Dot:
// nothing of r is here.
func (l *Log) LastHash(r crdt.ReplicaID) (crdt.Dot, uint64, error) {
	last := l.Durable().Get(r)
	if last == 0 {
		return crdt.Dot{}, 0, nil
	}
	hash, ok, err := l.BlockHashAt(r, last)
	if err == nil && !ok {
		err = corrupt("replica %d's block at %v is missing", r, last)
	}
	return crdt.Dot{Time: last, Replica: r}, hash, err
}
