package command

import "strings"

// clientInfo and clientList show this connection as it is now.
func clientInfo(c *Context) {
	c.S.info.note(c.S, 0)
	c.Out.Verbatim("txt", c.S.info.line(c.S.now)+"\n")
}

func clientList(c *Context) {
	c.S.info.note(c.S, 0)
	args := c.Args[2:]
	var keep func(s *Session) bool
	switch {
	case len(args) == 0:
		keep = func(*Session) bool { return true }
	case len(args) == 2 && equalFold(args[0], "type"):
		typ, ok := clientType(c, args[1])
		if !ok {
			return
		}
		keep = func(s *Session) bool { return s.hasType(typ) }
	case len(args) > 1 && equalFold(args[0], "id"):
		ids := make(map[uint64]bool)
		for _, a := range args[1:] {
			id, ok := parseInt(a)
			if !ok {
				c.Out.Error("ERR Invalid client ID")
				return
			}
			ids[uint64(id)] = true
		}
		keep = func(s *Session) bool { return ids[s.info.id] }
	default:
		c.Out.Error(msgSyntax)
		return
	}
	var b strings.Builder
	for _, s := range c.Server.sessions.snapshot() {
		if keep(s) && !s.info.killed.Load() {
			b.WriteString(s.info.line(c.S.now))
			b.WriteByte('\n')
		}
	}
	c.Out.Verbatim("txt", b.String())
}

// clientType reads the type of CLIENT LIST and KILL. There are no master and
// replica connections here: regions do not talk over this protocol.
func clientType(c *Context, arg []byte) (string, bool) {
	switch typ := strings.ToLower(echo(arg)); typ {
	case "normal", "pubsub", "master", "replica", "slave":
		return typ, true
	}
	c.Out.Error("ERR Unknown client type '" + echo(arg) + "'")
	return "", false
}

// hasType reports whether the session is of the type.
func (s *Session) hasType(typ string) bool {
	st := s.info.state()
	subscriber := st.sub+st.psub+st.ssub > 0
	return typ == "pubsub" && subscriber || typ == "normal" && !subscriber
}

// killFilter is what CLIENT KILL looks for; zero fields match all.
type killFilter struct {
	id          uint64
	addr, laddr string
	typ, user   string
	spareSelf   bool
}

func (f *killFilter) matches(c *Context, s *Session) bool {
	switch {
	case s.info.killed.Load(), // it is only not gone yet
		f.id != 0 && s.info.id != f.id,
		f.addr != "" && s.info.addr != f.addr,
		f.laddr != "" && s.info.laddr != f.laddr,
		f.typ != "" && !s.hasType(f.typ),
		f.user != "" && s.info.state().user != f.user,
		f.spareSelf && s == c.S:
		return false
	}
	return true
}

// clientKill closes by address (the old form, which replies OK) or by filters
// (which replies how many).
func clientKill(c *Context) {
	c.S.info.note(c.S, 0)
	old := len(c.Args) == 3
	f := killFilter{spareSelf: true}
	if old {
		f = killFilter{addr: string(c.Args[2])}
	} else if !f.parse(c) {
		return
	}
	killed := 0
	for _, s := range c.Server.sessions.snapshot() {
		if old && f.addr == "" {
			break // nobody's address, and not a filter that everybody passes
		}
		if f.matches(c, s) {
			killed++
			s.killBy(c)
		}
	}
	switch {
	case !old:
		c.Out.Int(int64(killed))
	case killed == 0:
		c.Out.Error("ERR No such client")
	default:
		c.Out.OK()
	}
}

// killBy closes the session: at once, or, for the one that asks, behind its
// reply.
func (s *Session) killBy(c *Context) {
	if s == c.S {
		s.done = true
		return
	}
	s.info.killed.Store(true)
	s.inbox.close() // as in Redis it hears nothing more, not even of what follows in this EXEC
	s.conn.Kill()
}

func (f *killFilter) parse(c *Context) bool {
	args := c.Args[2:]
	for i := 0; i < len(args); i += 2 {
		if i+1 >= len(args) {
			c.Out.Error(msgSyntax)
			return false
		}
		if !f.option(c, args[i], args[i+1]) {
			return false
		}
	}
	return true
}

func (f *killFilter) option(c *Context, name, value []byte) bool {
	switch {
	case equalFold(name, "id"):
		id, ok := parseInt(value)
		if !ok || id < 1 {
			c.Out.Error("ERR client-id should be greater than 0")
			return false
		}
		f.id = uint64(id)
	case equalFold(name, "type"):
		typ, ok := clientType(c, value)
		f.typ = typ
		return ok
	case equalFold(name, "addr"):
		f.addr = string(value)
	case equalFold(name, "laddr"):
		f.laddr = string(value)
	case equalFold(name, "user"):
		f.user = string(value)
		if c.Server.acl.get(f.user) == nil {
			c.Out.Error("ERR No such user '" + echo(value) + "'")
			return false
		}
	case equalFold(name, "skipme"):
		switch {
		case equalFold(value, "yes"):
			f.spareSelf = true
		case equalFold(value, "no"):
			f.spareSelf = false
		default:
			c.Out.Error(msgSyntax)
			return false
		}
	default:
		c.Out.Error(msgSyntax)
		return false
	}
	return true
}
