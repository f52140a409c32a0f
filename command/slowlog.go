package command

import (
	"fmt"
	"strings"
	"sync"
)

// How much of a command the slow log keeps.
const (
	slowlogArgs   = 32
	slowlogString = 128
)

// slowlog keeps the last commands that took long, newest first. mu guards
// everything; sessions take it only for a slow command.
type slowlog struct {
	mu struct {
		sync.Mutex
		entries []slowEntry // oldest first
		max     int
		next    int64 // id
	}
}

type slowEntry struct {
	id     int64
	when   int64 // unix seconds
	micros int64
	args   []string
	client string
	name   string
}

func (l *slowlog) add(e slowEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.id = l.mu.next
	l.mu.next++
	l.mu.entries = append(l.mu.entries, e)
	l.trimLocked()
}

func (l *slowlog) resize(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.max = n
	l.trimLocked()
}

func (l *slowlog) trimLocked() {
	if extra := len(l.mu.entries) - l.mu.max; extra > 0 {
		clear(l.mu.entries[:extra]) // their memory goes when append moves the rest
		l.mu.entries = l.mu.entries[extra:]
	}
}

func (l *slowlog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.mu.entries)
}

func (l *slowlog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.entries = nil
}

// last returns up to n entries, newest first.
func (l *slowlog) last(n int) []slowEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.mu.entries
	n = min(n, len(all))
	out := make([]slowEntry, 0, n)
	for i := range n {
		out = append(out, all[len(all)-1-i])
	}
	return out
}

// noteIfSlow puts the command into the slow log and the latency events if it
// took long enough.
func (s *Session) noteIfSlow(cmd *Command, args [][]byte, nanos int64) {
	st := s.set
	if st.monitor > 0 && nanos >= st.monitor {
		event := "command"
		if cmd.Flags&Fast != 0 {
			event = "fast-command"
		}
		s.srv.latency.add(event, s.now/1000, nanos/1e6)
	}
	s.logIfSlow(cmd, args, nanos, false)
}

// logIfSlow is noteIfSlow for the slow log alone. A command that a script runs is
// nobody's there, as in Redis.
func (s *Session) logIfSlow(cmd *Command, args [][]byte, nanos int64, byScript bool) {
	st := s.set
	if st.slowerThan < 0 || nanos < st.slowerThan || cmd.Flags&SkipSlowlog != 0 {
		return
	}
	client, name := s.info.addr, s.info.state().name
	if byScript {
		client, name = "?:0", ""
	}
	s.srv.slowlog.add(slowEntry{
		when: s.now / 1000, micros: nanos / 1000, args: slowArgs(cmd, args),
		client: client, name: name,
	})
}

// slowArgs copies the arguments, shortened, without secrets.
func slowArgs(cmd *Command, args [][]byte) []string {
	out := make([]string, 0, min(len(args), slowlogArgs))
	for i, a := range args {
		switch {
		case i == slowlogArgs-1 && len(args) > slowlogArgs:
			return append(out, fmt.Sprintf("... (%d more arguments)", len(args)-slowlogArgs+1))
		case cmd.Flags&Secret != 0 && secretArg(cmd, args, i):
			out = append(out, "(redacted)")
		case len(a) > slowlogString:
			out = append(out, fmt.Sprintf("%s... (%d more bytes)", a[:slowlogString], len(a)-slowlogString))
		default:
			out = append(out, string(a))
		}
	}
	return out
}

// secretArg reports whether argument i of a Secret command must not be shown.
// Of CONFIG SET it is the value of a parameter that is a secret, or might be
// a misspelled one.
func secretArg(cmd *Command, args [][]byte, i int) bool {
	switch cmd.Name {
	case "config|set":
	case "acl|setuser":
		return i > 1
	case "migrate": // that of the server the keys would go to
		return i > 1 && equalFold(args[i-1], "auth") || i > 1 && equalFold(args[i-1], "auth2") || i > 2 && equalFold(args[i-2], "auth2")
	case "hello": // AUTH's, wherever that is
		return i > 1 && equalFold(args[i-1], "auth") || i > 2 && equalFold(args[i-2], "auth")
	default:
		return i > 0
	}
	if i < 3 || i%2 == 0 {
		return false
	}
	name := strings.ToLower(string(args[i-1]))
	return strings.Contains(name, "pass") || strings.HasPrefix(name, "master") // masterauth, which there is not here
}

var slowlogCommands = []*Command{
	{Name: "slowlog", Summary: "Tells about commands that took long.", Subcommands: []*Command{
		{Name: "slowlog|get", Summary: "Returns the last slow commands.", Handler: slowlogGet},
		{Name: "slowlog|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "slowlog|len", Summary: "Counts the entries.", Handler: func(c *Context) { c.Out.Int(int64(c.Server.slowlog.len())) }},
		{Name: "slowlog|reset", Summary: "Forgets all entries.", Handler: slowlogReset},
	}},
}

func slowlogReset(c *Context) {
	c.Server.slowlog.reset()
	c.Out.OK()
}

func slowlogGet(c *Context) {
	n := int64(10)
	if len(c.Args) > 3 {
		c.errorSub()
		return
	}
	if len(c.Args) == 3 {
		var ok bool
		if n, ok = parseInt(c.Args[2]); !ok || n < -1 {
			c.Out.Error("ERR count should be greater than or equal to -1")
			return
		}
	}
	if n < 0 {
		n = int64(c.Server.slowlog.len())
	}
	entries := c.Server.slowlog.last(int(min(n, maxInt32)))
	c.Out.Array(len(entries))
	for _, e := range entries {
		c.Out.Array(6)
		c.Out.Int(e.id)
		c.Out.Int(e.when)
		c.Out.Int(e.micros)
		c.Out.Array(len(e.args))
		for _, a := range e.args {
			c.Out.BulkString(a)
		}
		c.Out.BulkString(e.client)
		c.Out.BulkString(e.name)
	}
}
