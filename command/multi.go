package command

import (
	"bytes"

	"crdb/engine"
)

const msgExecAbort = "EXECABORT Transaction discarded because of previous errors."

// queueCost is what a queued command costs besides its bytes, for the limit
// on a transaction's memory.
const queueCost = 64

var multiCommands = []*Command{
	{Name: "multi", Flags: RunsInMulti, Summary: "Starts a transaction: the commands that follow are queued.", Handler: multiStart},
	{Name: "exec", Flags: RunsInMulti, Summary: "Runs the queued commands as one atomic group.", Handler: multiExec, Ahead: draftTransaction},
	{Name: "discard", Flags: RunsInMulti, Summary: "Forgets the queued commands and the watched keys.", Handler: multiDiscard},
	{Name: "watch", Flags: RunsInMulti, Summary: "Makes the next EXEC do nothing if one of the keys changes before it.", Handler: watch},
	{Name: "unwatch", Summary: "Forgets the watched keys.", Handler: unwatch},
}

// transaction is the state of WATCH and MULTI.
type transaction struct {
	started  bool
	broken   bool // a command could not be queued
	denyOOM  bool // a command in the queue may take memory
	queue    []queued
	bytes    int
	writes   bool
	mayWrite bool // or others may notice it
	scripts  bool // the queue has a script
	copies   bool // it has a command that copies a key
	watcher  *engine.Watcher
	watched  [][]byte // of any database: to lock them
}

// queued is one command of a transaction, with copies of its arguments.
type queued struct {
	cmd  *Command
	args [][]byte
}

func (s *Session) transaction() *transaction {
	if s.multi == nil {
		s.multi = &transaction{}
	}
	return s.multi
}

// release forgets watched keys and the queue.
func (t *transaction) release(s *Session) {
	if t.watcher != nil {
		s.srv.engine.Unwatch(t.watcher)
	}
	*t = transaction{}
}

// endMulti leaves MULTI and forgets everything.
func (s *Session) endMulti() {
	if s.multi != nil {
		s.multi.release(s)
		s.multi = nil
	}
	s.mode &^= modeMulti
	if s.track != nil {
		s.track.caching = false
	}
}

// enqueue adds a command to the transaction and replies QUEUED.
func (s *Session) enqueue(cmd *Command, args [][]byte) {
	t := s.multi
	start := len(s.out.Buf)
	if !s.fits() { // a queue takes memory, too, whatever is in it
		s.reject(cmd, msgOutOfMemory)
		return
	}
	if cmd.Flags&Write != 0 && !t.broken && s.refuses(cmd) {
		return // when the log is only behind, EXEC waits for it
	}
	size := 0
	for _, a := range args {
		size += len(a)
	}
	t.bytes += size + queueCost*(1+len(args))
	if t.bytes > s.set.limits.MaxQuery {
		s.srv.opts.Logger.Warn("client closed: transaction too large", "client", s.conn.RemoteAddr(), "bytes", t.bytes)
		s.done = true
		return
	}
	if !t.broken { // a broken transaction never runs
		t.queue = append(t.queue, queued{cmd, copyArgs(args, size)})
		t.writes = t.writes || cmd.Flags&Write != 0
		t.mayWrite = t.mayWrite || s.mayWrite(cmd, args)
		t.denyOOM = t.denyOOM || cmd.Flags&DenyOOM != 0
		t.scripts = t.scripts || cmd.Flags&RunsScript != 0
		t.copies = t.copies || cmd.copiesKey()
	}
	s.ctx.Cmd = cmd // the last one, for CLIENT LIST
	s.out.SimpleString("QUEUED")
	s.mute(start)
}

// copyArgs copies the arguments into one piece of memory of the given size.
func copyArgs(args [][]byte, size int) [][]byte {
	buf := make([]byte, 0, size)
	out := make([][]byte, len(args))
	for i, a := range args {
		from := len(buf)
		buf = append(buf, a...)
		out[i] = buf[from:len(buf):len(buf)]
	}
	return out
}

func multiStart(c *Context) {
	if c.S.mode&modeMulti != 0 {
		c.Out.Error("ERR MULTI calls can not be nested")
		return
	}
	c.S.transaction().started = true
	c.S.mode |= modeMulti
	c.Out.OK()
}

func multiDiscard(c *Context) {
	if c.S.mode&modeMulti == 0 {
		c.Out.Error("ERR DISCARD without MULTI")
		return
	}
	c.S.endMulti()
	c.Out.OK()
}

// watch runs without locks of its own: the table locks the keys.
func watch(c *Context) {
	s := c.S
	if s.mode&modeMulti != 0 {
		c.Out.Error("ERR WATCH inside MULTI is not allowed")
		return
	}
	t := s.transaction()
	if t.watcher == nil {
		t.watcher = &engine.Watcher{}
	}
	for _, key := range c.Args[1:] {
		if c.Tx.Watch(t.watcher, key) {
			t.watched = append(t.watched, bytes.Clone(key))
		}
	}
	c.Out.OK()
}

// unwatch inside EXEC has nothing left to do: the keys were looked at.
func unwatch(c *Context) {
	if t := c.S.multi; t != nil && t.watcher != nil && c.S.mode&modeExec == 0 {
		c.Server.engine.Unwatch(t.watcher)
		t.watcher, t.watched = nil, nil
	}
	c.Out.OK()
}
