package engine

import "sync/atomic"

// Watcher notices changes of keys, as WATCH asks: local writes, operations of
// other regions, deadlines, flushes. It belongs to one session; only its dirty
// mark is set by others.
type Watcher struct {
	dirty atomic.Bool
	until int64 // the first deadline among the watched keys and their fields, 0: none
	wall  func() int64
	keys  []watchedKey
}

type watchedKey struct {
	part int
	name string
}

// Watch adds the key, in the selected logical database, to w, and reports
// whether it is new there. The key is locked.
func (t *Tx) Watch(w *Watcher, key []byte) (added bool) {
	w.wall = t.e.opts.Wall
	i := partOf(t.e.hash(key))
	p, name := &t.e.parts[i], dbKey(t.db, key)
	if _, twice := p.watched[name][w]; twice {
		return false
	}
	n := t.peek(key)
	if n != nil {
		w.until = sooner(w.until, n.indexed(n.flags()))
	}
	if p.watched == nil {
		p.watched = map[string]map[*Watcher]bool{}
	}
	if p.watched[name] == nil {
		p.watched[name] = map[*Watcher]bool{}
	}
	p.watched[name][w] = n == nil && t.ent.expired(t.now)
	w.keys = append(w.keys, watchedKey{i, name})
	return true
}

// Unwatch forgets all keys of w. The caller holds no locks.
func (e *Engine) Unwatch(w *Watcher) {
	for _, k := range w.keys {
		p := &e.parts[k.part]
		p.mu.Lock()
		delete(p.watched[k.name], w)
		if len(p.watched[k.name]) == 0 {
			delete(p.watched, k.name)
		}
		p.mu.Unlock()
	}
	w.keys, w.until = nil, 0
	w.dirty.Store(false)
}

// Dirty reports whether a watched key has changed. It is read while the keys
// are locked.
func (w *Watcher) Dirty() bool {
	return w.dirty.Load() || w.until != 0 && w.wall() > w.until
}

// Changed reports whether a watched key was written, which says nothing of deadlines
// that have passed. Any goroutine may call it.
func (w *Watcher) Changed() bool { return w.dirty.Load() }

// touchWatched marks the watchers of a key and calls those who wait for it. expiry
// says that what changes is that something past its deadline is deleted: nothing
// to those who did not see it any more when they began to watch.
func (p *partition) touchWatched(db int, key []byte, expiry bool) {
	if len(p.watched) == 0 && len(p.waiting) == 0 {
		return
	}
	name := dbKey(db, key)
	for w, stale := range p.watched[name] {
		if !stale || !expiry {
			w.dirty.Store(true)
		}
	}
	if p.waiting[name] != nil {
		p.signal(name, false)
	}
}
