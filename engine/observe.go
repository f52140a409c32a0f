package engine

// Observer hears of every change of a key that clients can see: local writes,
// operations of other regions, deadlines. by is the Tx that made it, nil if
// none did. A nil key means all keys of the database. It is called under the
// key's lock: it must be quick, and must neither keep key nor use the engine.
type Observer func(by *Tx, db int, key []byte)

// Observe makes f the engine's one observer; nil ends it. The caller holds no
// locks.
func (e *Engine) Observe(f Observer) {
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		p.observe = f
		p.mu.Unlock()
	}
}

// changed tells those who look at the key that it has changed.
func (n *entry) changed() {
	n.p.touchWatched(n.db, n.key)
	if n.p.observe != nil {
		n.p.observe(n.tx, n.db, n.key)
	}
}
