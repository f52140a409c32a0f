package command

import (
	"bytes"
	"runtime/debug"
	"strings"

	"crdb/engine"
)

const (
	msgNoAuth      = "NOAUTH Authentication required."
	msgInternal    = "ERR internal error"
	msgNotInMulti  = "ERR Command not allowed inside a transaction"
	msgNoWrites    = "MISCONF The operation log takes no writes now: "
	msgNotOnDisk   = "MISCONF What this tells of is not on disk, and will not be: "
	msgReadOnly    = "READONLY "
	msgOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'."
)

// run takes one command line through all checks and runs or queues it. False
// means that it cannot run yet and must come again.
func (s *Session) run(args [][]byte) bool {
	cmd := s.lookup(args[0])
	if cmd == nil || cmd.subs != nil || !cmd.arityOK(len(args)) {
		if cmd = s.resolve(cmd, args); cmd == nil {
			return true
		}
	}
	if s.mode != 0 || s.srv.pause.active.Load() || s.srv.scripts.away.Load() != 0 {
		if !s.allowed(cmd, args) {
			return true
		}
		if goOn, refused := s.heldUp(cmd); !goOn {
			return refused
		}
		if s.postponed(cmd, args) {
			return false
		}
		if s.mode&modeMulti != 0 && cmd.Flags&RunsInMulti == 0 {
			s.enqueue(cmd, args)
			return true
		}
		if s.mode&modeMulti != 0 && s.multi.writes && s.backlogged() {
			s.waitForLog()
			return false
		}
		if s.mode&modeMulti != 0 && cmd.Name == "exec" && !s.fits() && s.multi.denyOOM {
			s.reject(cmd, msgOutOfMemory)
			return true
		}
	}
	if cmd.Flags&(Write|DenyOOM) != 0 {
		switch s.admit(cmd) {
		case refused:
			return true
		case later:
			s.waitForLog()
			return false
		}
	}
	if cmd.Flags&RunsScript != 0 && s.backlogged() {
		s.waitForLog()
		return false
	}
	s.call(cmd, args)
	return true
}

// lookup finds the command, most often the one before again.
func (s *Session) lookup(name []byte) *Command {
	if s.lastLen == len(name) && bytes.Equal(s.lastName[:s.lastLen], name) {
		return s.lastCmd
	}
	cmd := s.srv.table.lookup(name)
	if cmd != nil {
		s.lastCmd, s.lastLen = cmd, copy(s.lastName[:], name)
	}
	return cmd
}

// resolve is the long way: subcommands, and errors for what is not right.
func (s *Session) resolve(cmd *Command, args [][]byte) *Command {
	switch {
	case cmd == nil && isForeign(args[0]):
		s.shutOut()
		return nil
	case cmd == nil:
		s.reject(nil, unknownCommand(args))
		return nil
	case cmd.subs != nil && len(args) > 1:
		sub := cmd.sub(args[1])
		if sub == nil {
			s.reject(nil, unknownSubcommand(cmd.Name, args[1])) // nobody's call
			return nil
		}
		cmd = sub
	}
	if !cmd.arityOK(len(args)) {
		s.reject(cmd, "ERR wrong number of arguments for '"+cmd.Name+"' command")
		return nil
	}
	return cmd
}

// maxEcho is how much of a client's bytes an error text repeats.
const maxEcho = 128

// unknownCommand is Redis's text, with the beginning of the arguments.
func unknownCommand(args [][]byte) string {
	var b strings.Builder
	for _, a := range args[1:] {
		room := maxEcho - b.Len()
		if room <= 0 {
			break
		}
		b.WriteByte('\'')
		b.Write(cString(a[:min(len(a), room)]))
		b.WriteString("' ")
	}
	return "ERR unknown command '" + echo(args[0]) + "', with args beginning with: " + b.String()
}

func unknownSubcommand(name string, word []byte) string {
	return "ERR unknown subcommand '" + echo(word) + "'. Try " + strings.ToUpper(name) + " HELP."
}

// echo returns the beginning of an argument, for an error text.
func echo(arg []byte) string { return string(cString(arg[:min(len(arg), maxEcho)])) }

// reject refuses a command before it runs. cmd is nil for an unknown one.
func (s *Session) reject(cmd *Command, text string) {
	start := len(s.out.Buf)
	if cmd != nil && cmd.Name == "exec" { // an EXEC that cannot run ends the transaction
		text = "EXECABORT Transaction discarded because of: " + strings.TrimPrefix(text, "ERR ")
		s.endMulti()
	}
	s.out.Error(text)
	s.srv.stats.errorReply(errorCode(text))
	if cmd != nil {
		s.stat.rejected(cmd)
	}
	if s.mode&modeMulti != 0 {
		s.multi.broken = true
	}
	s.endCaching(cmd)
	s.mute(start)
}

// keepPushes makes what has been written so far stay when CLIENT REPLY takes the
// reply back: messages and confirmations of subscriptions are no replies.
func (s *Session) keepPushes() {
	if s.mode&(modeReplyOff|modeReplySkip) != 0 {
		s.pushed = len(s.out.Buf)
	}
}

// mute takes the reply back that begins at start when CLIENT REPLY says so, and sees
// to it that the reply does not come later instead.
func (s *Session) mute(start int) {
	if s.mode&(modeReplyOff|modeReplySkip|modeSkipNext) == 0 {
		return
	}
	if s.mode&(modeReplyOff|modeReplySkip) != 0 {
		s.out.Buf = s.out.Buf[:max(start, s.pushed)]
		s.pushed = 0
	}
	s.block.muted = s.block.on != nil && s.mode&modeReplySkip != 0
	s.mode &^= modeReplySkip
	if s.mode&modeSkipNext != 0 {
		s.mode = s.mode&^modeSkipNext | modeReplySkip
	}
}

// allowed checks what the session's mode forbids.
func (s *Session) allowed(cmd *Command, args [][]byte) bool {
	switch {
	case s.mode&modeNoAuth != 0 && cmd.Flags&NoAuth == 0:
		s.reject(cmd, msgNoAuth)
	case s.mode&modeMulti != 0 && cmd.Flags&NoMulti != 0:
		s.reject(cmd, msgNotInMulti)
	case s.mode&modeLimited != 0 && !s.permitted(cmd, args):
	case s.mode&modeSubscribe != 0 && cmd.Flags&RunsSubscribed == 0:
		s.reject(cmd, "ERR Can't execute '"+cmd.Name+"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
	case s.mode&modeMonitor != 0 && cmd.Flags&(Write|ReadOnly|MayReplicate) != 0: // Redis keeps monitors as replicas
		s.reject(cmd, "ERR Replica can't interact with the keyspace")
	default:
		return true
	}
	return false
}

// call runs a command that passed all checks, under the locks of its keys.
func (s *Session) call(cmd *Command, args [][]byte) {
	if (cmd.Flags&RunsScript != 0 || s.mode&modeMulti != 0) && s.takesLong(cmd, args) {
		if s.extra != 0 {
			s.beside(cmd, args)
		}
		s.callAway(cmd, args)
		return
	}
	start := len(s.out.Buf)
	began := s.clock
	s.ctx.Args, s.ctx.Cmd = args, cmd
	if s.extra != 0 {
		s.beside(cmd, args)
	}
	s.invoke(cmd, start)
	if s.putOff {
		s.putOff = false
		s.callAway(cmd, args)
		return
	}
	s.finish(cmd, args, start, began)
}

// finish counts a command that has run and sees to its reply.
func (s *Session) finish(cmd *Command, args [][]byte, start int, began int64) {
	s.clock = s.srv.opts.Now()
	took := s.clock - began
	s.dropOverlong(start)
	switch b := s.block.on.(type) {
	case *blockedOnKeys:
		b.took = took // counted when it has its reply
	case *sleep: // likewise
	default:
		s.count(cmd, args, start, took)
	}
	if dot := s.tx.LastDot(); dot != s.lastDot {
		s.lastDot = dot
		s.due = max(s.due, dot.Time) // walks lock by themselves
	}
	s.holdBack(start)
	s.mute(start)
}

// count counts a command whose reply begins at start.
func (s *Session) count(cmd *Command, args [][]byte, start int, took int64) {
	failed := len(s.out.Buf) > start && s.out.Buf[start] == '-'
	s.stat.called(cmd, took, failed)
	if failed && !(cmd.Flags&RunsScript != 0 && s.scriptRun != nil && s.scriptRun.isCounted(s.out.Buf[start+1:])) {
		s.srv.stats.errorReply(errorCodeOf(s.out.Buf[start+1:]))
	}
	s.noteIfSlow(cmd, args, took)
}

// holdBack keeps the output from start on until the log has on disk what a
// command has written or may have seen (M5).
func (s *Session) holdBack(start int) {
	if !s.set.always || s.hold >= 0 || s.durable() {
		return
	}
	if err := s.srv.log.Err(); err != nil {
		s.out.Buf, s.due = s.out.Buf[:start], 0
		s.out.Error(msgNotOnDisk + err.Error())
		return
	}
	s.hold = start
}

// invoke locks, runs the handler and unlocks, also when the handler panics:
// then the client gets an error instead of whatever was written.
func (s *Session) invoke(cmd *Command, start int) {
	defer s.recovered(cmd, start)
	if cmd.Ahead != nil && s.isAway() && !s.away.holdsUp {
		s.srv.drafting.Lock()
		defer s.srv.drafting.Unlock()
		defer s.tx.DropDrafts()
		cmd.Ahead(&s.ctx)
		s.now = s.srv.opts.Wall()
	}
	s.lock(cmd)
	if cmd.Flags&Write == 0 || s.logTakesWrites() {
		s.ctx.run()
	}
	s.unlock()
}

func (s *Session) recovered(cmd *Command, start int) {
	cause := recover()
	if cause == nil {
		return
	}
	s.mode &^= modeExec
	s.out.Buf, s.pushed = s.out.Buf[:min(start, len(s.out.Buf))], 0
	if cause == engine.ErrOpTooLarge {
		s.out.Error(engine.ErrOpTooLarge.Error())
	} else {
		s.notePanic(cmd, cause, debug.Stack())
		s.out.Error(msgInternal)
	}
	s.unlock()
}

func (s *Session) notePanic(cmd *Command, cause any, stack []byte) {
	s.srv.stats.panics.Add(1)
	s.srv.opts.Logger.Error("command panicked", "command", cmd.Name, "cause", cause, "stack", string(stack))
	if f := s.srv.opts.Panic; f != nil {
		f(cmd.Name, cause, stack)
	}
}

// lock takes the locks that the table says a command needs on its own.
func (s *Session) lock(cmd *Command) {
	args := s.ctx.Args
	s.locked = true
	switch cmd.locks {
	case lockNone:
		s.tx.LockNone(s.now)
	case lockFirst:
		s.tx.LockKey(s.now, args[cmd.FirstKey])
	case lockRange:
		s.tx.LockKeys(s.now, s.rangeKeys(cmd, args))
	case lockEvery:
		s.tx.LockAll(s.now)
	case lockSpecs:
		refs, _ := cmd.keyRefs(s.refs[:0], args)
		s.refs = refs
		s.keys = s.keys[:0]
		for _, r := range refs {
			s.keys = append(s.keys, args[r.index])
		}
		s.tx.LockKeys(s.now, s.keys)
	}
}

func (s *Session) unlock() {
	if s.locked {
		s.locked = false
		if s.set.always {
			s.due = max(s.due, s.tx.Issued())
		}
		s.tx.Unlock()
	}
}

// rangeKeys collects the keys from FirstKey to LastKey in steps of KeyStep.
func (s *Session) rangeKeys(cmd *Command, args [][]byte) [][]byte {
	last := cmd.LastKey
	if last < 0 {
		last += len(args)
	}
	s.keys = s.keys[:0]
	for i := cmd.FirstKey; i <= last && i < len(args); i += cmd.KeyStep {
		s.keys = append(s.keys, args[i])
	}
	return s.keys
}

// maxErrorCode is the longest first word of an error that counts as its code.
const maxErrorCode = 30

// errorCode returns the first word of an error text: what INFO errorstats
// counts by. It may come from a script, and is safe to show: as a name, and as
// a label of a metric.
func errorCode(text string) string {
	end := strings.IndexByte(text[:min(len(text), maxErrorCode+1)], ' ')
	if end < 0 {
		return "ERR"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f || r == '#' || r == ':' {
			return '_'
		}
		return r
	}, text[:end])
}

func errorCodeOf(reply []byte) string {
	reply = reply[:min(len(reply), maxErrorCode+1)]
	if i := bytes.IndexByte(reply, '\r'); i >= 0 {
		reply = reply[:i]
	}
	return errorCode(string(reply))
}
