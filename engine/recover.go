package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"crdb/crdt"
	"crdb/oplog"
)

var errState = errors.New("engine: corrupt state record")

// recover loads the ranges that checkpoints saved and replays the log on top,
// skipping for each range what its vector covers.
func (e *Engine) recover() error {
	start := e.opts.Mono()
	vectors, err := e.log.RangeVectors()
	if err != nil {
		return fmt.Errorf("read range vectors: %w", err)
	}
	if err := e.loadForgotten(); err != nil {
		return err
	}
	if err := e.loadState(); err != nil {
		return err
	}
	saved := func(rng int) crdt.VersionVector { return vectors[oplog.RangeID(rng)] }
	if err := e.recoverImages(saved); err != nil {
		return err
	}
	if err := e.replay(saved); err != nil {
		return err
	}
	for _, x := range e.log.Received() {
		e.vec.applied.Set(x.Replica, x.Time)
	}
	e.stats.recoveryNanos = e.opts.Mono() - start
	e.opts.Logger.Info("recovered", "keys", e.stats.recoveredKeys, "replayed_ops", e.stats.replayedOps,
		"seconds", float64(e.stats.recoveryNanos)/1e9)
	return nil
}

// loader puts saved records back; the elements of a key follow its record.
type loader struct {
	e   *Engine
	ent entry
	obj crdt.Object
	key []byte // of obj, nil if it is none
	db  int
}

func (e *Engine) loadState() error {
	l := loader{e: e}
	err := e.log.EachState(nil, nil, l.record)
	if err == nil {
		l.finish()
	}
	return err
}

func (l *loader) record(key, value []byte) error {
	if len(key) < stateHead+1 {
		return errState
	}
	size := int(binary.BigEndian.Uint32(key[3:]))
	if key[2] >= Databases || len(key) < stateHead+size+1 {
		return errState
	}
	db, name, kind, elem := int(key[2]), key[stateHead:stateHead+size], key[stateHead+size], key[stateHead+size+1:]
	if kind != 0 {
		if l.key == nil || l.db != db || string(l.key) != string(name) {
			return fmt.Errorf("%w: element without its key", errState)
		}
		return l.obj.LoadElem(crdt.Type(kind), elem, value)
	}
	l.finish()
	l.e.stats.recoveredKeys++
	n := &l.ent
	n.find(l.e, db, name)
	if err := crdt.DecodeRecord(&n.flat, value); err != nil {
		return err
	}
	if value[0] != 0 { // a flat record
		n.obj = &n.flat
		n.settleLoaded()
		return nil
	}
	l.obj, l.key, l.db = n.flat.Detach(), append([]byte(nil), name...), db
	return nil
}

// finish stores the object whose elements have all been seen.
func (l *loader) finish() {
	if l.key == nil {
		return
	}
	n := &l.ent
	n.find(l.e, l.db, l.key)
	n.obj = &l.obj
	n.settleLoaded()
	if n.heap != nil {
		n.heap.saved, n.heap.all = true, false
	}
	l.obj, l.key = crdt.Object{}, nil
}

// settleLoaded stores a key that the checkpoint holds already.
func (n *entry) settleLoaded() {
	var op crdt.Op
	n.settle(0, &op)
	if n.rec != nil {
		n.rec[4] &^= recDirty
	}
	*n.rangeState() = rangeState{}
}

// replay applies the log above the range vectors and the images.
func (e *Engine) replay(saved func(rng int) crdt.VersionVector) error {
	low := e.parts[0].lowest(saved)
	for i := range e.parts {
		low = meet(low, e.parts[i].lowest(saved))
	}
	covered := make([]crdt.VersionVector, partitions*rangesPerPart)
	for r := range covered {
		covered[r] = saved(r)
	}
	skip := func(r int, d crdt.Dot) bool { return covered[r].Covers(d) }
	a := &e.apply
	return e.log.Replay(low, func(b *oplog.Block) error {
		a.group = a.group[:0]
		e.stats.replayedOps += int64(b.Ops)
		return b.Each(func(en oplog.Entry) error {
			a.group = append(a.group, en)
			if en.Group {
				return nil
			}
			err := e.applyGroup(a, 0, skip)
			a.group = a.group[:0]
			return err
		})
	})
}
