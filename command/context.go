package command

import (
	"crdb/crdt"
	"crdb/engine"
	"crdb/resp"
)

// Handler runs one command. The keys the table names are locked, the arity is
// right and the client may run it. It writes exactly one reply to c.Out (none
// only where Redis sends none), and must not keep c, its Args or slices the Tx
// returned.
type Handler func(c *Context)

// Context is what a handler works with: one per session, filled anew for each
// command.
type Context struct {
	S      *Session
	Tx     *engine.Tx
	Args   [][]byte // Args[0] is the name as the client sent it
	Out    *resp.Writer
	Cmd    *Command // for a subcommand, the subcommand
	Server *Server

	ids  []crdt.StreamID // scratch of argStreamIDs
	trim crdt.StreamTrim // scratch of parseTrim
}

// Error replies err, whose text starts with its code ("ERR ...", "WRONGTYPE ...").
func (c *Context) Error(err error) { c.Out.Error(err.Error()) }
