package engine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"crdb/crdt"
	"crdb/oplog"
)

var errState = errors.New("engine: corrupt state record")

// recover loads the ranges that checkpoints saved and replays the log on top,
// skipping for each range what its vector covers.
func (e *Engine) recover() error {
	start := e.opts.Mono()
	e.loaded = e.opts.Wall() // when a key was used last is not saved: as in Redis, it begins anew
	if err := e.loadForgotten(); err != nil {
		return err
	}
	if err := e.recoverFrom(e.log, 0, partitions); err != nil {
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

// lowestOf returns what all ranges cover.
func lowestOf(vectors map[oplog.RangeID]crdt.VersionVector) crdt.VersionVector {
	low := vectors[0]
	for r := range oplog.RangeID(partitions * rangesPerPart) {
		low = meet(low, vectors[r])
	}
	return low
}

// Source is what a keyspace is recovered from: a log, or a copy of one.
type Source interface {
	// RangeVectors returns the vector of every range of the last checkpoint.
	RangeVectors() (map[oplog.RangeID]crdt.VersionVector, error)
	// EachState calls fn for the checkpoint's records from start up to but not
	// including end, in order. The slices are only valid in the call.
	EachState(start, end []byte, fn func(key, value []byte) error) error
	// Replay calls fn for every block with an op above from, in causal order.
	Replay(from crdt.VersionVector, fn func(b *oplog.Block) error) error
}

// recoverFrom recovers the partitions from `from` up to but not including `to`.
func (e *Engine) recoverFrom(src Source, from, to int) error {
	vectors, err := src.RangeVectors()
	if err != nil {
		return fmt.Errorf("read range vectors: %w", err)
	}
	e.base = lowestOf(vectors)
	if err := e.loadState(src, from, to); err != nil {
		return err
	}
	saved := func(rng int) crdt.VersionVector { return vectors[oplog.RangeID(rng)] }
	if e.log != nil { // the source of a Frozen has no images (oplog.ErrAhead)
		if err := e.recoverImages(saved); err != nil {
			return err
		}
	}
	return e.replay(src, saved, from, to)
}

// maxLoaders bounds the goroutines that load the checkpoint's records. They end
// with loadState, and touch partitions of their own.
const maxLoaders = 8

// loadState loads the checkpoint's records of partitions, by as many goroutines
// as there are processors.
func (e *Engine) loadState(src Source, from, to int) error {
	n := max(1, min(runtime.GOMAXPROCS(0), maxLoaders, to-from))
	loaders := make([]loader, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range loaders {
		loaders[i].e = e
		lo, hi := from+(to-from)*i/n, from+(to-from)*(i+1)/n
		wg.Go(func() { errs[i] = loaders[i].load(src, lo, hi) })
	}
	wg.Wait()
	for i := range loaders {
		e.stats.recoveredKeys += loaders[i].keys
	}
	return cmp.Or(errs...) // one file that is damaged may be that of several
}

// load loads the partitions from `from` up to but not including `to`.
func (l *loader) load(src Source, from, to int) error {
	start := binary.BigEndian.AppendUint16(nil, uint16(from*rangesPerPart))
	end := binary.BigEndian.AppendUint16(nil, uint16(to*rangesPerPart))
	if err := src.EachState(start, end, l.record); err != nil {
		return err
	}
	return l.finish()
}

// loader puts saved records back; the elements of a key follow its record.
type loader struct {
	e    *Engine
	keys int64
	ent  entry
	obj  crdt.Object
	key  []byte // of obj, nil if it is none
	db   int
	join *joiner // of obj, whose strings are in pieces and not there yet
	// pieces is whether they were.
	pieces bool
}

func (l *loader) record(key, value []byte) (err error) {
	if len(key) < stateHead+1 {
		return errState
	}
	size := int(binary.BigEndian.Uint32(key[3:]))
	if key[2] >= spaces || len(key) < stateHead+size+1 {
		return errState
	}
	db, name, kind, elem := int(key[2]), key[stateHead:stateHead+size], key[stateHead+size], key[stateHead+size+1:]
	if kind != 0 {
		if l.key == nil || l.db != db || string(l.key) != string(name) {
			return fmt.Errorf("%w: element without its key", errState)
		}
		return l.elem(crdt.Type(kind), elem, value)
	}
	if err := l.finish(); err != nil {
		return err
	}
	l.keys++
	n := &l.ent
	n.find(l.e, db, name)
	if len(value) > 0 && value[0] == formApart {
		l.key, l.db = append([]byte{}, name...), db
		l.join, err = newJoiner(value)
		return err
	}
	if n.loadPlain(value) {
		return nil
	}
	if err := crdt.DecodeRecord(&n.flat, value); err != nil {
		return err
	}
	if value[0] != 0 { // a flat record
		n.obj = &n.flat
		n.settleLoaded()
		return nil
	}
	l.obj, l.key, l.db = n.flat.Detach(), append([]byte{}, name...), db // the empty name is one, too
	return nil
}

// elem puts back an element of obj, or a piece of its strings, which come first.
func (l *loader) elem(t crdt.Type, name, value []byte) error {
	if l.join != nil && t == crdt.TypeString {
		return l.join.piece(name, value)
	}
	if err := l.joined(); err != nil {
		return err
	}
	return l.obj.LoadElem(t, name, value)
}

// joined decodes the object whose strings were in pieces, if it is one.
func (l *loader) joined() error {
	if l.join == nil {
		return nil
	}
	header, err := l.join.header()
	if err != nil {
		return err
	}
	l.join = nil
	if err := crdt.DecodeRecord(&l.ent.flat, header); err != nil {
		return err
	}
	l.obj, l.pieces = l.ent.flat.DetachFrom(maxFlat), true
	return nil
}

// finish stores the object whose elements have all been seen.
func (l *loader) finish() error {
	if l.key == nil {
		return nil
	}
	if err := l.joined(); err != nil {
		return err
	}
	n := &l.ent
	n.find(l.e, l.db, l.key)
	n.obj, n.apart = &l.obj, true
	n.settleLoaded()
	n.apart = false
	if n.heap != nil {
		n.heap.saved, n.heap.all, n.heap.large, n.heap.pieces = true, false, false, l.pieces
	}
	l.obj, l.key, l.pieces = crdt.Object{}, nil, false
	return nil
}

// loadPlain stores the plain record of a key that is not there yet, as the
// checkpoint holds it.
func (n *entry) loadPlain(rec []byte) bool {
	if n.rec != nil || len(rec) < crdt.PlainRecordSize(nil) || len(rec) > maxFlat {
		return false
	}
	if _, _, ok := crdt.PlainRecord(rec); !ok {
		return false
	}
	noted := n.noted()
	n.rec, _ = n.p.space(n.db).keys.Reserve(n.frag, n.key, recHeader+len(rec))
	copy(n.rec[recHeader:], rec)
	n.rec[4] = 0
	n.restamp(noted, n.p.eng.loaded)
	return true
}

// settleLoaded stores a key that the checkpoint holds already.
func (n *entry) settleLoaded() {
	var op crdt.Op
	n.settle(n.p.eng.loaded, &op)
	if n.rec != nil {
		n.rec[4] &^= recDirty
	}
	*n.rangeState() = rangeState{}
}

// replay applies the log above the range vectors and the images to the
// partitions from `from` up to but not including `to`.
func (e *Engine) replay(src Source, saved func(rng int) crdt.VersionVector, from, to int) error {
	low := e.parts[from].lowest(saved)
	for i := from; i < to; i++ {
		low = meet(low, e.parts[i].lowest(saved))
	}
	covered := make([]crdt.VersionVector, partitions*rangesPerPart)
	for r := range covered {
		covered[r] = saved(r)
	}
	lo, hi := from*rangesPerPart, to*rangesPerPart
	skip := func(r int, d crdt.Dot) bool { return r < lo || r >= hi || covered[r].Covers(d) }
	a := &e.apply
	defer a.edits.Reset()
	return src.Replay(low, func(b *oplog.Block) error {
		a.group = a.group[:0]
		a.edits.Reset()
		e.stats.replayedOps += int64(b.Ops)
		return b.Each(func(en oplog.Entry) error {
			a.group = append(a.group, en)
			if en.Group {
				return nil
			}
			err := e.applyGroup(a, e.loaded, skip)
			a.group = a.group[:0]
			return err
		})
	})
}
