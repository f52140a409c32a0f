package command

import (
	"sync/atomic"
	"time"
)

// patience is how long a session waits on the spot for a command that may take
// long. After it the connection's loop goes on with other clients.
const patience = time.Millisecond

const msgBusy = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."

const msgBusyFunction = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."

// Who has the session of an away run.
const (
	awayRunning int32 = iota
	awayFinished
	awayOrphaned // the connection closed: the run cleans up
)

// awayRun is a command that runs on a goroutine of its own: a script that may
// take long (script.Script.Short), a transaction with scripts, or a command on a large
// key that has most of its work done before it locks (Command.Ahead). Until it has finished,
// everything of the session that is not guarded belongs to that goroutine, and the
// connection's loop stays away from it. It is a waiting.
//
// While a script runs in the background, the commands of all others are put off.
type awayRun struct {
	cmd          *Command
	args         [][]byte
	start        int
	began        int64
	done         chan struct{}
	state        atomic.Int32
	inBackground atomic.Bool
	holdsUp      bool // all others have to wait for it: it is, or has, a script
}

// takesLong reports whether a command may run for so long that the loop should
// not wait for it.
func (s *Session) takesLong(cmd *Command, args [][]byte) bool {
	if cmd.Flags&RunsScript != 0 {
		if cmd.Name == "fcall" || cmd.Name == "fcall_ro" { // finds out by itself
			return false
		}
		sc := s.scriptOf(cmd, args)
		return sc != nil && !sc.Short(len(args))
	}
	return cmd.Name == "exec" && s.mode&modeMulti != 0 && s.multi.scripts
}

// callAway runs a command on its own goroutine. If it takes long, the session
// waits as a blocked one does.
func (s *Session) callAway(cmd *Command, args [][]byte) {
	p := &s.srv.scripts
	size := 0
	for _, a := range args {
		size += len(a)
	}
	a := &awayRun{cmd: cmd, args: copyArgs(args, size), start: len(s.out.Buf), began: s.clock, done: make(chan struct{})}
	a.holdsUp = cmd.Ahead == nil || cmd.Name == "exec" && s.multi.scripts
	s.ctx.Args, s.ctx.Cmd = a.args, cmd
	s.away = a
	p.jobs.Add(1)
	go s.runAway(a)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.done:
		s.endAway(a)
		return
	case <-timer.C:
	}
	a.inBackground.Store(true)
	if a.holdsUp && p.away.Add(1) == 1 {
		p.began.Store(a.began)
	}
	s.blockOn(a, 0)
	if a.holdsUp {
		p.watch(a, s.srv.opts.AfterFunc)
	}
	if a.state.Load() != awayRunning { // it ended in between
		s.conn.Wake()
	}
}

// memoryWatch is how often the memory of a run in the background is looked at.
const memoryWatch = 20 * time.Millisecond

// watch kills the scripts of a run that take too much memory.
func (p *scripts) watch(a *awayRun, after func(time.Duration, func()) func() bool) {
	after(memoryWatch, func() {
		if a.state.Load() == awayFinished {
			return
		}
		p.mu.Lock()
		for r := range p.running {
			if r.Crowded() {
				r.vm.Kill("not enough memory")
			}
		}
		p.mu.Unlock()
		p.watch(a, after)
	})
}

// runAway is the body of the goroutine.
func (s *Session) runAway(a *awayRun) {
	defer s.srv.scripts.jobs.Done()
	s.invoke(a.cmd, a.start)
	if a.state.CompareAndSwap(awayRunning, awayFinished) {
		close(a.done)
		if a.inBackground.Load() { // or the loop is right here, waiting
			s.conn.Wake()
		}
		return
	}
	s.endAway(a)
	s.closed()
}

func (a *awayRun) ready(s *Session, _ wakeup) bool {
	if a.state.Load() == awayRunning {
		return false
	}
	s.endAway(a)
	return true
}

func (a *awayRun) end(*Session) {}

// endAway does what call does behind a command.
func (s *Session) endAway(a *awayRun) {
	s.away = nil
	s.finish(a.cmd, a.args, a.start, a.began)
	if a.inBackground.Load() && a.holdsUp {
		s.srv.scripts.away.Add(-1)
		s.srv.scripts.waiting.wakeAll()
	}
}

// aside puts a command on a large key off until it has a goroutine of its own, where
// Ahead prepares it. True: the handler is to return at once.
func (c *Context) aside(key []byte) bool {
	return c.asideIf(func() bool { return c.Tx.IsLarge(key) })
}

// asideIf is aside for a command that takes long if long says so.
func (c *Context) asideIf(long func() bool) bool {
	if c.S.isAway() || c.S.mode&modeExec != 0 || !long() {
		return false
	}
	c.S.putOff = true
	return true
}

// isAway reports whether a run has the session.
func (s *Session) isAway() bool { return s.away != nil }

// inBackground reports whether a run has outlasted the loop's patience.
func (s *Session) inBackground() bool { return s.away != nil && s.away.inBackground.Load() }

// heldUp puts a command off while a script runs in the background, or refuses
// it when that takes too long. True: it may run.
func (s *Session) heldUp(cmd *Command) (goOn, refused bool) {
	p := &s.srv.scripts
	if p.away.Load() == 0 || p.runsBeside(cmd) {
		return true, false
	}
	limit := time.Duration(s.srv.config.Int("busy-reply-threshold")) * time.Millisecond
	left := limit - time.Duration(s.srv.opts.Now()-p.began.Load())
	if left <= 0 {
		s.reject(cmd, p.busy())
		return false, true
	}
	s.blockOn(scriptWait{}, left)
	p.waiting.add(s)
	if p.away.Load() == 0 { // it ended in between
		s.conn.Wake()
	}
	return false, false
}

// runsBeside reports whether a command runs while a script does. FUNCTION STATS tells of
// a function, and has nothing to tell while it is a script of EVAL that runs.
func (p *scripts) runsBeside(cmd *Command) bool {
	if cmd.Flags&AllowBusy == 0 || cmd.locks != lockNone || cmd.Flags&WholeKeyspace != 0 {
		return false
	}
	return cmd.Name != "function|stats" || p.inFunction()
}

// scriptWait is the wait of a session for the end of a script. The command
// comes again, and is refused if time is up.
type scriptWait struct{}

func (scriptWait) ready(s *Session, why wakeup) bool {
	return why != wakeCheck || s.srv.scripts.away.Load() == 0
}
func (scriptWait) end(s *Session) { s.srv.scripts.waiting.remove(s) }
