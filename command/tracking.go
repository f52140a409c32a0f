package command

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"crdb/engine"
	"crdb/resp"
)

// trackingChannel is where clients with RESP2 hear of changed keys.
const trackingChannel = "__redis__:invalidate"

// sweepReaders is how many readers a key has before one looks who of them is gone.
const sweepReaders = 64

// tracked is how a session wants to hear of changes: CLIENT TRACKING. All but
// caching is immutable: a change makes a new one.
type tracked struct {
	broadcast, optIn, optOut, noLoop bool
	redirect                         uint64 // id of the session that is told; 0: this one
	prefixes                         []string
	caching                          bool // CLIENT CACHING was given for the next command
}

// tracking is client-side caching: who has read which keys, and who wants to
// hear of all keys with a prefix. mu is taken under the locks of keys; its
// holder takes the list of sessions' lock, inboxes', and those of infos.
type tracking struct {
	mu struct {
		sync.Mutex
		clients  map[*Session]*tracked
		keys     map[string]map[uint64]struct{} // ids of who has read them; as in Redis, of any database
		prefixes map[string]map[*Session]struct{}
		lengths  map[int]int // how many prefixes there are of a length
		items    int
	}
}

func (t *tracking) init() {
	t.mu.clients = make(map[*Session]*tracked)
	t.mu.keys = make(map[string]map[uint64]struct{})
	t.mu.prefixes = make(map[string]map[*Session]struct{})
	t.mu.lengths = make(map[int]int)
}

// start makes s a client that tracks as how says.
func (t *tracking) start(srv *Server, s *Session, how *tracked) {
	t.mu.Lock()
	first := len(t.mu.clients) == 0
	t.mu.clients[s] = how
	s.info.change(func(st *clientState) {
		st.tracking, st.broadcast, st.redirect, st.redirBroken = true, how.broadcast, int64(how.redirect), false
	})
	for _, p := range how.prefixes {
		if t.mu.prefixes[p] == nil {
			t.mu.prefixes[p] = make(map[*Session]struct{})
			t.mu.lengths[len(p)]++
		}
		t.mu.prefixes[p][s] = struct{}{}
	}
	t.mu.Unlock()
	if first {
		srv.observe()
	}
}

// stop forgets s. Of the keys it has read no more than its id is kept, until they
// change or sweepLocked finds it. The observer stays once there was a client: it
// costs little.
func (t *tracking) stop(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	how := t.mu.clients[s]
	if how == nil {
		return
	}
	delete(t.mu.clients, s)
	s.info.change(func(st *clientState) {
		st.tracking, st.broadcast, st.redirect, st.redirBroken = false, false, -1, false
	})
	for _, p := range how.prefixes {
		delete(t.mu.prefixes[p], s)
		if len(t.mu.prefixes[p]) > 0 {
			continue
		}
		delete(t.mu.prefixes, p)
		if t.mu.lengths[len(p)]--; t.mu.lengths[len(p)] == 0 {
			delete(t.mu.lengths, len(p))
		}
	}
	if len(t.mu.clients) == 0 {
		clear(t.mu.keys)
		t.mu.items = 0
	}
}

// note remembers that s is about to read a key. It comes before the read, so
// that no change in between is missed. Beyond max keys, one is forgotten for
// each new one: its readers are told that it changed.
func (t *tracking) note(srv *Server, s *Session, key []byte, max int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	readers := t.mu.keys[string(key)]
	if readers == nil {
		readers = make(map[uint64]struct{}, 1)
		t.mu.keys[string(key)] = readers
	}
	if _, there := readers[s.info.id]; !there {
		if n := len(readers); n >= sweepReaders && n&(n-1) == 0 {
			t.sweepLocked(srv, readers)
		}
		readers[s.info.id] = struct{}{}
		t.mu.items++
	}
	t.trimLocked(srv, key, max)
}

// sweepLocked forgets the readers of a key that are gone. It is called when there
// are twice as many as the last time: else those who come, read a key that never
// changes, and go would all be remembered.
func (t *tracking) sweepLocked(srv *Server, readers map[uint64]struct{}) {
	for id := range readers {
		if t.mu.clients[srv.sessions.get(id)] == nil {
			delete(readers, id)
			t.mu.items--
		}
	}
}

// trimLocked forgets keys beyond max, but not keep.
func (t *tracking) trimLocked(srv *Server, keep []byte, max int) {
	for name := range t.mu.keys {
		if max <= 0 || len(t.mu.keys) <= max {
			return
		}
		if keep == nil || name != string(keep) {
			t.invalidateLocked(srv, nil, []byte(name))
		}
	}
}

// trim forgets keys beyond max, which may have become less.
func (t *tracking) trim(srv *Server, max int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trimLocked(srv, nil, max)
}

// invalidate tells who tracks a key that it has changed; nil stands for all.
func (t *tracking) invalidate(srv *Server, by *engine.Tx, key []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.clients) == 0 {
		return
	}
	if key == nil {
		for s, how := range t.mu.clients {
			t.tellLocked(srv, s, how, nil, nil)
		}
		clear(t.mu.keys)
		t.mu.items = 0
		return
	}
	t.invalidateLocked(srv, by, key)
	for n := range t.mu.lengths { // few, however many prefixes there are
		if n > len(key) || t.mu.prefixes[string(key[:n])] == nil {
			continue
		}
		prefix := string(key[:n])
		for s := range t.mu.prefixes[prefix] {
			if how := t.mu.clients[s]; !how.noLoop || s.tx != by {
				t.tellLocked(srv, s, how, &prefix, key)
			}
		}
	}
}

// invalidateLocked tells the readers of a key and forgets them.
func (t *tracking) invalidateLocked(srv *Server, by *engine.Tx, key []byte) {
	readers := t.mu.keys[string(key)]
	delete(t.mu.keys, string(key))
	t.mu.items -= len(readers)
	for id := range readers {
		s := srv.sessions.get(id)
		how := t.mu.clients[s]
		if how != nil && !how.broadcast && !(how.noLoop && s.tx == by) {
			t.tellLocked(srv, s, how, nil, key)
		}
	}
}

// tellLocked sends one invalidation to s, or to whom it redirects; prefix is the one
// that s hears of all keys of.
func (t *tracking) tellLocked(srv *Server, s *Session, how *tracked, prefix *string, key []byte) {
	to := s
	if how.redirect != 0 {
		if to = srv.sessions.get(how.redirect); to == nil {
			s.info.change(func(st *clientState) { st.redirBroken = true })
			s.post(64, func(w *resp.Writer) {
				if w.Proto == 3 {
					w.Push(2)
					w.BulkString("tracking-redir-broken")
					w.Int(int64(how.redirect))
				}
			})
			return
		}
	}
	st := to.info.state()
	hears := to != s && st.sub+st.psub > 0
	var null resp.Writer
	if key == nil { // as in Redis, in the protocol of who has read the keys, whoever is told
		null.Proto = s.inbox.proto()
		null.Null()
	}
	to.post(len(key)+64, func(w *resp.Writer) {
		if w.Proto != 3 && !hears {
			return
		}
		if key == nil {
			invalidateHead(w)
			w.Raw(null.Buf)
			return
		}
		to.inbox.addToBatch(prefix, key)
	})
}

func invalidateHead(w *resp.Writer) {
	if w.Proto == 3 {
		w.Push(2)
		w.BulkString("invalidate")
		return
	}
	w.Array(3)
	w.BulkString("message")
	w.BulkString(trackingChannel)
}

// batch is the message of changed keys at the end of an inbox. As in Redis, those
// of one prefix that change together are told of together.
type batch struct {
	prefix   *string // nil: keys are told of one by one
	from, to int     // in the buffer
	n        int     // keys
	keys     int     // where they begin
	last     int     // where the last one begins, without its head
}

// addToBatch tells of a key. The inbox is locked.
func (in *inbox) addToBatch(prefix *string, key []byte) {
	w, b := &in.mu.Writer, &in.mu.batch
	if prefix == nil || b.prefix == nil || *b.prefix != *prefix || b.to != len(w.Buf) {
		*b = batch{prefix: prefix, from: len(w.Buf)}
	} else if bytes.Equal(w.Buf[b.last:b.to-len("\r\n")], key) {
		return // one that is written again and again
	}
	b.n++
	head := resp.Writer{Proto: w.Proto, Buf: make([]byte, 0, 64)}
	invalidateHead(&head)
	head.Array(b.n)
	if b.n == 1 {
		w.Raw(head.Buf)
	} else { // its length changes at powers of ten only
		w.Buf = slices.Replace(w.Buf, b.from, b.keys, head.Buf...)
	}
	b.keys = b.from + len(head.Buf)
	w.Bulk(key)
	b.to = len(w.Buf)
	b.last = b.to - len("\r\n") - len(key)
}

// trackingCounts is what INFO tells of client-side caching.
type trackingCounts struct{ clients, keys, items, prefixes int }

func (t *tracking) counts() trackingCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return trackingCounts{len(t.mu.clients), len(t.mu.keys), t.mu.items, len(t.mu.prefixes)}
}

// remember notes the keys that a read-only command is about to read.
func (s *Session) remember(cmd *Command, args [][]byte) {
	how := s.track
	given := how.caching
	s.endCaching(cmd)
	if cmd.Flags&ReadOnly == 0 || cmd.Flags&RunsScript != 0 || how.broadcast || how.optIn && !given || how.optOut && given {
		return
	}
	limit := int(s.srv.config.Int("tracking-table-max-keys"))
	refs, _ := cmd.keyRefs(s.refs[:0], args)
	s.refs = refs
	for _, r := range refs {
		s.srv.tracking.note(s.srv, s, args[r.index], limit)
	}
	if s.scriptRun.running() { // as in Redis: once it reads, all that it was given
		for _, key := range s.scriptRun.keys {
			s.srv.tracking.note(s.srv, s, key, limit)
		}
	}
}

// endCaching ends what CLIENT CACHING said of the next command, which is this one, also
// if it is refused; nil stands for an unknown one.
func (s *Session) endCaching(cmd *Command) {
	if s.track == nil || s.mode&(modeExec|modeMulti) != 0 {
		return
	}
	if cmd == nil || !strings.HasPrefix(cmd.Name, "client|") && cmd.Name != "multi" {
		s.track.caching = false
	}
}

func (s *Session) endTracking() {
	if s.track != nil {
		s.srv.tracking.stop(s)
		s.track = nil
		s.extra &^= extraTrack
	}
}
