package command

import (
	"errors"

	"crdb/oplog"
)

// multiExec runs the queue under the locks of all keys it names and of all
// keys that are watched, so that it is one step for every other client and
// one group for every other region (C2).
func multiExec(c *Context) {
	s := c.S
	t := s.multi
	if s.extra&extraMonitor != 0 { // it is shown behind what it runs
		cmd, args := c.Cmd, c.Args
		defer func() { s.tellMonitors(cmd, args) }()
	}
	if s.mode&modeMulti == 0 {
		c.Out.Error("ERR EXEC without MULTI")
		return
	}
	defer s.endMulti()
	if t.broken {
		c.Out.Error(msgExecAbort)
		return
	}
	if t.writes {
		if err := c.Server.log.Admit(c.S.now); err != nil && !errors.Is(err, oplog.ErrBacklog) {
			c.Out.Error("EXECABORT Transaction discarded because of: " + noWrites(err))
			return
		}
	}
	s.lockTransaction(t)
	defer s.unlock()
	if t.watcher != nil && t.watcher.Dirty() {
		c.Out.NullArray()
		return
	}
	s.mode = s.mode&^modeMulti | modeExec
	c.Out.Array(len(t.queue))
	for _, q := range t.queue {
		s.callQueued(q)
	}
	s.mode &^= modeExec
}

// callQueued runs one command of a transaction; the locks are held.
func (s *Session) callQueued(q queued) {
	start := len(s.out.Buf)
	began := s.srv.opts.Now()
	s.ctx.Cmd, s.ctx.Args = q.cmd, q.args
	if s.extra != 0 {
		s.beside(q.cmd, q.args)
	}
	if s.mode&modeLimited == 0 {
		q.cmd.Handler(&s.ctx)
	} else if d := s.permit(q.cmd, q.args, inMulti); d.why != notDenied {
		s.out.Error(d.textAtExec())
	} else {
		q.cmd.Handler(&s.ctx)
	}
	s.count(q.cmd, q.args, start, s.srv.opts.Now()-began)
}

// lockTransaction takes the union of the locks, or all when one of the commands
// walks the keyspace. Where a key is locked does not depend on its logical
// database, so SELECT in between changes nothing.
func (s *Session) lockTransaction(t *transaction) {
	s.locked = true
	s.keys = s.keys[:0]
	for _, q := range t.queue {
		if q.cmd.Flags&(WholeKeyspace|AnyKeys) != 0 {
			s.tx.LockAll(s.now)
			return
		}
		refs, _ := q.cmd.keyRefs(s.refs[:0], q.args)
		s.refs = refs
		for _, r := range refs {
			s.keys = append(s.keys, q.args[r.index])
		}
	}
	s.keys = append(s.keys, t.watched...)
	if len(s.keys) == 0 {
		s.tx.LockNone(s.now)
		return
	}
	s.tx.LockKeys(s.now, s.keys)
}
