package command

import (
	"math"
	"time"

	"crdb/crdt"
)

var waitCommands = []*Command{
	{Name: "wait", Summary: "Waits until this client's writes are on disk in other regions.", Handler: wait},
	{Name: "waitaof", Summary: "Waits until this client's writes are on disk here and in other regions.", Handler: waitAOF},
}

// ackWait waits for this client's own writes to be on disk in enough regions.
type ackWait struct {
	dot     crdt.Timestamp
	local   int // 1: here, too
	regions int
	aof     bool // WAITAOF: reply both numbers
}

func (w ackWait) have(s *Session) (local, regions int) {
	if s.srv.log.DurableOwn() >= w.dot {
		local = 1
	}
	return local, s.srv.repl.Acked(w.dot)
}

func (w ackWait) reply(s *Session, local, regions int) {
	if w.aof {
		s.out.Array(2)
		s.out.Int(int64(local))
	}
	s.out.Int(int64(regions))
}

func (w ackWait) ready(s *Session, why wakeup) bool {
	local, regions := w.have(s)
	switch {
	case why == wakeUnblockErr:
		s.out.Error(msgUnblocked)
	case why == wakeTimeout || local >= w.local && regions >= w.regions:
		w.reply(s, local, regions)
	default:
		return false
	}
	return true
}

func (w ackWait) end(s *Session) {
	s.srv.acked.remove(s)
	s.srv.durable.remove(s)
}

// wait counts a region once it has this client's last write, and so all
// before it, on disk.
func wait(c *Context) {
	n, ok := c.argInt(1)
	if !ok {
		return
	}
	timeout, ok := c.timeoutMillis(2)
	if !ok {
		return
	}
	c.waitFor(ackWait{dot: c.S.lastDot.Time, regions: int(n)}, timeout)
}

func waitAOF(c *Context) {
	local, ok := c.argRange(1, 0, 1, "")
	if !ok {
		return
	}
	n, ok := c.argRange(2, 0, math.MaxInt32, "")
	if !ok {
		return
	}
	timeout, ok := c.timeoutMillis(3)
	if !ok {
		return
	}
	c.waitFor(ackWait{dot: c.S.lastDot.Time, local: int(local), regions: int(n), aof: true}, timeout)
}

// timeoutMillis reads a timeout in milliseconds as Redis does.
func (c *Context) timeoutMillis(i int) (time.Duration, bool) {
	ms, ok := parseInt(c.Args[i])
	switch {
	case !ok:
		c.Out.Error("ERR timeout is not an integer or out of range")
	case ms < 0:
		c.Out.Error("ERR timeout is negative")
	default:
		return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, true
	}
	return 0, false
}

// waitFor replies at once when there is nothing to wait for or, in EXEC, when
// it must not.
func (c *Context) waitFor(w ackWait, timeout time.Duration) {
	s := c.S
	local, regions := w.have(s)
	if local >= w.local && regions >= w.regions || s.mode&modeExec != 0 {
		w.reply(s, local, regions)
		return
	}
	s.blockOn(w, timeout)
	s.srv.acked.add(s)
	if w.local > 0 {
		s.srv.durable.add(s)
	}
	s.conn.Wake() // an acknowledgement may have come in between
}
