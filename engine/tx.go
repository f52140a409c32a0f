package engine

import (
	"math/bits"

	"crdb/crdt"
	"crdb/crdt/dict"
)

// Tx is the door to the keyspace: it holds the locks of the keys that a command
// or a transaction names, the selected logical database and the frozen time.
// Slices that it returns alias the keyspace: they are valid until the next
// write or Unlock. A Tx belongs to one goroutine.
type Tx struct {
	e       *Engine
	db      int
	now     int64
	held    uint64 // mask of locked partitions
	atomic  bool   // ops are one group
	grouped bool   // the log's group is open
	noTouch bool
	serves  bool // it belongs to the one who serves waiters
	served  struct {
		key     []byte
		brought bool
		later   bool
	}
	last crdt.Dot

	replaces bool // what is created was there: a *STORE writes over it
	anew     bool // the next change creates a key, whatever was there
	fades    bool // what is deleted goes with its last field, not by its own deadline
	missed   func(db int, key []byte)
	looks    Looks // which lookups count

	ent    entry
	src    entry    // a second key, for copies
	drafts []*draft // of large keys that are to be copied
	op     crdt.Op
	buf    []byte    // encoded op
	edited []byte    // encoded op, as an edit
	taken  bool      // the log has kept the string of the last op
	val    []byte    // computed value
	one    [1][]byte // a value alone
}

// NewTx returns a Tx for one session, to be reused from command to command.
func (e *Engine) NewTx() *Tx {
	t := &Tx{e: e, val: make([]byte, 0, 64)}
	t.ent.tx, t.src.tx = t, t
	return t
}

// LockNone holds nothing, for commands that walk: Len, Scan, Random and Flush
// take locks themselves, partition by partition, unless LockAll is held. now is
// unix milliseconds and stands still until Unlock.
func (t *Tx) LockNone(now int64) { t.now = now }

// LockKey locks one key.
func (t *Tx) LockKey(now int64, key []byte) {
	t.now = now
	i := partOf(t.e.hash(key))
	t.held = 1 << i
	t.e.parts[i].mu.Lock()
}

// LockKeys locks several keys; what is written until Unlock is one atomic
// group.
func (t *Tx) LockKeys(now int64, keys [][]byte) {
	t.now = now
	mask := uint64(0)
	for _, k := range keys {
		mask |= 1 << partOf(t.e.hash(k))
	}
	t.held, t.atomic = mask, true
	t.e.lock(mask)
	if len(keys) >= warmFrom {
		t.warm(keys)
	}
}

// warmFrom is from how many keys on a command brings them into the cache first.
const warmFrom = 3

// warm makes the lookups of several keys, which follow, wait for memory
// together.
func (t *Tx) warm(keys [][]byte) {
	var w dict.Warmer
	for _, k := range keys {
		h := t.e.hash(k)
		if ks := t.e.parts[partOf(h)].dbs[t.db]; ks != nil {
			w.Add(&ks.keys, fragOf(h))
		}
	}
	w.Run()
}

// LockAll locks the whole keyspace; what is written until Unlock is one atomic
// group.
func (t *Tx) LockAll(now int64) {
	t.now = now
	t.held, t.atomic = ^uint64(0), true
	t.e.lock(t.held)
}

// Holds reports whether the key's partition is locked.
func (t *Tx) Holds(key []byte) bool { return t.held&(1<<partOf(t.e.hash(key))) != 0 }

// Unlock ends the group and releases the locks, and then serves those who have
// waited for a key that was written.
func (t *Tx) Unlock() {
	if t.grouped {
		t.e.log.EndGroup()
		t.grouped = false
	}
	t.atomic = false
	if t.held&(t.held-1) == 0 && t.held != 0 {
		t.e.parts[bits.TrailingZeros64(t.held)].mu.Unlock()
	} else {
		t.e.unlock(t.held)
	}
	t.held = 0
	if t.e.ready.any.Load() && !t.serves {
		t.e.serveReady()
	}
}

// Now returns the frozen time in unix milliseconds.
func (t *Tx) Now() int64 { return t.now }

// Select changes the logical database, also between Lock and Unlock.
func (t *Tx) Select(db int) { t.db = db }

// DB returns the selected logical database.
func (t *Tx) DB() int { return t.db }

// NoTouch makes lookups leave access times alone.
func (t *Tx) NoTouch(on bool) { t.noTouch = on }

// LastDot returns the last op this Tx has issued, ever: what WAIT waits for.
func (t *Tx) LastDot() crdt.Dot { return t.last }

// lookup finds a key for reading. It returns nil if the key does not show.
func (t *Tx) lookup(key []byte) *entry {
	n := t.peek(key)
	if n == nil {
		t.Miss(key)
		return nil
	}
	t.noteLook(&n.p.hits)
	if !t.noTouch {
		n.touch(t.now)
	}
	return n
}

// peek is lookup without statistics and access time.
func (t *Tx) peek(key []byte) *entry {
	t.touches(key)
	n := &t.ent
	n.find(t.e, t.db, key)
	if !n.shows(t.now) {
		return nil
	}
	return n
}

// touches tells who asked for it that a key is looked up.
func (t *Tx) touches(key []byte) {
	if f := t.e.opts.Touched; f != nil {
		f(t.db, key)
	}
}

// Atomic makes what is written from here to Unlock one atomic group.
func (t *Tx) Atomic() { t.group() }

// group makes what is issued until Unlock one atomic group.
func (t *Tx) group() { t.atomic = true }

// change finds a key for writing and loads it, which is a use of it also where nothing
// comes to be written. A key past its deadline is deleted first, so that the others
// remove it as well (X1).
func (t *Tx) change(key []byte) *entry {
	t.touches(key)
	n := &t.ent
	n.find(t.e, t.db, key)
	t.expire(n)
	if n.shows(t.now) {
		if !t.noTouch {
			n.touch(t.now)
		}
		n.unused = true // from here on
	}
	n.load()
	return n
}

// expire deletes the entry's key if its deadline has passed.
func (t *Tx) expire(n *entry) {
	if n.expired(t.now) {
		t.delete(n, crdt.Expired)
		t.e.stats.expired.Add(1)
	}
}

// delete issues the delete of everything seen of a key.
func (t *Tx) delete(n *entry, why crdt.Flags) {
	t.shed(n)
	t.op.Reset(crdt.KindDelete, uint8(n.db), n.key)
	t.op.Flags |= why
	o := n.load()
	if why&crdt.Expired != 0 {
		at, _ := o.DeadlineAt()
		t.fades = at == 0 || t.now <= at
	}
	o.PrepareDelete(&t.op)
	t.issue(n)
	t.fades = false
}

// shedOps is which part of the largest op the elements take that one op removes.
const shedOps = 16

// shed removes what counts in a key so large that one op might not hold all that its delete
// would have to name. It is one atomic group with the delete, which is what others hear of.
func (t *Tx) shed(n *entry) {
	most := t.e.opts.Sizes.OpBytes / shedOps
	if o := n.load(); !o.HasShares() || o.Bytes() < most {
		return
	}
	t.group()
	var at crdt.ElemCursor
	for quiet := n.quiet; ; n.quiet = quiet {
		t.op.Reset(crdt.KindHashRemove, uint8(n.db), n.key)
		if !n.load().PrepareShed(&t.op, &at, most) {
			return
		}
		n.quiet = true
		t.issue(n)
	}
}

// issue appends the prepared op to the log and applies it (E1). n is loaded.
func (t *Tx) issue(n *entry) {
	d := t.append(n.p)
	n.obj.Apply(&t.op, d)
	n.settle(t.now, &t.op)
	n.obj = nil // loaded anew if the command goes on with this key
	t.op.Trim()
}

// largestEdited bounds the strings that are edited, in bytes: whoever receives one
// copies it out of its block, with the key locked.
const largestEdited = 4 << 20

// keepOp is the largest buffer for encoded ops that a Tx keeps, in bytes.
const keepOp = 64 << 10

// append gives the prepared op, for a key of a partition, its dot.
func (t *Tx) append(p *partition) crdt.Dot {
	if t.atomic && !t.grouped {
		t.e.log.BeginGroup()
		t.grouped = true
	}
	edit := t.op.Edit
	t.op.Edit, t.taken = crdt.Edit{}, false
	t.buf = crdt.AppendOpHead(t.buf[:0], &t.op)
	t.checkSize()
	switch {
	case t.op.IsBase() && (len(t.op.Value) < t.e.log.LargeOp() || edit.Base != 0 && t.op.Owned && len(t.op.Value) < largestEdited):
		t.last, t.taken = t.appendString(edit)
	case t.op.HasBody():
		t.last = t.e.log.AppendTaken(t.now, t.buf, t.op.Body()...)
	case len(t.op.Value) >= t.e.log.LargeOp() && t.op.Owned:
		t.last, t.taken = t.e.log.AppendTaken(t.now, t.buf, t.op.Value), true
	default:
		t.last = t.e.log.AppendAt(t.now, t.buf, t.op.Value)
	}
	if cap(t.buf) > keepOp {
		t.buf = nil
	}
	if cap(t.edited) > keepOp {
		t.edited = nil
	}
	p.issued = t.last.Time
	return t.last
}

// checkSize refuses an op that nobody could read again. What the engine removes by itself is
// smaller (shed).
func (t *Tx) checkSize() {
	size := len(t.buf) + len(t.op.Value)
	for _, piece := range t.op.Body() {
		size += len(piece)
	}
	if size > t.e.opts.Sizes.OpBytes && t.op.Kind != crdt.KindFlush && t.op.Flags&crdt.Expired == 0 {
		t.buf = nil
		panic(ErrOpTooLarge)
	}
}

// appendString appends a put whose string may be edited, as an edit if it is one.
func (t *Tx) appendString(edit crdt.Edit) (d crdt.Dot, taken bool) {
	if edit.Base == 0 {
		return t.e.log.AppendString(t.now, t.buf, t.op.Value, 0, nil)
	}
	t.edited = crdt.AppendEdit(t.edited[:0], &t.op, edit)
	return t.e.log.AppendString(t.now, t.buf, t.op.Value, edit.Base, t.edited)
}

// Issued returns the newest own op of the partitions that are locked, by
// whomever: no key here shows a later one.
func (t *Tx) Issued() (at crdt.Timestamp) {
	for m := t.held; m != 0; m &= m - 1 {
		at = max(at, t.e.parts[bits.TrailingZeros64(m)].issued)
	}
	return at
}

// Quiet reports whether the last write has changed nothing that a client sees.
func (t *Tx) Quiet() bool { return t.ent.quiet }

// Looks says which lookups of a command are hits and misses in Stats.
type Looks uint8

// Looks.
const (
	LooksNone  Looks = iota // those of a command that writes
	LooksFirst              // the first: it reads one key, and may look several times
	LooksEach
)

// Count says which lookups count from here on.
func (t *Tx) Count(l Looks) { t.looks = l }

// CountOne counts a lookup of a key without another look at what it holds.
func (t *Tx) CountOne(key []byte) {
	n := &t.ent
	n.find(t.e, t.db, key)
	if n.shows(t.now) {
		n.p.hits++
		return
	}
	n.p.misses++
}

func (t *Tx) noteLook(count *int64) {
	if t.looks == LooksNone {
		return
	}
	*count++
	if t.looks == LooksFirst {
		t.looks = LooksNone
	}
}

// OnMiss makes f hear of keys that are looked up for reading and do not show;
// nil ends it.
func (t *Tx) OnMiss(f func(db int, key []byte)) { t.missed = f }

// Miss notes that a key was looked for in vain, and tells who listens to OnMiss.
func (t *Tx) Miss(key []byte) {
	if t.looks != LooksNone { // or the key need not be hashed once more
		t.noteLook(&t.e.parts[partOf(t.e.hash(key))].misses)
	}
	if t.missed != nil {
		t.missed(t.db, key)
	}
}
