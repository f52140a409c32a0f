package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"crdb/crdt"
	"crdb/oplog"
)

// Errors of Merge and Jump.
var (
	// ErrStale: the image is older than what this instance has forgotten (K4).
	// Ask for another one.
	ErrStale = errors.New("engine: the image is older than what has been forgotten here")
	// ErrUncovered: images of the whole keyspace have to be merged first (D6).
	ErrUncovered = errors.New("engine: not all of the keyspace covers the end of the transfer")
)

// Merge joins an image of another instance into the state, key by key, while
// both serve. The image is on its way to the disk first (D5); mark goes with it,
// see oplog.Image. It returns the number of keys in the image. The caller
// merges one image at a time.
//
// ErrImage: nothing of it was merged. ErrStale, oplog.ErrClock: ask again later.
func (e *Engine) Merge(im *Image, mark []byte) (keys int, err error) {
	list, err := e.decodeKeys(im)
	if err != nil {
		return 0, err
	}
	e.forget.RLock() // nothing is forgotten between the check and the merge
	defer e.forget.RUnlock()
	if !im.Vector.Descends(e.forget.vv) {
		return 0, fmt.Errorf("%w: it covers %v, forgotten is %v", ErrStale, im.Vector, e.forget.vv)
	}
	id, err := e.log.ReceiveImage(oplog.Image{
		Range: oplog.RangeID(im.Range), Vector: im.Vector, Data: im.data, Mark: mark,
	})
	if err != nil {
		return 0, err
	}
	p := &e.parts[im.Range/rangesPerPart]
	p.mu.Lock()
	m := merger{e: e, p: p, im: im, list: list, now: e.opts.Wall(), base: e.vector()}
	m.run()
	p.raised.add(&merged{id: id, first: im.First, last: im.Last, vv: im.Vector, whole: true}, im.Range%rangesPerPart)
	p.mu.Unlock()
	e.stats.mergedKeys.Add(int64(len(list)))
	if e.ready.any.Load() {
		e.serveReady()
	}
	return len(list), nil
}

// decodedKey is a key of an image. A flat one is only its record.
type decodedKey struct {
	db  int
	key []byte
	rec []byte
	obj crdt.Object
}

func (k *decodedKey) flat() bool { return k.rec[0] != 0 }

// decodeKeys takes an image apart, without a lock, and refuses it as a whole if
// anything in it is wrong.
func (e *Engine) decodeKeys(im *Image) ([]decodedKey, error) {
	var list []decodedKey
	part := im.Range / rangesPerPart
	err := im.Each(func(k *ImageKey) error {
		h := e.hash(k.Key)
		if partOf(h) != part || !im.holds(fragOf(h)) {
			return fmt.Errorf("%w: a key of another range", ErrImage)
		}
		d := decodedKey{db: k.DB, key: k.Key, rec: k.Record}
		if !d.flat() {
			d.obj = k.Object.Detach()
			*k.Object = crdt.Object{}
		}
		list = append(list, d)
		return nil
	})
	return list, err
}

// merger merges one image into its partition, which is locked.
type merger struct {
	e    *Engine
	p    *partition
	im   *Image
	list []decodedKey
	now  int64
	base crdt.VersionVector // of the partition, without images
	ent  entry
	op   crdt.Op
	flat crdt.Object
}

func (m *merger) run() {
	missing := m.missing()
	for i := range m.list {
		k := &m.list[i]
		m.ent.find(m.e, k.db, k.key)
		m.key(k)
	}
	for _, name := range missing {
		n := &m.ent
		n.find(m.e, int(name[0]), []byte(name[1:]))
		if seen := n.load().Context(); anyCovered(seen, m.im.Vector) {
			m.join(&crdt.Object{})
		}
	}
}

// missing lists the keys of the slice that are here and not in the image.
func (m *merger) missing() (names []string) {
	var theirs map[string]struct{}
	for db, ks := range m.p.dbs {
		if ks == nil || ks.keys.Len() == 0 {
			continue
		}
		ks.keys.EachIn(uint64(m.im.First), uint64(m.im.Last)+1, func(key, _ []byte) bool {
			if theirs == nil {
				theirs = make(map[string]struct{}, len(m.list))
				for i := range m.list {
					theirs[dbKey(m.list[i].db, m.list[i].key)] = struct{}{}
				}
			}
			if name := dbKey(db, key); !has(theirs, name) {
				names = append(names, name)
			}
			return true
		})
	}
	return names
}

func has(set map[string]struct{}, name string) bool {
	_, ok := set[name]
	return ok
}

// anyCovered reports whether vv may cover something of what a key has seen.
func anyCovered(seen, vv crdt.VersionVector) bool {
	for _, x := range seen {
		if vv.Get(x.Replica) != 0 {
			return true
		}
	}
	return false
}

// key merges a key of the image into ent. The common cases are short: a plain
// string that is new here, and one that is equal.
func (m *merger) key(k *decodedKey) {
	n := &m.ent
	if !k.flat() {
		m.join(&k.obj)
		return
	}
	if n.rec == nil {
		d, value, ok := crdt.PlainRecord(k.rec)
		if ok && len(value) <= maxFlat && !m.p.raised.join(n.frag, m.base).Covers(d) {
			m.op.Reset(crdt.KindPut, uint8(k.db), k.key)
			m.op.Value = value
			n.storePlain(&m.op, d, m.now)
			return
		}
	} else if n.isFlat() && bytes.Equal(n.body(), k.rec) {
		return
	}
	if err := crdt.DecodeRecord(&m.flat, k.rec); err != nil {
		panic(err) // Each has decoded it
	}
	o := m.flat.Detach()
	m.join(&o)
}

// join merges the other state of the key into ent.
func (m *merger) join(other *crdt.Object) {
	n := &m.ent
	o := n.load()
	before := o.Digest()
	o.Merge(m.p.raised.join(n.frag, m.base), other, m.im.Vector)
	n.quiet = o.Digest() == before
	if n.heap != nil {
		n.heap.all = true // any element may have changed
	}
	n.settle(m.now, m.event())
	n.obj = nil
}

// mergeKinds are the plainest operations with the effect that a merge may have,
// for those who are told of changes.
var mergeKinds = map[crdt.Type]crdt.Kind{
	crdt.TypeNone: crdt.KindDelete, crdt.TypeString: crdt.KindPut, crdt.TypeHLL: crdt.KindHLLAdd,
	crdt.TypeSet: crdt.KindSetAdd, crdt.TypeHash: crdt.KindHashSet, crdt.TypeZSet: crdt.KindZSetAdd,
}

// event describes the merge of ent as an operation, nil if none is like it.
func (m *merger) event() *crdt.Op {
	kind, ok := mergeKinds[m.ent.obj.Type()]
	if !ok {
		return nil
	}
	m.op.Reset(kind, uint8(m.ent.db), m.ent.key)
	return &m.op
}

// Jump ends a state transfer: the instance's vector, and its log, rise to where
// the source's logs ended when the transfer began. Every key must cover that
// already, by images or by the log (D6). No block is applied meanwhile.
func (e *Engine) Jump(ctx context.Context, tips []oplog.Tip, mark []byte) error {
	to := oplog.VectorOf(tips)
	to.Set(e.self, min(to.Get(e.self), e.log.Issued().Time))
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		v := e.vector()
		low := p.lowest(func(int) crdt.VersionVector { return v })
		p.mu.Unlock()
		if !low.Descends(to) {
			return fmt.Errorf("%w: partition %d covers %v, the end is %v", ErrUncovered, i, low, to)
		}
	}
	if err := e.log.Jump(ctx, tips, mark); err != nil {
		return err
	}
	e.vec.Lock()
	for _, t := range tips {
		if t.Replica != e.self && t.Time != 0 {
			e.vec.applied.Raise(crdt.Dot{Time: t.Time, Replica: t.Replica})
		}
	}
	e.vec.Unlock()
	e.applied()
	return nil
}

// recoverImages merges the images that no checkpoint holds yet, each into the
// state of its range that is on disk, whose vectors are given.
func (e *Engine) recoverImages(base func(rng int) crdt.VersionVector) error {
	return e.log.Images(func(id oplog.ImageID, stored oplog.Image, whole bool) error {
		im, err := DecodeImage(stored.Data)
		if err != nil {
			return fmt.Errorf("image %v: %w", id, err)
		}
		list, err := e.decodeKeys(im)
		if err != nil {
			return fmt.Errorf("image %v: %w", id, err)
		}
		p := &e.parts[im.Range/rangesPerPart]
		if whole {
			m := merger{e: e, p: p, im: im, list: list, base: base(im.Range)}
			m.run()
		}
		p.raised.add(&merged{id: id, first: im.First, last: im.Last, vv: im.Vector, whole: whole}, im.Range%rangesPerPart)
		return nil
	})
}
