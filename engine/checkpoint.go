package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"crdb/crdt"
	"crdb/oplog"
)

// rangeState is what a range has to save at the next checkpoint. The
// partition's lock guards it.
//
// A key that is there and has changed carries recDirty; keys that are gone are
// listed, as database, uvarint length, key.
type rangeState struct {
	dirty   uint32 // databases with changed keys
	flushed uint32 // databases to clear first
	gone    []byte // keys that were there
	dropped []byte // keys whose saved elements are to go
	large   []byte // keys with very many changed elements
}

func appendKey(b []byte, db int, key []byte) []byte {
	b = append(b, byte(db))
	b = binary.AppendUvarint(b, uint64(len(key)))
	return append(b, key...)
}

// eachKey calls fn for the keys of a list.
func eachKey(b []byte, fn func(db int, key []byte)) {
	for len(b) > 0 {
		n, k := binary.Uvarint(b[1:])
		key := b[1+k : 1+k+int(n)]
		fn(int(b[0]), key)
		b = b[1+k+int(n):]
	}
}

// A state key is range (2), database (1), length of the key (4), key, kind (1),
// element name; integers big endian. Kind 0 is the key's record, others the
// type of the element that follows.
const stateHead = 2 + 1 + 4

func stateKey(b []byte, r int, db int, key []byte, kind byte) []byte {
	b = binary.BigEndian.AppendUint16(b[:0], uint16(r))
	b = append(b, byte(db))
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = append(b, key...)
	return append(b, kind)
}

// Checkpoint saves what has changed since the last one, range after range, and
// then lets the log drop what is no longer needed.
func (e *Engine) Checkpoint() error {
	e.ckpt <- struct{}{}
	defer func() { <-e.ckpt }()
	return e.checkpoint()
}

// SaveTo makes a checkpoint if not all ranges on disk cover vv, which has been
// applied here: without it, recovery would merge images into a state that does
// not cover what their source has forgotten (T7).
func (e *Engine) SaveTo(ctx context.Context, vv crdt.VersionVector) error {
	if err := e.awaitCheckpoint(ctx); err != nil {
		return err
	}
	defer func() { <-e.ckpt }()
	if e.base.Descends(vv) {
		return nil
	}
	if err := e.checkpoint(); err != nil {
		return err
	}
	if !e.base.Descends(vv) {
		return fmt.Errorf("the checkpoint covers %v, wanted is %v", e.base, vv)
	}
	return nil
}

// awaitCheckpoint waits until no checkpoint is made, and keeps others from it.
func (e *Engine) awaitCheckpoint(ctx context.Context) error {
	select {
	case e.ckpt <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// checkpoint is Checkpoint under its lock.
func (e *Engine) checkpoint() (err error) {
	end := e.noteSaving()
	defer func() {
		e.again.Store(errors.Is(err, oplog.ErrDiskFull))
		end(err)
	}()
	e.saveAt.Store(e.log.Stats().BytesWritten)
	start := e.opts.Mono()
	_, release := e.HoldForgotten() // else records could lack more than is written down
	defer release()
	if err := e.saveForgotten(); err != nil {
		return e.checkpointFailed(nil, err)
	}
	c := e.log.NewCheckpoint()
	w := &saver{e: e, c: c}
	var low crdt.VersionVector
	for r := range len(e.parts) * rangesPerPart {
		w.ahead(r)
		e.opts.Between()
		v := w.save(r)
		if r == 0 {
			low = v
		}
		low = meet(low, v)
		if err := c.Flush(); err != nil {
			c.Abort()
			return e.checkpointFailed(w, err)
		}
	}
	if err := c.Commit(); err != nil {
		return e.checkpointFailed(w, err)
	}
	e.base = low
	e.stats.checkpoints.Add(1)
	e.stats.checkpointBytes.Add(w.bytes)
	e.stats.checkpointNanos.Add(e.opts.Mono() - start)
	e.truncate(low)
	return nil
}

func (e *Engine) checkpointFailed(w *saver, err error) error {
	e.stats.checkpointErrs.Add(1)
	if w != nil {
		e.markAllDirty()
		e.undoImages(w.undo)
	}
	return fmt.Errorf("checkpoint: %w", err)
}

// meet covers what both vectors cover.
func meet(a, b crdt.VersionVector) crdt.VersionVector {
	var m crdt.VersionVector
	for _, x := range a {
		if t := min(x.Time, b.Get(x.Replica)); t != 0 {
			m.Set(x.Replica, t)
		}
	}
	return m
}

// truncate drops the log that all members hold and every range covers.
//
// Past the log's budget it drops what a member has not acknowledged, too, oldest
// first, but never what a range still needs: that member gets a state transfer.
func (e *Engine) truncate(saved crdt.VersionVector) {
	e.dropped = e.unneeded(saved)
	e.log.Truncate(e.dropped)
	var cut crdt.VersionVector
	if e.log.OverBudget() {
		var err error
		if cut, err = e.log.Excess(saved); err != nil {
			e.opts.Logger.Warn("the log is over its budget and could not be cut", "err", err)
		}
		e.log.Truncate(cut)
	}
	if e.opts.Truncated != nil {
		e.opts.Truncated(cut)
	}
}

// unneeded is what all members hold of what every range covers.
func (e *Engine) unneeded(saved crdt.VersionVector) crdt.VersionVector {
	if e.opts.Stable == nil {
		return saved
	}
	return meet(saved, e.opts.Stable())
}

// makeRoom truncates the log while the disk has no room for writes. None is taken
// then, so no log gathers for the next checkpoint, and what is kept for a member would
// stay when that has come back and taken it. It reports whether the disk has no room.
func (e *Engine) makeRoom() bool {
	if !errors.Is(e.log.Admit(e.opts.Wall()), oplog.ErrDiskFull) {
		return false
	}
	select {
	case e.ckpt <- struct{}{}:
	default:
		return true // a checkpoint is made
	}
	defer func() { <-e.ckpt }()
	if !e.dropped.Descends(e.unneeded(e.base)) {
		e.truncate(e.base)
	}
	return true
}

// markAllDirty makes the next checkpoint save everything again: the lists of
// the failed one are gone.
func (e *Engine) markAllDirty() {
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		for db, ks := range p.dbs {
			for j := range p.ranges {
				p.ranges[j].flushed |= 1 << db
			}
			if ks == nil {
				continue
			}
			ks.keys.Each(func(key, rec []byte) bool {
				n := entry{p: p, db: db, key: key, frag: fragOf(e.hash(key)), rec: rec}
				if !n.isFlat() {
					o := n.object()
					o.all, o.large = true, false // the failed one has taken the list
					n.noteLarge(o)
				}
				n.markDirty()
				return true
			})
		}
		p.mu.Unlock()
	}
}

// saver writes the dirty records of partitions into a checkpoint.
type saver struct {
	e     *Engine
	c     *oplog.Checkpoint
	key   []byte
	buf   []byte
	bytes int64
	undo  []undoImage
}

// save captures the dirty records of one range together with its vector (D3).
func (w *saver) save(r int) crdt.VersionVector {
	p := &w.e.parts[r/rangesPerPart]
	p.turn <- struct{}{} // no half of an image
	defer func() { <-p.turn }()
	p.mu.Lock()
	defer p.mu.Unlock()
	v := w.e.vector()
	s := &p.ranges[r%rangesPerPart]
	w.removals(r, s)
	for m := s.dirty; m != 0; m &= m - 1 {
		w.changed(r, bits.TrailingZeros32(m))
	}
	*s = rangeState{}
	p.raised.save(w.c, r, v, &w.undo)
	w.c.SetVector(oplog.RangeID(r), v)
	return v
}

// removals saves what is to go before anything is put.
func (w *saver) removals(r int, s *rangeState) {
	for m := s.flushed; m != 0; m &= m - 1 {
		db := byte(bits.TrailingZeros32(m))
		head := binary.BigEndian.AppendUint16(nil, uint16(r))
		w.c.DeleteRange(append(head[:2:2], db), append(head[:2:2], db+1))
	}
	eachKey(s.dropped, func(db int, key []byte) { w.dropElems(r, db, key, crdt.TypeString, allTypes) })
	eachKey(s.gone, func(db int, key []byte) {
		w.key = stateKey(w.key, r, db, key, 0)
		w.c.Delete(w.key)
	})
	s.flushed, s.dropped, s.gone = 0, nil, nil
}

// changed saves the keys of a range in one database that carry recDirty.
func (w *saver) changed(r, db int) {
	p := &w.e.parts[r/rangesPerPart]
	ks := p.dbs[db]
	if ks == nil {
		return
	}
	lo := uint64(r%rangesPerPart) << (32 - (rangeBits - partitionBits))
	hi := lo + 1<<(32-(rangeBits-partitionBits))
	ks.keys.EachIn(lo, hi, func(key, rec []byte) bool {
		if rec[4]&recDirty != 0 {
			rec[4] &^= recDirty
			w.record(r, &entry{p: p, db: db, key: key, rec: rec})
		}
		return true
	})
}

// dropElems deletes the saved elements of a key, of the types from one on up to
// but not including another.
func (w *saver) dropElems(r, db int, key []byte, from, to crdt.Type) {
	start := append([]byte(nil), stateKey(w.key, r, db, key, byte(from))...)
	w.c.DeleteRange(start, stateKey(w.key, r, db, key, byte(to)))
}

// dropRow deletes the saved elements from w.key up to the name last, included.
func (w *saver) dropRow(r, db int, key []byte, t crdt.Type, last []byte) {
	end := append(stateKey(nil, r, db, key, byte(t)), last...)
	w.c.DeleteRange(w.key, append(end, 0))
}

// allTypes is behind all types of elements.
const allTypes = crdt.Type(0xff)

// record saves one key as it is now.
func (w *saver) record(r int, n *entry) {
	if n.isFlat() {
		w.key = stateKey(w.key, r, n.db, n.key, 0)
		w.put(n.body())
		return
	}
	o := n.object()
	w.header(r, n, o)
	if o.all {
		w.wholeObject(r, n.db, n.key, o)
	} else {
		w.changedElems(r, n.db, n.key, o, math.MaxInt)
	}
	o.saved, o.all, o.large = true, false, false
	o.changed = changes{}
}

func (w *saver) put(value []byte) {
	w.c.Put(w.key, value)
	w.bytes += int64(len(w.key) + len(value))
}

func (w *saver) wholeObject(r, db int, key []byte, o *object) {
	if o.saved {
		w.dropElems(r, db, key, crdt.TypeString+1, allTypes)
	}
	o.EachElem(func(t crdt.Type, name, rec []byte) {
		w.key = append(stateKey(w.key, r, db, key, byte(t)), name...)
		w.put(rec)
	})
}

// changedElems saves up to n of the elements that have changed.
func (w *saver) changedElems(r, db int, key []byte, o *object, n int) {
	for ; o.changed.size > 0 && n > 0; n-- {
		t, name, last := o.changed.take()
		w.key = append(stateKey(w.key, r, db, key, byte(t)), name...)
		if last != nil {
			w.dropRow(r, db, key, t, last)
		} else if rec, ok := o.ElemRecord(t, name); ok {
			w.put(rec)
		} else {
			w.c.Delete(w.key)
		}
	}
}

// checkpointEvery is the amount of log after which a checkpoint is made: often
// enough to keep the log within its budget.
func (e *Engine) checkpointEvery() int64 {
	if b := e.log.Budget(); b > 0 {
		return min(e.opts.CheckpointBytes, max(b/4, 1))
	}
	return e.opts.CheckpointBytes
}

// checkpointLoop makes a checkpoint when enough log has gathered since the last
// one, whoever made that, and when there is space again if that was given up on a full
// disk.
func (e *Engine) checkpointLoop() {
	defer e.done.Done()
	for {
		select {
		case <-e.stop:
			return
		case <-e.kick:
		case <-e.opts.After(expireEvery):
			again := !e.makeRoom() && e.again.Load()
			if !again && e.log.Stats().BytesWritten-e.saveAt.Load() < uint64(e.checkpointEvery()) {
				continue
			}
		}
		start := e.opts.Mono()
		if err := e.Checkpoint(); err != nil {
			e.opts.Logger.Error("checkpoint failed", "err", err)
			continue
		}
		e.opts.Logger.Info("checkpoint", "seconds", float64(e.opts.Mono()-start)/1e9)
	}
}
