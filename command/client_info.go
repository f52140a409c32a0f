package command

import (
	"sort"
	"strconv"
	"sync"
	"sync/atomic"

	"crdb/engine"
)

// sessionInfo is what other sessions may know of this one (CLIENT LIST, KILL,
// UNBLOCK). mu guards the snapshot; the rest is fixed or atomic.
type sessionInfo struct {
	id          uint64
	addr, laddr string
	created     int64 // unix milliseconds
	killed      atomic.Bool
	seen        atomic.Int64                 // the last input or output, unix milliseconds
	pending     atomic.Int64                 // bytes of output not yet sent
	room        atomic.Int64                 // bytes of the buffer that they are in
	blockedOn   atomic.Pointer[atomic.Int32] // blocking.why while it waits
	mu          struct {
		sync.Mutex
		clientState
	}
}

// clientState is a snapshot of a session, taken at the end of every batch.
type clientState struct {
	name, libName, libVer string
	user                  string
	monitor, tracking     bool
	broadcast             bool  // of CLIENT TRACKING
	redirect              int64 // of CLIENT TRACKING; -1: off
	redirBroken           bool  // who is redirected to is gone
	noEvict, noTouch      bool
	closing               bool
	db                    int
	sub, psub, ssub       int
	multi                 int // queued commands; -1: not in MULTI
	multiMem              int
	watcher               *engine.Watcher // of the keys that are watched
	proto                 int
	unread                int // bytes of input not yet used
	pending, room         int // of sessionInfo, as they are now
	cmd                   *Command
}

func (i *sessionInfo) init(s *Session) {
	i.id, i.addr, i.laddr = s.conn.ID(), s.conn.RemoteAddr(), s.conn.LocalAddr()
	i.created = s.now
	i.mu.multi = -1
	i.mu.proto = 2
	i.mu.redirect = -1
	i.seen.Store(s.now)
}

// note takes the snapshot.
func (i *sessionInfo) note(s *Session, unread int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	st := &i.mu.clientState
	i.seen.Store(s.now)
	st.cmd, st.unread = s.ctx.Cmd, unread
	st.db, st.proto = s.tx.DB(), s.out.Proto
	s.noteOutput()
	st.closing = s.done
	st.multi, st.multiMem, st.watcher = -1, 0, nil
	if t := s.multi; t != nil {
		st.watcher = t.watcher
		if t.started {
			st.multi, st.multiMem = len(t.queue), t.bytes
		}
	}
	st.sub, st.psub, st.ssub = 0, 0, 0
	if u := s.subs; u != nil {
		st.sub, st.psub, st.ssub = len(u.channels), len(u.patterns), len(u.shards)
	}
}

func (i *sessionInfo) state() clientState {
	i.mu.Lock()
	defer i.mu.Unlock()
	st := i.mu.clientState
	st.pending, st.room = int(i.pending.Load()), int(i.room.Load())
	return st
}

// noteOutput follows the output also between batches: messages come without any, and
// what is sent is gone.
func (s *Session) noteOutput() {
	s.info.pending.Store(int64(len(s.out.Buf) - s.sent))
	s.info.room.Store(int64(cap(s.out.Buf)))
}

// change edits the parts of the snapshot that commands set.
func (i *sessionInfo) change(f func(st *clientState)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f(&i.mu.clientState)
}

func (i *sessionInfo) block(why *atomic.Int32) { i.blockedOn.Store(why) }

// flags is the flags= of CLIENT LIST.
func (i *sessionInfo) flags(st *clientState) string {
	var b []byte
	add := func(on bool, flag byte) {
		if on {
			b = append(b, flag)
		}
	}
	add(st.monitor, 'O')
	add(st.sub+st.psub+st.ssub > 0, 'P')
	add(st.multi >= 0, 'x')
	add(i.blockedOn.Load() != nil, 'b')
	add(st.tracking, 't')
	add(st.redirBroken, 'R')
	add(st.broadcast, 'B')
	add(st.watcher != nil && st.watcher.Changed(), 'd')
	add(st.closing, 'c')
	add(st.noEvict, 'e')
	add(st.noTouch, 'T')
	if len(b) == 0 {
		return "N"
	}
	return string(b)
}

// replyChunk is the size of the buffer that every client has in Redis, in bytes; what is
// more is in a list of such pieces, and shown apart.
const replyChunk = 16 << 10

// line is the client's line of CLIENT LIST, without the line end.
func (i *sessionInfo) line(now int64) string {
	st := i.state()
	b := make([]byte, 0, 400)
	num := func(key string, n int64) { b = strconv.AppendInt(append(b, key...), n, 10) }
	text := func(key, v string) { b = append(append(b, key...), v...) }
	num("id=", int64(i.id))
	text(" addr=", i.addr)
	text(" laddr=", i.laddr)
	num(" fd=", int64(i.id)) // the transport owns the descriptor
	text(" name=", st.name)
	num(" age=", max(now-i.created, 0)/1000)
	num(" idle=", max(now-i.seen.Load(), 0)/1000)
	text(" flags=", i.flags(&st))
	num(" db=", int64(st.db))
	num(" sub=", int64(st.sub))
	num(" psub=", int64(st.psub))
	num(" ssub=", int64(st.ssub))
	num(" multi=", int64(st.multi))
	num(" qbuf=", int64(st.unread))
	text(" qbuf-free=", "0 argv-mem=0")
	num(" multi-mem=", int64(st.multiMem))
	num(" rbs=", int64(st.room))
	num(" rbp=", int64(st.room))
	fixed, rest := min(st.pending, replyChunk), max(st.pending-replyChunk, 0)
	num(" obl=", int64(fixed))
	num(" oll=", int64((rest+replyChunk-1)/replyChunk))
	num(" omem=", int64(rest))
	num(" tot-mem=", int64(st.unread+st.multiMem+st.room))
	text(" events=", "r cmd=")
	if st.cmd == nil {
		text("", "NULL")
	} else {
		text("", st.cmd.Name)
	}
	text(" user=", st.user)
	num(" redir=", st.redirect)
	num(" resp=", int64(st.proto))
	text(" lib-name=", st.libName)
	text(" lib-ver=", st.libVer)
	return string(b)
}

// sessionList is all sessions of a server, by id.
type sessionList struct {
	mu struct {
		sync.Mutex
		byID map[uint64]*Session
		peak int
	}
}

func (l *sessionList) init() { l.mu.byID = make(map[uint64]*Session) }

func (l *sessionList) add(s *Session) {
	s.srv.stats.connections.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.byID[s.info.id] = s
	l.mu.peak = max(l.mu.peak, len(l.mu.byID))
}

func (l *sessionList) remove(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.byID[s.info.id] == s {
		delete(l.mu.byID, s.info.id)
	}
}

func (l *sessionList) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.mu.byID)
}

func (l *sessionList) get(id uint64) *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.byID[id]
}

// snapshot returns the sessions by id, oldest first.
func (l *sessionList) snapshot() []*Session {
	l.mu.Lock()
	all := make([]*Session, 0, len(l.mu.byID))
	for _, s := range l.mu.byID {
		all = append(all, s)
	}
	l.mu.Unlock()
	sort.Slice(all, func(i, j int) bool { return all[i].info.id < all[j].info.id })
	return all
}

// blocked counts the sessions that wait in a command.
func (l *sessionList) blocked() int {
	n := 0
	for _, s := range l.snapshot() {
		if s.info.blockedOn.Load() != nil {
			n++
		}
	}
	return n
}
