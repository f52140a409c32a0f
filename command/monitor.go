package command

import (
	"strconv"

	"crdb/engine"
	"crdb/resp"
)

var monitorCommands = []*Command{
	{Name: "monitor", Summary: "Shows this connection every command that any client runs.", Handler: monitor},
}

// extra is what is done beside running a command. Zero most of the time.
type extra uint8

const (
	extraMonitor extra = 1 << iota // some session monitors
	extraTrack                     // CLIENT TRACKING is on here
	extraMiss                      // keys that are looked for in vain are told of
)

// monitor makes the session hear of all commands until RESET or its end. What
// it does not read is bounded as for subscribers.
func monitor(c *Context) {
	s := c.S
	if s.mode&modeExec != 0 {
		c.Out.Error("ERR MONITOR isn't allowed for DENY BLOCKING client")
		return
	}
	c.Out.OK()
	if s.monitors {
		return
	}
	s.monitors = true
	s.mode |= modeMonitor
	s.extra |= extraMonitor // what is pipelined behind it is shown, too
	s.noteClass()
	c.Server.monitors.add(s)
	s.info.change(func(st *clientState) { st.monitor = true })
	if t, ok := s.conn.(resp.TimeControl); ok {
		t.KeepIdle(true)
	}
}

func (s *Session) endMonitor() {
	if s.monitors {
		s.monitors = false
		s.mode &^= modeMonitor
		s.noteClass()
		s.srv.monitors.remove(s)
		s.info.change(func(st *clientState) { st.monitor = false })
	}
}

// beside does what is to be done before a command runs, besides running it.
func (s *Session) beside(cmd *Command, args [][]byte) {
	if s.extra&extraMonitor != 0 && cmd.Name != "exec" && (cmd.Flags&(SkipMonitor|Admin) == 0 || cmd.Flags&RunsScript != 0) {
		s.tellMonitors(cmd, args)
	}
	if s.extra&extraTrack != 0 {
		s.remember(cmd, args)
	}
	if s.extra&extraMiss != 0 {
		s.noteMisses(cmd)
	}
}

// tellMonitors writes the command line, without secrets, to every monitor.
func (s *Session) tellMonitors(cmd *Command, args [][]byte) {
	line := s.monitorLine(cmd, args)
	m := &s.srv.monitors
	m.mu.Lock()
	defer m.mu.Unlock()
	for to := range m.mu.set {
		if to != s || cmd.Name != "reset" { // which ends MONITOR
			to.post(len(line), func(w *resp.Writer) { w.Raw(line) })
		}
	}
}

// monitorLine is `+1339518083.107412 [0 127.0.0.1:60866] "get" "x"`. A command
// that a script runs has "lua" instead of an address.
func (s *Session) monitorLine(cmd *Command, args [][]byte) []byte {
	const second = 1_000_000
	now := s.srv.opts.Micros()
	b := append([]byte{'+'}, strconv.FormatInt(now/second, 10)...)
	micros := strconv.FormatInt(second+now%second, 10)
	b = append(append(b, '.'), micros[1:]...)
	b = strconv.AppendInt(append(b, " ["...), int64(s.dbBehind(cmd, args)), 10)
	from := s.info.addr
	if s.scriptRun.running() {
		from = "lua"
	}
	b = append(append(append(b, ' '), from...), ']')
	for i, a := range args {
		b = append(b, ' ')
		if cmd.Flags&Secret != 0 && secretArg(cmd, args, i) {
			b = append(b, `"(redacted)"`...)
			continue
		}
		b = appendQuoted(b, a)
	}
	return append(b, "\r\n"...)
}

// dbBehind returns the database that is selected when the command has run: Redis
// tells of it then.
func (s *Session) dbBehind(cmd *Command, args [][]byte) int {
	switch cmd.Name {
	case "reset":
		return 0
	case "select":
		if db, ok := parseInt(args[1]); ok && db >= 0 && db < engine.Databases {
			return int(db)
		}
	}
	return s.tx.DB()
}

// appendQuoted writes an argument as redis-cli would print it.
func appendQuoted(b, arg []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, ch := range arg {
		switch ch {
		case '\\', '"':
			b = append(b, '\\', ch)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case '\a':
			b = append(b, `\a`...)
		case '\b':
			b = append(b, `\b`...)
		default:
			if ch >= ' ' && ch <= '~' {
				b = append(b, ch)
			} else {
				b = append(b, '\\', 'x', hex[ch>>4], hex[ch&15])
			}
		}
	}
	return append(b, '"')
}
