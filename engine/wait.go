package engine

import (
	"container/list"
	"sync"
	"sync/atomic"

	"crdb/oplog"
)

// Waiter is a client that is blocked until one of some keys lets it go on. It
// waits in the queue of each key, behind those that came before. When a key
// has changed - by a command, a transaction, an op of another region - its
// waiters are served in order of arrival, on the goroutine of the one who
// changed it, after its locks are released and before its next command.
type Waiter struct {
	// Serve tries to do what the client waits for; true ends its turn. It
	// takes the locks that it needs through t, releases them, and is never
	// called twice at a time. After true it is out of all queues. It may still
	// be called once while Unwait runs. What it does not try because the log takes
	// no writes it calls Tx.Later for.
	Serve func(t *Tx) (done bool)
	// Gone asks to be served as well when a key stops showing.
	Gone bool

	mu   sync.Mutex // guards keys once it waits
	keys []waitedKey
}

type waitedKey struct {
	part int
	name string
	elem *list.Element
}

// waitQueue is the waiters of one key in order of arrival.
type waitQueue struct {
	list.List      // of queued
	gone      int  // waiters with Gone
	late      bool // to be served once the log takes writes
	brought   bool // what Tx.Served will say then
}

// queued is a place in a queue; seq orders places of one partition.
type queued struct {
	w   *Waiter
	seq uint64
}

// readyKeys are the waited for keys that have changed. mu guards keys; serving
// is held by the one goroutine that serves.
type readyKeys struct {
	any     atomic.Bool
	late    atomic.Bool // there may be queues that are late
	serving sync.Mutex
	tx      *Tx // of the one who serves
	mu      struct {
		sync.Mutex
		keys []readyKey
		in   map[readyKey]bool // true: brought
	}
}

type readyKey struct {
	part int
	name string
}

func (e *Engine) initReady() {
	e.ready.mu.in = map[readyKey]bool{}
	e.ready.tx = e.NewTx()
	e.ready.tx.serves = true
	for i := range e.parts {
		e.parts[i].index, e.parts[i].ready, e.parts[i].eng = i, &e.ready, e
		e.parts[i].turn = make(chan struct{}, 1)
	}
}

// Wait puts w into the queues of the keys, which are locked.
func (t *Tx) Wait(w *Waiter, keys [][]byte) {
	for _, key := range keys {
		part, name := partOf(t.e.hash(key)), dbKey(t.db, key)
		p := &t.e.parts[part]
		if p.waiting == nil {
			p.waiting = map[string]*waitQueue{}
		}
		q := p.waiting[name]
		if q == nil {
			q = &waitQueue{}
			p.waiting[name] = q
		}
		if last := q.Back(); last != nil && last.Value.(queued).w == w {
			continue // named twice: since the keys are locked nobody else can have come
		}
		if w.Gone {
			q.gone++
		}
		p.waitSeq++
		w.keys = append(w.keys, waitedKey{part, name, q.PushBack(queued{w, p.waitSeq})})
	}
}

// Unwait takes w out of all queues, if it is still there. The caller holds no
// locks.
func (e *Engine) Unwait(w *Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		p := &e.parts[k.part]
		p.mu.Lock()
		q := p.waiting[k.name]
		q.Remove(k.elem)
		if w.Gone {
			q.gone--
		}
		if q.Len() == 0 {
			delete(p.waiting, k.name)
		}
		p.mu.Unlock()
	}
	w.keys = nil
}

// Waiting returns how many keys somebody waits for.
func (e *Engine) Waiting() (keys int) {
	for i := range e.parts {
		e.parts[i].mu.Lock()
		keys += len(e.parts[i].waiting)
		e.parts[i].mu.Unlock()
	}
	return keys
}

// signal makes the waiters of a key's queue be served once the partition, which
// is locked, is released; brought is what Tx.Served will say.
func (p *partition) signal(name string, brought bool) {
	r, k := p.ready, readyKey{p.index, name}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, twice := r.mu.in[k]
	r.mu.in[k] = before || brought
	if !twice {
		r.mu.keys = append(r.mu.keys, k)
		r.any.Store(true)
	}
}

// brought marks a key that is waited for as created whole, or as a stream with a
// new entry or less a group: in Redis that wakes its readers even if nothing that
// is new is left.
func (t *Tx) brought(n *entry, key []byte) {
	if len(n.p.waiting) == 0 {
		return
	}
	if name := dbKey(n.db, key); n.p.waiting[name] != nil {
		n.p.signal(name, true)
	}
}

// Served returns, within Waiter.Serve, the key that it is called for, valid
// until Serve returns, and whether a stream came to be there, got an entry or
// lost a group since the waiters were last served; nil elsewhere.
func (t *Tx) Served() (key []byte, brought bool) { return t.served.key, t.served.brought }

// Later says, within Waiter.Serve, which returns false then, that the log takes no
// writes: the key's waiters are served again once it does, even if nobody changes
// the key any more. Operations of other regions do not wait for that.
func (t *Tx) Later() { t.served.later = true }

// putOff marks a queue as late, if it is still there.
func (p *partition) putOff(name string, brought bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.waiting[name]; q != nil {
		q.late, q.brought = true, q.brought || brought
		p.ready.late.Store(true)
	}
}

// serveLate serves the waiters of the queues that are late, if the log takes writes
// now. The caller holds no locks.
func (e *Engine) serveLate() {
	r := &e.ready
	if !r.late.Load() || oplog.Refusal(e.log.Admit(e.opts.Wall())) != nil {
		return
	}
	r.late.Store(false) // before the look: what is put off meanwhile is for the next time
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		for name, q := range p.waiting {
			if q.late {
				p.signal(name, q.brought)
				q.late, q.brought = false, false
			}
		}
		p.mu.Unlock()
	}
	e.serveReady()
}

// signalAll signals the keys of a database that is about to be emptied.
func (p *partition) signalAll(db int) {
	for name, q := range p.waiting {
		if int(name[0]) == db && q.gone > 0 {
			p.signal(name, false)
		}
	}
}

// serveReady serves the waiters of all keys that have changed. The caller holds
// no locks. On return those of the keys it changed itself have been served.
func (e *Engine) serveReady() {
	r := &e.ready
	r.serving.Lock()
	defer r.serving.Unlock()
	for {
		r.mu.Lock()
		if len(r.mu.keys) == 0 {
			r.mu.keys = nil
			r.any.Store(false)
			r.mu.Unlock()
			return
		}
		k := r.mu.keys[0]
		r.mu.keys = r.mu.keys[1:]
		r.tx.served.key, r.tx.served.brought = []byte(k.name[1:]), r.mu.in[k]
		delete(r.mu.in, k)
		r.mu.Unlock()
		e.serveKey(k)
		r.tx.served.key = nil
	}
}

// serveKey serves the waiters of one key in order, those present when it
// starts, as long as there may be something for them.
func (e *Engine) serveKey(k readyKey) {
	p := &e.parts[k.part]
	p.mu.Lock()
	limit := p.waitSeq
	p.mu.Unlock()
	var batch []queued
	last := uint64(0)
	for size := 4; ; size *= 2 {
		if batch = p.waitersAfter(batch[:0], k.name, last, limit, size); len(batch) == 0 {
			return
		}
		for _, x := range batch {
			shows, gone := e.showsNow(k)
			switch {
			case !shows && !gone:
				return // nothing is left for all who are still there
			case !x.w.Gone && !shows:
			case e.serve(x.w, k):
				e.Unwait(x.w)
			}
			last = x.seq
		}
	}
}

// serve serves a waiter of a key, and puts the key's queue off if the waiter asks
// for it.
func (e *Engine) serve(w *Waiter, k readyKey) (done bool) {
	t := e.ready.tx
	t.served.later = false
	if done = w.Serve(t); t.served.later {
		e.parts[k.part].putOff(k.name, t.served.brought)
	}
	return done
}

// waitersAfter appends up to n places of a queue behind last, up to limit.
func (p *partition) waitersAfter(batch []queued, name string, last, limit uint64, n int) []queued {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.waiting[name]
	if q == nil {
		return batch
	}
	for el := q.Front(); el != nil && len(batch) < n; el = el.Next() {
		if x := el.Value.(queued); x.seq > last && x.seq <= limit {
			batch = append(batch, x)
		}
	}
	return batch
}

// showsNow reports whether a key shows, and whether somebody waits for it who
// is to be served when it does not.
func (e *Engine) showsNow(k readyKey) (shows, gone bool) {
	p := &e.parts[k.part]
	p.mu.Lock()
	defer p.mu.Unlock()
	n := &e.ready.tx.ent
	n.find(e, int(k.name[0]), []byte(k.name[1:]))
	q := p.waiting[k.name]
	return n.shows(e.opts.Wall()), q != nil && q.gone > 0
}
