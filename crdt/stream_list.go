package crdt

import (
	"slices"
	"sort"
)

// streamList is the entries of a stream: chunks in order. Most is done at the
// ends; in the middle a chunk is found by bisection and rewritten.
type streamList struct {
	chunks []*streamChunk
	n      int // living entries
	held   int // bytes of the chunks: see bytes
}

// find returns the index of the chunk where an entry lies or belongs.
func (l *streamList) find(id StreamID, d Dot) int {
	i := sort.Search(len(l.chunks), func(i int) bool {
		return before(id, d, l.chunks[i].first, l.chunks[i].base)
	})
	return max(i-1, 0)
}

// add inserts an entry unless it is there.
func (l *streamList) add(id StreamID, d Dot, payload []byte) {
	n := len(l.chunks)
	if n > 0 && !before(l.chunks[n-1].last, l.chunks[n-1].lastDot, id, d) {
		l.insert(id, d, payload)
		return
	}
	l.n++
	if n > 0 {
		c := l.chunks[n-1]
		was, fits := c.bytes(), c.room(len(payload))
		if fits {
			c.append(id, d, payload)
		} else {
			c.clip()
		}
		if l.held += c.bytes() - was; fits {
			return
		}
	}
	room := 0 // the next chunk grows as large as the one before it, mostly
	if n > 0 {
		room = len(l.chunks[n-1].data) + spareChunk/2
	}
	c := newStreamChunk(id, d, payload, room)
	l.chunks = append(l.chunks, c)
	l.held += c.bytes()
}

// insert adds an entry before others: its chunk is written anew, as two halves if
// it has become too large. Were the first of them full, the next entry beside this
// one would split it again, and two regions that write at once would leave chunks
// of one entry.
func (l *streamList) insert(id StreamID, d Dot, payload []byte) {
	i := l.find(id, d)
	old := l.chunks[i]
	first, size := old.live+1, len(old.data)-old.front+len(payload)+maxEntryHead
	if old.live >= maxChunkEntries || size >= maxChunkBytes {
		first, size = (first+1)/2, size/2
	}
	var fresh []*streamChunk
	put := func(id StreamID, d Dot, payload []byte) {
		if n := len(fresh); n > 0 && fresh[n-1].room(len(payload)) && (n > 1 || fresh[0].total < first) {
			fresh[n-1].append(id, d, payload)
			return
		}
		fresh = append(fresh, newStreamChunk(id, d, payload, min(size, maxChunkBytes)))
	}
	done, twice := false, false
	var buf []byte
	old.each(func(_ int, e *StreamEntry) bool {
		if twice = twice || e.ID == id && e.dot == d; twice {
			return false
		}
		if !done && before(id, d, e.ID, e.dot) {
			put(id, d, payload)
			done = true
		}
		buf = e.appendFields(buf[:0])
		put(e.ID, e.dot, buf)
		return true
	})
	if twice {
		return
	}
	if !done {
		put(id, d, payload)
	}
	l.n++
	l.replace(i, fresh)
}

// replace puts chunks in the place of chunk i.
func (l *streamList) replace(i int, fresh []*streamChunk) {
	l.held -= l.chunks[i].bytes()
	for _, c := range fresh {
		c.clip()
		l.held += c.bytes()
	}
	l.chunks = slices.Replace(l.chunks, i, i+1, fresh...)
}

// remove takes away the entries with an ID that seen covers.
func (l *streamList) remove(id StreamID, seen VersionVector) {
	for i := l.find(id, Dot{}); i < len(l.chunks) && !id.Less(l.chunks[i].first); i++ {
		c := l.chunks[i]
		if c.last.Less(id) {
			continue
		}
		live := c.live
		var e StreamEntry
		for off := c.front; off < len(c.data) && !id.Less(e.ID); {
			next, dead := c.at(off, &e)
			if !dead && e.ID == id && seen.Covers(e.dot) {
				c.kill(off)
			}
			off = next
		}
		if l.n -= live - c.live; c.live == 0 {
			l.drop(i)
			i--
		}
	}
}

// drop takes out chunk i.
func (l *streamList) drop(i int) {
	l.held -= l.chunks[i].bytes()
	if i == 0 {
		l.chunks[0] = nil
		l.chunks = l.chunks[1:]
		return
	}
	copy(l.chunks[i:], l.chunks[i+1:])
	l.chunks[len(l.chunks)-1] = nil
	l.chunks = l.chunks[:len(l.chunks)-1]
}

// filter keeps the entries that keep says.
func (l *streamList) filter(keep func(e *StreamEntry) bool) {
	kept := l.chunks[:0:0]
	for _, c := range l.chunks {
		live := c.live
		c.each(func(off int, e *StreamEntry) bool {
			if !keep(e) {
				c.kill(off)
			}
			return true
		})
		if l.n -= live - c.live; c.live > 0 {
			kept = append(kept, c)
		} else {
			l.held -= c.bytes()
		}
	}
	l.chunks = kept
}

// each calls fn for all entries until it returns false.
func (l *streamList) each(fn func(e *StreamEntry) bool) {
	l.rng(StreamID{}, MaxStreamID, fn)
}

// rng calls fn for the entries from start to end until it returns false.
func (l *streamList) rng(start, end StreamID, fn func(e *StreamEntry) bool) {
	for i := l.find(start, Dot{}); i < len(l.chunks) && !end.Less(l.chunks[i].first); i++ {
		if !l.chunks[i].each(func(_ int, e *StreamEntry) bool {
			return e.ID.Less(start) || !end.Less(e.ID) && fn(e)
		}) {
			return
		}
	}
}

// back calls fn for the entries from end down to start until it returns false.
func (l *streamList) back(start, end StreamID, fn func(e *StreamEntry) bool) {
	if len(l.chunks) == 0 {
		return
	}
	top := sort.Search(len(l.chunks), func(i int) bool { return end.Less(l.chunks[i].first) })
	for i := top - 1; i >= 0 && !l.chunks[i].last.Less(start); i-- {
		if !l.chunks[i].eachBack(func(e *StreamEntry) bool {
			return end.Less(e.ID) || !e.ID.Less(start) && fn(e)
		}) {
			return
		}
	}
}

// edge returns the first or the last entry's ID, zero if there is none.
func (l *streamList) edge(first bool) (id StreamID) {
	take := func(e *StreamEntry) bool { id = e.ID; return false }
	if first {
		l.rng(StreamID{}, MaxStreamID, take)
	} else {
		l.back(StreamID{}, MaxStreamID, take)
	}
	return id
}

// bytes estimates the memory of the list. It is kept up to date, not counted: the
// engine asks after every few changes of a key.
func (l *streamList) bytes() int { return 8*cap(l.chunks) + l.held }
