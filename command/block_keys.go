package command

import (
	"math"
	"math/big"
	"runtime/debug"
	"sync"
	"time"

	"crdb/crdt"
	"crdb/engine"
)

// keyWait describes a command that waits for keys: BLPOP, BZPOPMIN, XREAD and
// the like. See blockOnKeys.
type keyWait struct {
	keys    [][]byte      // to wait for, out of c.Args; all are locked
	timeout time.Duration // 0: for ever
	// try does what the command is for, and writes the reply, if that is
	// possible now. It may run on any goroutine, later, with a Context of its
	// own: it takes everything from c, captures no arguments, does not look at
	// the client's session, and has the keys of the command locked.
	try func(c *Context) (done bool)
	// timeUp writes the reply when there was nothing in time; nil: a null array.
	timeUp func(c *Context)
	// gone asks for a try also when a key stops showing (XREADGROUP).
	gone bool
}

// blockOnKeys tries at once and, if there is nothing yet, makes the client
// wait. Inside EXEC and scripts nobody waits: the time is up at once.
func (c *Context) blockOnKeys(w keyWait) {
	if w.timeUp == nil {
		w.timeUp = func(c *Context) { c.Out.NullArray() }
	}
	if w.try(c) {
		return
	}
	s := c.S
	if s.mode&modeExec != 0 {
		w.timeUp(c)
		return
	}
	size := 0
	for _, a := range c.Args {
		size += len(a)
	}
	b := &blockedOnKeys{
		s: s, cmd: c.Cmd, args: copyArgs(c.Args, size), db: c.Tx.DB(), proto: s.out.Proto, try: w.try, timeUp: w.timeUp,
	}
	b.waiter.Serve, b.waiter.Gone = b.serve, w.gone
	c.Tx.Wait(&b.waiter, w.keys)
	s.blockOn(b, w.timeout)
}

// again reports whether a keyWait's try runs for a client that already waits.
func (c *Context) again() bool { return c.S == c.Server.server }

// passes reports whether a keyWait's try leaves a key alone: a client that
// already waits is served from the key that has changed, not from the first.
func (c *Context) passes(key []byte) bool {
	served, _ := c.Tx.Served()
	return served != nil && string(served) != string(key)
}

// brought reports whether the key that the client is served from has got
// something, even if nothing of it is left.
func (c *Context) brought() bool {
	_, brought := c.Tx.Served()
	return brought && c.again()
}

// blockedOnKeys is the wait of one client for keys. Everything but what mu
// guards is fixed.
type blockedOnKeys struct {
	s      *Session // only its conn is used by serve
	cmd    *Command
	args   [][]byte
	db     int
	proto  int
	try    func(c *Context) bool
	timeUp func(c *Context)
	waiter engine.Waiter
	took   int64 // nanoseconds of the first try; of the session
	mu     struct {
		sync.Mutex
		over  bool  // served, or the client has left
		took  int64 // nanoseconds that the reply took
		reply []byte
		dot   crdt.Dot       // what was written for it
		due   crdt.Timestamp // the newest own op that the reply tells of
	}
}

// serve tries to serve the client, on the goroutine of somebody else.
func (b *blockedOnKeys) serve(t *engine.Tx) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	why := b.s.info.blockedOn.Load()
	if b.mu.over || b.s.info.killed.Load() || why != nil && why.Load() != int32(wakeCheck) {
		return true
	}
	s := b.s.srv.server
	s.tx, s.set, s.now = t, s.srv.settings.Load(), s.srv.opts.Wall()
	if b.cmd.Flags&Write != 0 && s.srv.refusal(s.now) != nil {
		t.Later()
		return false
	}
	s.ctx = Context{S: s, Tx: t, Args: b.args, Out: &s.out, Cmd: b.cmd, Server: s.srv}
	s.out.Buf, s.out.Proto, s.due = nil, b.proto, 0
	before, began := t.LastDot(), s.srv.opts.Now()
	t.Select(b.db)
	if !s.invokeTry(b) {
		return false
	}
	b.mu.over, b.mu.reply, b.mu.took = true, s.out.Buf, s.srv.opts.Now()-began
	if why != nil {
		why.CompareAndSwap(int32(wakeCheck), int32(wakeServed))
	}
	if dot := t.LastDot(); dot != before {
		b.mu.dot = dot
	}
	b.mu.due = max(s.due, b.mu.dot.Time)
	b.s.conn.Wake()
	return true
}

// invokeTry is invoke for a blocked client; a panic is its reply.
func (s *Session) invokeTry(b *blockedOnKeys) (done bool) {
	defer func() {
		if cause := recover(); cause != nil {
			s.notePanic(b.cmd, cause, debug.Stack())
			s.out.Buf = nil
			s.out.Error(msgInternal)
			s.unlock()
			done = true
		}
	}()
	s.lock(b.cmd)
	done = b.try(&s.ctx)
	s.unlock()
	return done
}

// ready takes the reply over, or gives up.
func (b *blockedOnKeys) ready(s *Session, why wakeup) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	start := len(s.out.Buf)
	switch {
	case b.mu.over:
		b.takeReply(s)
	case why == wakeUnblockErr:
		s.out.Error(msgUnblocked)
	case why == wakeTimeout:
		s.ctx.Args, s.ctx.Cmd = b.args, b.cmd
		b.timeUp(&s.ctx)
	default:
		return false
	}
	b.mu.over = true
	s.count(b.cmd, b.args, start, b.took+b.mu.took)
	return true
}

func (b *blockedOnKeys) takeReply(s *Session) {
	start := len(s.out.Buf)
	s.out.Raw(b.mu.reply)
	if !b.mu.dot.IsZero() {
		s.lastDot = b.mu.dot
	}
	s.due = max(s.due, b.mu.due)
	s.holdBack(start)
	s.awaitDurable()
}

func (b *blockedOnKeys) end(s *Session) {
	b.mu.Lock()
	b.mu.over = true
	b.mu.Unlock()
	s.srv.engine.Unwait(&b.waiter)
}

// timeoutSeconds reads the timeout of a blocking command: seconds with a
// fraction, 0 for ever.
func (c *Context) timeoutSeconds(i int) (time.Duration, bool) {
	if ok, _ := checkLongDouble(c.Args[i]); !ok {
		c.Out.Error("ERR timeout is not a float or out of range")
		return 0, false
	}
	ms, ok := ceilMillis(c.Args[i])
	switch {
	case !ok || ms < 0: // too large: Redis's conversion overflows
		c.Out.Error("ERR timeout is negative")
		return 0, false
	case ms > math.MaxInt64-c.S.now:
		c.Out.Error("ERR timeout is out of range")
		return 0, false
	}
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, true
}

// ceilMillis turns seconds into milliseconds with the arithmetic of a long
// double; ok says that the result fits 64 bits.
func ceilMillis(b []byte) (ms int64, ok bool) {
	k := floatKind(b)
	if k == floatInf {
		return 0, false
	}
	if zeroMantissa(b, k) {
		return 0, true
	}
	f, _, err := big.ParseFloat(goFloat(b, k), 0, 64, big.ToNearestEven)
	if err != nil {
		return 0, false
	}
	f.Mul(f, big.NewFloat(1000))
	ms, acc := f.Int64()
	if ms == math.MaxInt64 || ms == math.MinInt64 {
		return 0, false
	}
	if acc == big.Below { // cut off: it was above
		ms++
	}
	return ms, true
}
