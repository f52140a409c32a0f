package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"crdb/crdt"
	"crdb/crdt/dict"
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
// It merges a step at a time and calls between, unless that is nil, whenever it
// holds no lock between two steps.
//
// ErrImage: nothing of it was merged. ErrStale, oplog.ErrClock: ask again later.
func (e *Engine) Merge(im *Image, mark []byte, between func()) (keys int, err error) {
	room := mergeRooms.Get().(*mergeRoom)
	defer room.release()
	list, err := e.decodeKeys(im, room.list)
	room.list = list
	if err != nil {
		return 0, err
	}
	forgotten, release := e.HoldForgotten()
	defer release()
	if !im.Vector.Descends(forgotten) {
		return 0, fmt.Errorf("%w: it covers %v, forgotten is %v", ErrStale, im.Vector, forgotten)
	}
	id, err := e.log.ReceiveImage(oplog.Image{
		Range: oplog.RangeID(im.Range), Vector: im.Vector, Data: im.data, Mark: mark,
	})
	if err != nil {
		return 0, err
	}
	p := &e.parts[im.Range/rangesPerPart]
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	m := newMerger(e, im, list)
	m.part.id, m.part.whole = id, true
	for {
		p.mu.Lock()
		m.base, m.now = e.vector(), e.opts.Wall()
		more := m.step()
		p.mu.Unlock()
		if !more {
			break
		}
		e.opts.Between()
		if between != nil {
			between()
		}
	}
	e.stats.mergedKeys.Add(int64(len(list)))
	if e.ready.any.Load() {
		e.serveReady()
	}
	return len(list), nil
}

// decodedKey is a key of an image. A flat one is only its record.
type decodedKey struct {
	frag uint64
	db   int
	key  []byte
	rec  []byte
	obj  *crdt.Object // nil for a flat one
}

// mergeRoom is room for the keys of an image, kept from one to the next. It is
// one Merge's at a time.
type mergeRoom struct{ list []decodedKey }

var mergeRooms = sync.Pool{New: func() any { return &mergeRoom{} }}

// keepMerge is for how many keys room is kept: more than an image of small ones
// has.
const keepMerge = 16 << 10

func (r *mergeRoom) release() {
	clear(r.list)
	if r.list = r.list[:0]; cap(r.list) > keepMerge {
		r.list = nil
	}
	mergeRooms.Put(r)
}

func (k *decodedKey) flat() bool { return k.rec[0] != 0 }

// decodeKeys takes an image apart, without a lock, and refuses it as a whole if
// anything in it is wrong. It appends the keys to list, which is empty, in order of
// their fragments.
func (e *Engine) decodeKeys(im *Image, list []decodedKey) ([]decodedKey, error) {
	part := im.Range / rangesPerPart
	err := im.Each(func(k *ImageKey) error {
		h := e.hash(k.Key)
		if partOf(h) != part || !im.holds(fragOf(h)) {
			return fmt.Errorf("%w: a key of another range", ErrImage)
		}
		d := decodedKey{frag: uint64(fragOf(h)), db: k.DB, key: k.Key, rec: k.Record}
		if !d.flat() {
			o := k.Object.Detach()
			d.obj = &o
			*k.Object = crdt.Object{}
		}
		list = append(list, d)
		return nil
	})
	slices.SortStableFunc(list, func(a, b decodedKey) int { return cmp.Compare(a.frag, b.frag) })
	return list, err
}

// merger merges one image into its partition, which is locked at every step. A
// step is about the next fragments of the slice: what is merged so far is an
// image of a slice that grows.
type merger struct {
	e    *Engine
	p    *partition
	im   *Image
	list []decodedKey // not merged yet
	at   uint64       // the first fragment not merged yet
	part *merged      // the part that is
	now  int64
	base crdt.VersionVector // of the partition, without images
	due  [spaces]density    // of the image
	keys int                // all of them
	made uint64             // up to where room has been made
	ent  entry
	op   crdt.Op
	flat crdt.Object
}

// density is what an image has of one database.
type density struct{ keys, bytes int }

func newMerger(e *Engine, im *Image, list []decodedKey) *merger {
	m := &merger{
		e: e, p: &e.parts[im.Range/rangesPerPart], im: im, list: list, keys: len(list), at: uint64(im.First), made: uint64(im.First),
		part: &merged{first: im.First, vv: im.Vector}, ent: entry{merge: true},
	}
	for i := range list {
		k, size := &list[i], 4
		if k.flat() {
			size = len(k.rec)
		}
		m.due[k.db].keys++
		m.due[k.db].bytes += dict.EntrySize(len(k.key), recHeader+size)
	}
	return m
}

// expectKeys is for how many keys of an image room is made at a time: some hundred
// microseconds are too long for who waits for the partition.
const expectKeys = 512

// expect makes room for what comes before fragment hi, and some more, so that tables
// do not grow step by step (dict.Dict.Expect).
func (m *merger) expect(hi uint64) {
	first, end := uint64(m.im.First), uint64(m.im.Last)+1
	for m.made < hi {
		from := m.made
		m.made = end
		if m.keys > expectKeys {
			m.made = min(end, from+max(1, (end-first)*expectKeys/uint64(m.keys)))
		}
		part := float64(m.made-from) / float64(end-first)
		for db, d := range m.due {
			if d.keys > 0 {
				m.p.space(db).keys.Expect(from, m.made, int(part*float64(d.keys)), int(part*float64(d.bytes)))
			}
		}
	}
}

// step merges some keys and reports whether more are to come.
func (m *merger) step() (more bool) {
	end := uint64(m.im.Last) + 1
	hi := end
	if len(m.list) > m.e.opts.Sizes.MergeKeys {
		hi = max(m.list[m.e.opts.Sizes.MergeKeys].frag, m.at+1)
	}
	missing, hi := m.missing(hi)
	m.expect(hi)
	for len(m.list) > 0 && m.list[0].frag < hi {
		k := &m.list[0]
		m.ent.find(m.e, k.db, k.key)
		m.key(k)
		m.list = m.list[1:]
	}
	for _, k := range missing {
		n := &m.ent
		n.find(m.e, k.db, []byte(k.key))
		if seen := n.load().Context(); anyCovered(seen, m.im.Vector) {
			m.join(&crdt.Object{})
		}
	}
	m.at, m.part.last = hi, uint32(hi-1)
	m.p.raised.add(m.part, m.im.Range%rangesPerPart)
	return hi < end
}

// missingKey is a key that is here and not in the image.
type missingKey struct {
	db  int
	key string
}

// missing lists the keys up to but not including fragment hi that are here and
// not in the image. If they are many, it ends earlier.
func (m *merger) missing(hi uint64) ([]missingKey, uint64) {
	var list []missingKey
	var frags []uint64
	for db, ks := range m.p.dbs {
		if ks == nil || ks.keys.Len() == 0 {
			continue
		}
		found := 0
		ks.keys.EachIn(m.at, hi, func(key, _ []byte) bool {
			frag := uint64(fragOf(m.e.hash(key)))
			if m.theirs(frag, db, key) {
				return true
			}
			if found++; found > m.e.opts.Sizes.MergeKeys && frag > frags[len(frags)-1] {
				hi = frag
				return false
			}
			list, frags = append(list, missingKey{db, string(key)}), append(frags, frag)
			return true
		})
	}
	kept := list[:0]
	for i, k := range list {
		if frags[i] < hi { // a later database may have ended it earlier
			kept = append(kept, k)
		}
	}
	return kept, hi
}

// theirs reports whether the image has a key, which is not merged yet.
func (m *merger) theirs(frag uint64, db int, key []byte) bool {
	i := sort.Search(len(m.list), func(i int) bool { return m.list[i].frag >= frag })
	for ; i < len(m.list) && m.list[i].frag == frag; i++ {
		if k := &m.list[i]; k.db == db && bytes.Equal(k.key, key) {
			return true
		}
	}
	return false
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
		m.join(k.obj)
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
	if err := crdt.DecodeKnown(&m.flat, k.rec); err != nil {
		panic(err) // Each has decoded it
	}
	o := m.flat.Detach()
	m.join(&o)
}

// join merges the other state of the key into ent.
func (m *merger) join(other *crdt.Object) {
	n := &m.ent
	o := n.load()
	was, before := n.rec != nil, o.Digest()
	o.Merge(m.p.raised.join(n.frag, m.base), other, m.im.Vector)
	if was || o.Type() == crdt.TypeNone { // else it is new, and there is no need to look at all of it
		n.quiet = o.Digest() == before
		n.unused = n.quiet
	}
	if n.heap != nil {
		n.heap.all = true // any element may have changed
		n.noteLarge(n.heap)
	}
	m.op.Reset(mergeKinds[o.Type()], uint8(n.db), n.key)
	n.settle(m.now, &m.op)
	n.obj = nil
}

// mergeKinds are the plainest operations with the effect that a merge may have,
// for those who are told of changes.
var mergeKinds = map[crdt.Type]crdt.Kind{
	crdt.TypeNone: crdt.KindDelete, crdt.TypeString: crdt.KindPut, crdt.TypeHLL: crdt.KindHLLAdd,
	crdt.TypeSet: crdt.KindSetAdd, crdt.TypeHash: crdt.KindHashSet, crdt.TypeZSet: crdt.KindZSetAdd,
	crdt.TypeList: crdt.KindListPush, crdt.TypeStream: crdt.KindStreamAdd,
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
		list, err := e.decodeKeys(im, nil)
		if err != nil {
			return fmt.Errorf("image %v: %w", id, err)
		}
		p, m := &e.parts[im.Range/rangesPerPart], newMerger(e, im, list)
		m.part.id, m.part.whole, m.base, m.now = id, whole, base(im.Range), e.loaded
		for whole && m.step() {
			// The next step.
		}
		m.part.last = im.Last
		p.raised.add(m.part, im.Range%rangesPerPart)
		return nil
	})
}
