package command

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"

	"crdb/command/script"
	"crdb/crdt"
	"crdb/resp"
)

// scriptRun is one run of a script: the door through which it calls commands.
// It is the script.Host.
type scriptRun struct {
	s        *Session
	vm       *script.VM
	ctx      Context
	out      resp.Writer
	flags    script.Flags
	readOnly bool
	oom      bool // memory was over the limit when it began
	keyed    bool // only the partitions of its keys are locked
	onSpot   bool // it is short, and nobody has to be able to kill it
	wrote    atomic.Bool
	heap     atomic.Int64 // at the first look; 0: none yet
	start    crdt.Dot
	keys     [][]byte // that it was given
	counted  string   // the last error of a command that it called, which is in the statistics

	function string   // that it runs; "": a script
	line     [][]byte // the command line of it
	began    int64    // monotonic
}

// runScript runs a script under the locks of its keys, or with the whole
// keyspace locked if it may touch others: what it does is one step here and one
// atomic group elsewhere (M3).
func (c *Context) runScript(sc *script.Script) {
	n, ok := c.scriptKeys()
	if !ok {
		return
	}
	s := c.S
	r := s.newRun(c.Cmd)
	if !r.mayRun(c, sc.Flags) {
		return
	}
	r.keyed = sc.Keyed && s.mode&modeExec == 0
	if r.keyed {
		c.Tx.LockKeys(s.now, c.Args[3:3+n])
	} else {
		c.lockAll()
	}
	r.keys = c.Args[3 : 3+n]
	s.srv.scripts.take(r)
	finished := false
	defer func() { s.srv.scripts.give(r, finished && !s.inBackground()) }()
	r.inside(func() {
		r.vm.Run(sc, r, c.Args[3:3+n], c.Args[3+n:]).WriteTo(c.Out)
	})
	finished = true
}

// running reports whether the code runs, and so the commands are its own.
func (r *scriptRun) running() bool { return r != nil && r.vm != nil }

// inScript reports whether the command is one that a script has called.
func (c *Context) inScript() bool { return c.S.scriptRun != nil && c == &c.S.scriptRun.ctx }

// newRun readies the session's scriptRun for a command. It may evict, so no
// locks are held, but by EXEC.
func (s *Session) newRun(cmd *Command) *scriptRun {
	r := s.scriptRun
	if r == nil {
		r = &scriptRun{s: s}
		r.ctx = Context{S: s, Tx: s.tx, Out: &r.out, Server: s.srv}
		s.scriptRun = r
	}
	r.oom = s.set.maxMemory > 0 && !s.roomForScript(s.mode&modeExec != 0)
	r.readOnly = cmd.Flags&ReadOnly != 0
	r.keyed, r.counted = false, ""
	r.wrote.Store(false)
	r.heap.Store(0)
	r.start = s.tx.LastDot()
	return r
}

// mayRun looks at what the code says about itself; false means that the error
// is replied.
func (r *scriptRun) mayRun(c *Context, flags script.Flags) bool {
	declared := flags&script.Shebang != 0
	r.flags = flags
	r.oom = r.oom && flags&(script.AllowOOM|script.NoWrites) == 0
	switch {
	case r.oom && declared:
		c.Out.Error(msgOutOfMemory)
		return false
	case r.readOnly && declared && flags&script.NoWrites == 0:
		c.Out.Error("ERR Can not execute a script with write flag using *_ro command.")
		return false
	}
	r.readOnly = r.readOnly || flags&script.NoWrites != 0
	return true
}

// inside runs fn as the commands in EXEC run, and selects the database of
// before when it ends.
func (r *scriptRun) inside(fn func()) {
	s, db := r.s, r.s.tx.DB()
	inExec := s.mode & modeExec
	s.mode |= modeExec
	defer func() {
		s.mode = s.mode&^modeExec | inExec
		s.tx.Select(db)
	}()
	fn()
}

// lockAll locks the whole keyspace, if EXEC has not.
func (c *Context) lockAll() {
	if c.S.mode&modeExec == 0 {
		c.Tx.LockAll(c.S.now)
	}
}

// roomForScript is makeRoom, but for EXEC, which holds locks already: there
// nothing is evicted.
func (s *Session) roomForScript(inExec bool) bool {
	if inExec {
		return s.srv.data.bytes.Load() <= s.set.maxMemory
	}
	return s.makeRoom()
}

// Texts of redis.call about commands that a script may not run.
const (
	msgScriptUnknown  = "ERR Unknown Redis command called from script"
	msgScriptArity    = "ERR Wrong number of args calling Redis command from script"
	msgScriptNoScript = "ERR This Redis command is not allowed from script"
	msgScriptReadOnly = "ERR Write commands are not allowed from read-only scripts."
	msgScriptKeys     = "ERR Script attempted to access a key that it was not given"
)

// find returns the command of a line, nil if there is none, and why it cannot be run.
func (r *scriptRun) find(args [][]byte) (cmd *Command, refusal string) {
	cmd = r.s.srv.table.lookup(args[0])
	if cmd != nil && cmd.subs != nil && len(args) > 1 {
		cmd = cmd.sub(args[1])
	}
	switch {
	case cmd == nil:
		return nil, msgScriptUnknown
	case !cmd.arityOK(len(args)):
		return cmd, msgScriptArity
	case cmd.Flags&NoScript != 0 || cmd.Handler == nil:
		return cmd, msgScriptNoScript
	case cmd.Flags&(Write|MayReplicate) != 0 && r.readOnly:
		return cmd, msgScriptReadOnly
	case cmd.Flags&DenyOOM != 0 && r.oom && !r.wrote.Load():
		return cmd, msgOutOfMemory
	case cmd.Flags&Write != 0 && !r.wrote.Load():
		if err := r.s.srv.refusal(r.s.now); err != nil {
			return cmd, noWrites(err)
		}
	}
	return cmd, ""
}

// Call runs one command: redis.call.
func (r *scriptRun) Call(dst []byte, args [][]byte, proto int) []byte {
	r.out.Buf, r.out.Proto, r.out.Max = dst, proto, maxScriptReply
	s := r.s
	cmd, refusal := r.find(args)
	if refusal == "" && s.mode&modeLimited != 0 {
		if d := s.permit(cmd, args, inScript); d.why != notDenied {
			refusal = d.textInScript()
		}
	}
	if refusal == "" && r.keyed && !s.holdsKeys(cmd, args) {
		refusal = msgScriptKeys
	}
	if refusal != "" {
		r.refuse(cmd, refusal)
		return r.out.Buf
	}
	began := s.srv.opts.Now()
	r.ctx.Cmd, r.ctx.Args = cmd, args
	if s.extra != 0 {
		s.beside(cmd, args)
	}
	r.ctx.run()
	if r.out.Over {
		r.out.Buf, r.out.Over = dst, false
		r.out.Error(msgReplyTooLong)
	}
	failed := len(r.out.Buf) > 0 && r.out.Buf[0] == '-'
	took := s.srv.opts.Now() - began
	s.stat.called(cmd, took, failed)
	s.logIfSlow(cmd, args, took, true)
	if failed {
		s.srv.stats.errorReply(errorCodeOf(r.out.Buf[1:]))
		r.counted = string(r.out.Buf[1 : len(r.out.Buf)-2])
	}
	if cmd.Flags&Write != 0 && s.tx.LastDot() != r.start {
		r.wrote.Store(true)
	}
	return r.out.Buf
}

// isCounted reports whether an error reply passes on that of a command, which is in
// the statistics.
func (r *scriptRun) isCounted(reply []byte) bool {
	return r.counted != "" && strings.HasPrefix(string(reply), r.counted)
}

// refuse replies why a command is not run, and counts that; cmd is nil if there is
// none.
func (r *scriptRun) refuse(cmd *Command, why string) {
	r.out.Error(why)
	r.s.srv.stats.errorReply(errorCode(why))
	r.counted = why
	if cmd != nil {
		r.s.stat.rejected(cmd)
	}
}

// maxScriptHeap is how much the heap may grow during a run.
const maxScriptHeap = 1 << 30

// maxScriptReply bounds the reply of one command that a script calls: memory is not
// looked at while it is made.
var maxScriptReply = maxScriptHeap

// Crowded compares the heap with what it was before the run.
func (r *scriptRun) Crowded() bool { return r.crowded(readMemory()) }

func (r *scriptRun) crowded(m memory) bool {
	if r.heap.Load() == 0 {
		r.heap.Store(max(m.heap, m.goal, 1)) // up to the goal it is filled with garbage, whoever makes it
	}
	return m.heap-r.heap.Load() > maxScriptHeap
}

// Random seeds math.random.
func (r *scriptRun) Random() uint64 { return r.s.srv.opts.Rand() }

// Log writes a line of redis.log.
func (r *scriptRun) Log(level int, text string) {
	levels := [...]slog.Level{slog.LevelDebug, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn}
	r.s.srv.opts.Logger.Log(context.Background(), levels[level], "script", "text", text)
}

// MayRun is redis.acl_check_cmd.
func (r *scriptRun) MayRun(args [][]byte) (allowed, known bool) {
	cmd := r.s.srv.table.lookup(args[0])
	if cmd != nil && cmd.subs != nil && len(args) > 1 {
		cmd = cmd.sub(args[1])
	}
	if cmd == nil {
		return false, false
	}
	s := r.s
	return s.mode&modeLimited == 0 || s.who.rights.check(cmd, args, &s.refs).why == notDenied, true
}
