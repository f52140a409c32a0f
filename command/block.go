package command

import (
	"errors"
	"sync/atomic"
	"time"

	"crdb/oplog"
)

// # Commands that wait for keys
//
// A command such as BLPOP, BZMPOP or XREAD calls Context.blockOnKeys with a
// keyWait and returns: that tries at once, and otherwise makes the client wait.
//
//	func zsetBlockPopMin(c *Context) {
//		timeout, ok := c.timeoutSeconds(len(c.Args) - 1) // XREAD: timeoutMillis
//		if !ok {
//			return // the error is replied
//		}
//		c.blockOnKeys(keyWait{keys: c.Args[1 : len(c.Args)-1], timeout: timeout, try: tryPopMin})
//	}
//
// tryPopMin replies and returns true if it found something (an error in place
// of a reply is something, too), and returns false, having written nothing, if
// the client should go on waiting. It is called again, under the locks of all
// keys of the command, whenever one of keyWait.keys may have changed: by a
// local command, EXEC or script, RENAME, an op of another region. It must not
// keep anything of the first call: it reads c.Args anew, which are copies then,
// and writes through c.Tx and c.Out. What it needs to remember, such as the ids
// that XREAD's "$" stood for, it captures as copies. A key of another type is
// no reason to stop waiting: an error at the first try only (Context.again).

// waiting is something a session waits for instead of taking commands. ready
// is called on the session's goroutine at every Wake; it returns true when the
// wait is over, and has written the reply then, if there is one to write. why
// says whether somebody wants it to end. end takes the session out of the
// lists it put itself in.
type waiting interface {
	ready(s *Session, why wakeup) bool
	end(s *Session)
}

// wakeup is why a wait must end.
type wakeup int32

const (
	wakeCheck      wakeup = iota // no reason: look whether it is over
	wakeTimeout                  // time is up, or CLIENT UNBLOCK id TIMEOUT
	wakeUnblockErr               // CLIENT UNBLOCK id ERROR
	wakeServed                   // it is over: CLIENT UNBLOCK comes too late
)

const msgUnblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK"

// blocking is what a session waits for. why is set by other goroutines: the
// timer and CLIENT UNBLOCK.
type blocking struct {
	on    waiting
	stop  func() bool // the timer
	why   *atomic.Int32
	muted bool // by CLIENT REPLY SKIP: the reply that it ends with is not wanted
}

// blockOn makes the session wait. A timeout of zero or less is none.
func (s *Session) blockOn(w waiting, timeout time.Duration) {
	why := new(atomic.Int32)
	switch w.(type) {
	case pauseWait, logWait, *awayRun, *saveWait, shuttingDown: // not for CLIENT UNBLOCK
		why.Store(int32(wakeServed))
	}
	s.block = blocking{on: w, why: why}
	s.info.block(why)
	if timeout > 0 {
		s.block.stop = s.srv.opts.AfterFunc(timeout, func() {
			why.CompareAndSwap(int32(wakeCheck), int32(wakeTimeout))
			s.conn.Wake()
		})
	}
}

// wakeBlocked ends the wait if it is over.
func (s *Session) wakeBlocked() {
	if s.block.on == nil {
		return
	}
	start := len(s.out.Buf)
	if !s.block.on.ready(s, wakeup(s.block.why.Load())) {
		return
	}
	muted := s.block.muted || s.mode&modeReplyOff != 0
	s.unblock()
	if muted { // what was done in the background has taken its reply back itself
		s.out.Buf = s.out.Buf[:min(start, len(s.out.Buf))]
	}
}

// unblock ends the wait without a word.
func (s *Session) unblock() {
	if s.block.on == nil {
		return
	}
	s.block.on.end(s)
	if s.block.stop != nil {
		s.block.stop()
	}
	s.block = blocking{}
	s.info.block(nil)
}

// logWait is the wait of a write for the log to take more.
type logWait struct{}

func (logWait) ready(s *Session, _ wakeup) bool { return !s.backlogged() }
func (logWait) end(s *Session)                  { s.srv.durable.remove(s) }

// waitForLog pauses the session until the log has caught up; the command then
// comes again.
func (s *Session) waitForLog() {
	s.blockOn(logWait{}, 0)
	s.srv.durable.add(s)
	if !s.backlogged() { // it caught up in between
		s.conn.Wake()
	}
}

// backlogged reports whether the log wants writers to wait.
func (s *Session) backlogged() bool { return errors.Is(s.srv.log.Admit(s.now), oplog.ErrBacklog) }
