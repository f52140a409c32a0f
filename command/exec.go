package command

// multiExec runs the queue under the locks of all keys it names and of all
// keys that are watched, so that it is one step for every other client and
// one group for every other region (C2).
func multiExec(c *Context) {
	s := c.S
	t := s.multi
	if s.extra&extraMonitor != 0 { // it is shown behind what it runs
		cmd, args := c.Cmd, c.Args
		defer func() {
			if !s.putOff {
				s.tellMonitors(cmd, args)
			}
		}()
	}
	if s.mode&modeMulti == 0 {
		c.Out.Error("ERR EXEC without MULTI")
		return
	}
	defer func() {
		if !s.putOff {
			s.endMulti()
		}
	}()
	if t.broken {
		c.Out.Error(msgExecAbort)
		return
	}
	s.lockTransaction(t)
	defer s.unlock()
	if t.writes { // as logTakesWrites
		if err := c.Server.refusal(s.now); err != nil {
			c.Out.Error("EXECABORT Transaction discarded because of: " + noWrites(err))
			return
		}
	}
	if t.watcher != nil && t.watcher.Dirty() {
		c.Out.NullArray()
		return
	}
	if t.copies && !s.isAway() && s.copiesLarge(t) { // it comes again with a goroutine of its own
		s.putOff = true
		return
	}
	s.mode = s.mode&^modeMulti | modeExec
	s.runQueue(t)
	s.mode &^= modeExec
	s.keepPushes() // and what has been muted where it was written
}

// copiesKey reports whether a command copies its first key, which is prepared ahead
// if that is large.
func (cmd *Command) copiesKey() bool { return cmd.Ahead != nil && cmd.FirstKey == 1 }

// eachCopied calls fn for the commands of a transaction that copy a key of the
// selected database, until it returns false. What they see of keys is what was there
// before the transaction.
func (t *transaction) eachCopied(fn func(q queued) bool) {
	for _, q := range t.queue {
		if q.cmd.Name == "select" || q.cmd.copiesKey() && !fn(q) {
			return
		}
	}
}

// copiesLarge reports whether a transaction, whose locks are held, copies a large key.
func (s *Session) copiesLarge(t *transaction) (large bool) {
	t.eachCopied(func(q queued) bool {
		large = s.tx.IsLarge(q.args[1])
		return !large
	})
	return large
}

// draftTransaction prepares the copies of large keys that a transaction makes.
// Whoever changes one of the keys meanwhile makes it be copied under the lock.
func draftTransaction(c *Context) {
	t, args := c.S.multi, c.Args
	if c.S.mode&modeMulti == 0 {
		return
	}
	t.eachCopied(func(q queued) bool {
		c.Args = q.args
		q.cmd.Ahead(c)
		return true
	})
	c.Args = args
}

// runQueue replies to the commands of a transaction. As in Redis, CLIENT REPLY counts from the
// next reply on, and so does it when a client kills itself.
func (s *Session) runQueue(t *transaction) {
	start := len(s.out.Buf)
	s.out.Array(len(t.queue))
	s.muteQueued(start)
	ending := s.done
	for _, q := range t.queue {
		start, gone := len(s.out.Buf), s.done && !ending
		s.callQueued(q)
		if s.muteQueued(start); gone {
			s.out.Buf = s.out.Buf[:start]
		}
	}
}

// muteQueued takes the reply back that begins at start when CLIENT REPLY says so.
func (s *Session) muteQueued(start int) {
	if s.mode&(modeReplyOff|modeReplySkip) != 0 {
		s.out.Buf = s.out.Buf[:max(start, s.pushed)]
		s.pushed = 0
	}
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
		s.ctx.run()
	} else if d := s.permit(q.cmd, q.args, inMulti); d.why != notDenied {
		s.out.Error(d.textAtExec())
	} else {
		s.ctx.run()
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
