package command

import (
	"sync"
	"sync/atomic"

	"crdb/resp"
)

// inboxCap bounds what waits in an inbox when client-output-buffer-limit does
// not: that of clients that hear of changed keys only (CLIENT TRACKING), as
// there is no limit for normal clients unless somebody sets one.
const inboxCap = 256 << 20

// keepInbox is the largest buffer an empty inbox keeps.
const keepInbox = 16 << 10

// inbox holds messages other goroutines have for a session, as bytes ready to
// send. mu guards buf, proto and closed; the holder calls nobody but Conn.Wake.
type inbox struct {
	waiting atomic.Bool // buf is not empty
	listens atomic.Bool // the session subscribes or monitors
	mu      struct {
		sync.Mutex
		resp.Writer // Buf and the protocol to write in
		closed      bool
		batch       batch
	}
}

// Message takes a published message (engine.Subscriber). Any goroutine.
func (s *Session) Message(pattern string, matched bool, channel, payload []byte) {
	if !matched {
		s.put("message", channel, payload)
		return
	}
	s.post(len(payload), func(w *resp.Writer) {
		w.Push(4)
		w.BulkString("pmessage")
		w.BulkString(pattern)
		w.Bulk(channel)
		w.Bulk(payload)
	})
}

// shardListener is a Session as a subscriber of a shard channel.
type shardListener struct{ s *Session }

// Message takes a message published with SPUBLISH.
func (l shardListener) Message(_ string, _ bool, channel, payload []byte) {
	l.s.put("smessage", channel, payload)
}

func (s *Session) put(kind string, channel, payload []byte) {
	s.post(len(payload), func(w *resp.Writer) {
		w.Push(3)
		w.BulkString(kind)
		w.Bulk(channel)
		w.Bulk(payload)
	})
}

// post hands the session something to send, of about size bytes. A session
// that leaves too much unread is closed.
func (s *Session) post(size int, write func(w *resp.Writer)) {
	in := &s.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.mu.closed {
		return
	}
	limit := s.srv.settings.Load().outputOf(in.listens.Load()).Hard
	if limit <= 0 {
		limit = inboxCap
	}
	if int64(len(in.mu.Buf)+size) > limit {
		in.mu.closed = true
		in.mu.Buf = nil
		s.srv.stats.outputKills.Add(1)
		s.conn.Kill()
		return
	}
	write(&in.mu.Writer)
	if len(in.mu.Buf) > 0 && !in.waiting.Swap(true) {
		s.conn.Wake()
	}
}

// takeInbox moves waiting messages behind the replies.
func (s *Session) takeInbox() {
	in := &s.inbox
	if !in.waiting.Load() {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	s.out.Raw(in.mu.Buf)
	in.mu.Buf, in.mu.batch = in.mu.Buf[:0], batch{}
	if cap(in.mu.Buf) > keepInbox {
		in.mu.Buf = nil
	}
	in.waiting.Store(false)
}

// setProto changes the protocol of replies and messages.
func (s *Session) setProto(proto int) {
	s.takeInbox()
	s.inbox.mu.Lock()
	s.inbox.mu.Proto = proto
	s.inbox.mu.Unlock()
	s.out.Proto = proto
	s.updateSubscribeMode()
}

// proto returns the protocol that the session speaks. Any goroutine.
func (in *inbox) proto() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.mu.Proto
}

func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.closed = true
	in.mu.Buf = nil
}
