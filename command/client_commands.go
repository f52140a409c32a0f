package command

import (
	"math"
	"strings"
)

var clientCommands = []*Command{
	{Name: "client", Summary: "Tells about connections and changes them.", Subcommands: []*Command{
		{Name: "client|caching", Summary: "Says whether the next command's keys are tracked.", Handler: clientCaching},
		{Name: "client|getname", Summary: "Returns the name of this connection.", Handler: clientGetName},
		{Name: "client|getredir", Summary: "Returns the connection that hears of changes in place of this one.", Handler: clientGetRedir},
		{Name: "client|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "client|id", Summary: "Returns the number of this connection.", Handler: clientID},
		{Name: "client|info", Summary: "Describes this connection.", Handler: clientInfo},
		{Name: "client|kill", Summary: "Closes connections.", Handler: clientKill},
		{Name: "client|list", Summary: "Describes connections.", Handler: clientList},
		{Name: "client|no-evict", Summary: "Spares this connection when clients use too much memory.", Handler: clientNoEvict},
		{Name: "client|no-touch", Summary: "Makes this connection's commands leave access times alone.", Handler: clientNoTouch},
		{Name: "client|pause", Summary: "Puts off the commands of all clients for a while.", Handler: clientPause},
		{Name: "client|reply", Summary: "Says which replies this connection wants.", Handler: clientReply},
		{Name: "client|setinfo", Summary: "Notes which library a connection uses.", Handler: clientSetInfo},
		{Name: "client|setname", Summary: "Gives this connection a name.", Handler: clientSetName},
		{Name: "client|tracking", Summary: "Makes this connection hear of changes to the keys it has read.", Handler: clientTracking},
		{Name: "client|trackinginfo", Summary: "Shows how this connection tracks keys.", Handler: clientTrackingInfo},
		{Name: "client|unblock", Summary: "Ends the wait of a blocked connection.", Handler: clientUnblock},
		{Name: "client|unpause", Summary: "Ends CLIENT PAUSE.", Handler: clientUnpause},
	}},
}

const msgClientName = "ERR Client names cannot contain spaces, newlines or special characters."

// printable reports whether a name has no spaces or control characters.
func printable(b []byte) bool {
	for _, ch := range b {
		if ch < '!' || ch > '~' {
			return false
		}
	}
	return true
}

func clientID(c *Context) { c.Out.Int(int64(c.S.info.id)) }

func clientGetName(c *Context) {
	if name := c.S.info.state().name; name != "" {
		c.Out.BulkString(name)
		return
	}
	c.Out.Null()
}

func clientSetName(c *Context) {
	if !printable(c.Args[2]) {
		c.Out.Error(msgClientName)
		return
	}
	c.S.info.change(func(st *clientState) { st.name = string(c.Args[2]) })
	c.Out.OK()
}

// clientSetInfo follows Redis 7.2, which has it first.
func clientSetInfo(c *Context) {
	attr, value := strings.ToLower(echo(c.Args[2])), string(c.Args[3])
	if attr != "lib-name" && attr != "lib-ver" {
		c.Out.Error("ERR Unrecognized option '" + echo(c.Args[2]) + "'")
		return
	}
	if !printable(c.Args[3]) {
		c.Out.Error("ERR " + attr + " cannot contain spaces, newlines or special characters.")
		return
	}
	c.S.info.change(func(st *clientState) {
		if attr == "lib-name" {
			st.libName = value
		} else {
			st.libVer = value
		}
	})
	c.Out.OK()
}

func clientNoEvict(c *Context) {
	if on, ok := c.onOff(2); ok {
		c.S.info.change(func(st *clientState) { st.noEvict = on })
		c.Out.OK()
	}
}

func clientNoTouch(c *Context) {
	if on, ok := c.onOff(2); ok {
		c.S.noTouch = on
		c.Tx.NoTouch(on)
		c.S.info.change(func(st *clientState) { st.noTouch = on })
		c.Out.OK()
	}
}

// onOff reads argument i as ON or OFF.
func (c *Context) onOff(i int) (on, ok bool) {
	switch {
	case equalFold(c.Args[i], "on"):
		return true, true
	case equalFold(c.Args[i], "off"):
		return false, true
	}
	c.Out.Error(msgSyntax)
	return false, false
}

func clientReply(c *Context) {
	s := c.S
	switch {
	case equalFold(c.Args[2], "on"):
		s.mode &^= modeReplyOff | modeReplySkip | modeSkipNext
		c.Out.OK()
	case equalFold(c.Args[2], "off"):
		s.mode |= modeReplyOff
	case equalFold(c.Args[2], "skip"):
		if s.mode&modeReplyOff == 0 {
			s.mode |= modeSkipNext
		}
	default:
		c.Out.Error(msgSyntax)
	}
}

func clientPause(c *Context) {
	all := true
	if len(c.Args) > 4 {
		c.errorSub()
		return
	}
	if len(c.Args) == 4 {
		switch {
		case equalFold(c.Args[3], "write"):
			all = false
		case equalFold(c.Args[3], "all"):
		default:
			c.Out.Error("ERR CLIENT PAUSE mode must be WRITE or ALL")
			return
		}
	}
	timeout, ok := c.timeoutMillis(2)
	if !ok {
		return
	}
	ms := timeout.Milliseconds()
	if ms > math.MaxInt64/2-c.S.now {
		c.Out.Error("ERR timeout is out of range")
		return
	}
	c.Server.pause.start(c.S.now+ms, all)
	c.Out.OK()
}

func clientUnpause(c *Context) {
	c.Server.pause.stop()
	c.Out.OK()
}

func clientUnblock(c *Context) {
	why := wakeTimeout
	if len(c.Args) > 4 {
		c.errorSub()
		return
	}
	if len(c.Args) == 4 {
		switch {
		case equalFold(c.Args[3], "timeout"):
		case equalFold(c.Args[3], "error"):
			why = wakeUnblockErr
		default:
			c.Out.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
			return
		}
	}
	id, ok := c.argInt(2)
	if !ok {
		return
	}
	target := c.Server.sessions.get(uint64(id))
	if target == nil {
		c.Out.Int(0)
		return
	}
	blocked := target.info.blockedOn.Load()
	if blocked == nil || !blocked.CompareAndSwap(int32(wakeCheck), int32(why)) {
		c.Out.Int(0)
		return
	}
	target.conn.Wake()
	c.Out.Int(1)
}
