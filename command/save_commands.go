package command

import "strings"

var saveCommands = []*Command{
	{Name: "save", Summary: "Writes a checkpoint of all state and waits for it.", Handler: save},
	{Name: "bgsave", Summary: "Writes a checkpoint of all state in the background.", Handler: bgSave},
	{Name: "bgrewriteaof", Summary: "Writes a checkpoint in the background and drops the log that nobody needs any more.", Handler: bgRewrite},
	{Name: "lastsave", Summary: "Returns when the last checkpoint was written.", Handler: lastSave},
	{Name: "shutdown", Summary: "Stops the server, where that is allowed.", Handler: shutdown},
}

const msgSaving = "ERR Background save already in progress"

// save keeps only this client waiting: the others go on, as a checkpoint holds
// a small part of the keyspace for a moment.
func save(c *Context) {
	if now, next, _ := c.Server.saves.state(); (now|next)&saveBackground != 0 {
		c.Out.Error(msgSaving)
		return
	}
	c.waitForSave(func(c *Context, err error) (over bool) {
		if err != nil {
			c.Out.Error("ERR " + err.Error())
			return true
		}
		c.Out.OK()
		return true
	})
}

// waitForSave has a checkpoint written, and then the session reply.
func (c *Context) waitForSave(then func(c *Context, err error) (over bool)) {
	w := &saveWait{number: c.Server.startSave(saveWaited), then: then}
	c.S.blockOn(w, 0)
	c.Server.saves.waiting.add(c.S)
	if done, _ := c.Server.saves.over(w.number); done { // it ended in between
		c.S.conn.Wake()
	}
}

// saveWait is the wait of SAVE. It cannot be cut short, as in Redis. then is
// called once; if it says that the wait is not over, nothing will end it.
type saveWait struct {
	number int64
	then   func(c *Context, err error) (over bool)
}

func (w *saveWait) ready(s *Session, _ wakeup) bool {
	done, err := s.srv.saves.over(w.number)
	if !done || w.then == nil {
		return false
	}
	then := w.then
	w.then = nil
	return then(&s.ctx, err)
}

func (w *saveWait) end(s *Session) { s.srv.saves.waiting.remove(s) }

func bgSave(c *Context) {
	schedule := len(c.Args) == 2 && equalFold(c.Args[1], "schedule")
	if len(c.Args) > 1 && !schedule {
		c.Out.Error(msgSyntax)
		return
	}
	switch now, next, _ := c.Server.saves.state(); {
	case (now|next)&saveBackground != 0:
		c.Out.Error(msgSaving)
	case now == 0:
		c.Server.startSave(saveBackground)
		c.Out.SimpleString("Background saving started")
	case schedule:
		c.Server.startSave(saveBackground)
		c.Out.SimpleString("Background saving scheduled")
	default:
		c.Out.Error("ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.")
	}
}

func bgRewrite(c *Context) {
	switch now, _, _ := c.Server.saves.state(); {
	case now&saveRewrite != 0:
		c.Out.Error("ERR Background append only file rewriting already in progress")
	case now != 0:
		c.Server.startSave(saveRewrite)
		c.Out.SimpleString("Background append only file rewriting scheduled")
	default:
		c.Server.startSave(saveRewrite)
		c.Out.SimpleString("Background append only file rewriting started")
	}
}

func lastSave(c *Context) { c.Out.Int(c.Server.engine.Saved().At / 1000) }

// shutdownWords are the arguments of SHUTDOWN.
type shutdownWords struct{ save, noSave, now, force, abort bool }

// parseShutdown reads them; they may come in any order, and twice.
func parseShutdown(args [][]byte) (w shutdownWords, ok bool) {
	for _, a := range args {
		switch strings.ToLower(echo(a)) {
		case "save":
			w.save = true
		case "nosave":
			w.noSave = true
		case "now":
			w.now = true
		case "force":
			w.force = true
		case "abort":
			w.abort = true
		default:
			return w, false
		}
	}
	return w, !(w.save && w.noSave) && !(w.abort && (w.save || w.noSave || w.now || w.force))
}

// shutdown checks the words and saves if it is told to; the rest is for whoever
// runs the process: Options.Shutdown. It begins at once, so that there is never
// one to abort, and waits for no other region: they get from the log what they
// lack when the node is back.
func shutdown(c *Context) {
	w, ok := parseShutdown(c.Args[1:])
	switch {
	case !ok:
		c.Out.Error(msgSyntax)
	case w.abort:
		c.Out.Error("ERR No shutdown in progress.")
	case c.Server.opts.Shutdown == nil:
		c.Out.Error("ERR SHUTDOWN is not allowed here: stop the server process instead")
	case !w.noSave && c.Server.scripts.away.Load() > 0:
		c.Out.Error(c.Server.scripts.busy())
	case w.save:
		c.waitForSave(func(c *Context, err error) (over bool) {
			if err != nil && !w.force {
				c.Out.Error("ERR Errors trying to SHUTDOWN. Check logs.")
				return true
			}
			return !c.shutdownNow()
		})
	default:
		if c.shutdownNow() {
			c.S.blockOn(shuttingDown{}, 0)
		}
	}
}

// shutdownNow begins to end the process. False: an error is replied.
func (c *Context) shutdownNow() bool {
	err := c.Server.opts.Shutdown()
	if err != nil {
		c.Out.Error("ERR " + err.Error())
	}
	return err == nil
}

// shuttingDown is the wait of a client that has stopped the server: it gets no
// reply, its connection ends with the process.
type shuttingDown struct{}

func (shuttingDown) ready(*Session, wakeup) bool { return false }

func (shuttingDown) end(*Session) {}
