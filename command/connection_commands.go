package command

// redisVersion is the version clients are told: they choose features by it.
const redisVersion = "7.2.4"

var connectionCommands = []*Command{
	{Name: "auth", Flags: Secret, Summary: "Authenticates this connection.", Handler: auth},
	{Name: "echo", Summary: "Returns its argument.", Handler: func(c *Context) { c.Out.Bulk(c.Args[1]) }},
	{Name: "hello", Flags: Secret, Summary: "Chooses the protocol, and authenticates and names this connection.", Handler: hello},
	{Name: "ping", Flags: RunsSubscribed, Summary: "Returns PONG, or its argument.", Handler: ping},
	{Name: "quit", Flags: RunsInMulti | RunsSubscribed, Summary: "Closes this connection.", Handler: quit},
	{Name: "reset", Flags: RunsInMulti | RunsSubscribed, Summary: "Puts this connection into the state of a new one.", Handler: reset},
	{Name: "select", Summary: "Selects the logical database of this connection.", Handler: selectDB},
}

const (
	msgWrongPass = "WRONGPASS invalid username-password pair or user is disabled."
	msgNoPass    = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	msgHelloAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)

var pong = []byte("+PONG\r\n")

func ping(c *Context) {
	if len(c.Args) > 2 {
		c.errorArity()
		return
	}
	switch {
	case c.S.mode&modeSubscribe != 0:
		c.Out.Array(2)
		c.Out.BulkString("pong")
		if len(c.Args) == 2 {
			c.Out.Bulk(c.Args[1])
		} else {
			c.Out.BulkString("")
		}
	case len(c.Args) == 2:
		c.Out.Bulk(c.Args[1])
	default:
		c.Out.Raw(pong)
	}
}

func quit(c *Context) {
	c.Out.OK()
	c.S.done = true
}

func selectDB(c *Context) {
	if db, ok := argDB(c, 1); ok {
		c.Tx.Select(db)
		c.Out.OK()
	}
}

func auth(c *Context) {
	if len(c.Args) > 3 {
		c.Out.Error(msgSyntax)
		return
	}
	user, pass := []byte("default"), c.Args[len(c.Args)-1]
	if len(c.Args) == 3 {
		user = c.Args[1]
	} else if c.Server.acl.standard.rights.Load().noPass {
		c.Out.Error(msgNoPass)
		return
	}
	if c.S.login(user, pass) {
		c.Out.OK()
		return
	}
	c.S.refuseLogin(c)
}

// hello changes nothing unless all of its options are right.
func hello(c *Context) {
	s := c.S
	proto, rest := s.out.Proto, c.Args[1:]
	if len(rest) > 0 {
		n, ok := parseInt(rest[0])
		if !ok {
			c.Out.Error("ERR Protocol version is not an integer or out of range")
			return
		}
		if n != 2 && n != 3 {
			c.Out.Error("NOPROTO unsupported protocol version")
			return
		}
		proto, rest = int(n), rest[1:]
	}
	// As in Redis an option counts as soon as it is read, whatever follows it.
	for len(rest) > 0 {
		switch {
		case equalFold(rest[0], "auth") && len(rest) > 2:
			if !s.login(rest[1], rest[2]) {
				s.refuseLogin(c)
				return
			}
			rest = rest[3:]
		case equalFold(rest[0], "setname") && len(rest) > 1:
			name := string(rest[1])
			if !printable(rest[1]) {
				c.Out.Error(msgClientName)
				return
			}
			s.info.change(func(st *clientState) { st.name = name })
			rest = rest[2:]
		default:
			c.Out.Error("ERR Syntax error in HELLO option '" + echo(rest[0]) + "'")
			return
		}
	}
	if s.mode&modeNoAuth != 0 {
		c.Out.Error(msgHelloAuth)
		return
	}
	s.setProto(proto)
	helloReply(c, proto)
}

func helloReply(c *Context, proto int) {
	c.Out.Map(7)
	c.Out.BulkString("server")
	c.Out.BulkString("redis")
	c.Out.BulkString("version")
	c.Out.BulkString(redisVersion)
	c.Out.BulkString("proto")
	c.Out.Int(int64(proto))
	c.Out.BulkString("id")
	c.Out.Int(int64(c.S.info.id))
	c.Out.BulkString("mode")
	c.Out.BulkString("standalone")
	c.Out.BulkString("role")
	c.Out.BulkString("master")
	c.Out.BulkString("modules")
	c.Out.Array(0)
}

// reset undoes MULTI, WATCH, subscriptions, HELLO, SELECT, AUTH and CLIENT.
func reset(c *Context) {
	s := c.S
	s.endMulti()
	s.resetSubscriptions()
	s.endMonitor()
	s.endTracking()
	c.Tx.Select(0)
	c.Tx.NoTouch(false)
	s.noTouch = false
	s.mode &= modeReplySkip // this reply, too, is not wanted behind CLIENT REPLY SKIP
	s.becomeDefault()
	s.setProto(2)
	s.info.change(func(st *clientState) {
		st.name, st.noEvict, st.noTouch = "", false, false
	})
	c.Out.SimpleString("RESET")
}
