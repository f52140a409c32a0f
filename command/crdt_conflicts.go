package command

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"crdb/crdt"
	"crdb/engine"
)

// How much of conflicts is kept.
const (
	maxConflicts     = 1024 // the last ones
	maxConflictBytes = 1024 // of a key's or an element's name
)

// conflicts keeps what operations of other regions have met here: counts since
// the start, and the last of them. mu guards ring and next; it is taken under
// the locks of keys.
type conflicts struct {
	counts [crdt.ConflictEnd][maxType]atomic.Int64
	mu     struct {
		sync.Mutex
		ring []conflict // oldest first
		next int64      // id
	}
}

const maxType = 16 // crdt.Types are below it

// conflict is one that was kept.
type conflict struct {
	id   int64
	when int64 // unix milliseconds
	db   int
	key  string
	x    crdt.Contest // but for Elem
	elem string
	by   crdt.Dot
}

// clash notes a conflict and tells those who follow. The key's lock is held.
func (srv *Server) clash(c *engine.Clash) {
	l := &srv.conflicts
	l.counts[c.Conflict][c.Type].Add(1)
	x := conflict{when: srv.opts.Wall(), db: c.DB, key: cut(c.Key), x: c.Contest, elem: cut(c.Elem), by: c.By}
	x.x.Elem = nil
	l.mu.Lock()
	x.id = l.mu.next
	l.mu.next++
	if len(l.mu.ring) == maxConflicts {
		l.mu.ring = append(l.mu.ring[:0], l.mu.ring[maxConflicts/8:]...)
	}
	l.mu.ring = append(l.mu.ring, x)
	l.mu.Unlock()
	srv.tellConflict(&x)
}

func cut(b []byte) string { return string(b[:min(len(b), maxConflictBytes)]) }

// conflictChannel is where those who follow the conflicts of a logical
// database hear of them, as JSON.
const conflictChannel = "__crdt@%d__:conflicts"

func (srv *Server) tellConflict(x *conflict) {
	if !srv.pubsub.Any() {
		return
	}
	text, err := json.Marshal(struct {
		ID       int64  `json:"id"`
		Time     int64  `json:"unix_time_ms"`
		Conflict string `json:"conflict"`
		Type     string `json:"type"`
		Key      string `json:"key"`
		Element  string `json:"element,omitempty"`
		By       string `json:"by"`
		ByRegion string `json:"by_region"`
		Met      string `json:"met"`
		MetIn    string `json:"met_region"`
	}{x.id, x.when, x.x.Conflict.String(), typeNames[x.x.Type], x.key, x.elem,
		x.by.String(), srv.regionOf(x.by.Replica), x.x.Met.String(), srv.regionOf(x.x.Met.Replica)})
	if err == nil { // cannot be: texts and numbers
		srv.pubsub.Publish(fmt.Appendf(nil, conflictChannel, x.db), text)
	}
}

// last returns up to n conflicts, newest first.
func (l *conflicts) last(n int) []conflict {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(l.mu.ring))
	out := make([]conflict, 0, n)
	for i := range n {
		out = append(out, l.mu.ring[len(l.mu.ring)-1-i])
	}
	return out
}

// total is how many conflicts of a kind there were since the start.
func (l *conflicts) total(k crdt.Conflict) (n int64) {
	for t := range l.counts[k] {
		n += l.counts[k][t].Load()
	}
	return n
}

// ConflictCount is how often one kind of conflict has happened in one type.
type ConflictCount struct {
	Conflict, Type string
	Count          int64
}

// Conflicts returns the conflicts since the start that were met at least once.
func (srv *Server) Conflicts() (all []ConflictCount) {
	for k := range srv.conflicts.counts {
		for t := range srv.conflicts.counts[k] {
			if n := srv.conflicts.counts[k][t].Load(); n > 0 {
				all = append(all, ConflictCount{crdt.Conflict(k).String(), typeNames[crdt.Type(t)], n})
			}
		}
	}
	return all
}

func conflictsGet(c *Context) {
	n := int64(10)
	if len(c.Args) > 3 {
		c.errorSub()
		return
	}
	if len(c.Args) == 3 {
		var ok bool
		if n, ok = c.argRange(2, -1, maxInt32, "ERR count should be greater than or equal to -1"); !ok {
			return
		}
	}
	if n < 0 {
		n = maxConflicts
	}
	all := c.Server.conflicts.last(int(n))
	c.Out.Array(len(all))
	for i := range all {
		replyConflict(c, &all[i])
	}
}

func replyConflict(c *Context, x *conflict) {
	out := c.Out
	text := func(name, value string) {
		out.BulkString(name)
		out.BulkString(value)
	}
	number := func(name string, n int64) {
		out.BulkString(name)
		out.Int(n)
	}
	out.Map(11)
	number("id", x.id)
	number("unix-time-milliseconds", x.when)
	text("conflict", x.x.Conflict.String())
	text("type", typeNames[x.x.Type])
	number("db", int64(x.db))
	text("key", x.key)
	text("element", x.elem)
	text("by", x.by.String())
	text("by-region", c.Server.regionOf(x.by.Replica))
	text("met", x.x.Met.String())
	text("met-region", c.Server.regionOf(x.x.Met.Replica))
}

func conflictsLen(c *Context) {
	l := &c.Server.conflicts
	l.mu.Lock()
	n := len(l.mu.ring)
	l.mu.Unlock()
	c.Out.Int(int64(n))
}

func conflictsReset(c *Context) {
	l := &c.Server.conflicts
	l.mu.Lock()
	l.mu.ring = nil
	l.mu.Unlock()
	c.Out.OK()
}

// conflictsStats counts since the start: a map from kind to a map from type.
func conflictsStats(c *Context) {
	all := c.Server.Conflicts()
	var kinds []string
	of := map[string][]ConflictCount{}
	for _, x := range all {
		if len(of[x.Conflict]) == 0 {
			kinds = append(kinds, x.Conflict)
		}
		of[x.Conflict] = append(of[x.Conflict], x)
	}
	c.Out.Map(len(kinds))
	for _, k := range kinds {
		c.Out.BulkString(k)
		c.Out.Map(len(of[k]))
		for _, x := range of[k] {
			c.Out.BulkString(x.Type)
			c.Out.Int(x.Count)
		}
	}
}
