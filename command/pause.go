package command

import (
	"sync"
	"sync/atomic"
	"time"

	"crdb/command/script"
)

// pause is CLIENT PAUSE: until a time, commands (all, or those that write) are
// put off. mu guards everything but active and waiters.
type pause struct {
	active  atomic.Bool
	waiters waiters
	mu      struct {
		sync.Mutex
		all   bool
		until int64 // unix milliseconds
		stop  func() bool
	}
	srv *Server
}

func (p *pause) init(srv *Server) {
	p.srv = srv
	p.waiters.init()
}

// start begins a pause, or makes a running one longer and wider.
func (p *pause) start(until int64, all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.active.Load() {
		until, all = max(until, p.mu.until), all || p.mu.all
	}
	p.mu.until, p.mu.all = until, all
	p.stopTimerLocked()
	p.active.Store(true)
	d := time.Duration(until-p.srv.opts.Wall()) * time.Millisecond
	p.mu.stop = p.srv.opts.AfterFunc(max(d, 0), p.timeUp)
}

func (p *pause) stopTimerLocked() {
	if p.mu.stop != nil {
		p.mu.stop()
		p.mu.stop = nil
	}
}

// timeUp is the timer: it may be an old one that was stopped too late.
func (p *pause) timeUp() {
	p.mu.Lock()
	over := p.srv.opts.Wall() >= p.mu.until
	if !over && p.active.Load() {
		d := time.Duration(p.mu.until-p.srv.opts.Wall()) * time.Millisecond
		p.mu.stop = p.srv.opts.AfterFunc(d, p.timeUp)
	}
	p.mu.Unlock()
	if over {
		p.stop()
	}
}

// stop ends the pause.
func (p *pause) stop() {
	p.mu.Lock()
	p.stopTimerLocked()
	p.active.Store(false)
	p.mu.Unlock()
	p.waiters.wakeAll()
}

// holds reports whether the pause puts off a command.
func (p *pause) holds(writes bool) bool {
	if !p.active.Load() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.active.Load() && (p.mu.all || writes)
}

// pauseWait is the wait of a session for the end of a pause.
type pauseWait struct{ writes bool }

func (w pauseWait) ready(s *Session, _ wakeup) bool { return !s.srv.pause.holds(w.writes) }
func (pauseWait) end(s *Session)                    { s.srv.pause.waiters.remove(s) }

// postponed puts the command off while clients are paused.
func (s *Session) postponed(cmd *Command, args [][]byte) bool {
	if !s.srv.pause.active.Load() {
		return false
	}
	writes := s.mayWrite(cmd, args)
	if s.mode&modeMulti != 0 {
		writes = cmd.Name == "exec" && s.multi.mayWrite
	}
	if !s.srv.pause.holds(writes) {
		return false
	}
	s.blockOn(pauseWait{writes}, 0)
	s.srv.pause.waiters.add(s)
	if !s.srv.pause.holds(writes) { // it ended in between
		s.conn.Wake()
	}
	return true
}

// mayWrite reports whether a command may write, or others may notice it: a script
// says of itself whether it does.
func (s *Session) mayWrite(cmd *Command, args [][]byte) bool {
	if cmd.Flags&(Write|MayReplicate) == 0 {
		return false
	}
	if cmd.Flags&RunsScript == 0 {
		return true
	}
	if cmd.Name == "fcall" {
		return !s.srv.library.onlyReads(s.srv, args[1])
	}
	sc := s.scriptOf(cmd, args)
	return sc == nil || sc.Flags&script.Shebang == 0 || sc.Flags&script.NoWrites == 0
}
