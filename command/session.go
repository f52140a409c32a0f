package command

import (
	"crdb/crdt"
	"crdb/engine"
	"crdb/resp"
)

// mode is why a session's commands cannot take the short way through dispatch.
type mode uint16

const (
	modeNoAuth    mode = 1 << iota // has not authenticated yet
	modeMulti                      // between MULTI and EXEC
	modeSubscribe                  // RESP2 with subscriptions: few commands are allowed
	modeReplyOff                   // CLIENT REPLY OFF
	modeReplySkip                  // CLIENT REPLY SKIP: this command's reply, too
	modeSkipNext                   // CLIENT REPLY SKIP was just given
	modeExec                       // inside EXEC
	modeLimited                    // the user may not do everything: look at every command
	modeMonitor                    // MONITOR: keys are out of reach
)

const (
	// outputBatch is the amount of pending output at which a session takes no
	// further commands until some of it is on its way.
	outputBatch = 1 << 20
	// keepOutput is the largest reply buffer an idle session keeps.
	keepOutput = 64 << 10
	// keepInput is the largest request that an idle session may refer to.
	keepInput = 64 << 10
)

// Session is one client: a state machine without I/O (resp.Session). Except
// for Message and what info and inbox guard, everything belongs to the
// connection's goroutine or loop.
type Session struct {
	srv    *Server
	conn   resp.Conn
	tx     *engine.Tx
	ctx    Context
	large  bool // the last replies were; see lendOutput
	out    resp.Writer
	parser resp.Parser
	stat   *statShard

	set      *settings // taken anew for every batch
	now      int64     // wall clock of the batch, unix milliseconds
	clock    int64     // monotonic: end of the last command, nanoseconds
	mode     mode
	locked   bool // tx holds locks
	putOff   bool // the command that has just run needs a goroutine of its own
	done     bool // close once the output is out
	noTouch  bool // CLIENT NO-TOUCH
	monitors bool // MONITOR
	extra    extra
	track    *tracked // CLIENT TRACKING; nil: off
	misses   *misses  // nil: they are not told of
	lastDot  crdt.Dot
	due      crdt.Timestamp // of the newest own op that replies tell of, under appendfsync always
	lastCmd  *Command       // the last one looked up, by this very name
	lastName [maxName]byte
	lastLen  int
	refs     []keyRef // scratch of lock
	keys     [][]byte // scratch of lock

	sent   int   // how much of out.Buf is on its way
	pushed int   // out.Buf up to here is kept by mute
	hold   int   // from here on out.Buf waits for the log; -1: nothing does
	over   int64 // since when the output is above the soft limit, monotonic; 0: it is not

	who       identity       // the user
	multi     *transaction   // WATCH and MULTI; nil: neither
	subs      *subscriptions // nil: none
	block     blocking       // WAIT and the like, pauses
	away      *awayRun       // a command on a goroutine of its own has the session
	scriptRun *scriptRun     // nil: no script yet
	inbox     inbox          // messages from other sessions
	info      sessionInfo    // what CLIENT LIST and KILL look at
}

func newSession(srv *Server, conn resp.Conn) *Session {
	s := &Session{srv: srv, conn: conn, hold: -1}
	s.tx = srv.engine.NewTx()
	s.out.Proto = 2
	s.set = srv.settings.Load()
	s.stat = srv.stats.shard(conn.ID())
	s.now = srv.opts.Wall()
	s.clock = srv.opts.Now()
	s.ctx = Context{S: s, Tx: s.tx, Out: &s.out, Server: srv}
	s.info.init(s)
	s.becomeDefault()
	if s.mode&modeNoAuth != 0 {
		if t, ok := conn.(resp.TimeControl); ok {
			t.CloseAfter(preAuthTime)
		}
	}
	srv.sessions.add(s)
	s.done = srv.draining.Load()
	return s
}

// Input runs the commands that are complete in data, until the session
// pauses, closes, or has much to send.
func (s *Session) Input(data []byte) (used int) {
	s.set = s.srv.settings.Load()
	s.now = s.srv.opts.Wall()
	s.clock = s.srv.opts.Now()
	s.stat.reads.Add(1)
	s.followRights()
	s.boundOutput()
	if s.large && s.out.Buf == nil {
		s.borrowOutput()
	}
	s.extra &^= extraMonitor
	s.followMisses()
	if s.srv.monitors.n.Load() > 0 {
		s.extra |= extraMonitor
	}
	for used < len(data) {
		args, n, err := s.parser.Next(data[used:], *s.limits())
		if err != nil {
			s.protocolError(err)
			used = len(data)
			break
		}
		if n == 0 {
			break
		}
		if len(args) > 0 && !s.run(args) {
			break // not now: it will be handed in again
		}
		used += n
		if s.inbox.waiting.Load() && !s.isAway() {
			s.takeInbox() // what the command made this client hear stands before the next reply
		}
		if s.done || s.block.on != nil || len(s.out.Buf)-s.sent > outputBatch {
			break
		}
	}
	s.stat.in.Add(uint64(used))
	if s.isAway() {
		return used
	}
	if used > keepInput {
		s.parser.Forget() // an idle client holds no large request
		s.ctx.Args = nil
		clear(s.keys[:cap(s.keys)])
	}
	s.endOfBatch(len(data) - used)
	return used
}

// limits returns what the parser may accept at this point.
func (s *Session) limits() *resp.Limits {
	if s.mode&modeNoAuth != 0 {
		return &s.set.preAuth
	}
	return &s.set.limits
}

func (s *Session) protocolError(err error) {
	s.srv.opts.Logger.Debug("protocol error", "client", s.conn.RemoteAddr(), "error", err)
	s.out.Error("ERR " + err.Error())
	s.srv.stats.errorReply("ERR")
	s.done = true
}

// endOfBatch does what need not be done for every command.
func (s *Session) endOfBatch(unread int) {
	s.info.note(s, unread)
	if s.inbox.waiting.Load() {
		s.takeInbox()
	}
	s.awaitDurable()
	s.checkOutput()
	if s.set.maxClients > 0 {
		s.srv.evictClients(s.clock, s.set.maxClients)
	}
}

// awaitDurable has the session woken once what it holds back may go.
func (s *Session) awaitDurable() {
	if s.hold >= 0 && !s.durable() {
		s.srv.durable.add(s)
		s.srv.log.Hurry()
		if s.durable() { // the commit came in between
			s.srv.durable.remove(s)
		}
		s.giveUpHeld()
	}
}

// giveUpHeld ends the connection where what is held back will never be on disk:
// what became of it shows after a restart.
func (s *Session) giveUpHeld() {
	if s.hold < 0 || s.srv.log.Err() == nil || s.durable() {
		return
	}
	s.srv.durable.remove(s)
	s.out.Buf, s.hold, s.done = s.out.Buf[:s.hold], -1, true
}

// Wake looks again at everything another goroutine may have changed.
func (s *Session) Wake() {
	if a := s.away; a != nil && a.state.Load() == awayRunning {
		return
	}
	s.set = s.srv.settings.Load()
	s.now = s.srv.opts.Wall()
	s.clock = s.srv.opts.Now()
	if s.info.killed.Load() || s.srv.draining.Load() {
		s.done = true
	}
	s.followRights()
	if s.hold >= 0 && s.durable() {
		s.srv.durable.remove(s)
		s.hold = -1
	}
	s.giveUpHeld()
	s.wakeBlocked() // what served it may have told of changes, too: as in Redis, the reply comes first
	s.takeInbox()
	s.noteOutput()
	s.checkOutput()
}

// durable reports whether every op that this session's replies tell of is on
// disk.
func (s *Session) durable() bool { return s.srv.log.DurableOwn() >= s.due }

// Output returns what may be sent now. Replies from the first on that tells of
// a write which is not yet on disk are held back (appendfsync always).
func (s *Session) Output() []byte {
	if s.isAway() {
		return nil
	}
	if s.hold < 0 {
		return s.out.Buf[s.sent:]
	}
	if s.durable() {
		s.hold = -1
		s.srv.durable.remove(s)
		return s.out.Buf[s.sent:]
	}
	return s.out.Buf[s.sent:s.hold]
}

// Sent forgets n bytes of Output.
func (s *Session) Sent(n int) {
	s.sent += n
	s.stat.out.Add(uint64(n))
	s.stat.writes.Add(1)
	switch {
	case s.sent == len(s.out.Buf):
		s.large = len(s.out.Buf) > keepOutput
		if cap(s.out.Buf) > keepOutput {
			s.lendOutput()
		}
		s.out.Buf, s.sent = s.out.Buf[:0], 0
		if s.hold >= 0 {
			s.hold = 0
		}
	case s.sent > outputBatch && s.sent > len(s.out.Buf)/2:
		left := copy(s.out.Buf, s.out.Buf[s.sent:])
		s.out.Buf = s.out.Buf[:left]
		if s.hold >= 0 {
			s.hold -= s.sent
		}
		s.sent = 0
	}
	s.info.seen.Store(s.now)
	s.noteOutput()
}

// lendOutput gives a large reply buffer, all of which is sent, to whoever needs
// one next: an idle session keeps little, but a client that goes on asking for
// much does not make its buffer grow from nothing each time.
func (s *Session) lendOutput() {
	if b := s.out.Buf[:0]; cap(b) <= 2*outputBatch {
		s.srv.outputs.Put(&b)
	}
	s.out.Buf = nil
}

// borrowOutput takes such a buffer, if the last replies were large.
func (s *Session) borrowOutput() {
	if b, ok := s.srv.outputs.Get().(*[]byte); ok {
		s.out.Buf = *b
	}
}

// Paused reports that the session waits for something other than input: a
// blocking command, a pause of all clients, or the log.
func (s *Session) Paused() bool {
	return s.block.on != nil || s.hold >= 0 && !s.durable()
}

// Done reports that the connection is to be closed once the output is out.
func (s *Session) Done() bool {
	return !s.isAway() && s.done && (s.hold < 0 || s.durable())
}

// Closed releases everything the session holds elsewhere.
func (s *Session) Closed() {
	if a := s.away; a != nil {
		if a.state.CompareAndSwap(awayRunning, awayOrphaned) {
			return
		}
		s.endAway(a) // it has ended, and nobody has looked yet
	}
	s.closed()
}

func (s *Session) closed() {
	s.srv.sessions.remove(s)
	s.srv.durable.remove(s)
	s.unblock()
	s.resetSubscriptions()
	s.endMonitor()
	s.endTracking()
	if s.multi != nil {
		s.multi.release(s)
		s.multi = nil
	}
	s.inbox.close()
}
